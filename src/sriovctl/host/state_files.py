"""Reading state files: one, all those of a directory, or standard input."""

from __future__ import annotations

import os
import sys

from sriovctl.codec.yaml_text import MAX_CHARACTERS
from sriovctl.errors import InputError

_SUFFIXES = (".yaml", ".yml")
_MOST = MAX_CHARACTERS + 1  # one more than is taken, so that more is refused


def read_state_texts(file: str) -> tuple[tuple[str, str], ...]:
    """Read the files that a state consists of: name and content of each.

    :raises InputError: one cannot be read.
    """
    if file == "-":
        return (("<stdin>", read_text("-", most=_MOST)),)
    names = _files_in(file) if os.path.isdir(file) else [file]
    return tuple((one, read_text(one, most=_MOST)) for one in names)


def _files_in(directory: str) -> list[str]:
    try:
        names = sorted(os.listdir(directory))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", subject=directory) from None
    # A dot in front marks what editors keep beside a file.
    named = [name for name in names if name.endswith(_SUFFIXES) and not name.startswith(".")]
    paths = [os.path.join(directory, name) for name in named]
    files = [path for path in paths if not os.path.isdir(path)]
    if not files:
        raise InputError("holds no *.yaml or *.yml file", subject=directory)
    return files


def read_text(file: str, *, most: int) -> str:
    """Read a text file, or standard input (``-``): so many characters at most.

    :raises InputError: it cannot be read, or is no text.
    """
    try:
        if file == "-":
            return sys.stdin.read(most)
        with open(file, encoding="utf-8") as stream:
            return stream.read(most)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", subject=file) from None
    except UnicodeDecodeError:
        raise InputError("is not UTF-8 text", subject=file) from None
