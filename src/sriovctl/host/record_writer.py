"""The door through which a recording is written: a directory that is whole, or not there."""

from __future__ import annotations

import errno
import os
import shutil

from sriovctl.errors import HostError, InputError
from sriovctl.host.kernel_errors import kernel_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from sriovctl.errors import SriovctlError


class RecordWriter:
    """Writes host paths below a directory that takes its name only when all is written.

    To be used as a context manager: leaving it by an exception removes what was written.  Files
    and directories are for their owner alone, because a recording names MACs and serials.

    :param directory: must not exist, or be empty.
    """

    def __init__(self, directory: str) -> None:
        self.directory = os.path.abspath(directory)
        self._partial = f"{self.directory}.partial"
        self._made: set[str] = set()
        self._is_complete = False

    def __enter__(self) -> RecordWriter:
        """Make the partial directory.

        :raises InputError: the directory is in use, or cannot be made.
        """
        try:
            if os.path.lexists(self.directory) and not _is_empty_directory(self.directory):
                raise InputError(
                    "exists already", subject=self.directory, hint="name a directory that does not"
                )
            os.mkdir(self._partial, 0o700)
        except OSError as exc:
            raise _cannot_begin(exc, self._partial) from exc
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove what was written, unless :meth:`complete` came first."""
        if not self._is_complete:
            shutil.rmtree(self._partial, ignore_errors=True)

    def add_file(self, path: str, content: bytes) -> None:
        """Write one file.

        :param path: absolute, as on the host.
        :raises HostError: the disk is full, or any other failure.
        """
        real = self._prepare(path)
        try:
            descriptor = os.open(real, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                while content:
                    content = content[os.write(descriptor, content) :]
            finally:
                os.close(descriptor)
        except OSError as exc:
            raise _cannot_write(exc, real) from exc

    def add_link(self, path: str, target: str) -> None:
        """Make one symbolic link; it is relative, so that the recording can be moved.

        :param target: absolute, as on the host.
        :raises HostError: the disk is full, or any other failure.
        """
        real = self._prepare(path)
        try:
            os.symlink(os.path.relpath(target, os.path.dirname(path)), real)
        except OSError as exc:
            raise _cannot_write(exc, real) from exc

    def add_directory(self, path: str) -> None:
        """Make a directory and those above it.

        :raises HostError: the disk is full, or any other failure.
        """
        if path in self._made:
            return
        try:
            os.makedirs(self._partial + path, mode=0o700, exist_ok=True)
        except OSError as exc:
            raise _cannot_write(exc, self._partial + path) from exc
        self._made.add(path)

    def complete(self) -> None:
        """Give the directory its name: from now on the recording is there.

        :raises HostError: somebody made one of that name meanwhile, or any other failure.
        """
        try:
            os.rename(self._partial, self.directory)  # replaces an empty directory, nothing else
        except OSError as exc:
            raise _cannot_write(exc, self.directory) from exc
        self._is_complete = True

    def _prepare(self, path: str) -> str:
        if ".." in path.split("/"):
            raise HostError("a path that leads out of the recording", subject=path)
        self.add_directory(path.rpartition("/")[0])
        return self._partial + path


def _is_empty_directory(path: str) -> bool:
    return os.path.isdir(path) and not os.listdir(path)


def _cannot_begin(exc: OSError, partial: str) -> InputError:
    hints = {
        errno.EEXIST: "another record is running, or one was killed: then remove it",
        errno.ENOENT: "make the directory above it first",
    }
    return InputError(
        f"cannot be made: {exc.strerror}", subject=partial, hint=hints.get(exc.errno or 0)
    )


def _cannot_write(exc: OSError, path: str) -> SriovctlError:
    family = HostError if exc.errno == errno.ENOSPC else None
    return kernel_error(exc, subject=path, action="cannot write the recording", family=family)
