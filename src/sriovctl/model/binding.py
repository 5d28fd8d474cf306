"""Which driver has a function, and whether its IOMMU group can be given away."""

from __future__ import annotations

from sriovctl.model.functions import PF, VF
from sriovctl.model.record import NamedTuple


class Binding(NamedTuple):
    """How a function is bound."""

    driver: str | None
    # ``driver_override``: the one driver that may take the function; None: any that claims it.
    override: str | None


class Rebinding(NamedTuple):
    """One VF that is to be bound otherwise."""

    pf: PF
    vf: VF
    now: Binding
    wanted: Binding


class GroupMember(NamedTuple):
    """One function of an IOMMU group."""

    device: str  # sysfs name
    driver: str | None
    hinders: bool  # its driver keeps the group from being given to a guest


class GroupView(NamedTuple):
    """An IOMMU group, as VFIO looks at it before it hands it out."""

    number: str  # as its directory in sysfs is named
    members: tuple[GroupMember, ...]

    @property
    def viable(self) -> bool:
        """Whether no driver of the host has a member."""
        return not any(member.hinders for member in self.members)
