"""Which IOMMU group a new function joins.

A stand-in for the kernel's ``pci_device_group()``, enough for trees without requester-ID aliases:
the path to the root, and functions of one slot.  ``Function.isolated`` stands for the whole of
``pci_acs_enabled()``, quirks and all.
"""

from __future__ import annotations

from collections.abc import Iterable

from sriovctl.host.simulated.functions import Function


def group_to_join(function: Function, others: Iterable[Function]) -> int | None:
    """Return the group that *function* joins; None if it gets one of its own.

    :param others: the functions that are there already.

    Source: kernel ``drivers/iommu/iommu.c``, ``pci_device_group()``.
    """
    candidate = function
    for bridge in _bridges_above(function):
        if _path_is_isolated(bridge):
            break
        candidate = bridge
        if bridge.iommu_group is not None:
            return bridge.iommu_group
    if candidate.isolated or candidate.physfn is not None:
        return None
    for other in others:
        if other is not candidate and _shares_slot(other, candidate) and not other.isolated:
            return other.iommu_group
    return None


def _bridges_above(function: Function) -> Iterable[Function]:
    bridge = function.parent
    while bridge is not None:
        yield bridge
        bridge = bridge.parent


def _path_is_isolated(bridge: Function) -> bool:
    return bridge.isolated and all(above.isolated for above in _bridges_above(bridge))


def _shares_slot(one: Function, other: Function) -> bool:
    return one.address[:3] == other.address[:3] and one.physfn is None
