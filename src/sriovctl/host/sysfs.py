"""The door to real files: sysfs, procfs and the firmware tables, on this host or recorded.

``ls`` on a host with a thousand VFs comes through here ten thousand times, hence bare ``os.open``
and ``os.read``: measured, ``open().read()`` in text mode costs three and a half times as much.
"""

from __future__ import annotations

import errno
import os

from sriovctl.host.kernel_errors import NO_SUCH_VALUE, kernel_error, write_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

WRITE_TIMEOUT_S = 120.0  # creating some hundred VFs takes a minute with some drivers
_PAGE = 4096
_MAX_LINKS = 40  # as many as the kernel follows (MAXSYMLINKS, include/linux/namei.h)


def write_file(path: str, data: bytes) -> None:
    """Write to a file that exists, in one ``write(2)``: for sysfs each write is a command.

    :raises OSError: as the kernel refuses.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, data)
    finally:
        os.close(descriptor)


class SysfsTree:
    """A :class:`sriovctl.host.api.FileTree` on real files.

    :param root: the directory that stands for the host's ``/``.  Below any other directory than
        ``/`` itself, links are followed as if it were the root, so that none leads out of a
        recording; and the tree is taken to stand still (directories are looked up only once).
    """

    def __init__(self, root: str = "/") -> None:
        self._root = os.path.abspath(root).rstrip("/")
        # Host path of a directory -> the same without links; empty and unused on the live host.
        self._directories: dict[str, str | None] = {}

    @property
    def root(self) -> str:
        """The directory that stands for the host's ``/``."""
        return self._root or "/"

    def read_text(self, path: str) -> str | None:
        """Read a small attribute, without its last newline; None if it does not exist.

        None also if the kernel says "not for this device" (EOPNOTSUPP) or "not now" (EINVAL).

        :raises PermissionDenied: the kernel refuses.
        :raises LostError: the device went away during the read.
        :raises HostError: any other failure to read.
        """
        data = self.read_bytes(path)
        return None if data is None else data.decode("utf-8", "replace").removesuffix("\n")

    def read_bytes(self, path: str) -> bytes | None:
        """Read a whole file; None if it does not exist (see :meth:`read_text`).

        Without root the kernel shows only the first 64 bytes of ``config``: no error, a short file.

        :raises PermissionDenied: the kernel refuses.
        :raises LostError: the device went away during the read.
        :raises HostError: any other failure to read.
        """
        real = self._follow(path) if self._root else path
        if real is None:
            return None
        try:
            descriptor = os.open(real, os.O_RDONLY | os.O_CLOEXEC)
            try:
                return _read_all(descriptor, path)
            finally:
                os.close(descriptor)
        except OSError as exc:
            if exc.errno in NO_SUCH_VALUE:
                return None
            raise kernel_error(exc, subject=path, action="cannot read") from exc

    def read_link(self, path: str) -> str | None:
        """Last component of a symbolic link's target; None if there is no such link."""
        real = self._beside(path) if self._root else path
        try:
            return None if real is None else os.readlink(real).rpartition("/")[2]
        except OSError:
            return None

    def read_links(self, directory: str, names: Sequence[str]) -> tuple[str | None, ...]:
        """Last components of many links' targets; see :class:`sriovctl.host.api.FileTree`."""
        if self._root:
            return tuple([self.read_link(f"{directory}/{name}") for name in names])
        try:
            beside = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            return (None,) * len(names)
        try:
            return tuple(_links_in(beside, names))
        finally:
            os.close(beside)

    def read_target(self, path: str) -> str | None:
        """Whole target of a symbolic link, as it is written; None if there is no such link.

        :raises PermissionDenied: the kernel refuses.
        :raises HostError: any other failure.
        """
        real = self._beside(path) if self._root else path
        try:
            return None if real is None else os.readlink(real)
        except OSError as exc:
            if exc.errno in NO_SUCH_VALUE:
                return None
            raise kernel_error(exc, subject=path, action="cannot read") from exc

    def resolve(self, path: str) -> str | None:
        """Return the absolute path, as on the host, after all links; None if nothing is there."""
        if self._root:
            return self._walk(path)
        try:
            return os.path.realpath(path, strict=True)
        except OSError:
            return None

    def list_dir(self, path: str) -> tuple[str, ...]:
        """Names in a directory, sorted; empty if there is no such directory.

        :raises PermissionDenied: the kernel refuses.
        :raises HostError: any other failure.
        """
        real = self._follow(path) if self._root else path
        try:
            return () if real is None else tuple(sorted(os.listdir(real)))
        except OSError as exc:
            if exc.errno in NO_SUCH_VALUE:
                return ()
            raise kernel_error(exc, subject=path, action="cannot list") from exc

    def exists(self, path: str) -> bool:
        """Say whether the path leads to something."""
        real = self._follow(path) if self._root else path
        return real is not None and os.access(real, os.F_OK)

    def birth_of(self, path: str) -> int | None:
        """Inode number; kernfs gives a new directory another one than that before it had."""
        real = self._follow(path) if self._root else path
        try:
            return None if real is None else os.stat(real).st_ino
        except OSError:
            return None

    def write_text(self, path: str, text: str) -> None:
        """Write an attribute in one ``write(2)``: for sysfs each write is a command of its own.

        The attribute must exist; nothing is created.  ENOENT and ENODEV may be the driver's answer
        rather than "it is gone" (``sriov_numvfs`` without a driver, ``bind`` with autoprobe off):
        then they are a plain ``HostError``.

        :raises LostError: the attribute (or its device) is not there.
        :raises BusyError: EBUSY.
        :raises PermissionDenied: EPERM or EACCES.
        :raises HostError: any other errno, in the evidence.
        """
        real = self._follow(path) if self._root else path
        try:
            if real is None:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            self._write(real, text.encode())
        except OSError as exc:
            raise write_error(exc, path=path, value=text, exists=self.exists(path)) from exc

    def write_each(self, writes: Sequence[tuple[str, str]]) -> None:
        """Write several attributes in order, up to the first that is refused.

        :raises SriovctlError: for that one, as :meth:`write_text` does.
        """
        for path, text in writes:
            self.write_text(path, text)

    def _write(self, real: str, data: bytes) -> None:
        write_file(real, data)

    # Below a root of our own the links must be followed by hand: the kernel would follow an
    # absolute one from the real root (openat2's RESOLVE_IN_ROOT is not in Python's os).

    def _beside(self, path: str) -> str | None:
        """Real path of *path* with its directory resolved, but not its last component."""
        directory, _, name = path.rpartition("/")
        if directory not in self._directories:
            self._directories[directory] = self._walk(directory)
        found = self._directories[directory]
        return None if found is None else f"{self._root}{found.rstrip('/')}/{name}"

    def _follow(self, path: str) -> str | None:
        """Real path of *path* after all links."""
        real = self._beside(path)
        if real is not None and (os.path.islink(real) or real.endswith(("/", "/.", "/.."))):
            found = self._walk(path)
            return None if found is None else self._root + found
        return real

    def _walk(self, path: str) -> str | None:
        """Host path of *path* after all links; None if something on the way is missing."""
        pending = path.split("/")[::-1]
        done, links = "", 0
        while pending:
            name = pending.pop()
            if name in ("", "."):
                continue
            if name == "..":
                done = done.rpartition("/")[0]
                continue
            target = self._link_target(f"{done}/{name}")
            if target is None:
                done = f"{done}/{name}"
                continue
            links += 1
            if links > _MAX_LINKS:
                return None
            done = "" if target.startswith("/") else done
            pending += target.split("/")[::-1]
        return (done or "/") if os.path.lexists(self._root + done) else None

    def _link_target(self, host_path: str) -> str | None:
        try:
            return os.readlink(self._root + host_path)
        except OSError:  # not a link, or nothing there: the end of the walk tells which
            return None


# The kernel looks the directory up once, for all: half of what a link costs.
def _links_in(directory: int, names: Sequence[str]) -> list[str | None]:
    found: list[str | None] = []
    for name in names:
        try:
            found.append(os.readlink(name, dir_fd=directory).rpartition("/")[2])
        except OSError:
            found.append(None)
    return found


def _read_all(descriptor: int, path: str) -> bytes:
    chunk = os.read(descriptor, _PAGE)
    # Below /sys a read shorter than a page is the last one: an attribute is at most a page
    # (sysfs_kf_seq_show), a binary file comes in pages (kernfs_file_read_iter).  /proc gives less.
    if len(chunk) < _PAGE and path.startswith("/sys/"):
        return chunk
    chunks = []
    while chunk:
        chunks.append(chunk)
        chunk = os.read(descriptor, 65536)
    return b"".join(chunks)
