"""``ls`` and ``groups`` against lspci, ip and sysfs, on a real kernel."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.lab("82576")

PCI = Path("/sys/bus/pci/devices")
IGB = "0000:01:00.0"
NVME = "0000:05:00.0"


def output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def listing() -> dict[str, Any]:
    return {pf["address"]: pf for pf in json.loads(output("sriovctl", "ls", "--json"))["pfs"]}


@pytest.fixture
def vfs() -> Iterator[None]:
    """Three igb VFs with attributes set by ip, and two NVMe VFs."""
    netdev = next((PCI / IGB / "net").iterdir()).name
    (PCI / IGB / "sriov_drivers_autoprobe").write_text("1")
    output("ip", "link", "set", "dev", netdev, "up")
    (PCI / IGB / "sriov_numvfs").write_text("3")
    (PCI / NVME / "sriov_drivers_autoprobe").write_text("0")
    (PCI / NVME / "sriov_numvfs").write_text("2")
    output(*f"ip link set dev {netdev} vf 0 mac 52:54:00:6d:90:02 vlan 42 qos 3".split())
    output(*f"ip link set dev {netdev} vf 1 spoofchk off trust on".split())
    wait_for_carrier(netdev)  # igb refuses rates without
    output(*f"ip link set dev {netdev} vf 2 max_tx_rate 100 min_tx_rate 0".split())
    yield
    for address in (IGB, NVME):
        (PCI / address / "sriov_numvfs").write_text("0")
    (PCI / NVME / "sriov_drivers_autoprobe").write_text("1")


def wait_for_carrier(netdev: str) -> None:
    deadline = time.monotonic() + 30
    while Path(f"/sys/class/net/{netdev}/carrier").read_text() != "1\n":
        assert time.monotonic() < deadline
        time.sleep(0.1)


def link(path: Path) -> str | None:
    return path.resolve().name if path.is_symlink() else None


def group(device: Path) -> int | None:
    name = link(device / "iommu_group")
    return None if name is None else int(name)


def netdev_of(device: Path) -> str | None:
    return next((one.name for one in (device / "net").glob("*")), None)


@pytest.mark.usefixtures("vfs")
def test_pfs_and_vfs_agree_with_sysfs() -> None:
    pfs = listing()
    assert sorted(pfs) == sorted(p.parent.name for p in PCI.glob("*/sriov_totalvfs"))
    for address, pf in pfs.items():
        device = PCI / address
        for key, attribute in {
            "vendor_id": "vendor",
            "device_id": "device",
            "class": "class",
        }.items():
            assert pf[key] == (device / attribute).read_text().strip().removeprefix("0x")
        assert pf["num_vfs"] == int((device / "sriov_numvfs").read_text())
        assert pf["total_vfs"] == int((device / "sriov_totalvfs").read_text())
        assert pf["drivers_autoprobe"] == (
            (device / "sriov_drivers_autoprobe").read_text().strip() == "1"
        )
        check_common(pf, device)
        links = sorted(device.glob("virtfn*"), key=lambda path: int(path.name[6:]))
        assert [vf["address"] for vf in pf["vfs"]] == [link(path) for path in links]
        for vf in pf["vfs"]:
            check_common(vf, PCI / vf["address"])


def check_common(shown: dict[str, Any], device: Path) -> None:
    assert shown["driver"] == link(device / "driver")
    assert shown["netdev"] == netdev_of(device)
    assert shown["iommu_group"] == group(device)
    node = int((device / "numa_node").read_text())
    assert shown["numa_node"] == (None if node == -1 else node)


@pytest.mark.usefixtures("vfs")
def test_every_function_agrees_with_lspci() -> None:
    for address, pf in listing().items():
        for shown in (pf, *pf["vfs"]):
            words = dict(
                line.split(":\t", 1)
                for line in output("lspci", "-D", "-vmmnnk", "-s", shown["address"]).splitlines()
                if line
            )
            assert words["Slot"] == shown["address"]
            assert words.get("Driver") == shown["driver"]
            if shown is pf:
                vendor, device = words["Vendor"], words["Device"]
                assert vendor.endswith(f"[{pf['vendor_id']}]"), address
                assert device.endswith(f"[{pf['device_id']}]"), address
                assert pf["name"] == f"{vendor[:-7]} {device[:-7]}"


@pytest.mark.usefixtures("vfs")
def test_attributes_agree_with_ip() -> None:
    pf = listing()[IGB]
    (shown,) = json.loads(output("ip", "-j", "-d", "link", "show", "dev", pf["netdev"]))
    assert len(shown["vfinfo_list"]) == len(pf["vfs"]) == 3
    for ours, theirs in zip(pf["vfs"], shown["vfinfo_list"], strict=True):
        assert ours["vf_index"] == theirs["vf"]
        assert ours["admin_mac"] == theirs["address"]
        # ip writes the VLANs as a list, and only when there is one.
        vlan = theirs.get("vlan_list", [{}])[0]
        assert ours["vlan"]["id"] == vlan.get("vlan", 0)
        assert ours["vlan"]["qos"] == vlan.get("qos", 0)
        assert ours["spoofchk"] == theirs["spoofchk"]
        assert ours["trust"] == theirs["trust"]
        assert ours["link_state"] == theirs["link_state"]
        rate = theirs.get("rate", {})
        assert ours["max_tx_rate_mbps"] == rate.get("max_tx", 0)
        assert ours["min_tx_rate_mbps"] == rate.get("min_tx", 0)


@pytest.mark.usefixtures("vfs")
def test_groups_agree_with_sysfs() -> None:
    shown = json.loads(output("sriovctl", "groups", "--json"))["groups"]
    real = {
        int(path.name): sorted(member.name for member in (path / "devices").iterdir())
        for path in Path("/sys/kernel/iommu_groups").iterdir()
    }
    assert {one["id"]: one["members"] for one in shown} == real


def test_a_pf_without_driver_is_listed() -> None:
    (PCI / NVME / "driver" / "unbind").write_text(NVME)
    try:
        pf = listing()[NVME]
        assert (pf["driver"], pf["num_vfs"], pf["total_vfs"]) == (None, 0, 4)
    finally:
        Path("/sys/bus/pci/drivers_probe").write_text(NVME)
