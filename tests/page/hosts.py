"""The hosts that the page is looked at with: an ordinary one, an empty one, and a crowded one."""

from __future__ import annotations

import json
from itertools import cycle
from pathlib import Path

from sriovctl.api.changing import define_pools, make_plan
from sriovctl.engine.doors import Doors
from sriovctl.engine.leases.pools import select_pool
from sriovctl.engine.runs.apply import ApplyOptions, apply_plan
from sriovctl.engine.vf_attributes import write_link
from sriovctl.host.journal import SQLiteJournal
from sriovctl.host.leases import SQLiteLeaseBook
from sriovctl.host.simulated import (
    INTEL_82576,
    INTEL_E810,
    INTEL_X710,
    Card,
    MachineSpec,
    Place,
    SimulatedHost,
    simulate,
    simulated_82576,
)
from sriovctl.host.simulated.tree import constant
from sriovctl.host.simulated_libvirt import SimulatedGuest, SimulatedLibvirt
from sriovctl.model.lease import Request, Terms

PCI = "/sys/bus/pci/devices"
PF, PF_BELOW_SWITCH, NVME = "0000:01:00.0", "0000:04:00.0", "0000:05:00.0"
VF0, VF1, VF2, VF3 = (f"0000:01:10.{number}" for number in (0, 2, 4, 6))
_PFS, _VFS_OF_EACH = 8, 64
_LINK_DELAY_S = 10.0
_ON_SWITCH, _FOREIGN, _LENDERS = 3, 6, (1, 5)


class StagedHost:
    """A simulated host with a libvirt of its own.

    :param directory: for its journal and its leases.
    """

    def __init__(self, host: SimulatedHost, directory: Path) -> None:
        self.host = host
        self.libvirt = SimulatedLibvirt(host.clock)
        host.files.add("/run/libvirt/libvirt-sock", constant(""))
        self.doors = Doors(
            open_host=lambda: self.host,
            open_journal=lambda: SQLiteJournal(str(directory)),
            open_leases=lambda: SQLiteLeaseBook(str(directory)),
            open_libvirt=lambda: self.libvirt,
        )

    def write(self, device: str, attribute: str, text: str) -> None:
        """Write an attribute of a PCI function, as an administrator does."""
        self.host.files.write_text(f"{PCI}/{device}/{attribute}", text)

    def apply(self, **pfs: dict[str, object]) -> None:
        """Bring the host to a state, as a run of its journal."""
        made = make_plan(self.doors, json.dumps({"version": 1, "pfs": pfs}))
        apply_plan(self.doors.site(), made.plan, options=ApplyOptions(source="host.yaml"))

    def make_vfs_by_hand(self, pf: str, count: int) -> None:
        """Make VFs that sriovctl has not made."""
        self.write(pf, "sriov_drivers_autoprobe", "0")
        self.write(pf, "sriov_numvfs", str(count))

    def vfs(self, pf: str) -> list[str]:
        """Addresses of the VFs of a PF."""
        count = self.host.files.read_text(f"{PCI}/{pf}/sriov_numvfs")
        assert count is not None
        return [self.vf(pf, number) for number in range(int(count))]

    def vf(self, pf: str, number: int) -> str:
        """Address of one VF of a PF."""
        target = self.host.files.read_link(f"{PCI}/{pf}/virtfn{number}")
        assert target is not None
        return target.rpartition("/")[2]

    def vlan(self, pf: str, number: int) -> int | None:
        """The VLAN of a VF, as the card's driver has it."""
        function = self.host.kernel.find_by_name(pf)
        assert function is not None
        assert function.sriov is not None
        vlan = function.sriov.records[number].attributes.vlan
        return None if vlan is None else vlan.id

    def bind(self, device: str, driver: str) -> None:
        """Bind a function to a driver."""
        self.write(device, "driver_override", driver)
        self.host.files.write_text("/sys/bus/pci/drivers_probe", device)

    def give_to_guest(self, name: str, *devices: str) -> None:
        """Let a running guest of libvirt have functions, and its QEMU hold them open."""
        if name not in self.libvirt.guests:
            self.libvirt.add(name, SimulatedGuest(name, root_ports=len(devices) + 1))
        for device in devices:
            self.libvirt.attach_device(name, _hostdev(device), live=True, config=True)
            self.bind(device, "vfio-pci")
        words = ("/usr/bin/qemu-system-x86_64", "-name", f"guest={name},debug-threads=on", "-S")
        qemu = self.host.processes.start("qemu-system-x86", command_line=words)
        for device in devices:
            if not self.host.processes.holds_vfio_group(qemu, device):
                self.host.processes.open_vfio_group(qemu, device)
            self.host.processes.open_vfio_device(qemu, device)

    def define_pools(self, **pools: str) -> None:
        """Define pools, each of the VFs of one PF."""
        state = {
            "version": 1,
            "pfs": {name: {"match": {"address": pf}} for name, pf in pools.items()},
            "pools": {name: {"from": [name]} for name in pools},
        }
        define_pools(self.doors, json.dumps(state), "host.yaml")

    def lend(self, pf: str, owner: str, count: int = 1) -> None:
        """Lend VFs of a PF."""
        self.doors.desk().take(select_pool(f"address={pf}"), Request(owner, count), Terms())

    def close(self) -> None:
        self.doors.close()


def ordinary(directory: Path) -> StagedHost:
    """Two 82576, one with four VFs, of which a guest and a borrower have one each."""
    staged = StagedHost(simulated_82576(), directory)
    _all_up(staged)
    vlans = {str(number): {"vlan": {"id": 100 + number}} for number in range(3)}
    staged.apply(uplink={**_without_drivers(PF, 4), "vfs": vlans})
    staged.give_to_guest("finance-web", staged.vf(PF, 0))
    staged.lend(PF, "build-17")
    staged.bind(staged.vf(PF, 3), "igbvf")
    return _settled(staged)


def showcase(directory: Path) -> StagedHost:
    """A host at work: two NUMA nodes, guests, pools, leases, and some history."""
    cards = (
        Card(INTEL_E810, total_vfs=32, numa_node=0, serial_number="b4-96-91-ff-ff-a1-20-01"),
        Card(INTEL_E810, total_vfs=32, numa_node=0, serial_number="b4-96-91-ff-ff-a1-20-02"),
        Card(INTEL_X710, total_vfs=16, numa_node=1, serial_number="3c-fd-fe-ff-ff-0b-71-00"),
        Card(INTEL_82576, numa_node=1),
    )
    staged = StagedHost(simulate(MachineSpec(cards=cards)), directory)
    _all_up(staged)
    uplink, backup, storage, lab = pfs_of(staged)
    tenants = {
        str(n): {"vlan": {"id": 100 + n // 2}, "admin_mac": f"52:54:00:a1:00:{n:02x}"}
        for n in range(12)
    }
    staged.apply(
        uplink={**_without_drivers(uplink, 24), "vfs": tenants}, backup=_without_drivers(backup, 16)
    )
    staged.apply(storage=_without_drivers(storage, 8))
    staged.apply(lab={**_without_drivers(lab, 4), "vfs": {"0": {"vlan": {"id": 42}}}})
    staged.define_pools(tenants=backup, builds=storage)
    for number, name in enumerate(
        ("finance-web", "finance-db", "mail", "proxy", "ci-runner", "dns")
    ):
        staged.give_to_guest(name, staged.vf(uplink, number), staged.vf(backup, number))
    for number, owner in enumerate(("build-17", "build-18", "nightly")):
        staged.lend((storage, storage, lab)[number], owner)
    for number in range(20, 24):
        staged.bind(staged.vf(uplink, number), "iavf")
    return _settled(staged)


def empty(directory: Path) -> StagedHost:
    """A host without a card that could have VFs."""
    return StagedHost(simulate(MachineSpec(cards=(), iommu=False)), directory)


def crowded(directory: Path) -> StagedHost:
    """Eight PFs of 64 VFs each, at two NUMA nodes, and a hundred guests."""
    models = cycle((INTEL_X710, INTEL_E810))
    cards = tuple(
        Card(
            next(models),
            place=Place.SWITCH if number == _ON_SWITCH else Place.ACS_PORT,
            total_vfs=_VFS_OF_EACH,
            numa_node=number // 4,
        )
        for number in range(_PFS)
    )
    staged = StagedHost(simulate(MachineSpec(cards=cards)), directory)
    _all_up(staged)
    pfs = pfs_of(staged)
    made = {
        f"port{n}": _without_drivers(pf, _VFS_OF_EACH) for n, pf in enumerate(pfs) if n != _FOREIGN
    }
    staged.apply(**made)
    staged.make_vfs_by_hand(pfs[_FOREIGN], _VFS_OF_EACH)
    for number, pf in enumerate(pfs):
        _use(staged, number, pf)
    return _settled(staged)


def _use(staged: StagedHost, number: int, pf: str) -> None:
    vfs = staged.vfs(pf)
    for vf in vfs[40:48]:
        staged.bind(vf, "iavf")
    if number == _ON_SWITCH:  # one group, so one guest for all of them
        staged.give_to_guest("tenant-switch", *vfs[:4])
        return
    for which, vf in enumerate(vfs[: 4 * number]):
        staged.give_to_guest(f"tenant-{number}-{which:02}", vf)
    if number in _LENDERS:
        staged.lend(pf, f"build-{number}", 6)


def _without_drivers(pf: str, count: int) -> dict[str, object]:
    return {"match": {"address": pf}, "num_vfs": count, "drivers_autoprobe": False}


def pfs_of(staged: StagedHost) -> list[str]:
    """Addresses of all PFs with VFs or room for them."""
    return sorted(
        device
        for device in staged.host.files.list_dir(PCI) or ()
        if staged.host.files.exists(f"{PCI}/{device}/sriov_totalvfs")
    )


def _settled(staged: StagedHost) -> StagedHost:
    # Links come back after VFs were made.
    staged.host.clock.sleep(_LINK_DELAY_S)
    return staged


def _all_up(staged: StagedHost) -> None:
    for pf in pfs_of(staged):
        for netdev in staged.host.files.list_dir(f"{PCI}/{pf}/net") or ():
            write_link(staged.host.rtnl, netdev, up=True)


def _hostdev(device: str) -> str:
    domain, bus, rest = device.split(":")
    slot, function = rest.split(".")
    address = f"domain='0x{domain}' bus='0x{bus}' slot='0x{slot}' function='0x{function}'"
    return f"<hostdev type='pci'><source><address {address}/></source></hostdev>"


STAGES = {"showcase": showcase, "ordinary": ordinary, "crowded": crowded, "empty": empty}
