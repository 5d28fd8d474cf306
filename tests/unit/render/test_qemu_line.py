from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriovctl.codec.qemu_options import parse_qemu_options
from sriovctl.errors import InputError
from sriovctl.model.address import PCIAddress, parse_pci_address
from sriovctl.model.qemu_line import DeviceOptions, is_qemu_id, parse_qemu_id, qemu_id_of
from sriovctl.render.qemu_line import lay_out_devices, qemu_arguments

addresses = st.builds(
    PCIAddress,
    st.integers(0, 0x10001),
    st.integers(0, 255),
    st.integers(0, 31),
    st.integers(0, 7),
)


def test_the_same_place_in_two_domains_gets_two_ports() -> None:
    vfs = [parse_pci_address("0000:01:10.0"), parse_pci_address("10000:01:10.0")]
    ports = [device.port for device in lay_out_devices(vfs, DeviceOptions())]
    assert ports == [(1, 128), (1, 129)]


def test_a_device_has_at_most_eight_functions() -> None:
    vfs = [PCIAddress(0, 1, 16, function) for function in range(8)]
    lay_out_devices(vfs, DeviceOptions(multifunction=True))
    with pytest.raises(InputError, match="at most 8 functions, not 9"):
        lay_out_devices([*vfs, PCIAddress(0, 1, 17, 0)], DeviceOptions(multifunction=True))


@given(st.lists(addresses, min_size=1, max_size=8, unique=True), st.booleans())
def test_no_two_devices_or_ports_are_alike(vfs: list[PCIAddress], multifunction: bool) -> None:
    options = DeviceOptions(multifunction=multifunction)
    devices = lay_out_devices(vfs, options)
    words = qemu_arguments(devices, options)
    assert words[::2] == ("-device",) * (len(words) // 2)
    parsed = [dict(parse_qemu_options(word)) for word in words[1::2]]
    ids = [pairs["id"] or "" for pairs in parsed]
    assert len(set(ids)) == len(ids)
    assert all(map(is_qemu_id, ids))
    ports = {pairs["id"]: pairs for pairs in parsed if pairs["driver"] == "pcie-root-port"}
    assert len({(port["chassis"], port["slot"]) for port in ports.values()}) == len(ports)
    assert all(0 <= int(port["chassis"] or "") <= 0xFF for port in ports.values())
    places = [
        (pairs["bus"], pairs.get("addr")) for pairs in parsed if pairs["driver"] == "vfio-pci"
    ]
    assert {bus for bus, _ in places} == set(ports)
    assert len(set(places)) == len(vfs)


@given(addresses)
def test_ids_are_made_of_what_qemu_takes(address: PCIAddress) -> None:
    assert parse_qemu_id(qemu_id_of(address)) == qemu_id_of(address)


@pytest.mark.parametrize("text", ["", "1st", "a b", "é", "a/b", "a,b"])
def test_what_qemu_does_not_take(text: str) -> None:
    with pytest.raises(InputError, match="is no id for QEMU"):
        parse_qemu_id(text)
