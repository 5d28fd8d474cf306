"""Read ``/proc/iomem``, the kernel's map of physical addresses."""

from __future__ import annotations

import re

from sriovctl.model.snapshot import ResourceLine

# "  80000000-dfffffff : PCI Bus 0000:00"; below a bridge's own line stands what it forwards.
_BUS_LINE = re.compile(
    r"\s*([0-9a-f]{1,16})-([0-9a-f]{1,16}) : PCI Bus ([0-9a-f]{4,8}):([0-9a-f]{2})\s*"
)
_IORESOURCE_MEM = 0x200  # include/linux/ioport.h


def root_bus_windows(iomem: str) -> dict[tuple[int, int], tuple[ResourceLine, ...]]:
    """Find the memory that each bus gets: (pci_domain, bus) -> windows, ascending.  Pure.

    Buses below bridges are included: which of them are root buses, this file does not tell.  The
    flags say memory only; whether a window is prefetchable stands elsewhere.
    """
    found: dict[tuple[int, int], list[ResourceLine]] = {}
    for match in map(_BUS_LINE.fullmatch, iomem.splitlines()):
        if match is not None:
            start, end, pci_domain, bus = (int(word, 16) for word in match.groups())
            window = ResourceLine(start, end, _IORESOURCE_MEM)
            found.setdefault((pci_domain, bus), []).append(window)
    return {bus: tuple(sorted(windows)) for bus, windows in found.items()}
