"""The limit that memory for VF BARs sets, and what would raise it."""

from __future__ import annotations

import re

from sriovctl.model.capacity import Evidence, Limit, LimitKind
from sriovctl.model.snapshot import FunctionSnapshot, HostSnapshot, ResourceLine
from sriovctl.topology.mmio import (
    VFBAR,
    below_of,
    is_assigned,
    largest_gap,
    parse_iomem,
    vf_bars_of,
    whole_windows,
)
from sriovctl.topology.mmio_log import find_shortage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    Bridges = Sequence[FunctionSnapshot]  # above the PF, the nearest first

_FIRST_WINDOW_LINE = 13  # of a bridge's sysfs ``resource``, from 0
_REFUSAL = 'ENOMEM (Cannot allocate memory), "not enough MMIO resources for SR-IOV"'
_KIB = 1024
_MOST_LINES = 3  # of the log, as evidence
_NO_VF_BAR = Evidence(
    "sysfs resource, lines 8 to 13",
    "no VF BAR has an address: one of 32 bits without one looks like none at all",
)


def mmio_limit(snapshot: HostSnapshot, pf: FunctionSnapshot, *, bridges: Bridges) -> Limit:
    """Say how many VFs have memory for their BARs, as things are now.  Pure.

    :param bridges: above the PF, the nearest first.
    """
    bars = vf_bars_of(snapshot, pf)
    if bars is None:
        said = _said_by_log(snapshot, pf)
        if said:
            return _shortage_in_log(snapshot, pf, said)
        evidence = Evidence("sysfs resource", "not known: a dump does not show sizes")
        return Limit(LimitKind.MMIO, None, (evidence,))
    if not bars:
        return Limit(LimitKind.MMIO, None, (_NO_VF_BAR,))
    missing = tuple(bar for bar in bars if bar.reserved is None)
    if missing:
        return _shortage(snapshot, pf, missing, bridges)
    return _enough(pf, bars, bridges)


def format_size(size: int) -> str:
    """Write a number of bytes with the largest unit that divides it.  Pure."""
    unit = 0
    while size and size % _KIB == 0 and unit < len(_UNITS) - 1:
        size //= _KIB
        unit += 1
    return f"{size} {_UNITS[unit]}"


_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


# --- enough ------------------------------------------------------------------------------------


def _enough(pf: FunctionSnapshot, bars: tuple[VFBAR, ...], bridges: Bridges) -> Limit:
    offered = (pf.config.sriov.total_vfs if pf.config and pf.config.sriov else None) or (
        pf.sriov_total_vfs
    )
    counts = [_count_that_fits(pf, bar) for bar in bars]
    evidence = [_reserved_fact(bar) for bar in bars]
    windows = [_window_fact(bar, bridges) for bar in bars]
    return Limit(
        LimitKind.MMIO,
        min((count for count in counts if count is not None), default=offered),
        (*evidence, *dict.fromkeys(window for window in windows if window)),
    )


def _count_that_fits(pf: FunctionSnapshot, bar: VFBAR) -> int | None:
    # Since 6.17 a VF BAR can be enlarged; what was reserved is then enough for fewer VFs.
    resizable = (pf.config.vf_resizable_bars if pf.config else None) or ()
    size = next((one.size for one in resizable if one.bar_index == bar.bar_index), None)
    assert bar.reserved is not None  # the caller saw to it
    size = size or bar.bytes_per_vf
    return bar.reserved.size // size if size else None


def _reserved_fact(bar: VFBAR) -> Evidence:
    assert bar.reserved is not None  # the caller saw to it
    size = format_size(bar.reserved.size)
    each = f", {format_size(bar.bytes_per_vf)} for each VF" if bar.bytes_per_vf else ""
    place = _range(bar.reserved)
    return Evidence(f"{bar.source} (VF BAR {bar.bar_index})", f"{size} at {place}{each}")


def _window_fact(bar: VFBAR, bridges: Bridges) -> Evidence | None:
    assert bar.reserved is not None  # the caller saw to it
    for line in _windows_of(bridges):
        if is_assigned(line) and line.start <= bar.reserved.start <= line.end:
            return Evidence(f"window of {bridges[0].address}", _range(line))
    return None


def _windows_of(bridges: Bridges) -> tuple[ResourceLine, ...]:
    lines = bridges[0].resources if bridges else None
    return (lines or ())[_FIRST_WINDOW_LINE:]


def _range(line: ResourceLine) -> str:
    return f"{line.start:#x}-{line.end:#x}"


# --- shortage ----------------------------------------------------------------------------------


def _shortage(
    snapshot: HostSnapshot,
    pf: FunctionSnapshot,
    missing: tuple[VFBAR, ...],
    bridges: Bridges,
) -> Limit:
    offered = pf.config.sriov.total_vfs if pf.config and pf.config.sriov else pf.sriov_total_vfs
    evidence = tuple(_missing_fact(bar, offered) for bar in missing)
    gap, room = _room(snapshot, pf, missing, bridges)
    fits = None if gap is None else gap >= _needed(missing, offered, bridges)
    return Limit(
        LimitKind.MMIO,
        0,
        (*evidence, room),
        remedy=_remedy(snapshot, missing, fits=fits),
        max_vfs_after=offered if fits else None,
        refusal=_REFUSAL,
    )


def _said_by_log(snapshot: HostSnapshot, pf: FunctionSnapshot) -> tuple[str, ...]:
    # VFs that are on have their memory, whatever an older line says.
    sriov = pf.config.sriov if pf.config else None
    if sriov is not None and sriov.vf_enable and sriov.num_vfs:
        return ()
    return find_shortage(snapshot.kernel_log or (), pf.address)


def _shortage_in_log(snapshot: HostSnapshot, pf: FunctionSnapshot, said: tuple[str, ...]) -> Limit:
    sriov = pf.config.sriov if pf.config else None
    bars = tuple(
        VFBAR(bar.bar_index, None, None, bar.prefetchable, bar.width, "SR-IOV capability")
        for bar in (sriov.vf_bars if sriov else ())
    )
    return Limit(
        LimitKind.MMIO,
        0,
        tuple(Evidence("kernel log", line) for line in said[:_MOST_LINES]),
        remedy=_remedy(snapshot, bars, fits=None),
        refusal=_REFUSAL,
    )


def _missing_fact(bar: VFBAR, offered: int | None) -> Evidence:
    kind = f"{bar.width}-bit {'' if bar.prefetchable else 'non-'}prefetchable"
    if bar.bytes_per_vf is None or not offered:
        return Evidence(f"sysfs resource, line {bar.bar_index + 8}", f"unassigned, {kind}")
    size = format_size(bar.bytes_per_vf * offered)
    each = f"{format_size(bar.bytes_per_vf)} for each of {offered} VFs"
    where = "anywhere" if bar.may_lie_anywhere else "below 4 GiB"
    return Evidence(
        f"sysfs resource, line {bar.bar_index + 8} (VF BAR {bar.bar_index})",
        f"unassigned; {kind}, needs {size} {where} ({each})",
    )


def _room(
    snapshot: HostSnapshot,
    pf: FunctionSnapshot,
    missing: tuple[VFBAR, ...],
    bridges: Bridges,
) -> tuple[int | None, Evidence]:
    regions = parse_iomem(snapshot.iomem or "")
    # The buses above the PF, from its own to the root bus.
    buses = [pf.address.bus, *(bridge.address.bus for bridge in bridges)]
    root_bus, port_bus = buses[-1], buses[-2] if bridges else buses[-1]
    gap = largest_gap(
        regions,
        pci_domain=pf.address.pci_domain,
        root_bus=root_bus,
        port_bus=port_bus,
        below=min(below_of(bar) for bar in missing),
    )
    if gap is None:
        return None, Evidence("iomem", "the host bridge's windows are not shown (root only)")
    return gap, Evidence("iomem", f"largest gap that could serve: {format_size(gap)}")


def _needed(missing: tuple[VFBAR, ...], offered: int | None, bridges: Bridges) -> int:
    wanted = sum((bar.bytes_per_vf or 0) * (offered or 0) for bar in missing)
    # What already lies in the windows of the port above moves along.
    windows = _windows_of(bridges)
    present = max((line.size for line in windows if is_assigned(line)), default=0)
    return whole_windows(wanted + present)


def _remedy(snapshot: HostSnapshot, missing: tuple[VFBAR, ...], *, fits: bool | None) -> str:
    cmdline = snapshot.cmdline or ""
    if fits is False:
        return _FIRMWARE_ANY if all(bar.may_lie_anywhere for bar in missing) else _FIRMWARE_LOW
    if re.search(r"\bpci=\S*realloc=off\b", cmdline):
        return "boot without pci=realloc=off: the kernel then lays the windows out anew"
    if re.search(r"\bpci=\S*realloc(?!=off)", cmdline):
        return _FIRMWARE_ANY if all(bar.may_lie_anywhere for bar in missing) else _FIRMWARE_LOW
    return "boot with pci=realloc: the kernel then lays the bridges' windows out anew"


_FIRMWARE_ANY = (
    "switch 'Above 4G Decoding' on in the firmware, or raise 'MMIO High Size': this VF BAR may lie "
    "above 4 GiB"
)
_FIRMWARE_LOW = (
    "make room below 4 GiB: lower 'TOLUD' (max. DRAM below 4 GiB) or raise 'MMIO Low Size' in the "
    "firmware, remove other cards, or move this one; pci=nocrs is the last resort"
)
