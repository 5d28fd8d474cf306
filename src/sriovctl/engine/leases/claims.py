"""Leases on their way back, and what becomes of each."""

from __future__ import annotations

from sriovctl.engine.leases.lease_owners import lease_name
from sriovctl.model.lease import Lease, LeaseStatus, Reason
from sriovctl.model.owner import OwnerKind
from sriovctl.planner.lease_status import TO_SCRUB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sriovctl.errors import SriovctlError
    from sriovctl.model.lease import Process
    from sriovctl.model.owner import OwnerMap

_IN_USE = "in use: "
_NOT_USERS = (OwnerKind.LEASE, OwnerKind.FOREIGN, OwnerKind.NETWORK)


class Claims:
    """Leases that one process gives back, or finds to be over.

    :param process: it, who scrubs what it claims.
    :param released: they are given back by their holders, also those that would last on.
    """

    def __init__(self, process: Process, *, released: bool) -> None:
        self._process = process
        self._released = released
        self.claimed: list[Lease] = []
        self.outcome: dict[int, Lease] = {}

    def add(self, lease: Lease) -> Lease:
        """Decide what becomes of a lease next, and claim it if it is to be scrubbed.

        :param lease: as it is at this moment.
        """
        after = self._next(lease)
        if after.status is LeaseStatus.SCRUBBING and lease.status is not LeaseStatus.SCRUBBING:
            self.claimed.append(after)
        self.outcome[after.lease_id] = after
        return after

    def _next(self, lease: Lease) -> Lease:
        if lease.status is LeaseStatus.LOST and self._released:
            return lease._replace(status=LeaseStatus.ENDED)
        given_back = self._released and lease.status is LeaseStatus.HELD
        if not (given_back or lease.status in TO_SCRUB):
            return lease
        reason = Reason.RELEASED if given_back else lease.reason
        if lease.pf_device is None:  # a pinned one whose VF is not there: nothing to make clean
            return lease._replace(status=LeaseStatus.ENDED, reason=reason)
        pid, started = self._process
        return lease._replace(
            status=LeaseStatus.SCRUBBING, reason=reason, note=None, pid=pid, pid_started=started
        )

    def spare(self, owners: OwnerMap) -> None:
        """Give up what somebody uses."""
        for lease in tuple(self.claimed):
            note = in_use(lease, owners)
            if note is not None:
                self.fail((lease,), note)
                self.claimed.remove(lease)

    def fail(self, leases: Iterable[Lease], note: str) -> None:
        """Note why VFs are not clean."""
        for lease in leases:
            self.outcome[lease.lease_id] = lease._replace(
                status=LeaseStatus.DIRTY, note=note, pid=None, pid_started=None
            )

    def give_up(self, note: str) -> None:
        """Let go of what is still being scrubbed."""
        claimed = [self.outcome[lease.lease_id] for lease in self.claimed]
        self.fail([one for one in claimed if one.status is LeaseStatus.SCRUBBING], note)

    def conclude(self, errors: Mapping[int, SriovctlError | None]) -> None:
        """Note what came of scrubbing, by the number of each lease."""
        for lease_id, error in errors.items():
            lease = self.outcome[lease_id]
            if error is None:
                self.outcome[lease_id] = lease._replace(
                    status=LeaseStatus.ENDED, pid=None, pid_started=None
                )
            else:
                self.fail((lease,), str(error))


def in_use(lease: Lease, owners: OwnerMap) -> str | None:
    """Say who uses the VF of a lease that is over; None: nobody.  Pure."""
    users = owners.get(lease_name(lease), ())
    tokens = [user.token for user in users if user.kind not in _NOT_USERS]
    return f"{_IN_USE}{', '.join(tokens)}" if tokens else None


def is_in_use(lease: Lease) -> bool:
    """Say whether a lease could not be taken back since somebody uses its VF.  Pure."""
    return lease.status is LeaseStatus.DIRTY and (lease.note or "").startswith(_IN_USE)
