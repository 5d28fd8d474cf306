"""Leases as text and as JSON."""

from __future__ import annotations

from sriovctl.model.lease import LeaseStatus
from sriovctl.model.record import NamedTuple
from sriovctl.render.table import format_table, format_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sriovctl.model.lease import Lease

_HEADER = ("LEASE", "STATUS", "OWNER", "POOL", "VF", "OF", "GEN", "UNTIL")
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))
_NOTED = (LeaseStatus.DIRTY, LeaseStatus.LOST, LeaseStatus.ENDED)


class ShownLease(NamedTuple):
    """A lease, and what the host says beside it."""

    lease: Lease
    now_s: float  # on the host's monotonic clock
    netdev: str | None = None  # of the VF, on this host


def lease_as_json(shown: ShownLease) -> dict[str, object]:
    """Shape a lease as ``lease … --json`` promises it."""
    lease = shown.lease
    return {
        "lease": lease.lease_id,
        "status": str(lease.status),
        "reason": None if lease.reason is None else str(lease.reason),
        "note": lease.note,
        "pool": lease.pool,
        "owner": lease.owner,
        "pf": lease.pf_device,
        "pf_identity": next(iter(lease.pf_identities), None),
        "vf_index": lease.vf_index,
        "generation": lease.generation,
        "address": lease.address,
        "netdev": shown.netdev,
        "iommu_group": lease.iommu_group,
        "numa_node": lease.numa_node,
        "taken": lease.taken,
        "ended": lease.ended,
        "expires_in_s": _left_s(shown),
        "pid": lease.pid,
        "pinned": lease.pinned,
        "group_disjoint": lease.group_disjoint,
    }


def _left_s(shown: ShownLease) -> float | None:
    expires = shown.lease.expires
    return None if expires is None else round(expires - shown.now_s, 1)


def format_leases(leases: Sequence[ShownLease]) -> str:
    """Show leases to a person, one line each; and why, where one is not as it should be."""
    if not leases:
        return "no VF is lent"
    rows = [_row(shown) for shown in leases]
    notes = [f"lease {one.lease.lease_id}: {_what_of(one.lease)}" for one in leases if _told(one)]
    return "\n".join([format_table(_HEADER, rows), *notes])


def _row(shown: ShownLease) -> tuple[object, ...]:
    lease = shown.lease
    return (
        lease.lease_id,
        lease.status,
        lease.owner,
        lease.pool,
        lease.address or f"vf {lease.vf_index}",
        lease.pf_device,
        lease.generation,
        format_until(shown),
    )


def _told(shown: ShownLease) -> bool:
    return shown.lease.status in _NOTED


def format_until(shown: ShownLease) -> str | None:
    """Say how long a lease lasts; None: it does not any more."""
    lease = shown.lease
    if lease.status is not LeaseStatus.HELD:
        return None
    ends = []
    if lease.expires is not None:
        ends.append(f"in {_format_time(lease.expires - shown.now_s)}")
    if lease.pid is not None:
        ends.append(f"process {lease.pid} ends")
    return " or ".join(ends) or "released"


def _format_time(seconds: float) -> str:
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def format_lease(shown: ShownLease) -> str:
    """Show one lease to a person."""
    lease = shown.lease
    vf = lease.address or f"VF {lease.vf_index}"
    head = f"lease {lease.lease_id}: {vf}, VF {lease.vf_index} of {lease.pf_device or 'a lost PF'}"
    until = format_until(shown)
    facts = [
        f"{lease.status}" + (f" until {until}" if until else ""),
        f"owner {lease.owner}",
        f"pool {lease.pool}",
        f"generation {lease.generation}",
        f"netdev {format_value(shown.netdev)}",
        f"IOMMU group {format_value(lease.iommu_group)}",
        f"NUMA node {format_value(lease.numa_node)}",
    ]
    lines = [head, "   " + "   ".join(facts)]
    if _told(shown):
        lines.append(f"   {_what_of(lease)}")
    return "\n".join(lines)


def format_returned(lease: Lease) -> str:
    """Say what became of a lease that was given back, or was over."""
    return f"lease {lease.lease_id}: {_what_of(lease)}"


def _what_of(lease: Lease) -> str:
    vf = lease.address or f"VF {lease.vf_index} of {lease.pf_device}"
    if lease.status is LeaseStatus.LOST:
        return f"{vf} was removed while it was lent to {lease.owner}; nobody holds it any more"
    if lease.status is LeaseStatus.ENDED:
        return f"{lease.reason}; {vf} is lent to others"
    if lease.status is LeaseStatus.DIRTY:
        return (
            f"{lease.reason}, but {vf} is not clean, and lent to nobody until it is: {lease.note}"
        )
    return f"{lease.status}"
