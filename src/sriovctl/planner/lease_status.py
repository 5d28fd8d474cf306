"""What a lease that is written down has become, by what the host shows now.

A lease ends without anybody's doing: its time runs out, its process dies, its VF is removed, the
host is restarted.  None of this writes into the book of leases.  So each reader judges for itself,
and whoever may write brings the book up to date (see ``engine/leases/lending.py``).
"""

from __future__ import annotations

from sriovctl.model.lease import OPEN, LeaseStatus, Reason, is_reservation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.model.lease import Lease, Sighting

TO_SCRUB = (LeaseStatus.EXPIRED, LeaseStatus.ORPHANED, LeaseStatus.DIRTY)


def judge(lease: Lease, seen: Sighting) -> Lease:
    """Say what a lease is at this moment.  Pure."""
    if lease.status is LeaseStatus.LOST:
        return _judge_lost(lease, seen)
    if lease.status not in OPEN:
        return lease
    if lease.boot_id != seen.boot_id and not is_kept_over_boots(lease):
        return _become(lease, LeaseStatus.ENDED, lease.reason or Reason.RESTARTED)
    over = _why_over(lease, seen) if lease.status is LeaseStatus.HELD else lease.reason
    if seen.vf_there:
        return _with_its_vf(lease, seen, over)
    # Whoever still believes to hold it is told; for all others there is nothing left to do.
    if over is None:
        return _become(lease, LeaseStatus.LOST, Reason.VF_REMOVED)
    return _become(lease, LeaseStatus.ENDED, over)


# It stands for its holder to hear of it, and no longer than its holder would have had the VF.
def _judge_lost(lease: Lease, seen: Sighting) -> Lease:
    if lease.boot_id == seen.boot_id and _why_over(lease, seen) is None:
        return lease
    return _become(lease, LeaseStatus.ENDED, lease.reason or Reason.VF_REMOVED)


def is_kept_over_boots(lease: Lease) -> bool:
    """Say whether a restart leaves it.  Pure.

    VFs do not outlive a boot, and no process that held one does: only who said so keeps the claim
    to the VF that will be in its place.
    """
    return lease.pinned and lease.status is LeaseStatus.HELD


def _with_its_vf(lease: Lease, seen: Sighting, over: Reason | None) -> Lease:
    if lease.status is LeaseStatus.SCRUBBING and not seen.process_alive:
        return lease._replace(status=LeaseStatus.DIRTY, note="scrubbing it was cut short")
    if lease.status is LeaseStatus.HELD and over is not None:
        # What its process left behind is libvirt's or QEMU's affair: it was lent to nobody.
        if is_reservation(lease):
            return _become(lease, LeaseStatus.ENDED, over)
        expired = over is Reason.EXPIRED
        return _become(lease, LeaseStatus.EXPIRED if expired else LeaseStatus.ORPHANED, over)
    return lease


def _why_over(lease: Lease, seen: Sighting) -> Reason | None:
    if lease.expires is not None and seen.now_s >= lease.expires:
        return Reason.EXPIRED
    return None if seen.process_alive else Reason.PROCESS_ENDED


def _become(lease: Lease, status: LeaseStatus, reason: Reason) -> Lease:
    return lease._replace(status=status, reason=reason)
