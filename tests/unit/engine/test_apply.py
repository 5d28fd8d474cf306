"""Plans run on the simulated host: applied, verified, taken back."""

from __future__ import annotations

import errno

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sriovctl.engine.apply import Outcome, apply_plan, undo_last
from sriovctl.engine.inventory import read_inventory
from sriovctl.errors import (
    BusyError,
    HostError,
    SafetyError,
    SriovctlError,
    VerifyError,
)
from sriovctl.host.journal import SQLiteJournal
from sriovctl.host.simulated import SimulatedHost, simulated_82576
from sriovctl.model.functions import PF, VF, VLAN
from sriovctl.model.plan import Plan
from sriovctl.model.state import UNSET, DesiredState, PFMatch, Unset, WantedPF, WantedVF
from sriovctl.planner.diff import plan_state

IGB = "0000:01:00.0"
MADE_UP = "02:00:5e:"
NUM_VFS = f"/sys/bus/pci/devices/{IGB}/sriov_numvfs"


def inventory(host: SimulatedHost) -> tuple[PF, ...]:
    return read_inventory(host, name_of=lambda *_: None)


def wanted(**said: object) -> DesiredState:
    return DesiredState((WantedPF("a", PFMatch(address=IGB), **said),))  # type: ignore[arg-type]


def plan_for(host: SimulatedHost, state: DesiredState) -> Plan:
    return plan_state(state, inventory(host))


def apply_state(
    host: SimulatedHost, journal: SQLiteJournal, state: DesiredState, *, allow: bool = True
) -> None:
    plan = plan_for(host, state)
    apply_plan(host, journal, plan, allow_guest_disruption=allow, progress=lambda _: None)


def undo(host: SimulatedHost, journal: SQLiteJournal, *, allow: bool = True) -> None:
    undo_last(host, journal, allow_guest_disruption=allow, progress=lambda _: None)


@pytest.fixture
def host() -> SimulatedHost:
    return simulated_82576()


@pytest.fixture
def journal() -> SQLiteJournal:
    return SQLiteJournal(None)


unset = st.just(UNSET)
booleans: st.SearchStrategy[bool | Unset] = st.booleans() | unset
vf_drivers: st.SearchStrategy[str | Unset | None] = (
    st.sampled_from(["vfio-pci", "igbvf", None]) | unset
)
macs: st.SearchStrategy[str | Unset] = (
    st.integers(1, 200).map(lambda n: f"52:54:00:00:00:{n:02x}") | unset
)
vlans: st.SearchStrategy[VLAN | Unset] = (
    st.builds(VLAN, st.integers(0, 4094), st.integers(0, 7), st.just("802.1q")) | unset
)
# st.builds would fill every field that is not named, also with what igb refuses.
wanted_vfs = st.tuples(macs, vlans, booleans, booleans, vf_drivers).map(
    lambda said: WantedVF(*said[:4], driver=said[4])
)


@st.composite
def states(draw: st.DrawFn) -> DesiredState:
    num_vfs = draw(st.integers(0, 7))
    indices = st.integers(0, num_vfs - 1) if num_vfs else st.nothing()
    vfs = draw(st.dictionaries(indices, wanted_vfs, max_size=num_vfs))
    return wanted(
        num_vfs=num_vfs,
        drivers_autoprobe=draw(booleans),
        link_up=draw(st.sampled_from([True, UNSET])),
        vf_default=draw(wanted_vfs),
        vfs=tuple(sorted(vfs.items(), key=lambda pair: pair[0])),
    )


@settings(deadline=None, max_examples=60)
@given(first=states(), second=states())
def test_applied_is_as_wanted_and_undone_is_as_before(
    first: DesiredState, second: DesiredState
) -> None:
    host, journal = simulated_82576(), SQLiteJournal(None)
    apply_state(host, journal, first)
    assert plan_for(host, first).steps == ()
    before = inventory(host)
    changes = bool(plan_for(host, second).steps)
    apply_state(host, journal, second)
    assert plan_for(host, second).steps == ()
    if changes:
        undo(host, journal)
    assert [comparable(pf) for pf in inventory(host)] == [comparable(pf) for pf in before]


def comparable(pf: PF) -> PF:
    # The kernel numbers groups and netdevs of new VFs anew, and the host's own drivers take or
    # leave a new VF as autoprobe says: none of these can be given back.
    return pf._replace(vfs=tuple(comparable_vf(vf) for vf in pf.vfs))


def comparable_vf(vf: VF) -> VF:
    driver = vf.driver if vf.driver == "vfio-pci" else None
    known = vf.attributes
    # A VF driver that starts without an admin MAC makes one up, and igb reports it as the VF's.
    if known is not None and (known.admin_mac or "").startswith(MADE_UP):
        known = known._replace(admin_mac="00:00:00:00:00:00")
    return vf._replace(iommu_group=None, netdev=None, driver=driver, attributes=known)


@settings(deadline=None, max_examples=60)
@given(first=states(), second=states(), fails_at=st.integers(0, 12))
def test_a_failing_write_leaves_the_old_state_or_says_what_is_left(
    first: DesiredState, second: DesiredState, fails_at: int
) -> None:
    host, journal = simulated_82576(), SQLiteJournal(None)
    apply_state(host, journal, first)
    before = inventory(host)
    plan = plan_for(host, second)
    if fails_at >= len(plan.steps):
        return
    bomb = plan.steps[fails_at]
    calls = iter([errno.EIO])
    original = journal.mark

    def mark(run_id: int, positions: list[int], status: str) -> None:
        original(run_id, positions, status)
        if status == "started" and fails_at in positions and next(calls, None):
            raise HostError("broke on purpose", subject=bomb.subject)

    journal.mark = mark  # type: ignore[method-assign,assignment]
    with pytest.raises(HostError, match=r"broke on purpose.*steps taken back"):
        apply_plan(host, journal, plan, allow_guest_disruption=True, progress=lambda _: None)
    assert [comparable(pf) for pf in inventory(host)] == [comparable(pf) for pf in before]


def test_a_busy_kernel_is_named_and_nothing_is_left(
    host: SimulatedHost, journal: SQLiteJournal
) -> None:
    plan = plan_for(host, wanted(num_vfs=2, drivers_autoprobe=False))
    host.files.fail(NUM_VFS, errno.EBUSY)
    with pytest.raises(BusyError) as caught:
        apply_plan(host, journal, plan, allow_guest_disruption=False, progress=lambda _: None)
    assert caught.value.evidence["steps taken back"] == 1
    assert host.files.read_text(f"/sys/bus/pci/devices/{IGB}/sriov_drivers_autoprobe") == "1"


def test_a_pf_that_vanishes_is_an_error_of_one_line(
    host: SimulatedHost, journal: SQLiteJournal
) -> None:
    plan = plan_for(host, wanted(num_vfs=2))
    host.vanish(IGB)
    with pytest.raises(SriovctlError) as caught:
        apply_plan(host, journal, plan, allow_guest_disruption=False, progress=lambda _: None)
    assert "\n" not in str(caught.value)
    assert "gone" in str(caught.value)


def test_a_write_that_is_swallowed_is_seen(host: SimulatedHost, journal: SQLiteJournal) -> None:
    plan = plan_for(host, wanted(num_vfs=2))
    host.files.write_text = lambda *_: None  # type: ignore[method-assign]
    with pytest.raises(VerifyError, match=r"reads back differently.*'num_vfs': 2.*'num_vfs': 0"):
        apply_plan(host, journal, plan, allow_guest_disruption=False, progress=lambda _: None)


def test_vfs_in_guests_are_not_destroyed_by_the_way(
    host: SimulatedHost, journal: SQLiteJournal
) -> None:
    apply_state(host, journal, wanted(num_vfs=2, vf_default=WantedVF(driver="vfio-pci")))
    with pytest.raises(SafetyError, match="allow-guest-disruption"):
        apply_state(host, journal, wanted(num_vfs=3), allow=False)
    with pytest.raises(SafetyError, match="allow-guest-disruption"):
        undo(host, journal, allow=False)
    assert host.files.read_text(NUM_VFS) == "2"
    undo(host, journal)
    assert host.files.read_text(NUM_VFS) == "0"


def test_somebody_elses_vfs_are_not_undone(host: SimulatedHost, journal: SQLiteJournal) -> None:
    apply_state(host, journal, wanted(num_vfs=2))
    host.files.write_text(NUM_VFS, "0")
    host.files.write_text(NUM_VFS, "5")
    with pytest.raises(SafetyError, match="left 2, found 5"):
        undo(host, journal)
    assert host.files.read_text(NUM_VFS) == "5"


def test_undo_after_a_reboot_finds_nothing_to_do(
    host: SimulatedHost, journal: SQLiteJournal
) -> None:
    apply_state(host, journal, wanted(num_vfs=2))
    rebooted = simulated_82576()
    outcome = undo_last(rebooted, journal, allow_guest_disruption=False, progress=lambda _: None)
    assert outcome.steps == ()
    assert undo_last(
        rebooted, journal, allow_guest_disruption=False, progress=lambda _: None
    ) == Outcome(None, ())


def test_nothing_to_do_leaves_no_run(host: SimulatedHost, journal: SQLiteJournal) -> None:
    apply_state(host, journal, wanted())
    assert undo_last(
        host, journal, allow_guest_disruption=False, progress=lambda _: None
    ) == Outcome(None, ())


def test_undo_asks_before_it_changes_what_may_be_in_a_guest(
    host: SimulatedHost, journal: SQLiteJournal
) -> None:
    host.files.write_text(NUM_VFS, "2")
    apply_state(host, journal, wanted(vfs=((0, WantedVF(vlan=VLAN(42), driver="vfio-pci")),)))
    with pytest.raises(SafetyError, match=r"0000:01:10.0: may be inside a guest"):
        undo(host, journal, allow=False)
    (vf, _) = inventory(host)[0].vfs
    assert (vf.driver, vf.attributes and vf.attributes.vlan) == ("vfio-pci", VLAN(42))


def test_a_link_that_guests_need_is_not_taken_down_by_the_way(
    host: SimulatedHost, journal: SQLiteJournal
) -> None:
    vfs = WantedVF(driver="vfio-pci")
    apply_state(host, journal, wanted(num_vfs=1, link_up=True, vf_default=vfs))
    with pytest.raises(SafetyError, match="allow-guest-disruption"):
        apply_state(host, journal, wanted(link_up=False), allow=False)
