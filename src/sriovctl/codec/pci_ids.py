"""Find names in a ``pci.ids`` file.

The file has over a million bytes and a process asks for two or three names, so it is searched
rather than parsed; without a regular expression, whose import takes longer than the search.

Source: the format notes at the head of ``pci.ids``: a vendor's line starts in column 0, its
devices follow with one tab, their subsystems with two.
"""

from __future__ import annotations


def find_device_name(data: bytes, vendor_id: str, device_id: str) -> str | None:
    """Find "VENDOR DEVICE"; the vendor alone when the device is unknown.  Pure.

    :param vendor_id: four lower-case hex digits, as *device_id*.
    """
    head = f"\n{vendor_id}  ".encode()
    # From the end: CPython's search in that direction takes half of the time, and most makers of
    # SR-IOV cards stand in the second half.
    start = data.rfind(head)
    if start < 0:
        return None
    vendor, rest = _rest_of_line(data, start + len(head))
    needle = f"\n\t{device_id}  ".encode()
    found = data.find(needle, rest - 1)
    if found < 0 or _has_vendor_line(data[rest - 1 : found]):
        return vendor
    device, _ = _rest_of_line(data, found + len(needle))
    return f"{vendor} {device}"


def _rest_of_line(data: bytes, start: int) -> tuple[str, int]:
    end = data.find(b"\n", start)
    end = len(data) if end < 0 else end
    return data[start:end].decode("utf-8", "replace").strip(), end + 1


# Also the "C 00" lines of classes, at the end.
def _has_vendor_line(section: bytes) -> bool:
    others = section.replace(b"\n\t", b"").split(b"\n")[1:]  # all but the lines of devices
    return any(line[:1].isalnum() for line in others)
