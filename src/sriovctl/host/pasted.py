"""The door to what somebody pasted: a dump of ``lspci``, or a kernel log, as a file."""

from __future__ import annotations

import errno
import os
import sys

from sriovctl.errors import InputError

_MOST = 128 << 20  # a host with 10 000 functions dumps 130 MB as -xxxx: more is no dump
_BOMS = ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"), (b"\xef\xbb\xbf", "utf-8"))


def name_of_source(path: str) -> str:
    """Name a file for a person.  Pure."""
    return "standard input" if path == "-" else path


def read_pasted_text(path: str) -> str:
    """Read a whole text file; ``-`` is standard input.

    Text saved on Windows (UTF-16, byte order marks) is understood; bytes that are no UTF-8 are
    replaced, for a dump may hold anything in a name.

    :raises InputError: it cannot be read, is far too big, or is no text.
    """
    name = name_of_source(path)
    try:
        data = _read(path)
    except OSError as exc:
        raise InputError(f"cannot be read: {exc.strerror or exc}", subject=name) from exc
    if len(data) > _MOST:
        raise InputError(f"is bigger than {_MOST >> 20} MiB", subject=name)
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    if data.startswith(b"\x1f\x8b"):
        raise InputError("is compressed", subject=name, hint="uncompress it first")
    if b"\0" in data:
        raise InputError("is not text", subject=name, hint="give plain text")
    return data.decode("utf-8", "replace")


def _read(path: str) -> bytes:
    if path == "-":
        return sys.stdin.buffer.read(_MOST + 1)
    if os.path.isdir(path):
        raise IsADirectoryError(errno.EISDIR, "it is a directory")
    with open(path, "rb") as file:
        return file.read(_MOST + 1)
