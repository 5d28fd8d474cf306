"""One function as text and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriovctl.codec.pciconfig import decode_config
from sriovctl.codec.pciconfig_build import build_config
from sriovctl.model.address import PCIAddress, parse_pci_address
from sriovctl.model.capabilities import BAR, ConfigSpace, SRIOVCapability
from sriovctl.model.description import FunctionDescription
from sriovctl.render.show import format_function
from sriovctl.render.show_json import function_as_json

PF = parse_pci_address("0000:01:00.0")
PORT = parse_pci_address("0000:00:01.0")
SRIOV = SRIOVCapability(
    total_vfs=8,
    initial_vfs=8,
    num_vfs=3,
    first_vf_offset=128,
    vf_stride=2,
    vf_device_id=0xCA,
    vf_enable=True,
    vf_mse=True,
    ari_capable_hierarchy=True,
    vf_bars=(BAR(0, 0x38_0000_0000, width=64, prefetchable=True, size=16 << 10),),
)


def describe(config: ConfigSpace, **changes: object) -> FunctionDescription:
    wanted: dict[str, object] = {
        "address": PF, "vendor_id": "8086", "device_id": "10c9", "name": "82576",
        "pci_class": "020000", "driver": "igb", "netdev": "eth0", "numa_node": None,
        "iommu_group": 14, "config": config, "sriov_total_vfs": 7, "bridge_above": PORT,
        "bridge_forwards_ari": True,
    }  # fmt: skip
    return FunctionDescription(**(wanted | changes))  # type: ignore[arg-type]


def config(**changes: object) -> ConfigSpace:
    wanted: dict[str, object] = {
        "vendor_id": 0x8086, "device_id": 0x10C9, "class_code": 0x020000, "ari": True,
        "acs_capabilities": 0x1D, "sriov": SRIOV, "msix_vectors": 10,
    }  # fmt: skip
    sriov = wanted["sriov"] if "sriov" not in changes else changes["sriov"]
    decoded = decode_config(build_config(**(wanted | changes)))  # type: ignore[arg-type]
    # Sizes come from sysfs, not from config space.
    if isinstance(sriov, SRIOVCapability) and decoded.sriov is not None:
        decoded = decoded._replace(sriov=decoded.sriov._replace(vf_bars=sriov.vf_bars))
    return decoded


def line(text: str, label: str) -> str:
    found = [line for line in text.splitlines() if line.strip().startswith(label)]
    assert len(found) == 1, (label, text)
    return " ".join(found[0].split())


def text_of(sriov: SRIOVCapability, **changes: object) -> str:
    return format_function(describe(config(sriov=sriov), **changes))


def test_json_as_promised() -> None:
    document = function_as_json(describe(config()))
    capabilities = document["capabilities"]
    assert isinstance(capabilities, dict)
    promised = {
        "offset": 0x120,
        "total_vfs": 8,
        "initial_vfs": 8,
        "num_vfs": 3,
        "first_vf_offset": 128,
        "vf_stride": 2,
        "vf_device_id": "00ca",
        "supported_page_sizes": [4096, 8192, 65536, 262144, 1 << 20, 4 << 20],
        "system_page_size": 4096,
        "vf_enable": True,
        "vf_mse": True,
        "ari_capable_hierarchy": True,
        "vf_bars": [
            {
                "index": 0,
                "address": 0x38_0000_0000,
                "size": 16384,
                "prefetchable": True,
                "width": 64,
            }
        ],
    }
    assert {key: capabilities["sriov"][key] for key in promised} == promised
    assert capabilities["acs"] == {
        "offset": 0x100, "capabilities": ["SV", "RR", "CR", "UF"], "control": [],
    }  # fmt: skip
    assert capabilities["ari"]["next_function"] == 0
    assert capabilities["express"]["type_name"] == "Endpoint"
    assert capabilities["msi"] is None
    assert document["address"] == "0000:01:00.0"
    assert document["iommu_group"] == 14
    assert document["numa_node"] is None
    assert document["pf_address"] is None
    assert {"id": "0011", "offset": 0x70, "extended": False, "version": None, "name": "MSI-X"} in (
        document["capability_list"]  # type: ignore[operator]
    )


def test_json_of_a_cut_config() -> None:
    cut = decode_config(build_config(vendor_id=1, device_id=2, class_code=0)[:64])
    document = json.loads(json.dumps(function_as_json(describe(cut, notes=("run as root",)))))
    assert document["truncated_at"] == 64
    assert set(document["capabilities"].values()) == {None}
    assert document["notes"] == ["run as root"]


def test_json_of_no_header_at_all() -> None:
    document = function_as_json(describe(decode_config(b"")))
    assert document["header"] is None
    assert document["truncated_at"] == 0


def test_text_of_a_pf() -> None:
    text = format_function(describe(config()))
    assert text.startswith("0000:01:00.0  82576 [8086:10c9]\n")
    assert line(text, "VFs enabled").endswith(
        "3 of 8 but the driver allows at most 7 (sriov_totalvfs)"
    )
    assert line(text, "VF addresses").endswith("VF 0 is 0000:01:10.0, VF 2 is 0000:01:10.4")
    assert line(text, "VF ids").startswith("VF ids 8086:00ca")
    assert "128 KiB for 8 VFs at 0x3800000000" in line(text, "VF BAR 0")
    assert line(text, "isolation").startswith("isolation SV RR CR UF off")
    assert line(text, "TB Translation Blocking").startswith("TB Translation Blocking not offered")
    assert line(text, "in use").endswith("bridge 0000:00:01.0 forwards ARI")
    assert line(text, "MSI-X").startswith("MSI-X 10 vectors, on")
    assert "depends on function" not in text


def test_addresses_are_a_forecast_while_vfs_are_off() -> None:
    text = text_of(SRIOV._replace(vf_enable=False, num_vfs=0))
    assert "VF 6 is 0000:01:11.4; a forecast" in line(text, "VF addresses")
    assert "0 of 8" in line(text, "VFs enabled")


def test_one_vf_has_one_address() -> None:
    assert line(text_of(SRIOV._replace(num_vfs=1)), "VF addresses").endswith("0000:01:10.0")


def test_addresses_that_cannot_be() -> None:
    text = text_of(SRIOV._replace(vf_stride=0x8000))
    assert "VF 2 is beyond bus ff" in line(text, "VF addresses")
    beyond = format_function(describe(config(), address=PCIAddress(0, 0xFF, 0x1F, 0)))
    assert "VF 0 is beyond bus ff" in line(beyond, "VF addresses")
    none = text_of(SRIOV._replace(first_vf_offset=0))
    assert "no VF can have an address" in line(none, "VF addresses")


def test_what_the_kernel_will_refuse() -> None:
    text = text_of(SRIOV._replace(initial_vfs=4))
    assert "refuse (EIO)" in line(text, "InitialVFs")


def test_pf_that_the_kernel_does_not_use() -> None:
    text = format_function(describe(config(), sriov_total_vfs=None))
    assert "does not use this function as a PF" in line(text, "VFs enabled")


def test_pf_whose_driver_allows_all() -> None:
    text = format_function(describe(config(), sriov_total_vfs=8))
    assert line(text, "VFs enabled").endswith("at most 8 (sriov_totalvfs)")


def test_vf_bar_without_address() -> None:
    text = text_of(SRIOV._replace(vf_bars=(BAR(0, None, width=64),)))
    assert line(text, "VF BAR 0") == "VF BAR 0 no address VFs cannot be enabled without"


def test_dependency_and_migration() -> None:
    text = text_of(SRIOV._replace(dependency_link=9, vf_migration_capable=True))
    assert "01.1" in line(text, "depends on function")
    assert "Linux has none" in line(text, "VF migration")


def test_link_of_an_integrated_endpoint_means_its_own_device() -> None:
    sriov = SRIOV._replace(dependency_link=1)
    address = PCIAddress(0, 0, 2, 1)
    text = format_function(describe(config(sriov=sriov, express_type=9), address=address))
    assert "depends on function" not in text


@pytest.mark.parametrize(
    ("bridge", "forwards", "words"),
    [
        (None, None, "there is no ARI on a root bus"),
        (PORT, None, "does not show it"),
        (PORT, False, "does not forward ARI"),
    ],
)
def test_ari_in_use(bridge: PCIAddress | None, forwards: bool | None, words: str) -> None:
    changes: dict[str, object] = {"bridge_above": bridge, "bridge_forwards_ari": forwards}
    assert words in line(format_function(describe(config(), **changes)), "in use")


@pytest.mark.parametrize(
    ("supported", "enable", "words"),
    [
        (False, False, "not supported VFs below must use more bus numbers"),
        (True, False, "off supported; the kernel turns it on"),
        (True, True, "on the device below may use"),
    ],
)
def test_ari_forwarding_of_a_port(supported: bool, enable: bool, words: str) -> None:
    port = config(
        sriov=None, express_type=4, slot=True, bridge=(0, 1, 2), acs_capabilities=None, ari=False,
        ari_forwarding_supported=supported, ari_forwarding_enable=enable,
    )  # fmt: skip
    text = format_function(describe(port, address=PORT, bridge_above=None))
    assert words in line(text, "ARI forwarding")
    assert line(text, "type").endswith("Root Port with a slot")
    assert "bridge to buses 01-02" in text
    assert "no ACS: unless the kernel knows" in text


def test_absence_is_not_claimed_where_it_is_not_known() -> None:
    data = build_config(
        vendor_id=1, device_id=2, class_code=0x060400, express_type=4, bridge=(0, 1, 2)
    )
    text = format_function(describe(decode_config(data[:256]), notes=("a note",)))
    assert "no ACS" not in text
    assert text.endswith("note: a note")


def test_isolation_that_is_on() -> None:
    text = format_function(describe(config(acs_control=0x1D)))
    assert line(text, "isolation").startswith("isolation on")


def test_vf_names_its_pf() -> None:
    text = format_function(describe(config(sriov=None), pf_address=PF, vf_index=2))
    assert "VF 2 of PF 0000:01:00.0" in text


def test_every_capability_has_its_words() -> None:
    text = format_function(describe(decode_config(read_fixture("integrated-endpoint.txt"))))
    assert line(text, "type").endswith("Root Complex Integrated Endpoint")
    assert line(text, "MSI ").startswith("MSI 8 vectors, on")
    assert line(text, "ATS").startswith("ATS on")
    assert line(text, "PRI").endswith("may ask for up to 512 absent pages")
    assert line(text, "PASID").endswith("works in up to 2^20 address spaces")
    assert line(text, "VF BAR 0 size").endswith("2 MiB can be chosen: 1 MiB, 2 MiB, 4 MiB, 8 MiB")
    assert "link " not in text


def read_fixture(name: str) -> bytes:
    path = Path(__file__).parents[2] / "data" / "config" / name
    lines = path.read_text().splitlines()[1:]
    return b"".join(bytes.fromhex(line.partition(": ")[2]) for line in lines)


def test_bars_in_words() -> None:
    bars = (BAR(0, 0xFE000000, size=128 << 10), BAR(1, None), BAR(2, 0xC000, is_io=True, size=32))
    plain = config(sriov=None)
    assert plain.header is not None
    text = format_function(describe(plain._replace(header=plain.header._replace(bars=bars))))
    assert line(text, "BAR 0") == "BAR 0 128 KiB at 0xfe000000, 32 bits, not prefetchable"
    assert line(text, "BAR 1") == "BAR 1 unknown no address, 32 bits, not prefetchable"
    assert line(text, "BAR 2") == "BAR 2 32 bytes at 0xc000, I/O ports"


def test_port_whose_ari_forwarding_is_not_known() -> None:
    port = config(sriov=None, express_type=6)
    assert port.express is not None
    express = port.express._replace(
        ari_forwarding_supported=None, ari_forwarding_enable=None, link_speed_gts=None,
        link_width=None,
    )  # fmt: skip
    text = format_function(describe(port._replace(express=express)))
    assert line(text, "ARI forwarding").startswith("ARI forwarding unknown")
    assert line(text, "link").startswith("link down, unknown speed")


def test_one_vector_is_one_vector() -> None:
    assert line(format_function(describe(config(msix_vectors=1))), "MSI-X").startswith(
        "MSI-X 1 vector, on"
    )


def test_sizes_that_are_not_known() -> None:
    sriov = SRIOV._replace(
        vf_bars=(BAR(0, 0x1000_0000, width=64),), supported_page_size_mask=0,
        system_page_size_mask=3,
    )  # fmt: skip
    text = text_of(sriov)
    assert line(text, "VF BAR 0").startswith("VF BAR 0 unknown per VF at 0x10000000")
    assert line(text, "system page size").startswith("system page size unknown")
    assert line(text, "system page size").endswith("supported: none")


@given(st.binary(min_size=0, max_size=4096))
def test_anything_decoded_can_be_shown(data: bytes) -> None:
    function = describe(decode_config(data), sriov_total_vfs=None)
    assert format_function(function)
    assert json.dumps(function_as_json(function))


@given(st.lists(st.tuples(st.integers(0, 0x2FF), st.binary(min_size=1, max_size=6)), max_size=8))
def test_damaged_config_can_be_shown(damages: list[tuple[int, bytes]]) -> None:
    data = bytearray(
        build_config(vendor_id=1, device_id=2, class_code=0, ari=True, acs_capabilities=0x5F,
                     sriov=SRIOV, msix_vectors=4)
    )  # fmt: skip
    for offset, patch in damages:
        data[offset : offset + len(patch)] = patch
    function = describe(decode_config(bytes(data)))
    assert format_function(function)
    assert json.dumps(function_as_json(function))
