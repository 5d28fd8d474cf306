"""Leases as users of VFs, so that nobody changes or destroys what is lent."""

from __future__ import annotations

from sriovctl.errors import InputError
from sriovctl.model.lease import LeaseStatus
from sriovctl.model.owner import Owner, OwnerKind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from sriovctl.model.lease import Lease
    from sriovctl.model.owner import OwnerMap


# What is set of a VF that is being scrubbed would be lost at once.
_KEPT = (LeaseStatus.HELD, LeaseStatus.SCRUBBING)


def lease_name(lease: Lease) -> str:
    """Name the VF of a lease as the owner map does.  Pure."""
    return lease.address or f"{lease.pf_device} vf {lease.vf_index}"


def no_such_lease(lease_id: int) -> InputError:
    """Say that nobody has heard of a lease.  Pure."""
    return InputError(
        "there is no such lease", subject=f"lease {lease_id}", hint="sriovctl lease list"
    )


def lease_owners(leases: Iterable[Lease], *, now_s: float) -> OwnerMap:
    """Say which VFs are lent, or being made clean by whoever gave them back.  Pure.

    :param leases: as they are at this moment.
    """
    found: OwnerMap = {}
    for lease in leases:
        if lease.status in _KEPT and lease.pf_device is not None:
            owner = Owner(OwnerKind.LEASE, str(lease.lease_id), _evidence(lease, now_s))
            name = lease_name(lease)
            found[name] = (*found.get(name, ()), owner)
    return found


def _evidence(lease: Lease, now_s: float) -> str:
    if lease.status is LeaseStatus.SCRUBBING:
        return f"given back by {lease.owner} to {lease.pool}, and being made clean"
    until = "until it is released"
    if lease.expires is not None:
        until = f"for another {lease.expires - now_s:.0f} s"
    elif lease.pid is not None:
        until = f"as long as process {lease.pid} lives"
    return f"lent to {lease.owner} from {lease.pool} {until}"
