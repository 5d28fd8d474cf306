"""Find ids by names in a ``pci.ids`` file: for listings that were made without ``-nn``."""

from __future__ import annotations

import re

_VENDOR = re.compile(rb"^([0-9a-f]{4})  (.*)$", re.MULTILINE)
_DEVICE = re.compile(rb"^\t([0-9a-f]{4})  (.*)$", re.MULTILINE)


class IDIndex:
    """Answers which ids a name stands for.

    :param data: the whole file; may be empty.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        # Vendor's name -> its id and where its devices stand.  Names are not unique: all count.
        self._vendors: dict[str, list[tuple[int, int, int]]] = {}
        self._devices: dict[tuple[int, int], dict[str, set[int]]] = {}
        found = list(_VENDOR.finditer(data))
        for n, match in enumerate(found):
            end = found[n + 1].start() if n + 1 < len(found) else len(data)
            entry = (int(match[1], 16), match.end(), end)
            self._vendors.setdefault(_text(match[2]), []).append(entry)

    def ids_of(self, name: str) -> tuple[int | None, int | None]:
        """Return vendor id and device id of "VENDOR DEVICE".

        None where the name is not known; the lowest where several devices of a vendor share it.
        """
        best: tuple[int | None, int | None] = (None, None)
        for end in range(len(name), 0, -1):
            if end < len(name) and name[end] != " ":
                continue
            vendors = self._vendors.get(name[:end])
            if vendors is None:
                continue
            found = [(v[0], self._device(v, name[end + 1 :])) for v in vendors]
            known = [pair for pair in found if pair[1] is not None]
            if len(known) == 1:
                return known[0]
            if best[0] is None and len(found) == 1:
                best = found[0]
        return best

    def _device(self, vendor: tuple[int, int, int], name: str) -> int | None:
        devices = self._devices.get(vendor[1:])
        if devices is None:
            devices = self._devices[vendor[1:]] = {}
            for match in _DEVICE.finditer(self._data, vendor[1], vendor[2]):
                devices.setdefault(_text(match[2]), set()).add(int(match[1], 16))
        # One name for several ids means variants of one thing, which the kernel treats alike as a
        # rule: the lowest is as good as any, and much better than none.
        return min(devices.get(name, ()), default=None)


def _text(name: bytes) -> str:
    return name.decode("utf-8", "replace").strip()
