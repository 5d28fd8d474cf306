"""Look at what a lease is about: its VF, and the process that it ends with."""

from __future__ import annotations

from sriovctl.codec.process_stat import parse_process_stat
from sriovctl.engine.boot import read_boot_id
from sriovctl.engine.identity import read_serial
from sriovctl.engine.inventory import PCI_DEVICES, read_int, read_inventory
from sriovctl.engine.locate import find_directory
from sriovctl.errors import InputError, LostError
from sriovctl.model.lease import Lease, Process, Sighting
from sriovctl.planner.lease_status import is_kept_over_boots, judge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sriovctl.codec.process_stat import ProcessStat
    from sriovctl.host.api import FileTree, Host
    from sriovctl.model.functions import PF

_PROC = "/proc"


def read_process(files: FileTree, pid: int | None = None) -> Process:
    """Read what tells a process from a later one with its number.

    :param pid: None: this process itself.
    :raises InputError: there is no such process, or it has ended.
    """
    stat = _read_stat(files, "self" if pid is None else str(pid))
    if stat is None or not stat.alive:
        raise InputError("there is no such process", subject=f"pid {pid}")
    return Process(stat.pid, stat.started)


def _read_stat(files: FileTree, name: str) -> ProcessStat | None:
    text = files.read_text(f"{_PROC}/{name}/stat")
    return None if text is None else parse_process_stat(text)


def read_birth(files: FileTree, device: str, vf_index: int, address: str | None) -> int | None:
    """Read what tells a VF from one that is made later in its place; None if it is not there.

    A VF without a function of its own has that of its PF: that others came and went meanwhile
    cannot be seen.
    """
    if address is not None:
        if files.read_link(f"{PCI_DEVICES}/{device}/virtfn{vf_index}") != address:
            return None
        return files.birth_of(f"{PCI_DEVICES}/{address}")
    try:
        directory = find_directory(files, device)
    except LostError:
        return None
    num_vfs = read_int(files, f"{directory}/sriov_numvfs") or 0
    return files.birth_of(directory) if vf_index < num_vfs else None


class Sight:
    """What the host shows of leases, at one moment."""

    def __init__(self, host: Host) -> None:
        self._files = host.files
        self.boot_id = read_boot_id(host.files)
        self.now_s = host.clock.now()

    def of(self, lease: Lease) -> Sighting:
        """Look at one lease."""
        return Sighting(self.now_s, self.boot_id, self._sees_vf(lease), self._sees_process(lease))

    def _sees_vf(self, lease: Lease) -> bool:
        if lease.pf_device is None:
            return True  # a pinned one waits for its PF
        found = read_birth(self._files, lease.pf_device, lease.vf_index, lease.address)
        return found is not None and found == lease.birth

    def _sees_process(self, lease: Lease) -> bool:
        if lease.pid is None:
            return True
        stat = _read_stat(self._files, str(lease.pid))
        return stat is not None and stat.started == lease.pid_started and stat.alive

    def is_of_earlier_boot(self, lease: Lease) -> bool:
        """Say whether a pinned lease is yet to be found in this boot."""
        return is_kept_over_boots(lease) and lease.boot_id != self.boot_id

    def find_again(self, lease: Lease, pfs: Sequence[PF]) -> Lease:
        """Find the VF of a pinned lease after a restart of the host, by its PF's identity.

        :param pfs: with their identities.
        :return: the lease with its place in this boot; without place while it is not there.
        """
        from sriovctl.planner.lending import find_identified

        place = find_identified(lease.pf_identities, lease.vf_index, pfs)
        if place is None:
            return lease._replace(pf_device=None, address=None, birth=None)
        pf, vf = place
        address = None if vf.address is None else str(vf.address)
        return lease._replace(
            pf_device=pf.device,
            address=address,
            iommu_group=vf.iommu_group,
            numa_node=vf.numa_node,
            birth=read_birth(self._files, pf.device, vf.vf_index, address),
            boot_id=self.boot_id,
        )


def judge_all(host: Host, leases: Sequence[Lease]) -> list[Lease]:
    """Say what each lease is at this moment; pinned ones are looked for after a restart."""
    sight = Sight(host)
    if any(sight.is_of_earlier_boot(lease) for lease in leases):
        pfs = [
            pf._replace(serial=read_serial(host.files, pf))
            for pf in read_inventory(host, name_of=lambda *_: None)
        ]
        leases = [
            sight.find_again(lease, pfs) if sight.is_of_earlier_boot(lease) else lease
            for lease in leases
        ]
    return [judge(lease, sight.of(lease)) for lease in leases]
