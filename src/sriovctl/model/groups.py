"""IOMMU groups with their reasons, as they are shown and explained."""

from __future__ import annotations

from sriovctl.model.address import PCIAddress
from sriovctl.model.record import NamedTuple


class Reason(NamedTuple):
    """Why a group is as it is, for people and programs."""

    code: str  # a sriovctl.topology.groups.JoinCode, or "differs", "unknown", "not-pci"
    hop: PCIAddress | None  # the function that others were joined to
    text: str


class ReasonedGroup(NamedTuple):
    """One group."""

    id: int | None  # None: predicted, and the kernel's numbers cannot be
    members: tuple[str, ...]  # sysfs device names, in address order
    reason: Reason


class UnknownMembers(NamedTuple):
    """Functions of which it cannot be seen whether they share a group."""

    members: tuple[str, ...]
    text: str


class GroupsReport(NamedTuple):
    """All groups of a host."""

    groups: tuple[ReasonedGroup, ...]
    ungrouped: tuple[tuple[str, str], ...] = ()  # function and why it has no group
    unknown: tuple[UnknownMembers, ...] = ()
    assumptions: tuple[str, ...] = ()


GROUP_NEW = "new"
GROUP_CHANGED = "changed"


class GroupChanges(NamedTuple):
    """How groups differ from those before; a group is named by its members."""

    kinds: dict[tuple[str, ...], str]  # "new" or "changed"; others are as they were
    joined: frozenset[str]  # members that were not in that group, or not there
    parted: dict[tuple[str, ...], tuple[str, ...]]  # members that the group had before
    same: int
    gone: int  # groups of which no member is left


NO_CHANGES = GroupChanges({}, frozenset(), {}, same=0, gone=0)


class Remedy(NamedTuple):
    """Something that would part a function from its neighbours."""

    kind: str  # iommu, command-line, firmware, slot, device, kernel, override
    text: str
    value: str | None = None  # exactly what to write, where there is such a thing


class Explanation(NamedTuple):
    """All that can be said about one function's group."""

    address: PCIAddress
    members: tuple[PCIAddress, ...] | None  # by the rules; None: no group, or not known
    kernel_group: int | None
    kernel_members: tuple[PCIAddress, ...] | None  # None: the source does not tell
    reason: Reason | None  # of the group
    sentences: tuple[str, ...]
    remedies: tuple[Remedy, ...]
    differences: tuple[str, ...]  # between the rules and the kernel; empty when they agree
    assumptions: tuple[str, ...]
