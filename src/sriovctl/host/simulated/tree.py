"""A tree of virtual files: directories, links, and attributes that answer when asked."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count

from sriovctl.errors import WedgedError
from sriovctl.host.kernel_errors import NO_SUCH_VALUE, kernel_error, write_error

_MAX_LINKS = 40


def refuse(number: int) -> OSError:
    """Make the error with which a kernel function answers; to be raised."""
    return OSError(number, os.strerror(number))


@dataclass(eq=False, slots=True)
class Attribute:
    """A file whose content is made when it is read.

    :param show: returns the content without the last newline; raises ``OSError`` as the kernel.
    :param store: takes what was written; None for a read-only file.
    """

    show: Callable[[], str | bytes]
    store: Callable[[str], None] | None = None


@dataclass(eq=False, slots=True)
class Link:
    """A symbolic link to an absolute path."""

    target: str


@dataclass(eq=False, slots=True)
class Directory:
    """A directory."""

    children: dict[str, Node] = field(default_factory=dict)
    birth: int = 0


Node = Attribute | Link | Directory


def constant(content: str | bytes) -> Attribute:
    """Make a read-only file that never changes."""
    return Attribute(lambda: content)


def _write_only() -> str:
    raise refuse(errno.EACCES)


def command(store: Callable[[str], None]) -> Attribute:
    """Make a file that can only be written, as ``bind``."""
    return Attribute(_write_only, store)


class VirtualTree:
    """A :class:`sriovctl.host.api.FileTree` in memory."""

    def __init__(self) -> None:
        self._root = Directory()
        self._births = count(1)
        self._failures: dict[str, list[OSError]] = {}
        self._hooks: dict[str, list[Callable[[], None]]] = {}
        self._hanging: set[str] = set()
        self.writes: list[tuple[str, str]] = []  # accepted or not, for tests to count

    # --- making it -----------------------------------------------------------------------

    def add(self, path: str, node: Node) -> None:
        """Put *node* at *path*; missing directories are made."""
        directory, _, name = path.rpartition("/")
        self._make_directory(directory).children[name] = node

    def add_directory(self, path: str) -> None:
        """Make an empty directory, if there is none."""
        self._make_directory(path)

    def remove(self, path: str) -> None:
        """Take away what is at *path*, if anything is."""
        directory, _, name = path.rpartition("/")
        parent = self._find(directory)
        if isinstance(parent, Directory):
            parent.children.pop(name, None)

    def _make_directory(self, path: str) -> Directory:
        here = self._root
        for name in filter(None, path.split("/")):
            child = here.children.get(name)
            if child is None:
                child = here.children[name] = Directory(birth=next(self._births))
            if not isinstance(child, Directory):
                raise TypeError(f"{path} runs through a file or link")
            here = child
        return here

    # --- spoiling it, for tests ----------------------------------------------------------

    def fail(self, path: str, number: int, *, times: int = 1) -> None:
        """Let the next accesses to *path* fail with an errno."""
        self._failures.setdefault(path, []).extend(refuse(number) for _ in range(times))

    def hang(self, path: str) -> None:
        """Let each write to *path* hang in the kernel until it is given up."""
        self._hanging.add(path)

    def before(self, path: str, action: Callable[[], None]) -> None:
        """Call *action* once, just before the next access to *path*."""
        self._hooks.setdefault(path, []).append(action)

    def _meet(self, path: str) -> None:
        if hooks := self._hooks.pop(path, None):
            for hook in hooks:
                hook()
        if failures := self._failures.get(path):
            raise failures.pop(0)

    # --- FileTree ------------------------------------------------------------------------

    def read_text(self, path: str) -> str | None:
        """Read a small attribute; see :class:`sriovctl.host.api.FileTree`."""
        content = self._show(path)
        if isinstance(content, bytes):
            content = content.decode("utf-8", "replace")
        return content

    def read_bytes(self, path: str) -> bytes | None:
        """Read a whole file; see :class:`sriovctl.host.api.FileTree`."""
        content = self._show(path)
        return content.encode() + b"\n" if isinstance(content, str) else content

    def _show(self, path: str) -> str | bytes | None:
        try:
            self._meet(path)
            node = self._find(path)
            if isinstance(node, Directory):
                raise refuse(errno.EISDIR)
            return node.show() if isinstance(node, Attribute) else None
        except OSError as exc:
            if exc.errno in NO_SUCH_VALUE:
                return None
            raise kernel_error(exc, subject=path, action="cannot read") from exc

    def read_link(self, path: str) -> str | None:
        """Last component of a link's target; see :class:`sriovctl.host.api.FileTree`."""
        target = self._target(path)
        return None if target is None else target.rpartition("/")[2]

    def read_links(self, directory: str, names: Sequence[str]) -> tuple[str | None, ...]:
        """Last components of many links' targets; see :class:`sriovctl.host.api.FileTree`."""
        targets = (self._target(f"{directory}/{name}") for name in names)
        return tuple(None if one is None else one.rpartition("/")[2] for one in targets)

    def read_target(self, path: str) -> str | None:
        """Whole target of a link; see :class:`sriovctl.host.api.FileTree`."""
        try:
            self._meet(path)
        except OSError as exc:
            if exc.errno in NO_SUCH_VALUE:
                return None
            raise kernel_error(exc, subject=path, action="cannot read") from exc
        return self._target(path)

    def _target(self, path: str) -> str | None:
        directory, _, name = path.rpartition("/")
        parent = self._find(directory)
        node = parent.children.get(name) if isinstance(parent, Directory) else None
        return node.target if isinstance(node, Link) else None

    def resolve(self, path: str) -> str | None:
        """Absolute path after all links; see :class:`sriovctl.host.api.FileTree`."""
        found = self._walk(path)
        return None if found is None else found[0]

    def list_dir(self, path: str) -> tuple[str, ...]:
        """Names in a directory; see :class:`sriovctl.host.api.FileTree`."""
        try:
            self._meet(path)
        except OSError as exc:
            if exc.errno in NO_SUCH_VALUE:
                return ()
            raise kernel_error(exc, subject=path, action="cannot list") from exc
        node = self._find(path)
        return tuple(sorted(node.children)) if isinstance(node, Directory) else ()

    def exists(self, path: str) -> bool:
        """Say whether the path leads to something."""
        return self._find(path) is not None

    def birth_of(self, path: str) -> int | None:
        """Tell a directory from a later one; see :class:`sriovctl.host.api.FileTree`."""
        node = self._find(path)
        return node.birth if isinstance(node, Directory) else None

    def write_text(self, path: str, text: str) -> None:
        """Write an attribute; see :class:`sriovctl.host.api.FileTree`."""
        self.writes.append((path, text))
        if path in self._hanging:
            raise WedgedError("the kernel did not finish the write in time", subject=path)
        try:
            self._meet(path)
            node = self._find(path)
            if node is None:
                raise refuse(errno.ENOENT)
            # sysfs refuses to open a read-only attribute for writing, to root as well
            # (KERNFS_ROOT_EXTRA_OPEN_PERM_CHECK, fs/kernfs/file.c).
            if not isinstance(node, Attribute) or node.store is None:
                raise refuse(errno.EACCES)
            node.store(text)
        except OSError as exc:
            raise write_error(exc, path=path, value=text, exists=self.exists(path)) from exc

    def write_each(self, writes: Sequence[tuple[str, str]]) -> None:
        """Write several attributes in order; see :class:`sriovctl.host.api.FileTree`."""
        for path, text in writes:
            self.write_text(path, text)

    def _find(self, path: str) -> Node | None:
        found = self._walk(path)
        return None if found is None else found[1]

    def _walk(self, path: str) -> tuple[str, Node] | None:
        pending = path.split("/")[::-1]
        trail: list[tuple[str, Node]] = [("", self._root)]
        links = 0
        while pending:
            name = pending.pop()
            if name in ("", "."):
                continue
            if name == "..":
                trail = trail[:-1] or trail
                continue
            here, node = trail[-1]
            child = node.children.get(name) if isinstance(node, Directory) else None
            if child is None or links > _MAX_LINKS:
                return None
            if isinstance(child, Link):
                links += 1
                trail = trail[:1]
                pending += child.target.split("/")[::-1]
            else:
                trail.append((f"{here}/{name}", child))
        return (trail[-1][0] or "/", trail[-1][1])
