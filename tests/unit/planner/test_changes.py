"""What changed between two looks at a host."""

from __future__ import annotations

from sriovctl.engine.counters import read_settled_traffic
from sriovctl.engine.vf_attributes import write_link, write_vf_attributes
from sriovctl.host.simulated import SimulatedHost, simulated_82576
from sriovctl.model.change import ChangeKind, HostChange
from sriovctl.model.counters import PFTraffic
from sriovctl.model.functions import VLAN
from sriovctl.model.run import Run, RunKind, RunStatus
from sriovctl.model.state import WantedVF
from sriovctl.planner.changes import find_changes, name_causes

IGB = "0000:01:00.0"
VF0, VF1 = "0000:01:10.0", "0000:01:10.2"
PCI = "/sys/bus/pci"


class Two:
    """Two looks at a host, with something in between."""

    def __init__(self, num_vfs: int = 2, *, autoprobe: bool = False) -> None:
        self.host: SimulatedHost = simulated_82576()
        self.write("sriov_drivers_autoprobe", str(int(autoprobe)))
        self.write("sriov_numvfs", str(num_vfs))
        self.before: tuple[PFTraffic, ...] = read_settled_traffic(self.host)

    def write(self, attribute: str, text: str) -> None:
        self.host.files.write_text(f"{PCI}/devices/{IGB}/{attribute}", text)

    def changes(self, *removed: str) -> list[tuple[object, ...]]:
        after = read_settled_traffic(self.host)
        found = find_changes(self.before, after, removed=removed)
        assert all((one.device, one.by) == (IGB, None) for one in found)
        return [(str(one.kind), one.vf_indices, one.what, one.before, one.after) for one in found]


def test_counters_and_nothing_are_no_change() -> None:
    two = Two(autoprobe=True)
    two.host.traffic.pass_vf(VF0, rx_packets=1)
    two.host.traffic.pass_netdev("eth0", rx_packets=1)
    assert two.changes() == []


def test_vfs_that_come_bring_their_drivers() -> None:
    two = Two(num_vfs=0, autoprobe=True)
    two.write("sriov_numvfs", "3")
    assert two.changes() == [
        ("VFs created", (0, 1, 2), None, None, None),
        ("changed", (0, 1, 2), "driver", None, "igbvf"),
    ]


def test_vfs_that_go_say_no_more() -> None:
    two = Two(autoprobe=True)
    two.write("sriov_numvfs", "0")
    assert two.changes() == [("VFs removed", (0, 1), None, None, None)]


def test_vfs_that_were_made_anew_are_told_by_what_the_kernel_removed() -> None:
    two = Two()
    for number in ("0", "3"):
        two.write("sriov_numvfs", number)
    two.host.files.write_text(f"{PCI}/devices/{VF1}/driver_override", "vfio-pci")
    two.host.files.write_text(f"{PCI}/drivers_probe", VF1)
    assert two.changes(VF0, VF1) == [
        ("VFs made anew", (0, 1), None, None, None),
        ("VFs created", (2,), None, None, None),
        ("changed", (1,), "driver", None, "vfio-pci"),
    ]


def test_the_same_change_of_many_vfs_is_one() -> None:
    two = Two(num_vfs=4)
    mac = "52:54:00:6d:90:02"
    wanted = [(i, WantedVF(vlan=VLAN(42), spoofchk=False)) for i in (0, 1, 3)]
    write_vf_attributes(two.host.rtnl, "eth0", [*wanted, (2, WantedVF(admin_mac=mac))])
    assert two.changes() == [
        ("changed", (0, 1, 3), "vlan", VLAN(0), VLAN(42)),
        ("changed", (0, 1, 3), "spoofchk", True, False),
        ("changed", (2,), "admin_mac", "00:00:00:00:00:00", mac),
    ]


def test_drivers_and_links_of_vfs_and_pfs() -> None:
    two = Two(autoprobe=True)
    two.host.files.write_text(f"{PCI}/drivers/igbvf/unbind", VF1)
    write_link(two.host.rtnl, "eth0", up=True)
    two.host.clock.sleep(10.0)
    assert two.changes() == [
        ("changed", (), "up", False, True),
        ("changed", (), "carrier", False, True),
        ("changed", (1,), "driver", "igbvf", None),
        ("changed", (1,), "netdev", "eth3", None),
        ("changed", (1,), "up", False, None),
        ("changed", (1,), "carrier", False, None),
    ]


def test_pfs_come_and_go() -> None:
    two = Two()
    two.host.vanish(IGB)
    after = read_settled_traffic(two.host)
    assert [(one.kind, one.device) for one in find_changes(two.before, after)] == [
        (ChangeKind.PF_WENT, IGB)
    ]
    found = find_changes(after, two.before)
    assert [(one.kind, one.vf_indices) for one in found] == [
        (ChangeKind.PF_CAME, ()),
        (ChangeKind.VFS_CREATED, (0, 1)),
    ]
    assert found[1].addresses == (VF0, VF1)


def run(run_id: int, status: RunStatus, started: str, ended: str | None, *devices: str) -> Run:
    return Run(run_id, RunKind.APPLY, status, started, ended, "boot", devices, "host.yaml")


def test_who_was_at_work_meanwhile() -> None:
    change = HostChange(ChangeKind.CHANGED, IGB)

    def cause(*runs: Run) -> str | None:
        (found,) = name_causes([change], runs, since="2026-01-01T12:00", oldest="2026-01-01T11:50")
        return found.by

    done, running = RunStatus.DONE, RunStatus.RUNNING
    assert cause() is None
    assert cause(run(1, done, "2026-01-01T11:59", "2026-01-01T12:00", IGB)) == "apply 1"
    assert cause(run(1, done, "2026-01-01T11:58", "2026-01-01T11:59", IGB)) is None
    assert cause(run(1, done, "2026-01-01T12:00", "2026-01-01T12:00", "other")) is None
    assert cause(run(1, running, "2026-01-01T11:55", None, IGB)) == "apply 1"
    assert cause(run(1, running, "2026-01-01T11:40", None, IGB)) is None  # killed long ago
    newest = run(2, done, "2026-01-01T12:00", "2026-01-01T12:01", IGB)
    assert cause(newest, run(1, running, "2026-01-01T11:59", None, IGB)) == "apply 2"
