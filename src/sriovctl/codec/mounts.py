"""What ``/proc/PID/mountinfo`` and ``/proc/swaps`` say.  Pure.

Source: kernel ``Documentation/filesystems/proc.rst``, section 3.5; ``fs/proc_namespace.c``
(``show_mountinfo()``), ``mm/swapfile.c`` (``swap_show()``).
"""

from __future__ import annotations

from sriovctl.model.record import NamedTuple

_ESCAPE = r"\\([0-7]{3})"  # space, tab, newline, # and the backslash itself


class Mount(NamedTuple):
    """One line of ``mountinfo``."""

    device: str  # "259:1"; "0:…" for a file system that is on no single block device
    root: str  # which part of the file system: a bind mount, a namespace's handle
    mount_point: str
    fstype: str
    source: str  # as it was given to mount: /dev/nvme0n1p1, tank/home, none


def parse_mountinfo(text: str) -> tuple[Mount, ...]:
    """Read the lines of ``mountinfo``; those of another form are passed over.  Pure."""
    found = (_parse_mount(line) for line in text.splitlines())
    return tuple(mount for mount in found if mount is not None)


def _parse_mount(line: str) -> Mount | None:
    # Optional fields of any number stand before the lone dash.
    head, dash, tail = line.partition(" - ")
    fields, end = head.split(" "), tail.split(" ")
    if not dash or len(fields) < 5 or len(end) < 2:
        return None
    root, mount_point, source = map(_unescape, (fields[3], fields[4], end[1]))
    return Mount(fields[2], root, mount_point, end[0], source)


def parse_swaps(text: str) -> tuple[str, ...]:
    """Read which devices and files ``/proc/swaps`` names.  Pure."""
    return tuple(_unescape(line.split()[0]) for line in text.splitlines()[1:] if line.split())


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    import re

    return re.sub(_ESCAPE, lambda match: chr(int(match[1], 8)), text)
