"""The door to configuration files: several are changed together, or none.

How a change survives what may happen to it:

- *Disk full, read-only, no permission*: every file is written beside its place and synced before
  the first one takes its name.  What fails there leaves nothing behind.
- *A failure later on*: what was there before is put back.
- *kill -9, power cut*: each name holds the old file or the new one, never half of it; which of
  them, the caller's manifest must be able to tell.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from contextlib import contextmanager, suppress

from sriovctl.errors import BusyError, SriovctlError
from sriovctl.host.kernel_errors import kernel_error
from sriovctl.host.sysfs import SysfsTree
from sriovctl.model.persistence import Entry, EntryKind
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# What is not yet in its place has this in its name, which no reader of these directories takes.
_SUFFIX = ".sriovctl-new"
_NOTHING_DONE = {
    errno.ENOSPC: "the disk is full; nothing was changed",
    errno.EDQUOT: "the disk quota is used up; nothing was changed",
    errno.EROFS: "the file system is read-only; nothing was changed",
    errno.EACCES: "run as root; nothing was changed",
    errno.EPERM: "run as root; nothing was changed",
}


class RootedFiles:
    """A :class:`sriovctl.host.boot_api.ConfigFiles`.

    :param root: directory that stands for the host's ``/``; links below it do not lead out of it.
    """

    def __init__(self, root: str = "/") -> None:
        self._root = os.path.abspath(root).rstrip("/")

    @property
    def root(self) -> str:
        """The directory that stands for ``/``."""
        return self._root or "/"

    def _real(self, path: str) -> str:
        # The name itself is not followed, the directories before it are: in an image /etc may be
        # an absolute link, and /lib is one to usr/lib.
        if not self._root:
            return path
        directory, _, name = path.rpartition("/")
        missing: list[str] = []
        while (found := SysfsTree(self._root).resolve(directory or "/")) is None:
            directory, _, above = directory.rpartition("/")
            missing.insert(0, above)
        return "/".join((self._root + found.rstrip("/"), *missing, name))

    def look(self, path: str) -> Entry | None:
        """Read what stands under a name; None if there is nothing."""
        real = self._real(path)
        try:
            mode = os.lstat(real).st_mode
            if stat.S_ISLNK(mode):
                return Entry(path, os.readlink(real), EntryKind.LINK)
            if not stat.S_ISREG(mode):
                return Entry(path, "", EntryKind.OTHER)
            with open(real, encoding="utf-8", errors="surrogateescape", newline="") as file:
                return Entry(path, file.read())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise kernel_error(error, subject=path, action="cannot read") from error

    def read_through(self, path: str) -> str | None:
        """Read a file, links followed; None if there is none."""
        data = SysfsTree(self._root or "/").read_bytes(path)
        return None if data is None else data.decode("utf-8", "surrogateescape")

    def list_dir(self, path: str) -> tuple[str, ...]:
        """Names in a directory, sorted."""
        return SysfsTree(self._root or "/").list_dir(path)

    def is_executable(self, path: str) -> bool:
        """Say whether there is a program of that name."""
        found = SysfsTree(self._root or "/").resolve(path)
        real = None if found is None else self._root + found
        return real is not None and os.path.isfile(real) and os.access(real, os.X_OK)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keep other sriovctl processes from changing these files meanwhile."""
        # The root itself is the lock: it is there before anything is made.
        handle = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._lock(handle)
            yield
        finally:
            os.close(handle)

    def _lock(self, handle: int) -> None:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(
                "another sriovctl is changing what is kept for the next boot",
                subject=self.root,
                hint="wait for it",
            ) from None

    def change(self, steps: Sequence[Entry | str]) -> None:
        """Write entries and remove paths: all of it, or nothing."""
        change = _Change()
        try:
            for step in steps:
                change.stage(step, self._real(_path_of(step)), self.look(_path_of(step)))
            change.perform()
        except BaseException as error:
            change.take_back()
            if isinstance(error, OSError):
                raise _refusal(error, self._root) from error
            raise

    def remove_empty_directory(self, path: str) -> None:
        """Remove a directory if nothing is in it any more."""
        with suppress(OSError):
            os.rmdir(self._real(path))


def _path_of(step: Entry | str) -> str:
    return step.path if isinstance(step, Entry) else step


def _refusal(error: OSError, root: str) -> SriovctlError:
    name = str(error.filename2 or error.filename or root)
    subject = name.removeprefix(root).partition(_SUFFIX)[0]
    refusal = kernel_error(error, subject=subject, action="cannot write")
    refusal.hint = _NOTHING_DONE.get(error.errno or 0, "nothing was changed")
    return refusal


class _Staged(NamedTuple):
    # One step that is ready to be done.
    real: str
    beside: str | None  # what is to take the name; None: the name is to be removed
    before: Entry | None
    mode: int  # of what was there before


class _Change:
    # One run of RootedFiles.change, and the way back.

    def __init__(self) -> None:
        self._steps: list[_Staged] = []
        self._made: list[str] = []  # directories
        self._performed = 0

    def stage(self, step: Entry | str, real: str, before: Entry | None) -> None:
        mode = _mode_of(real)
        if not isinstance(step, Entry):
            self._steps.append(_Staged(real, None, before, mode))
            return
        self._make_directories(os.path.dirname(real))
        # A path may come twice: the manifest stands before and after all others.
        beside = f"{real}{_SUFFIX}{len(self._steps)}"
        with suppress(FileNotFoundError):
            os.unlink(beside)  # of a run that was killed
        self._steps.append(_Staged(real, beside, before, mode))
        try:
            _write(step, beside, mode=mode)
        except OSError as error:
            error.filename = beside  # write(2) and fsync(2) have no name to tell
            raise

    def _make_directories(self, directory: str) -> None:
        missing = []
        while not os.path.isdir(directory):
            missing.append(directory)
            directory = os.path.dirname(directory)
        for one in reversed(missing):
            os.mkdir(one, 0o755)
            self._made.append(one)

    def perform(self) -> None:
        for step in self._steps:
            if step.beside is not None:
                os.replace(step.beside, step.real)
            elif step.before is not None:
                os.unlink(step.real)
            self._performed += 1
        for directory in dict.fromkeys(os.path.dirname(step.real) for step in self._steps):
            if os.path.isdir(directory):
                _sync_directory(directory)

    def take_back(self) -> None:
        # What cannot be put back is told by the manifest; the first error is the one to report.
        for step in reversed(self._steps[: self._performed]):
            with suppress(OSError):
                os.unlink(step.real)
            if step.before is not None:
                with suppress(OSError):
                    _write(step.before, step.real, mode=step.mode)
        for step in self._steps[self._performed :]:
            if step.beside is not None:
                with suppress(OSError):
                    os.unlink(step.beside)
        for directory in reversed(self._made):
            with suppress(OSError):
                os.rmdir(directory)


def _mode_of(real: str) -> int:
    # A file that is replaced keeps its mode.
    try:
        mode = os.lstat(real).st_mode
    except OSError:
        return 0o644
    return stat.S_IMODE(mode) if stat.S_ISREG(mode) else 0o644


def _write(entry: Entry, real: str, *, mode: int) -> None:
    if entry.kind is EntryKind.LINK:
        os.symlink(entry.text, real)
        return
    descriptor = os.open(real, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        file.write(entry.text)
        file.flush()
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)


def _sync_directory(directory: str) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
