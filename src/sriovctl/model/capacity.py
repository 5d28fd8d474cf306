"""How many VFs a PF can have here, and what says so.

``None`` means "not known": a dump of config space knows neither the driver nor the size of a BAR.
"""

from __future__ import annotations

from enum import StrEnum

from sriovctl.model.address import PCIAddress
from sriovctl.model.record import NamedTuple


class LimitKind(StrEnum):
    """What can limit the number of VFs, in the order in which the kernel meets it."""

    KERNEL = "kernel"  # the kernel does not take the function for a PF at all
    SRIOV_TOTALVFS = "sriov-totalvfs"  # what the driver allows
    DRIVER = "driver"  # none bound, or one that cannot create VFs
    INITIAL_VFS = "initial-vfs"  # the card's registers contradict each other
    TOTAL_VFS = "total-vfs"  # what the card offers
    MMIO = "mmio"  # memory for the VF BARs
    BUS_NUMBERS = "bus-numbers"  # routing IDs of the VFs
    DEPENDENCY_LINK = "dependency-link"  # the PF needs another PF that is not there


class Evidence(NamedTuple):
    """One value that was read, and where."""

    source: str  # register, sysfs file or line, or where it was worked out from
    value: str


class Limit(NamedTuple):
    """One limit.  Only those that could be looked at are listed with a number."""

    kind: LimitKind
    max_vfs: int | None  # None: this source cannot tell
    evidence: tuple[Evidence, ...]
    remedy: str | None = None  # what would raise it; only where it binds
    max_vfs_after: int | None = None  # after the remedy; None: not known, or no remedy
    refusal: str | None = None  # errno and message when one VF more is asked for


class Placement(NamedTuple):
    """Where a given number of VFs would be."""

    vfs: int
    addresses: tuple[PCIAddress, ...]  # by vf_index; those that a routing ID can name
    buses: tuple[int, ...]  # bus numbers of the VFs, ascending
    memory_bytes: int | None  # that their BARs decode
    first_limit: LimitKind | None  # the limit that the kernel would name; None: none is known to


class Capacity(NamedTuple):
    """The answer for one PF."""

    address: PCIAddress
    name: str | None  # its netdev or driver, for headings
    total_vfs: int | None  # TotalVFs register
    num_vfs: int | None  # enabled now
    max_usable_vfs: int | None  # None: a limit is not known
    at_most_vfs: int | None  # by the limits that are known
    limits: tuple[Limit, ...]
    is_forecast: bool  # offset and stride were read while no VFs were on
    notes: tuple[str, ...] = ()
    placement: Placement | None = None  # when a number was asked about

    @property
    def binding(self) -> Limit | None:
        """The first of the lowest known limits."""
        known = [limit for limit in self.limits if limit.max_vfs is not None]
        return min(known, key=lambda limit: limit.max_vfs or 0, default=None)
