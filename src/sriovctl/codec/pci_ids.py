"""Find names in a ``pci.ids`` file.

The file has over a million bytes and a process asks for two or three names, so it is searched
rather than parsed.

Source: the format notes at the head of ``pci.ids``: a vendor's line starts in column 0, its
devices follow with one tab, their subsystems with two.
"""

from __future__ import annotations

import re

_VENDOR_LINE = re.compile(rb"\n[0-9a-zA-Z]")  # also the "C 00" lines of classes, at the end


def find_device_name(data: bytes, vendor_id: str, device_id: str) -> str | None:
    """Find "VENDOR DEVICE"; the vendor alone when the device is unknown.  Pure.

    :param vendor_id: four lower-case hex digits, as *device_id*.
    """
    head = f"\n{vendor_id}  ".encode()
    start = data.find(head)
    if start < 0:
        return None
    vendor, rest = _rest_of_line(data, start + len(head))
    end = _end_of_vendor(data, rest)
    needle = f"\n\t{device_id}  ".encode()
    found = data.find(needle, rest - 1, end)
    if found < 0:
        return vendor
    device, _ = _rest_of_line(data, found + len(needle))
    return f"{vendor} {device}"


def _rest_of_line(data: bytes, start: int) -> tuple[str, int]:
    end = data.find(b"\n", start)
    end = len(data) if end < 0 else end
    return data[start:end].decode("utf-8", "replace").strip(), end + 1


def _end_of_vendor(data: bytes, start: int) -> int:
    following = _VENDOR_LINE.search(data, start - 1)
    return following.start() + 1 if following else len(data)
