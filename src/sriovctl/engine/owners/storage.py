"""Mounted file systems, swap and programs that have a disk of a PF or VF.

A block device is followed downwards through what it is made of (device mapper, RAID: its
``slaves``) to a device on a bus, in whose path in sysfs the PCI function stands.  NVMe with native
multipath is the exception: there a namespace belongs to a subsystem, and the subsystem has links
to its controllers.

btrfs and bcachefs have no device number of their own block devices in ``mountinfo``; what they
were mounted from leads to them.  ZFS tells the kernel's tables nothing, which is a note.

Source: kernel ``Documentation/ABI/stable/sysfs-block``, ``block/holder.c``
(``bd_link_disk_holder()``), ``drivers/nvme/host/multipath.c``, ``fs/btrfs/sysfs.c``.
"""

from __future__ import annotations

from sriovctl.codec.mounts import Mount, parse_mountinfo, parse_swaps
from sriovctl.errors import PermissionDenied
from sriovctl.model.owner import OwnerKind
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sriovctl.engine.owners.ledger import Ledger
    from sriovctl.host.api import FileTree

BLOCK_CLASS = "/sys/class/block"
_NUMBERS = "/sys/dev/block"
_BTRFS = "/sys/fs/btrfs"
# The mounts of this process, and those of init: a service may have been given fewer.
_MOUNTINFO = ("/proc/self/mountinfo", "/proc/1/mountinfo")
_DEV = "/dev/"
_ANONYMOUS = "0:"
_BY_SOURCE = ("btrfs", "bcachefs")
_UNKNOWN = ("zfs",)


class Disk(NamedTuple):
    """A block device on a function."""

    device: str  # sysfs name of the function
    way: str  # from the block device down: "dm-0 on nvme0n1p2"


Disks = dict[str, tuple[Disk, ...]]  # by the block device's name in sysfs


def find_disks(files: FileTree, ledger: Ledger) -> Disks:
    """Find all block devices that are on a PF or VF."""
    found: Disks = {}
    for name in files.list_dir(BLOCK_CLASS):
        disks = tuple(dict.fromkeys(_below(files, ledger, name, name, ())))
        if disks:
            found[name] = disks
    return found


def find_mounts(files: FileTree, ledger: Ledger, disks: Disks) -> None:
    """Write down mounted file systems and swap."""
    mounts = _read_mounts(files, ledger)
    _note_what_cannot_be_followed(ledger, mounts)
    if not disks:
        return
    for mount in mounts:
        for name in _block_devices(files, mount):
            for disk in disks.get(name, ()):
                what = f"{mount.source} is mounted there"
                ledger.add(disk.device, OwnerKind.MOUNT, mount.mount_point, _on(what, disk, name))
    for path in parse_swaps(files.read_text("/proc/swaps") or ""):
        swap = _name_of_node(files, path)
        for disk in disks.get(swap or "", ()):
            ledger.add(disk.device, OwnerKind.MOUNT, "swap", _on(f"swap on {path}", disk, swap))


def _on(what: str, disk: Disk, name: str | None) -> str:
    return what if disk.way == name else f"{what}: {disk.way}"


# --- from a block device down to functions ---------------------------------------------------


def _below(
    files: FileTree, ledger: Ledger, name: str, way: str, seen: tuple[str, ...]
) -> Iterator[Disk]:
    path = files.resolve(f"{BLOCK_CLASS}/{name}")
    if path is None or name in seen:
        return
    function = ledger.function_in(path)
    if function is not None:
        yield Disk(function, way)
        return
    for controller in _controllers(files, path):
        function = ledger.function_in(controller)
        if function is not None:
            yield Disk(function, way)
    for lower in _made_of(files, path):
        yield from _below(files, ledger, lower, f"{way} on {lower}", (*seen, name))


def _controllers(files: FileTree, path: str) -> Iterator[str]:
    before, found, after = path.partition("/nvme-subsystem/")
    if not found:
        return
    subsystem = before + found + after.split("/")[0]
    for entry in files.list_dir(subsystem):
        target = files.resolve(f"{subsystem}/{entry}") if _is_controller(entry) else None
        if target is not None:
            yield target


def _is_controller(name: str) -> bool:
    return name.startswith("nvme") and name[4:].isdigit()


def _made_of(files: FileTree, path: str) -> tuple[str, ...]:
    # A partition has no slaves of its own: they are those of the disk above it.
    lower = files.list_dir(f"{path}/slaves") or files.list_dir(f"{path.rpartition('/')[0]}/slaves")
    backing = files.read_text(f"{path}/loop/backing_file") or ""
    # A file on a mounted file system: that mount counts already.
    name = _name_of_node(files, backing) if backing.startswith(_DEV) else None
    return (*lower, *((name,) if name else ()))


# --- mounts ----------------------------------------------------------------------------------


def _read_mounts(files: FileTree, ledger: Ledger) -> list[Mount]:
    found: dict[tuple[str, str], Mount] = {}
    for path in _MOUNTINFO:
        try:
            text = files.read_text(path) or ""
        except PermissionDenied:
            continue
        for mount in parse_mountinfo(text):
            found.setdefault((mount.device, mount.mount_point), mount)
    if not found:
        ledger.note("what is mounted could not be seen")
    return _once_each(found.values())


# A file system is often mounted in many places (containers, bind mounts): its whole counts before
# a part of it, and the shortest path is the one that people know.
def _once_each(mounts: Iterable[Mount]) -> list[Mount]:
    best: dict[tuple[str, str], Mount] = {}
    for mount in mounts:
        key = (mount.device, mount.source)
        if key not in best or _rank(mount) < _rank(best[key]):
            best[key] = mount
    return list(best.values())


def _rank(mount: Mount) -> tuple[bool, int]:
    return mount.root != "/", len(mount.mount_point)


def _note_what_cannot_be_followed(ledger: Ledger, mounts: Iterable[Mount]) -> None:
    unknown = sorted({mount.source for mount in mounts if mount.fstype in _UNKNOWN})
    if unknown:
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        what = f"which disks ZFS has for {unknown[0]}{more}"
        ledger.note(f"{what} cannot be seen; 'zpool status' says")


def _block_devices(files: FileTree, mount: Mount) -> tuple[str, ...]:
    if not mount.device.startswith(_ANONYMOUS):
        path = files.resolve(f"{_NUMBERS}/{mount.device}")
        return () if path is None else (path.rpartition("/")[2],)
    if mount.fstype not in _BY_SOURCE:
        return ()
    names = [_name_of_node(files, source) for source in mount.source.split(":")]
    known = tuple(name for name in names if name is not None)
    return tuple(dict.fromkeys(each for name in known for each in _siblings(files, name)))


# All block devices of the btrfs that has one of that name.
def _siblings(files: FileTree, name: str) -> tuple[str, ...]:
    for uuid in files.list_dir(_BTRFS):
        members = files.list_dir(f"{_BTRFS}/{uuid}/devices")
        if name in members:
            return members
    return (name,)


def _name_of_node(files: FileTree, path: str) -> str | None:
    if not path.startswith(_DEV):
        return None
    name = (files.resolve(path) or path).rpartition("/")[2]
    return name if files.exists(f"{BLOCK_CLASS}/{name}") else None
