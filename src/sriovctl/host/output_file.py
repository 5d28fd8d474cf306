"""The door through which a result is written to a file of the user's: whole, or not at all."""

from __future__ import annotations

import os
import stat

from sriovctl.errors import InputError
from sriovctl.host.kernel_errors import kernel_error


def write_output_file(path: str, text: str, *, mode: int = 0o666) -> None:
    """Write *text* so that a reader finds the old file or the new one, never half of it.

    A link is followed; a pipe or a terminal is written to as it is, because it has no name that
    another file could take over.

    :param mode: of a file; the user's umask takes more away.
    :raises InputError: there is no such directory, it may not be written, or is full.
    """
    try:
        # Asked of the path itself: /dev/stdout leads to a pipe whose "real path" is no path.
        if os.path.exists(path) and not stat.S_ISREG(os.stat(path).st_mode):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        else:
            _replace(os.path.realpath(path), text, mode)
    except OSError as exc:
        raise kernel_error(exc, subject=path, action="cannot write", family=InputError) from exc


def _replace(target: str, text: str, mode: int) -> None:
    # In the same directory: a name can be taken over only within one file system.
    partial = f"{target}.{os.getpid()}.partial"
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(partial, target)
    except BaseException:
        os.unlink(partial)
        raise
