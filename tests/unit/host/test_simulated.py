"""What tests may do to the simulated host; what it does of itself is in the contract."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from sriovctl.codec.pciconfig import decode_config
from sriovctl.engine.inventory import read_inventory, read_iommu_groups
from sriovctl.engine.link import read_link
from sriovctl.engine.vf_attributes import write_vf_attributes
from sriovctl.errors import HostError, LostError, PermissionDenied
from sriovctl.host.simulated import (
    CONNECTX_6_DX,
    INTEL_E810,
    QEMU_NVME,
    Card,
    MachineSpec,
    Place,
    SimulatedHost,
    simulate,
    simulated_82576,
)
from sriovctl.model.state import WantedVF

IGB = "/sys/bus/pci/devices/0000:01:00.0"


def nameless(_vendor: str, _device: str) -> None:
    return None


def test_a_read_can_be_made_to_fail() -> None:
    host = simulated_82576()
    host.files.fail(f"{IGB}/vendor", errno.EACCES)
    with pytest.raises(PermissionDenied):
        host.files.read_text(f"{IGB}/vendor")
    assert host.files.read_text(f"{IGB}/vendor") == "0x8086"


def test_a_write_can_be_made_to_fail() -> None:
    host = simulated_82576()
    host.files.fail(f"{IGB}/sriov_numvfs", errno.ENOMEM)
    with pytest.raises(HostError) as caught:
        host.files.write_text(f"{IGB}/sriov_numvfs", "2")
    assert caught.value.evidence["errno"] == "ENOMEM"
    assert host.files.read_text(f"{IGB}/sriov_numvfs") == "0"
    assert host.files.writes == [(f"{IGB}/sriov_numvfs", "2")]


def test_netlink_can_be_made_to_fail() -> None:
    host = simulated_82576()
    host.rtnl.fail(errno.EPERM)
    with pytest.raises(PermissionDenied):
        read_link(host.rtnl, "eth0")
    assert read_link(host.rtnl, "eth0").ifname == "eth0"


def test_a_card_can_vanish_between_two_reads() -> None:
    host = simulated_82576()
    host.files.write_text(f"{IGB}/sriov_numvfs", "2")
    host.files.before(f"{IGB}/class", lambda: host.vanish("0000:01:00.0"))
    assert host.files.read_text(f"{IGB}/vendor") == "0x8086"
    assert host.files.read_text(f"{IGB}/class") is None
    assert [pf.device for pf in read_inventory(host, name_of=nameless)] == [
        "0000:04:00.0",
        "0000:05:00.0",
    ]
    with pytest.raises(LostError):
        read_link(host.rtnl, "eth0")
    with pytest.raises(LostError):
        host.files.write_text(f"{IGB}/sriov_numvfs", "0")


def test_a_port_takes_all_below_with_it() -> None:
    host = simulated_82576()
    host.vanish("0000:00:07.0")
    left = host.files.list_dir("/sys/bus/pci/devices")
    assert not {"0000:00:07.0", "0000:02:00.0", "0000:03:00.0", "0000:04:00.0"} & set(left)
    assert host.files.list_dir("/sys/class/net") == ("eth0", "lo")
    host.vanish("0000:00:07.0")  # a second time is nothing


@pytest.mark.parametrize("model", [INTEL_E810, CONNECTX_6_DX, QEMU_NVME])
def test_every_vf_of_every_card(model: object) -> None:
    host = simulate(MachineSpec(cards=(Card(model), Card(model))))  # type: ignore[arg-type]
    pfs = read_inventory(host, name_of=nameless)
    assert len(pfs) == 2
    for pf in pfs:
        host.files.write_text(f"/sys/bus/pci/devices/{pf.device}/sriov_numvfs", str(pf.total_vfs))
    for pf in read_inventory(host, name_of=nameless):
        assert pf.num_vfs == pf.total_vfs == len(pf.vfs)
        assert len({vf.iommu_group for vf in pf.vfs}) == len(pf.vfs)
    addresses = [vf.address for pf in read_inventory(host, name_of=nameless) for vf in pf.vfs]
    assert len(set(addresses)) == len(addresses)


def test_more_than_the_drivers_of_igb_can_do() -> None:
    host = simulate(MachineSpec(cards=(Card(INTEL_E810),)))
    host.files.write_text(f"{IGB}/sriov_numvfs", "256")
    wanted = WantedVF(link_state="enable", min_tx_rate_mbps=10, max_tx_rate_mbps=100)
    write_vf_attributes(host.rtnl, "eth0", [(index, wanted) for index in range(256)])
    vfs = read_link(host.rtnl, "eth0").vfs
    assert {(vf.link_state, vf.min_tx_rate_mbps, vf.max_tx_rate_mbps) for vf in vfs} == {
        ("enable", 10, 100)
    }


def test_a_port_without_acs_takes_all_into_its_group() -> None:
    host = simulate(MachineSpec(cards=(Card(place=Place.PLAIN_PORT),)))
    host.files.write_text(f"{IGB}/sriov_numvfs", "1")
    members = [group.members for group in read_iommu_groups(host.files)]
    assert ("0000:00:06.0", "0000:01:00.0", "0000:01:10.0") in members


def test_without_an_iommu_there_are_no_groups() -> None:
    host = simulate(MachineSpec(iommu=False))
    assert read_iommu_groups(host.files) == ()
    assert host.files.read_link(f"{IGB}/iommu_group") is None
    assert host.files.list_dir("/sys/class/iommu") == ()


def test_config_space_says_what_sysfs_says() -> None:
    host = simulated_82576()
    for name in host.files.list_dir("/sys/bus/pci/devices"):
        directory = f"/sys/bus/pci/devices/{name}"
        config = decode_config(host.files.read_bytes(f"{directory}/config") or b"")
        assert config.problems == ()
        assert config.header is not None
        assert host.files.read_text(f"{directory}/vendor") == f"0x{config.header.vendor_id:04x}"
        if config.header.bridge is not None:
            secondary = host.files.read_text(f"{directory}/secondary_bus_number")
            assert secondary == str(config.header.bridge.secondary_bus)


def test_a_link_is_followed_from_the_root() -> None:
    host: SimulatedHost = simulated_82576()
    resolved = host.files.resolve(f"{IGB}/net/eth0/device/../../0000:00:07.0")
    assert resolved == "/sys/devices/pci0000:00/0000:00:07.0"
    assert host.files.resolve("/..") == "/"


def test_addresses_as_in_the_lab() -> None:
    host = simulated_82576()
    devices = host.files.list_dir("/sys/bus/pci/devices")
    path = host.files.resolve("/sys/bus/pci/devices/0000:04:00.0")
    assert {"0000:00:06.0", "0000:01:00.0", "0000:05:00.0", "0000:00:1f.2"} <= set(devices)
    assert path == "/sys/devices/pci0000:00/0000:00:07.0/0000:02:00.0/0000:03:00.0/0000:04:00.0"
    assert Path(path).name == "0000:04:00.0"
