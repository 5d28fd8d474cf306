"""What a log tells of its machine, and whether it is this one."""

from __future__ import annotations

import pytest

from sriovctl.codec.kernel_log_host import is_of_another_machine, snapshot_of_log
from sriovctl.model.address import parse_pci_address
from sriovctl.model.snapshot import FunctionSnapshot, HostSnapshot, SourceKind

LOG = (
    "Linux version 6.8.0-1-amd64 (builder)",
    "Command line: root=/dev/sda1 ro",
    "pci_bus 0000:00: root bus resource [bus 00-fe]",
    "pci 0000:00:01.0: [8086:460d] type 01 class 0x060400 PCIe Root Port",
    "pci 0000:00:01.0: PCI bridge to [bus 01-02]",
    "pci 0000:01:00.0: [8086:10c9] type 00 class 0x020000 PCIe Endpoint",
    "pci 0000:07:00.0: [8086:1521] type 00 class 0x020000",
    "pci 0000:01:00.0: Adding to iommu group 14",
)


def host(*functions: tuple[str, int, int], **facts: str) -> HostSnapshot:
    found = tuple(
        FunctionSnapshot(parse_pci_address(name), None, vendor, device)
        for name, vendor, device in functions
    )
    snapshot = HostSnapshot(SourceKind.HOST, "this host", found)
    return snapshot._replace(cmdline=facts.get("cmdline"), kernel_release=facts.get("release"))


SAME = (("00:01.0", 0x8086, 0x460D), ("01:00.0", 0x8086, 0x10C9))
OTHER = (("00:01.0", 0x1AF4, 0x1041), ("00:02.0", 0x1AF4, 0x1042))


def test_a_log_alone() -> None:
    snapshot = snapshot_of_log(LOG)
    port, nic, stray = snapshot.functions
    assert (port.path, nic.path, stray.path) == ((), (port.address,), None)
    assert (nic.vendor_id, nic.device_id, nic.class_code) == (0x8086, 0x10C9, 0x020000)
    assert (nic.iommu_group, snapshot.groups_known) == (14, True)
    assert [(root.bus, root.last_bus) for root in snapshot.root_buses] == [(0, 0xFE)]
    assert (snapshot.kernel_release, snapshot.cmdline) == ("6.8.0-1-amd64", "root=/dev/sda1 ro")
    assert "another machine" in snapshot.notes[0]


def test_what_was_unplugged_is_not_there() -> None:
    log = (*LOG, "igb 0000:01:00.0: Removing from iommu group 14")
    assert [str(f.address)[5:] for f in snapshot_of_log(log).functions] == ["00:01.0", "07:00.0"]


def test_bridges_in_a_circle() -> None:
    circle = ("pci 0000:05:00.0: [1:2] type 01", "pci 0000:05:00.0: PCI bridge to [bus 05]")
    log = (*LOG, *circle, "pci 0000:05:00.0: [8086:0001] type 01 class 0x060400")
    assert snapshot_of_log(log).functions[2].path is None


@pytest.mark.parametrize(
    ("log", "machine", "other"),
    [
        (LOG, host(*SAME, release="6.12"), False),  # an earlier boot, with another kernel
        (LOG, host(*OTHER), True),
        (LOG, host(), True),
        (LOG, host(*OTHER, cmdline="root=/dev/sda1 ro"), False),
        (LOG[:2], host(*OTHER, release="6.8.0-1-amd64"), False),
        (LOG[:2], host(*OTHER, release="6.12.0"), True),
        (LOG[-1:], host(*SAME), False),
        (LOG[-1:], host(*OTHER), True),
        (("DMAR: IOMMU enabled",), host(*OTHER, release="6.12.0"), False),
        ((), host(), False),
    ],
)
def test_whose_log_it_is(log: tuple[str, ...], machine: HostSnapshot, other: bool) -> None:
    assert is_of_another_machine(log, machine) is other
