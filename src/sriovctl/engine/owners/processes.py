"""Programs that drive a function themselves (QEMU without libvirt, DPDK, RDMA) or have its disk.

How it is known.  A program drives a function through a device node that it holds open (see
``nodes.py``), and ``/proc/PID/fd`` shows what each process has open.  A file of a function that
came out of a VFIO group is ``anon_inode:[vfio-device]``; which function, ``/proc/PID/fdinfo`` says
since Linux 6.18.

A function that a VFIO driver holds and nobody has open is bound, and no more: it is *not* in use.
But "nobody" must be seen, not guessed: not every process may be looked into (not root), and a
file may be open in a place where nobody looks (in flight on a socket).  The second source is the
function's ``enable``: VFIO drivers enable it when it is opened and disable it when it is closed,
and anybody may read it.  So:

- a process was found: it is the owner;
- ``enable`` is above 0, here or elsewhere in the IOMMU group, and no process was found: somebody
  uses it, and the owner is of kind ``vfio``;
- ``enable`` is 0 in the whole group: bound and not in use.

Source: kernel ``drivers/vfio/pci/vfio_pci_core.c`` (``vfio_pci_core_enable()``), ``vfio_main.c``
(``vfio_device_show_fdinfo()``).
"""

from __future__ import annotations

from sriovctl.engine.inventory import IOMMU_GROUPS, PCI_DEVICES
from sriovctl.errors import PermissionDenied
from sriovctl.model.owner import OwnerKind
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sriovctl.engine.owners.ledger import Function, Ledger
    from sriovctl.engine.owners.nodes import Nodes
    from sriovctl.host.api import FileTree

PROC = "/proc"
_VFIO_DEVICE = "anon_inode:[vfio-device]"
_SYSPATH = "vfio-device-syspath:"
_DELETED = " (deleted)"


class Opening(NamedTuple):
    """One open file of a process."""

    pid: str
    descriptor: str
    target: str

    @property
    def evidence(self) -> str:
        """How it is seen: ``/proc/812/fd/24 -> /dev/vfio/12``."""
        return f"{PROC}/{self.pid}/fd/{self.descriptor} -> {self.target}"


class Process(NamedTuple):
    """Who has it open."""

    pid: str
    program: str
    guest: str | None  # as QEMU was told by -name

    @property
    def name(self) -> str:
        """Name and number; the guest's name tells more than that of QEMU."""
        return f"{self.guest or self.program}-{self.pid}"


def find_processes(
    files: FileTree, ledger: Ledger, nodes: Nodes, *, running_guests: frozenset[str]
) -> None:
    """Write down the processes that drive functions from user space, or have their disks open.

    :param nodes: device nodes to look for; without any, no process is looked into.
    :param running_guests: names of guests that libvirt knows: their QEMU is no other owner.
    """
    if not nodes:
        return
    on_vfio = [function for function in ledger.functions.values() if function.is_on_vfio]
    pids = processes(files)
    seen, hidden = _walk(files, pids, nodes, watch_devices=bool(on_vfio))
    for opening, devices in seen:
        process = _read_process(files, opening.pid)
        for device in devices:
            _write_down(ledger, device, process, opening, running_guests)
    _judge_the_rest(files, ledger, on_vfio, hidden)
    if hidden:
        ledger.note_hidden(hidden)
    elif "1" not in pids:  # a recording, or /proc mounted with hidepid
        ledger.note("the processes of other users could not be seen")


# --- looking ---------------------------------------------------------------------------------


def _walk(
    files: FileTree, pids: tuple[str, ...], nodes: Nodes, *, watch_devices: bool
) -> tuple[list[tuple[Opening, tuple[str, ...]]], int]:
    seen: list[tuple[Opening, tuple[str, ...]]] = []
    hidden = 0
    for pid in pids:
        try:
            for opening in _openings(files, pid):
                devices = _devices_of(files, opening, nodes, watch_devices=watch_devices)
                if devices:
                    seen.append((opening, devices))
        except PermissionDenied:
            hidden += 1
    return seen, hidden


def processes(files: FileTree) -> tuple[str, ...]:
    """Numbers of all processes that can be seen, as text."""
    return tuple(name for name in files.list_dir(PROC) if name.isdigit())


def _openings(files: FileTree, pid: str) -> Iterator[Opening]:
    directory = f"{PROC}/{pid}/fd"
    for descriptor in files.list_dir(directory):
        target = files.read_target(f"{directory}/{descriptor}")
        if target is not None:
            yield Opening(pid, descriptor, target)


def _devices_of(
    files: FileTree, opening: Opening, nodes: Nodes, *, watch_devices: bool
) -> tuple[str, ...]:
    target = opening.target
    # A container or a jail may have its own /dev, somewhere below another root.
    if "/dev/" in target:
        return nodes.get(target.removesuffix(_DELETED).rpartition("/dev/")[2], ())
    if watch_devices and target == _VFIO_DEVICE:
        return _device_in_fdinfo(files, opening)
    return ()


def _device_in_fdinfo(files: FileTree, opening: Opening) -> tuple[str, ...]:
    text = files.read_text(f"{PROC}/{opening.pid}/fdinfo/{opening.descriptor}") or ""
    for line in text.splitlines():
        if line.startswith(_SYSPATH):
            return (line.rpartition("/")[2],)
    return ()


# --- naming ----------------------------------------------------------------------------------


def _read_process(files: FileTree, pid: str) -> Process:
    program = files.read_text(f"{PROC}/{pid}/comm") or "process"
    command_line = files.read_bytes(f"{PROC}/{pid}/cmdline") or b""
    words = command_line.decode("utf-8", "replace").split("\0")
    return Process(pid, program, guest_in_command_line(words))


def guest_in_command_line(words: list[str]) -> str | None:
    """Find the name that QEMU was given for its guest; None for another program.  Pure."""
    program = words[0].rpartition("/")[2]
    if not ("qemu" in program or program == "kvm") or "-name" not in words[:-1]:
        return None
    # A comma inside a value is doubled; the name may come first without its key.
    options = words[words.index("-name") + 1].replace(",,", "\0").split(",")
    named = [option.removeprefix("guest=") for option in options if option.startswith("guest=")]
    name = named[0] if named else options[0]
    return name.replace("\0", ",") or None


def _write_down(
    ledger: Ledger,
    device: str,
    process: Process,
    opening: Opening,
    running_guests: frozenset[str],
) -> None:
    if process.guest not in running_guests:
        ledger.add(device, OwnerKind.PROCESS, process.name, opening.evidence)
    elif not ledger.has(device, OwnerKind.GUEST, process.guest or ""):
        # Its XML names another function of the same group, which QEMU holds as a whole.
        ledger.add(device, OwnerKind.GUEST, process.guest or "", opening.evidence)


# --- what no process was found for -----------------------------------------------------------


_HOLDERS = (OwnerKind.GUEST, OwnerKind.PROCESS)


def _judge_the_rest(files: FileTree, ledger: Ledger, on_vfio: list[Function], hidden: int) -> None:
    for function in on_vfio:
        if any(ledger.has_any(function.device, kind) for kind in _HOLDERS):
            continue
        sign = _sign_of_use(files, function)
        if sign is not None:
            why = "may not be looked into" if hidden else "is not seen"
            evidence = f"{sign}: a process that {why} has it open"
            ledger.add(function.device, OwnerKind.VFIO, function.device, evidence)


def _sign_of_use(files: FileTree, function: Function) -> str | None:
    members = [function.device]
    if function.iommu_group is not None:
        members += files.list_dir(f"{IOMMU_GROUPS}/{function.iommu_group}/devices")
    for member in members:
        directory = f"{PCI_DEVICES}/{member}"
        enabled = files.read_text(f"{directory}/enable")
        if enabled != "0" and "vfio" in (files.read_link(f"{directory}/driver") or ""):
            return f"{directory}/enable is {enabled or 'unknown'}"
    return None
