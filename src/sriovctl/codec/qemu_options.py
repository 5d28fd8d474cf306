"""Values of QEMU's options: ``driver,key=value``, with commas in values doubled.  Pure.

Source: QEMU ``util/qemu-option.c`` (``opts_do_parse()``, ``get_opt_value()``).
"""

from __future__ import annotations

import re

# A comma that is not one of a pair; pairs count from the left.
_PARTS = re.compile(r"((?:[^,]|,,)*)(?:,|$)")


def parse_qemu_options(text: str) -> tuple[tuple[str, str | None], ...]:
    """Read ``driver,key=value,flag``: pairs of key and value; None: no ``=``, as of a flag.

    The first without ``=`` is the driver, as ``-device`` takes it.
    """
    pairs = [_pair(part) for part in _split(text)]
    if pairs and pairs[0][1] is None:
        pairs[0] = ("driver", pairs[0][0])
    return tuple(pairs)


def _split(text: str) -> list[str]:
    parts, position = [], 0
    while position < len(text):
        match = _PARTS.match(text, position)
        assert match is not None  # it matches the empty string
        parts.append(match[1])
        position = match.end()
    return parts


def _pair(part: str) -> tuple[str, str | None]:
    key, equals, value = part.partition("=")
    return key, value.replace(",,", ",") if equals else None


def format_qemu_options(pairs: tuple[tuple[str, str | None], ...]) -> str:
    """Write what :func:`parse_qemu_options` reads; a driver stands first, without its key."""
    return ",".join(_format_pair(key, value) for key, value in pairs)


def _format_pair(key: str, value: str | None) -> str:
    if value is None:
        return key
    written = value.replace(",", ",,")
    return written if key == "driver" else f"{key}={written}"
