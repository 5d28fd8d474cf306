"""What becomes of a lease without anybody's doing."""

from __future__ import annotations

import pytest

from sriovctl.model.lease import OPEN, RESERVATION, Lease, LeaseStatus, Reason, Sighting
from sriovctl.planner.lease_status import judge

LEASE = Lease("pool", "anna", "0000:01:00.0", (), 0, "{}", lease_id=3, boot_id="now")
SEEN = Sighting(100.0, "now", vf_there=True, process_alive=True)


def after(lease: Lease = LEASE, seen: Sighting = SEEN) -> tuple[LeaseStatus, Reason | None]:
    judged = judge(lease, seen)
    return judged.status, judged.reason


def test_a_lease_is_held_until_it_is_released() -> None:
    assert judge(LEASE, SEEN) == LEASE
    assert judge(LEASE._replace(expires=100.5, pid=1), SEEN).status is LeaseStatus.HELD


def test_time_runs_out() -> None:
    lease = LEASE._replace(expires=100.0)
    assert after(lease) == (LeaseStatus.EXPIRED, Reason.EXPIRED)


def test_a_process_ends() -> None:
    seen = SEEN._replace(process_alive=False)
    assert after(seen=seen) == (LeaseStatus.ORPHANED, Reason.PROCESS_ENDED)


def test_a_reservation_ends_with_its_process() -> None:
    seen = SEEN._replace(process_alive=False)
    reservation = LEASE._replace(pool=RESERVATION, pid=7)
    assert after(reservation) == (LeaseStatus.HELD, None)
    assert after(reservation, seen) == (LeaseStatus.ENDED, Reason.PROCESS_ENDED)
    # A pool may have that name, too.
    lent = reservation._replace(clean='{"trust": false}')
    assert after(lent, seen)[0] is LeaseStatus.ORPHANED


def test_a_vf_that_goes_away_is_lost_to_its_holder() -> None:
    seen = SEEN._replace(vf_there=False)
    assert after(seen=seen) == (LeaseStatus.LOST, Reason.VF_REMOVED)


@pytest.mark.parametrize(
    ("lease", "reason"),
    [
        (LEASE._replace(expires=1.0), Reason.EXPIRED),
        (LEASE._replace(status=LeaseStatus.DIRTY, reason=Reason.RELEASED), Reason.RELEASED),
        (LEASE._replace(status=LeaseStatus.SCRUBBING, reason=Reason.EXPIRED), Reason.EXPIRED),
    ],
)
def test_a_vf_that_goes_away_after_its_lease_needs_no_scrubbing(
    lease: Lease, reason: Reason
) -> None:
    assert after(lease, SEEN._replace(vf_there=False)) == (LeaseStatus.ENDED, reason)


def test_scrubbing_that_was_cut_short_is_to_be_done_again() -> None:
    lease = LEASE._replace(status=LeaseStatus.SCRUBBING, reason=Reason.RELEASED)
    assert judge(lease, SEEN) == lease
    assert after(lease, SEEN._replace(process_alive=False)) == (
        LeaseStatus.DIRTY,
        Reason.RELEASED,
    )


@pytest.mark.parametrize("status", OPEN)
@pytest.mark.parametrize("pinned", [False, True])
def test_a_restart_ends_all_but_what_is_pinned_and_held(
    status: LeaseStatus, *, pinned: bool
) -> None:
    lease = LEASE._replace(status=status, pinned=pinned, boot_id="before")
    if pinned and status is LeaseStatus.HELD:
        assert judge(lease, SEEN) == lease
    else:
        assert after(lease) == (LeaseStatus.ENDED, Reason.RESTARTED)


def test_what_has_ended_stays_so() -> None:
    lease = LEASE._replace(status=LeaseStatus.ENDED, boot_id="before", expires=1.0)
    assert judge(lease, SEEN._replace(vf_there=False, process_alive=False)) == lease


def test_a_lost_lease_stands_as_long_as_its_holder_would_have_had_it() -> None:
    lost = LEASE._replace(status=LeaseStatus.LOST, reason=Reason.VF_REMOVED, expires=100.5)
    assert judge(lost, SEEN._replace(vf_there=False)) == lost
    for seen in (
        SEEN._replace(boot_id="next"),
        SEEN._replace(now_s=100.5),
        SEEN._replace(process_alive=False),
    ):
        assert after(lost, seen) == (LeaseStatus.ENDED, Reason.VF_REMOVED)
