"""What a guest's memory and pinning mean for a VF that it is to get.

VFIO keeps all memory of the guest in place, since the VF may reach any of it; with an IOMMU of
the guest's own, once for each function.  libvirt lifts QEMU's limit of locked memory as far as it
needs by itself, unless the definition has a hard limit.

Source: libvirt ``src/qemu/qemu_domain.c``, ``qemuDomainGetMemLockLimitBytes()``; kernel
``drivers/vfio/vfio_iommu_type1.c``, ``vfio_lock_acct()``.
"""

from __future__ import annotations

from sriovctl.codec.libvirt_placement import parse_cpu_set

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sriovctl.engine.guests.vf_place import VFPlace
    from sriovctl.host.api import FileTree
    from sriovctl.model.guest import Guest, GuestPlacement

_PID_FILE = "/run/libvirt/qemu/{}.pid"
_NODES = "/sys/devices/system/node"
_KIB_PER_MIB = 1024


def placement_doubts(files: FileTree, guest: Guest, place: VFPlace, *, more: int) -> Iterator[str]:
    """Say what of a guest's memory and pinning does not suit a VF.

    :param more: how many functions the guest is about to get.
    """
    if guest.placement is None:
        return
    if not _may_lock_all(files, guest):
        yield from _memory_doubts(guest, guest.placement, more)
    if place.numa_node is not None:
        yield from _distance_doubts(files, guest.placement, place, place.numa_node)


def _memory_doubts(guest: Guest, placement: GuestPlacement, more: int) -> Iterator[str]:
    memory, limit = placement.memory_kib, placement.hard_limit_kib
    if memory is None or limit is None:
        return
    times = len(guest.devices) + more if placement.has_iommu else 1
    if limit < memory * times:
        once = "" if times == 1 else f", {times} times with an IOMMU of its own"
        yield (
            f"{guest.name} may lock {limit // _KIB_PER_MIB} MiB (<hard_limit>), and VFIO locks all "
            f"of its {memory // _KIB_PER_MIB} MiB{once}: unless QEMU has CAP_IPC_LOCK it fails "
            "with 'Cannot allocate memory'; leave <hard_limit> out, and libvirt sees to it"
        )


def _may_lock_all(files: FileTree, guest: Guest) -> bool:
    if not guest.active:
        return False
    from sriovctl.engine.guests.qemu_checks import may_lock_all

    pid = files.read_text(_PID_FILE.format(guest.name))
    return pid is not None and pid.isdecimal() and may_lock_all(files, int(pid))


def _distance_doubts(
    files: FileTree, placement: GuestPlacement, place: VFPlace, node: int
) -> Iterator[str]:
    if placement.nodes and node not in placement.nodes:
        yield (
            f"{place.address} is on NUMA node {node}, and the guest's memory is pinned to "
            f"{_nodes(placement.nodes)}: each transfer crosses between them"
        )
    of_cpus = _nodes_of(files, placement.cpus)
    if of_cpus and node not in of_cpus:
        yield (
            f"{place.address} is on NUMA node {node}, and the guest's CPUs are pinned to "
            f"{_nodes(of_cpus)}"
        )


def _nodes_of(files: FileTree, cpus: tuple[int, ...]) -> tuple[int, ...]:
    if not cpus:
        return ()
    found = set()
    for name in files.list_dir(_NODES):
        number = name.removeprefix("node")
        here = parse_cpu_set(files.read_text(f"{_NODES}/{name}/cpulist") or "")
        if number.isdecimal() and not here.isdisjoint(cpus):
            found.add(int(number))
    return tuple(sorted(found))


def _nodes(numbers: tuple[int, ...]) -> str:
    return f"node{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
