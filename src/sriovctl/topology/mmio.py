"""Memory for the BARs of VFs: what is assigned, what is missing, where there would be room.

Theory of operation.  For each VF BAR the kernel reserves its size times TotalVFs, all or nothing,
somewhere in the windows of the bridges above.  A VF BAR that is 64 bits wide and prefetchable
goes to a bridge's prefetchable window, which may lie anywhere; every other kind must go to the
other window, below 4 GiB.  What did not fit stays unassigned, and then no VF at all is possible.

Source: kernel ``drivers/pci/iov.c`` (``sriov_init()``, ``sriov_enable()``), ``setup-bus.c``.
"""

from __future__ import annotations

import re

from sriovctl.model.address import PCIAddress
from sriovctl.model.capabilities import BAR
from sriovctl.model.record import NamedTuple
from sriovctl.model.snapshot import FunctionSnapshot, HostSnapshot, ResourceLine

FIRST_VF_BAR_LINE = 7  # of sysfs ``resource``, from 0: 6 BARs and the ROM come before
VF_BARS = 6

# include/linux/ioport.h
_PREFETCHABLE = 0x2000
_MEMORY_64 = 0x100000
_UNSET = 0x20000000

_4_GIB = 1 << 32
_MIB = 1 << 20  # granularity of a bridge's windows

_IOMEM_LINE = re.compile(r"( *)([0-9a-f]+)-([0-9a-f]+) : (.*)")
# In the order of their words: since 6.9 "VF BAR 0 [mem …]: contains BAR 0 for 127 VFs", before
# "VF(n) BAR0 space: [mem …] (contains BAR0 for 127 VFs)".
_CONTAINS = re.compile(
    r"VF(?:\(n\))? BAR ?(\d)(?: space:)? \[mem 0x0+-0x([0-9a-f]+)([^]]*)\].*contains BAR"
)


class VFBAR(NamedTuple):
    """One VF BAR of a PF, as far as it can be seen."""

    bar_index: int
    bytes_per_vf: int | None
    reserved: ResourceLine | None  # None: not assigned
    prefetchable: bool
    width: int  # bits
    source: str  # where the size was read

    @property
    def may_lie_anywhere(self) -> bool:
        """Whether a bridge can forward it from above 4 GiB."""
        return self.prefetchable and self.width == 64


class Region(NamedTuple):
    """One line of ``/proc/iomem``; addresses inclusive."""

    depth: int
    start: int
    end: int
    name: str


def vf_bars_of(snapshot: HostSnapshot, pf: FunctionSnapshot) -> tuple[VFBAR, ...] | None:
    """Collect what is known of a PF's VF BARs; None where the source does not show sizes.  Pure."""
    lines = pf.resources
    if lines is None or len(lines) < FIRST_VF_BAR_LINE + VF_BARS:
        return None
    sriov = pf.config.sriov if pf.config else None
    registers = {bar.bar_index: bar for bar in sriov.vf_bars} if sriov else {}
    logged = _logged_bars(snapshot.kernel_log or (), pf.address)
    total = (sriov.total_vfs if sriov else pf.sriov_total_vfs) or 0
    found = (
        _vf_bar(index, lines[FIRST_VF_BAR_LINE + index], registers.get(index), logged, total)
        for index in range(VF_BARS)
    )
    return tuple(bar for bar in found if bar is not None)


def _vf_bar(
    index: int, line: ResourceLine, register: BAR | None, logged: dict[int, BAR], total: int
) -> VFBAR | None:
    if is_assigned(line):
        size = _size_of_one(line.size, total)
        width = 64 if line.flags & _MEMORY_64 else 32
        prefetchable = bool(line.flags & _PREFETCHABLE)
        source = f"sysfs resource, line {FIRST_VF_BAR_LINE + index + 1}"
        return VFBAR(index, size, line, prefetchable, width, source)
    known = logged.get(index) or register
    if known is None:
        return None
    reservation = logged[index].size if index in logged else None
    size = (_size_of_one(reservation, total) if reservation else None) or known.size
    source = "kernel log" if index in logged else "SR-IOV capability"
    return VFBAR(index, size, None, known.prefetchable, known.width, source)


def _size_of_one(reserved: int, total: int) -> int | None:
    # A BAR's size is a power of two.  Without root TotalVFs cannot be read, and what the driver
    # allows in its stead may be fewer: Intel's keep one for the PF.
    each = reserved // total if total else 0
    return 1 << each.bit_length() - 1 if each else None


def is_assigned(line: ResourceLine) -> bool:
    """Say whether a line of ``resource`` has an address.  Pure."""
    # Since 6.1x a resource that found no place may keep its flags and show its size from 0 on.
    return line.size > 0 and line.start > 0 and not line.flags & _UNSET


def _logged_bars(log: tuple[str, ...], address: PCIAddress) -> dict[int, BAR]:
    # The size here is that of the whole reservation.
    bars: dict[int, BAR] = {}
    for line in log:
        match = _CONTAINS.search(line) if f"{address}:" in line else None
        if match is not None:
            index, last, kind = int(match[1]), int(match[2], 16), match[3]
            width = 64 if "64bit" in kind else 32
            bars[index] = BAR(index, None, width, "pref" in kind, size=last + 1)
    return bars


# --- where there would be room -------------------------------------------------------------


def parse_iomem(text: str) -> tuple[Region, ...]:
    """Read ``/proc/iomem``.  Without root all addresses in it are 0: then nothing.  Pure."""
    matches = (_IOMEM_LINE.fullmatch(line) for line in text.splitlines())
    regions = tuple(
        Region(len(match[1]) // 2, int(match[2], 16), int(match[3], 16), match[4])
        for match in matches
        if match is not None
    )
    return regions if any(region.end for region in regions) else ()


def largest_gap(
    regions: tuple[Region, ...], *, pci_domain: int, root_bus: int, port_bus: int, below: int
) -> int | None:
    """Work out the largest free stretch of a host bridge's memory, in bytes.  Pure.

    The windows of the port above the PF count as free: the kernel moves them when it lays out
    anew.

    :param port_bus: bus behind the root port.
    :param below: count only what lies below this address.
    :return: None if the host bridge's windows are not shown.
    """
    bridge_name = f"PCI Bus {pci_domain:04x}:{root_bus:02x}"
    port_name = f"PCI Bus {pci_domain:04x}:{port_bus:02x}"
    windows = [region for region in regions if region.name == bridge_name]
    if not windows:
        return None
    return max(_gap_in(window, regions, port_name, below) for window in windows)


def _gap_in(window: Region, regions: tuple[Region, ...], port_name: str, below: int) -> int:
    end = min(window.end, below - 1)
    taken = [
        region
        for region in regions
        if region.depth == window.depth + 1
        and window.start <= region.start <= window.end
        and region.name != port_name
    ]
    best, free_from = 0, window.start
    for region in sorted(taken, key=lambda region: region.start):
        best = max(best, _whole_mib(free_from, min(region.start, end + 1)))
        free_from = max(free_from, region.end + 1)
    return max(best, _whole_mib(free_from, end + 1))


def _whole_mib(start: int, end: int) -> int:
    return max(0, end // _MIB * _MIB - (start + _MIB - 1) // _MIB * _MIB)


def below_of(bar: VFBAR) -> int:
    """Highest address, exclusive, at which a bridge can forward a VF BAR.  Pure."""
    return 1 << 64 if bar.may_lie_anywhere else _4_GIB


def whole_windows(size: int) -> int:
    """Round *size* up to what a bridge's window can have.  Pure."""
    return (size + _MIB - 1) // _MIB * _MIB
