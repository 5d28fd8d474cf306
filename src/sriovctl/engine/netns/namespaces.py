"""Which network namespaces there are, and which one somebody means.

They are found by their processes, and by their handles that are mounted somewhere, as ``ip netns``
and container engines do it.  One that only an open file keeps alive is not found.
"""

from __future__ import annotations

from sriovctl.codec.mounts import parse_mountinfo
from sriovctl.errors import InputError, PermissionDenied
from sriovctl.model.netns import Namespace
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sriovctl.host.api import FileTree

PROC = "/proc"
_NAMED_HERE = "/run/netns/"
_SHOWN = 12  # names in a hint


class Namespaces(NamedTuple):
    """All namespaces but this process's own."""

    own: str | None  # handle
    others: tuple[Namespace, ...]
    hidden: int  # processes that may not be looked into

    def with_handle(self, handle: object) -> Namespace | None:
        """Return the namespace that a handle stands for; None: it cannot be seen."""
        return next((one for one in self.others if one.handle == handle), None)


def read_namespaces(files: FileTree) -> Namespaces:
    """Find all network namespaces that a process or a mount keeps alive."""
    own = files.read_target(f"{PROC}/self/ns/net")
    mounted = _mounted(files)
    peopled, hidden = _peopled(files)
    found = (
        Namespace(handle, tuple(mounted.get(handle, ())), tuple(peopled.get(handle, ())))
        for handle in {**mounted, **peopled}
        if handle != own
    )
    return Namespaces(own, tuple(found), hidden)


def _mounted(files: FileTree) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for mount in parse_mountinfo(files.read_text(f"{PROC}/self/mountinfo") or ""):
        if mount.fstype == "nsfs" and mount.root.startswith("net:["):
            found.setdefault(mount.root, []).append(mount.mount_point)
    return found


def _peopled(files: FileTree) -> tuple[dict[str, list[str]], int]:
    found: dict[str, list[str]] = {}
    hidden = 0
    for pid in sorted(filter(str.isdigit, files.list_dir(PROC)), key=int):
        try:
            handle = files.read_target(f"{PROC}/{pid}/ns/net")
        except PermissionDenied:
            hidden += 1
            continue
        if handle is not None:
            found.setdefault(handle, []).append(pid)
    return found, hidden


def name_of(files: FileTree, namespace: Namespace) -> str:
    """Name a namespace as in ``/run/netns``, else by its container, else by its first process."""
    for mount_point in namespace.mount_points:
        if mount_point.startswith(_NAMED_HERE):
            return mount_point.removeprefix(_NAMED_HERE)
    from sriovctl.codec.cgroup import container_in_cgroup

    for pid in namespace.pids[:1]:
        container = container_in_cgroup(files.read_text(f"{PROC}/{pid}/cgroup") or "")
        return container or f"pid-{pid}"
    return namespace.mount_points[0].rpartition("/")[2]


# --- which one is meant ----------------------------------------------------------------------


def find_namespace(files: FileTree, text: str) -> Namespace:
    """Find the namespace that is meant: by name, process, container or path.

    :raises InputError: there is none such, several, or it is this one.
    :raises PermissionDenied: that process may not be looked into.
    """
    known = read_namespaces(files)
    handle = _handle_of(files, known, text)
    if handle is not None and handle == known.own:
        raise InputError(
            "is the network namespace of this host itself",
            subject=text,
            hint="'sriovctl netns detach VF' brings a VF here",
        )
    found = known.with_handle(handle)
    if found is None:
        raise InputError("there is no such network namespace", subject=text, hint=_hint(known))
    return found._replace(name=name_of(files, found))


# In this order, as ``ip link set … netns`` does: a name may consist of digits.
def _handle_of(files: FileTree, known: Namespaces, text: str) -> str | None:
    if "/" in text:
        return _handle_at(files, known, text)
    for namespace in known.others:
        if f"{_NAMED_HERE}{text}" in namespace.mount_points:
            return namespace.handle
    pid = text.removeprefix("pid-")
    if pid.isdigit() and files.exists(f"{PROC}/{pid}"):
        return files.read_target(f"{PROC}/{pid}/ns/net")
    return _handle_of_container(files, known, text)


def _handle_at(files: FileTree, known: Namespaces, path: str) -> str | None:
    target = files.read_target(path)
    if target is not None and target.startswith("net:["):
        return target
    wanted = {path, files.resolve(path)}
    return next((one.handle for one in known.others if wanted & set(one.mount_points)), None)


def _handle_of_container(files: FileTree, known: Namespaces, text: str) -> str | None:
    found = [one.handle for one in known.others if _is_called(files, one, text)]
    if len(found) > 1:
        raise InputError(
            f"is the name of {len(found)} network namespaces",
            subject=text,
            hint="name it by the id of one of its processes",
        )
    return found[0] if found else None


# An engine shows an id in short, and its files have it in full.
def _is_called(files: FileTree, namespace: Namespace, text: str) -> bool:
    name = name_of(files, namespace)
    return text == name or (len(name) == 12 and len(text) == 64 and text.startswith(name))


def _hint(known: Namespaces) -> str:
    names = sorted(_named(known.others))
    if not names:
        return "none has a name: 'ip netns add NAME' makes one; or give the id of a process"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"there are {', '.join(names[:_SHOWN])}{more}; or give the id of a process"


def _named(namespaces: Sequence[Namespace]) -> Iterator[str]:
    for namespace in namespaces:
        for mount_point in namespace.mount_points:
            if mount_point.startswith(_NAMED_HERE):
                yield mount_point.removeprefix(_NAMED_HERE)
