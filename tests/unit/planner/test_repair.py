from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sriovctl.model.drift import Difference
from sriovctl.model.functions import PF, VLAN
from sriovctl.model.owner import Owner, OwnerKind
from sriovctl.model.plan import Action
from sriovctl.model.state import UNSET, WantedVF
from sriovctl.planner.diff import plan_state
from sriovctl.planner.drift import find_drift
from sriovctl.planner.repair import (
    Patience,
    Records,
    may_repair_at,
    note_differences,
    note_repair,
    repaired_subjects,
    sort_by_use,
    without,
)
from tests.unit.planner.samples import igb_pf, wanted

DEVICE = "0000:01:00.0"
VF0, VF1 = "0000:01:10.0", "0000:01:10.2"
VLAN_OF_VF0 = (f"{DEVICE} vf 0", "vlan")
PATIENCE = Patience()
EVER = 2 * 3600


def live(reverts: Callable[[float], bool], *, look_every_s: float = 1.0) -> list[float]:
    """Let time pass with a second manager; return when repairs were made."""
    records: Records = {}
    repairs: list[float] = []
    is_right = False
    for tick in range(int(EVER / look_every_s)):
        now = tick * look_every_s
        if is_right and reverts(now):
            is_right = False
        found = () if is_right else (Difference(*VLAN_OF_VF0, 42, 99),)
        records = note_differences(records, found, now, PATIENCE)
        if found and may_repair_at(records[VLAN_OF_VF0], PATIENCE) <= now:
            records[VLAN_OF_VF0] = note_repair(records[VLAN_OF_VF0], now)
            repairs.append(now)
            is_right = True
    return repairs


def test_what_differs_once_is_repaired_at_once() -> None:
    assert live(lambda _: False) == [0.0]


def test_somebody_who_always_changes_it_back_wins_and_is_tried_rarely() -> None:
    repairs = live(lambda _: True)
    first = [at for at in repairs if at < PATIENCE.window_s]
    gaps = [later - earlier for earlier, later in pairwise(first)]
    assert gaps == sorted(gaps), "each pause is at least as long as the one before"
    assert len(first) == PATIENCE.most_reversions
    bouts = 1 + EVER / PATIENCE.quiet_s
    assert len(repairs) <= bouts * PATIENCE.most_reversions


def test_a_change_each_hour_is_no_fight() -> None:
    hourly = {float(at) for at in range(0, EVER, 3600)}
    assert live(lambda now: now in hourly) == sorted(hourly)


@settings(deadline=None)  # it lives through two hours each time
@given(st.sets(st.integers(1, EVER - 1), max_size=60))
def test_repairs_are_bounded_and_always_come_when_it_is_quiet(moments: set[int]) -> None:
    repairs = live(lambda now: int(now) in moments)
    for start in repairs:
        within = [at for at in repairs if start <= at < start + PATIENCE.window_s]
        assert len(within) <= PATIENCE.most_reversions + 1
    assert len(repairs) <= 1 + len(moments)
    # Whatever happened before: after quiet_s without a change it is as declared.
    quiet_from = max((at for at in moments), default=0.0) + PATIENCE.quiet_s
    if quiet_from < EVER - 1:
        changed = [at for at in moments if at > repairs[-1]]
        assert not changed


def test_values_are_judged_one_by_one() -> None:
    records: Records = {}
    for now in range(3):
        one = Difference(*VLAN_OF_VF0, 42, 99)
        records = note_differences(records, (one,), float(now), PATIENCE)
        records[VLAN_OF_VF0] = note_repair(records[VLAN_OF_VF0], float(now))
    other = Difference(f"{DEVICE} vf 1", "vlan", 42, 99)
    records = note_differences(records, (one, other), 3.0, PATIENCE)
    assert may_repair_at(records[VLAN_OF_VF0], PATIENCE) > 3.0
    assert may_repair_at(records[other.subject, other.key], PATIENCE) == 3.0


def test_a_new_value_of_somebody_elses_starts_the_quiet_anew() -> None:
    records: Records = {}
    now = 0.0
    while not (records and records[VLAN_OF_VF0].gave_up):
        records = note_differences(records, (Difference(*VLAN_OF_VF0, 42, 99),), now, PATIENCE)
        records[VLAN_OF_VF0] = (
            records[VLAN_OF_VF0]
            if records[VLAN_OF_VF0].gave_up
            else note_repair(records[VLAN_OF_VF0], now)
        )
        now += 1
    records = note_differences(records, (Difference(*VLAN_OF_VF0, 42, 98),), now + 60, PATIENCE)
    assert may_repair_at(records[VLAN_OF_VF0], PATIENCE) == now + 60 + PATIENCE.quiet_s


# --- leaving out -------------------------------------------------------------------------------


def spoilt(*vlans: int) -> PF:
    pf = igb_pf(len(vlans))
    vfs = []
    for vf, vlan in zip(pf.vfs, vlans, strict=True):
        assert vf.attributes is not None
        vfs.append(vf._replace(attributes=vf.attributes._replace(vlan=VLAN(vlan), trust=False)))
    return pf._replace(vfs=tuple(vfs))


STATE = wanted(num_vfs=3, vf_default=WantedVF(vlan=VLAN(42), trust=True))


def subjects(state: object, pf: PF) -> set[tuple[str, str]]:
    steps = plan_state(state, [pf], owners={}).steps  # type: ignore[arg-type]
    return set(repaired_subjects(steps))


@given(st.data())
def test_what_is_held_back_stays_and_the_rest_is_planned(data: st.DataObject) -> None:
    pf = spoilt(1, 42, 3)
    every = subjects(STATE, pf)
    held_back = data.draw(st.sets(st.sampled_from(sorted(every))))
    left = STATE._replace(pfs=(without(STATE.pfs[0], pf, held_back),))
    assert subjects(left, pf) == every - held_back


def test_a_number_of_vfs_that_is_held_back_leaves_what_is_there_to_be_set() -> None:
    pf = spoilt(1, 42)
    (one,) = STATE.pfs
    left = without(one._replace(vfs=((2, WantedVF(trust=False)),)), pf, {(DEVICE, "num_vfs")})
    assert left.num_vfs is UNSET
    state = STATE._replace(pfs=(left,))
    assert subjects(state, pf) == {
        (f"{DEVICE} vf 0", "vlan"),
        (f"{DEVICE} vf 0", "trust"),
        (f"{DEVICE} vf 1", "trust"),
    }


@pytest.mark.parametrize("key", ["drivers_autoprobe", "up"])
def test_values_of_the_pf_can_be_held_back(key: str) -> None:
    pf = igb_pf(0)._replace(up=False)
    state = wanted(drivers_autoprobe=False, link_up=True)
    assert {one.key for one in find_drift(state, [pf])} == {"drivers_autoprobe", "up"}
    left = state._replace(pfs=(without(state.pfs[0], pf, {(DEVICE, key)}),))
    assert {one.key for one in find_drift(left, [pf])} == {"drivers_autoprobe", "up"} - {key}


# --- in use ------------------------------------------------------------------------------------

GUEST = Owner(OwnerKind.GUEST, "web")
ADDRESS = Owner(OwnerKind.ADDRESS, "192.0.2.1/24")
LEASE = Owner(OwnerKind.LEASE, "7")


def sorted_with(
    owner: Owner, aim: WantedVF, before: PF | None, *, allowed: frozenset[str] = frozenset()
) -> tuple[list[int | None], list[int | None], list[int | None]]:
    pf = spoilt(1, 2)
    state = wanted(vfs=((0, aim), (1, aim)))
    steps = plan_state(state, [pf], owners={VF0: (owner,)}).steps
    found = sort_by_use(steps, pf, before, allowed)
    free, restoring, left = ([step.vf_index for step in part] for part in found[:3])
    assert not found.handed_over
    return free, restoring, left


def test_what_nobody_uses_is_free_and_what_somebody_does_is_left() -> None:
    aim = WantedVF(vlan=VLAN(42))
    assert sorted_with(ADDRESS, aim, None) == ([1], [], [0])
    assert sorted_with(ADDRESS, aim, spoilt(7, 7)) == ([1], [], [0]), "it was another before, too"
    allowed = frozenset((ADDRESS.token,))
    assert sorted_with(ADDRESS, aim, None, allowed=allowed) == ([0, 1], [], [])


def test_a_value_that_was_as_declared_just_before_is_given_back() -> None:
    aim = WantedVF(vlan=VLAN(42))
    assert sorted_with(ADDRESS, aim, spoilt(42, 42)) == ([1], [0], [])
    assert sorted_with(GUEST, aim, spoilt(42, 42)) == ([1], [], [0]), "its definition decides"
    spoofchk = WantedVF(spoofchk=False)
    before = spoilt(1, 2)
    vfs = tuple(
        vf._replace(attributes=vf.attributes._replace(spoofchk=False))
        for vf in before.vfs
        if vf.attributes is not None
    )
    assert sorted_with(GUEST, spoofchk, before._replace(vfs=vfs)) == ([1], [0], [])


@pytest.mark.parametrize(
    ("owner", "before", "is_theirs"),
    [
        (LEASE, spoilt(42, 42), True),
        (GUEST, None, True),
        (GUEST, spoilt(50, 42), True),
        (GUEST, spoilt(42, 42), False),
        (ADDRESS, spoilt(50, 42), False),
    ],
)
def test_what_was_handed_over_with_other_values_is_no_difference(
    owner: Owner, before: PF | None, is_theirs: bool
) -> None:
    state = wanted(vfs=((0, WantedVF(vlan=VLAN(42))),))
    steps = plan_state(state, [spoilt(1, 2)], owners={VF0: (owner,)}).steps
    found = sort_by_use(steps, spoilt(1, 2), before, ())
    assert (found.handed_over, found.left) == ((steps, ()) if is_theirs else ((), steps))


def test_a_mac_takes_the_vf_away_for_a_moment() -> None:
    mac = "52:54:00:6d:90:02"
    before = spoilt(1, 2)
    vfs = tuple(
        vf._replace(attributes=vf.attributes._replace(admin_mac=mac))
        for vf in before.vfs
        if vf.attributes is not None
    )
    state = wanted(vfs=((0, WantedVF(admin_mac=mac)),))
    steps = plan_state(state, [spoilt(1, 2)], owners={VF0: (ADDRESS,)}).steps
    assert sort_by_use(steps, spoilt(1, 2), before._replace(vfs=vfs), ()).left == steps


def test_a_vf_that_another_driver_has_now_was_handed_over() -> None:
    before = spoilt(42, 42)
    vfs = tuple(vf._replace(driver="vfio-pci") for vf in before.vfs)
    aim = WantedVF(vlan=VLAN(42))
    assert sorted_with(ADDRESS, aim, before._replace(vfs=vfs)) == ([1], [], [0])


def test_the_number_of_vfs_is_all_or_nothing() -> None:
    pf = spoilt(1, 2)
    steps = plan_state(wanted(num_vfs=3), [pf], owners={VF0: (ADDRESS,)}).steps
    assert {step.action for step in steps} >= {Action.SET_NUM_VFS}
    assert sort_by_use(steps, pf, pf, ()).left == steps
    assert sort_by_use(steps, pf, pf, (ADDRESS.token,)).free == steps
