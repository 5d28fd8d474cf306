"""Plans run on the simulated host: applied, verified, taken back."""

from __future__ import annotations

import errno
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.engine.mortal import Fate, KilledError, mortal_site

from sriovctl.engine.inventory import read_inventory
from sriovctl.engine.runs.apply import ApplyOptions, Outcome, apply_plan
from sriovctl.engine.runs.execute import Site
from sriovctl.engine.runs.resume import resume_run
from sriovctl.engine.runs.undo import Undone, undo_run
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
from sriovctl.model.run import RunStatus
from sriovctl.model.state import UNSET, DesiredState, PFMatch, Unset, WantedPF, WantedVF
from sriovctl.planner.diff import plan_state
from sriovctl.planner.drift import find_drift

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
    run(host, journal, plan, allow=allow)


def site_of(host: SimulatedHost, journal: SQLiteJournal) -> Site:
    return Site(host, journal, lambda _: None)


def allowing_all(plan: Plan) -> ApplyOptions:
    return ApplyOptions(allowed=frozenset(t for step in plan.steps for t in step.affected))


def run(host: SimulatedHost, journal: SQLiteJournal, plan: Plan, *, allow: bool = True) -> Outcome:
    options = allowing_all(plan) if allow else ApplyOptions()
    return apply_plan(site_of(host, journal), plan, options=options)


def undo(host: SimulatedHost, journal: SQLiteJournal, *, allow: bool = True) -> Undone:
    return undo_run(site_of(host, journal), check=lambda _: None if allow else refuse_vfio(host))


def refuse_vfio(host: SimulatedHost) -> None:
    for pf in inventory(host):
        for vf in pf.vfs:
            if vf.driver == "vfio-pci":
                raise SafetyError("is in use", subject=vf.address)


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
        vf_default=draw(wanted_vfs)._replace(admin_mac=UNSET),  # one MAC for many is refused
        vfs=tuple((vf_index, with_own_mac(vf_index, vfs[vf_index])) for vf_index in sorted(vfs)),
    )


def with_own_mac(vf_index: int, wanted: WantedVF) -> WantedVF:
    if wanted.admin_mac is UNSET:
        return wanted
    return wanted._replace(
        admin_mac=f"{wanted.admin_mac[:12]}{vf_index:02x}{wanted.admin_mac[14:]}"
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
    assert find_drift(second, inventory(host)) == ()
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
@given(first=states(), second=states(), refused_at=st.integers(0, 12))
def test_a_refused_write_leaves_the_old_state(
    first: DesiredState, second: DesiredState, refused_at: int
) -> None:
    host, journal = simulated_82576(), SQLiteJournal(None)
    apply_state(host, journal, first)
    before = inventory(host)
    plan = plan_for(host, second)
    fate = Fate(refused_at=refused_at)
    try:
        apply_plan(mortal_site(host, journal, fate), plan, options=allowing_all(plan))
    except HostError:
        assert [comparable(pf) for pf in inventory(host)] == [comparable(pf) for pf in before]
        assert journal.runs()[0].status is RunStatus.DONE  # the undo
        assert journal.runs()[1].status is RunStatus.TAKEN_BACK
    else:
        assert not fate.met
        assert plan_for(host, second).steps == ()


@settings(deadline=None, max_examples=80)
@given(
    first=states(),
    second=states(),
    dies_at=st.integers(0, 40),
    dies_again_at=st.integers(0, 40),
    goes_back=st.booleans(),
)
def test_a_killed_apply_leads_to_the_wanted_or_the_old_state(
    first: DesiredState, second: DesiredState, dies_at: int, dies_again_at: int, goes_back: bool
) -> None:
    host, journal = simulated_82576(), SQLiteJournal(None)
    apply_state(host, SQLiteJournal(None), first)
    before = inventory(host)
    plan = plan_for(host, second)
    with suppress(KilledError):
        site = mortal_site(host, journal, Fate(dies_at=dies_at))
        apply_plan(site, plan, options=allowing_all(plan))
    # Whatever picks it up may be killed, too; the one after that lives.
    for fate in (Fate(dies_at=dies_again_at), Fate(dies_at=10_000)):
        with suppress(KilledError):
            pick_up(mortal_site(host, journal, fate), goes_back=goes_back)
    if goes_back or not ran(journal, plan):
        assert [comparable(pf) for pf in inventory(host)] == [comparable(pf) for pf in before]
    else:
        assert plan_for(host, second).steps == ()
    assert all(one.status is not RunStatus.RUNNING for one in journal.runs())


def pick_up(site: Site, *, goes_back: bool) -> None:
    """Do what a person does after a crash, if there is anything to do."""
    boot_id = site.host.files.read_text("/proc/sys/kernel/random/boot_id")
    standing = site.journal.standing(boot_id)
    if goes_back:
        undo_run(site)
    elif standing and standing[0].status is RunStatus.RUNNING:
        resume_run(site, options=ApplyOptions(), check=lambda _: None)


def ran(journal: SQLiteJournal, plan: Plan) -> bool:
    """Say whether the journal knows of a run of *plan*."""
    return any(
        tuple(one.step for one in journal.steps(run.run_id)) == plan.steps for run in journal.runs()
    )


def test_a_busy_kernel_is_named_and_nothing_is_left(
    host: SimulatedHost, journal: SQLiteJournal
) -> None:
    plan = plan_for(host, wanted(num_vfs=2, drivers_autoprobe=False))
    host.files.fail(NUM_VFS, errno.EBUSY)
    with pytest.raises(BusyError) as caught:
        run(host, journal, plan, allow=False)
    assert caught.value.evidence["steps taken back"] == 1
    assert host.files.read_text(f"/sys/bus/pci/devices/{IGB}/sriov_drivers_autoprobe") == "1"


@pytest.mark.parametrize("why", [KeyboardInterrupt(), SystemExit(143)])
def test_who_stops_it_is_told_what_becomes_of_it(
    host: SimulatedHost, journal: SQLiteJournal, why: BaseException
) -> None:
    told: list[str] = []

    def stop_at_the_second_step(text: str) -> None:
        told.append(text)
        if text.startswith("[2/"):
            raise why

    plan = plan_for(host, wanted(num_vfs=2, drivers_autoprobe=False))
    with pytest.raises(type(why)):
        apply_plan(Site(host, journal, stop_at_the_second_step), plan, options=ApplyOptions())
    assert told[2] == "interrupted: taking back what was done"
    assert told[-1] == "steps taken back: 1"
    assert [(run.status, run.note) for run in journal.runs()][1:] == [
        (RunStatus.TAKEN_BACK, "interrupted")
    ]
    assert plan_for(host, wanted(drivers_autoprobe=True)).steps == ()


def test_a_pf_that_vanishes_is_an_error_of_one_line(
    host: SimulatedHost, journal: SQLiteJournal
) -> None:
    plan = plan_for(host, wanted(num_vfs=2))
    host.vanish(IGB)
    with pytest.raises(SriovctlError) as caught:
        run(host, journal, plan, allow=False)
    assert "\n" not in str(caught.value)
    assert "gone" in str(caught.value)


def test_a_write_that_is_swallowed_is_seen(host: SimulatedHost, journal: SQLiteJournal) -> None:
    plan = plan_for(host, wanted(num_vfs=2))
    host.files.write_text = lambda *_: None  # type: ignore[method-assign]
    with pytest.raises(VerifyError, match=r"reads back differently.*'num_vfs': 2.*'num_vfs': 0"):
        run(host, journal, plan, allow=False)


def test_vfs_in_guests_are_not_destroyed_by_the_way(
    host: SimulatedHost, journal: SQLiteJournal
) -> None:
    apply_state(host, journal, wanted(num_vfs=2, vf_default=WantedVF(driver="vfio-pci")))
    with pytest.raises(SafetyError, match="in use"):
        apply_state(host, journal, wanted(num_vfs=3), allow=False)
    with pytest.raises(SafetyError, match="in use"):
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
    undone = undo(rebooted, journal)
    assert undone == Undone(None, (), earlier_boots=1)


def test_nothing_to_do_leaves_no_run(host: SimulatedHost, journal: SQLiteJournal) -> None:
    apply_state(host, journal, wanted())
    assert undo(host, journal) == Undone(None)


def test_undo_asks_before_it_changes_what_may_be_in_a_guest(
    host: SimulatedHost, journal: SQLiteJournal
) -> None:
    host.files.write_text(NUM_VFS, "2")
    apply_state(host, journal, wanted(vfs=((0, WantedVF(vlan=VLAN(42), driver="vfio-pci")),)))
    with pytest.raises(SafetyError, match=r"0000:01:10.0: is in use"):
        undo(host, journal, allow=False)
    (vf, _) = inventory(host)[0].vfs
    assert (vf.driver, vf.attributes and vf.attributes.vlan) == ("vfio-pci", VLAN(42))


def test_a_link_that_guests_need_is_not_taken_down_by_the_way(
    host: SimulatedHost, journal: SQLiteJournal
) -> None:
    vfs = WantedVF(driver="vfio-pci")
    apply_state(host, journal, wanted(num_vfs=1, link_up=True, vf_default=vfs))
    with pytest.raises(SafetyError, match="in use"):
        apply_state(host, journal, wanted(link_up=False), allow=False)
