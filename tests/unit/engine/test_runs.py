"""Runs that wait, hang, meet each other, or are refused at the last moment."""

from __future__ import annotations

import errno
from collections.abc import Sequence

import pytest

from sriovctl.engine.inventory import read_inventory
from sriovctl.engine.runs.apply import ApplyOptions, Outcome, apply_plan
from sriovctl.engine.runs.confirm import confirm_run, expire_run
from sriovctl.engine.runs.execute import Site
from sriovctl.engine.runs.resume import resume_run
from sriovctl.engine.runs.undo import undo_run
from sriovctl.errors import BusyError, HostError, InputError, LostError, SafetyError, WedgedError
from sriovctl.host.journal import SQLiteJournal
from sriovctl.host.simulated import (
    INTEL_82576,
    INTEL_E810,
    Card,
    MachineSpec,
    SimulatedHost,
    simulate,
    simulated_82576,
)
from sriovctl.model.binding import Binding, Rebinding
from sriovctl.model.functions import VLAN
from sriovctl.model.plan import Plan, Step
from sriovctl.model.run import RunKind, RunStatus, StepStatus
from sriovctl.model.state import DesiredState, PFMatch, WantedPF, WantedVF
from sriovctl.planner.binding import plan_bindings
from sriovctl.planner.diff import plan_state

IGB, OTHER_IGB = "0000:01:00.0", "0000:04:00.0"
E810 = "0000:02:00.0"
BOOT_ID = "/proc/sys/kernel/random/boot_id"


@pytest.fixture
def site() -> Site:
    return Site(simulated_82576(), SQLiteJournal(None), lambda _: None)


def host_of(site: Site) -> SimulatedHost:
    assert isinstance(site.host, SimulatedHost)
    return site.host


def wanted(device: str = IGB, **said: object) -> WantedPF:
    return WantedPF(device, PFMatch(address=device), **said)  # type: ignore[arg-type]


def plan_for(site: Site, *pfs: WantedPF) -> Plan:
    return plan_state(DesiredState(pfs), read_inventory(site.host, name_of=lambda *_: None))


def apply(site: Site, *pfs: WantedPF, options: ApplyOptions | None = None) -> Outcome:
    return apply_plan(site, plan_for(site, *pfs), options=options or ApplyOptions())


def num_vfs(site: Site, device: str = IGB) -> str | None:
    return site.host.files.read_text(f"/sys/bus/pci/devices/{device}/sriov_numvfs")


def statuses(site: Site) -> list[RunStatus]:
    return [run.status for run in reversed(site.journal.runs())]


# --- confirmation ----------------------------------------------------------------------------


def test_a_confirmed_run_stays(site: Site) -> None:
    told: list[int] = []
    options = ApplyOptions(confirm_within_s=60.0, on_begun=told.append)
    outcome = apply(site, wanted(num_vfs=2), options=options)
    assert (outcome.status, told) == (RunStatus.UNCONFIRMED, [outcome.run_id])
    confirm_run(site.host, site.journal)
    assert expire_run(site, told[0]) is None
    assert (num_vfs(site), statuses(site)) == ("2", [RunStatus.DONE])


def test_an_unconfirmed_run_is_undone_when_its_time_is_over(site: Site) -> None:
    outcome = apply(site, wanted(num_vfs=2), options=ApplyOptions(confirm_within_s=60.0))
    assert outcome.run_id is not None
    before = site.host.clock.now()
    expire_run(site, outcome.run_id)
    assert site.host.clock.now() >= before + 60
    assert (num_vfs(site), statuses(site)) == ("0", [RunStatus.UNDONE, RunStatus.DONE])
    with pytest.raises(InputError, match="no run waits"):
        confirm_run(site.host, site.journal)


def test_a_run_that_was_killed_is_undone_when_its_time_is_over(site: Site) -> None:
    plan = plan_for(site, wanted(num_vfs=2))
    boot_id = site.host.files.read_text(BOOT_ID)
    run_id = site.journal.begin(plan.steps, boot_id=boot_id, confirm_by=30.0)
    site.journal.mark(run_id, [0], StepStatus.STARTED)
    host_of(site).files.write_text(f"/sys/bus/pci/devices/{IGB}/sriov_numvfs", "2")
    expire_run(site, run_id)
    assert num_vfs(site) == "0"


def test_nothing_else_is_applied_to_a_pf_that_waits(site: Site) -> None:
    apply(site, wanted(num_vfs=2), options=ApplyOptions(confirm_within_s=60.0))
    with pytest.raises(BusyError, match="waits to be confirmed"):
        apply(site, wanted(num_vfs=3))
    apply(site, wanted(OTHER_IGB, num_vfs=3))
    assert (num_vfs(site), num_vfs(site, OTHER_IGB)) == ("2", "3")


# --- cut short -------------------------------------------------------------------------------


def cut_short(site: Site) -> int:
    """Leave a run behind whose process died after the VFs were made."""
    plan = plan_for(site, wanted(num_vfs=2, vf_default=WantedVF(vlan=VLAN(42))))
    run_id = site.journal.begin(plan.steps, boot_id=site.host.files.read_text(BOOT_ID))
    site.journal.mark(run_id, [0], StepStatus.STARTED)
    host_of(site).files.write_text(f"/sys/bus/pci/devices/{IGB}/sriov_numvfs", "2")
    return run_id


def test_a_run_that_was_cut_short_is_finished_or_undone_first(site: Site) -> None:
    cut_short(site)
    with pytest.raises(BusyError, match=r"cut short.*--resume.*undo"):
        apply(site, wanted(num_vfs=3))
    assert num_vfs(site) == "2"


def test_resume_finishes_what_was_written_down(site: Site) -> None:
    run_id = cut_short(site)
    outcome = resume_run(site, options=ApplyOptions(), check=lambda _: None)
    assert outcome.run_id == run_id
    (pf, *_) = read_inventory(site.host, name_of=lambda *_: None)
    assert [vf.attributes and vf.attributes.vlan for vf in pf.vfs] == [VLAN(42), VLAN(42)]
    assert statuses(site) == [RunStatus.DONE]


def test_resume_asks_who_would_feel_it(site: Site) -> None:
    cut_short(site)

    def refuse(steps: Sequence[Step]) -> None:
        raise SafetyError("is in use", subject=steps[0].subject)

    with pytest.raises(SafetyError, match=f"{IGB} vf 0"):
        resume_run(site, options=ApplyOptions(), check=refuse)
    assert statuses(site) == [RunStatus.RUNNING]


def test_a_resumed_run_whose_vfs_are_gone_makes_them_again(site: Site) -> None:
    run_id = cut_short(site)
    site.journal.mark(run_id, [0], StepStatus.DONE)
    host_of(site).files.write_text(f"/sys/bus/pci/devices/{IGB}/sriov_numvfs", "0")
    resume_run(site, options=ApplyOptions(), check=lambda _: None)
    assert num_vfs(site) == "2"


def test_there_is_nothing_to_resume_but_in_this_boot(site: Site) -> None:
    with pytest.raises(InputError, match="no run was cut short"):
        resume_run(site, options=ApplyOptions(), check=lambda _: None)
    cut_short(site)
    rebooted = Site(simulated_82576(), site.journal, site.progress)
    with pytest.raises(InputError, match="no run was cut short"):
        resume_run(rebooted, options=ApplyOptions(), check=lambda _: None)


def test_what_libvirt_could_not_finish_is_neither_resumed_nor_undone(site: Site) -> None:
    boot_id = (site.host.files.read_text(BOOT_ID) or "").strip()
    (step,) = plan_for(site, wanted(num_vfs=2)).steps
    record = site.journal.record([step], source="attach G", boot_id=boot_id, failed="it hung")
    with pytest.raises(InputError, match="no run was cut short"):
        resume_run(site, options=ApplyOptions(), check=lambda _: None)
    assert undo_run(site).run is None
    with pytest.raises(InputError, match="a record of what was done by other means"):
        undo_run(site, record)
    applied = apply(site, wanted(num_vfs=2)).run_id
    assert [run.run_id for run in site.journal.standing(boot_id)] == [applied]


# --- undo ------------------------------------------------------------------------------------


def test_undo_goes_back_run_by_run_or_to_a_named_one(site: Site) -> None:
    first = apply(site, wanted(num_vfs=2)).run_id
    apply(site, wanted(vfs=((0, WantedVF(vlan=VLAN(42))),)))
    other = apply(site, wanted(OTHER_IGB, num_vfs=1)).run_id
    with pytest.raises(SafetyError, match="changed the same PFs later"):
        undo_run(site, first)
    undo_run(site, other)
    assert (num_vfs(site, OTHER_IGB), num_vfs(site)) == ("0", "2")
    undo_run(site)
    undo_run(site)
    assert num_vfs(site) == "0"
    with pytest.raises(InputError, match="cannot be undone: it is undone"):
        undo_run(site, first)
    with pytest.raises(InputError, match="no such run"):
        undo_run(site, 99)


def test_a_refused_undo_leaves_no_trace(site: Site) -> None:
    apply(site, wanted(num_vfs=2))

    def refuse(_: Sequence[Step]) -> None:
        raise SafetyError("is in use", subject=IGB)

    with pytest.raises(SafetyError):
        undo_run(site, check=refuse)
    assert (num_vfs(site), statuses(site)) == ("2", [RunStatus.DONE])


@pytest.mark.parametrize("left", ["0", "1"])
def test_what_was_set_of_vfs_that_are_gone_is_not_taken_back(site: Site, left: str) -> None:
    apply(site, wanted(num_vfs=2))
    run_id = apply(site, wanted(vf_default=WantedVF(vlan=VLAN(42), trust=True))).run_id
    for count in dict.fromkeys(("0", left)):
        host_of(site).files.write_text(f"/sys/bus/pci/devices/{IGB}/sriov_numvfs", count)
    undone = undo_run(site, run_id)
    assert undone.steps == (), "VF 0, where it is there, is new"
    newest, of_run, _ = site.journal.runs()
    assert (of_run.status, newest.undoes, newest.status) == ("undone", run_id, "done")
    assert newest.devices == (IGB,)
    assert num_vfs(site) == left


def test_a_run_that_was_cut_short_and_lost_its_vfs_stands_in_nobodys_way(site: Site) -> None:
    apply(site, wanted(num_vfs=2))
    plan = plan_for(site, wanted(vf_default=WantedVF(vlan=VLAN(42))))
    boot_id = site.host.files.read_text(BOOT_ID)
    run_id = site.journal.begin(plan.steps, boot_id=boot_id)
    site.journal.mark(run_id, [0, 1], StepStatus.STARTED)
    back = [step._replace(before=step.after, after=step.before) for step in plan.steps]
    site.journal.begin(back, boot_id=boot_id, kind=RunKind.UNDO, undoes=run_id)
    host_of(site).files.write_text(f"/sys/bus/pci/devices/{IGB}/sriov_numvfs", "0")
    resume_run(site, options=ApplyOptions(), check=lambda _: None)
    assert RunStatus.RUNNING not in statuses(site)
    apply(site, wanted(num_vfs=3))


# --- the kernel ------------------------------------------------------------------------------


def test_a_pf_on_which_the_kernel_hangs_does_not_stop_the_others(site: Site) -> None:
    host_of(site).files.hang(f"/sys/bus/pci/devices/{IGB}/sriov_numvfs")
    pfs = (
        wanted(num_vfs=2, vf_default=WantedVF(vlan=VLAN(42))),
        wanted(OTHER_IGB, num_vfs=2, vf_default=WantedVF(vlan=VLAN(43))),
    )
    with pytest.raises(WedgedError) as caught:
        apply(site, *pfs)
    assert caught.value.evidence["PF"] == IGB
    assert caught.value.evidence["done"] == OTHER_IGB
    assert (num_vfs(site), num_vfs(site, OTHER_IGB)) == ("0", "2")
    assert plan_for(site, pfs[1]).steps == ()
    assert statuses(site) == [RunStatus.FAILED]


@pytest.fixture
def with_e810() -> Site:
    host = simulate(MachineSpec(cards=(Card(INTEL_82576), Card(INTEL_E810))))
    return Site(host, SQLiteJournal(None), lambda _: None)


def test_a_driver_that_is_known_to_need_time_is_given_it(with_e810: Site) -> None:
    host = host_of(with_e810)
    apply(with_e810, wanted(E810, num_vfs=2))
    plan = plan_for(with_e810, wanted(E810, vf_default=WantedVF(vlan=VLAN(42))))
    requests = len(host.rtnl.requests)
    host.rtnl.fail(errno.EAGAIN, times=3)
    apply_plan(with_e810, plan, options=ApplyOptions())
    assert plan_for(with_e810, wanted(E810, vf_default=WantedVF(vlan=VLAN(42)))).steps == ()
    assert host.clock.now() > 0
    assert len(host.rtnl.requests) > requests + 3


def test_but_not_for_ever(with_e810: Site) -> None:
    host = host_of(with_e810)
    apply(with_e810, wanted(E810, num_vfs=2))
    plan = plan_for(with_e810, wanted(E810, vf_default=WantedVF(vlan=VLAN(42))))
    host.rtnl.fail(errno.EAGAIN, times=100)
    with pytest.raises(BusyError):
        apply_plan(with_e810, plan, options=ApplyOptions())
    assert host.clock.now() < 60


def test_a_driver_without_that_habit_is_believed_at_once(site: Site) -> None:
    apply(site, wanted(num_vfs=2))
    plan = plan_for(site, wanted(vf_default=WantedVF(vlan=VLAN(42))))
    host_of(site).rtnl.fail(errno.EAGAIN)
    with pytest.raises(BusyError):
        apply_plan(site, plan, options=ApplyOptions())


def test_a_driver_that_is_loaded_anew_in_mid_apply_leaves_the_old_state(site: Site) -> None:
    host = host_of(site)
    before = read_inventory(host, name_of=lambda *_: None)
    plan = plan_for(site, wanted(num_vfs=2, vf_default=WantedVF(vlan=VLAN(42))))
    function = host.kernel.find_by_name(IGB)
    assert function is not None
    driver = function.driver
    assert driver is not None

    def reload() -> None:
        host.kernel.release(function)
        host.kernel.probe(driver, function)

    # The VFs have just been made and read back; now their attributes are to be set.
    mark = site.journal.mark

    def mark_and_reload(
        run_id: int, positions: Sequence[int], status: StepStatus, *, done: Sequence[int] = ()
    ) -> None:
        mark(run_id, positions, status, done=done)
        if 0 in done:
            reload()

    site.journal.mark = mark_and_reload  # type: ignore[method-assign]
    with pytest.raises((HostError, LostError), match="steps taken back"):
        apply_plan(site, plan, options=ApplyOptions())
    after = read_inventory(host, name_of=lambda *_: None)
    assert [pf._replace(netdev=None) for pf in after] == [pf._replace(netdev=None) for pf in before]
    assert statuses(site) == [RunStatus.TAKEN_BACK, RunStatus.DONE]


# --- users -----------------------------------------------------------------------------------


def test_a_guest_that_starts_between_plan_and_lock_is_seen(site: Site) -> None:
    apply(site, wanted(num_vfs=2))
    plan = plan_for(site, wanted(num_vfs=3))

    def now(steps: Sequence[Step]) -> list[Step]:
        return [step._replace(affected=("guest:MyGuest",)) for step in steps]

    with pytest.raises(SafetyError, match=r"guest:MyGuest would feel it.*--allow guest:MyGuest"):
        apply_plan(site, plan, options=ApplyOptions(affected=now))
    assert num_vfs(site) == "2"
    apply_plan(site, plan, options=ApplyOptions(frozenset({"guest:MyGuest"}), affected=now))
    assert num_vfs(site) == "3"


def test_the_refusal_names_users_of_other_steps_too(site: Site) -> None:
    plan = plan_for(site, wanted(num_vfs=2), wanted(OTHER_IGB, num_vfs=2))
    first, second = plan.steps
    used = Plan(
        (first._replace(affected=("ssh:eth0",)), second._replace(affected=("bridge:br0", "ssh:x")))
    )
    with pytest.raises(SafetyError, match=r"in use elsewhere bridge:br0, ssh:x"):
        apply_plan(site, used, options=ApplyOptions())
    assert site.journal.runs() == ()


# --- there and back in one run ---------------------------------------------------------------


def test_a_vf_that_is_taken_off_its_driver_gets_it_again_in_the_same_run(site: Site) -> None:
    apply(site, wanted(num_vfs=2))
    files = host_of(site).files
    links = [f"/sys/bus/pci/devices/{IGB}/virtfn{index}/driver" for index in range(2)]
    assert [files.read_link(link) for link in links] == ["igbvf", "igbvf"]
    (pf, *_) = read_inventory(site.host, name_of=lambda *_: None)
    bound, free = Binding("igbvf", None), Binding(None, None)
    off = plan_bindings([Rebinding(pf, vf, bound, free) for vf in pf.vfs])
    on = plan_bindings([Rebinding(pf, vf, free, bound) for vf in pf.vfs])
    plan = Plan((*off.steps, *on.steps))
    outcome = apply_plan(site, plan, options=ApplyOptions())
    assert outcome.steps == plan.steps
    assert [files.read_link(link) for link in links] == ["igbvf", "igbvf"]
    undone = undo_run(site)
    assert [step.after["driver"] for step in undone.steps] == [None, None, "igbvf", "igbvf"]
    assert [files.read_link(link) for link in links] == ["igbvf", "igbvf"]


# --- progress --------------------------------------------------------------------------------


def test_whoever_waits_for_hundreds_of_drivers_sees_how_far_it_is(with_e810: Site) -> None:
    said: list[str] = []
    site = with_e810._replace(progress=said.append)
    vfs = WantedVF(vlan=VLAN(42), driver="vfio-pci")
    apply(site, wanted(E810, num_vfs=150, drivers_autoprobe=False, vf_default=vfs))
    assert f"[3-152/302] set-vf {E810} (150 VFs)" in said
    binds = [text for text in said if "bind-driver" in text]
    assert binds[0] == f"[153-192/302] bind-driver {E810} (40 VFs)"
    assert binds[-1].startswith("[257-302/302]")


# --- the state directory ---------------------------------------------------------------------


def test_a_journal_that_fails_before_the_host_is_touched(site: Site) -> None:
    def full(*_: object, **__: object) -> int:
        raise HostError("the journal cannot be used: disk full", subject="journal.db")

    site.journal.begin = full  # type: ignore[method-assign]
    with pytest.raises(HostError, match="disk full"):
        apply(site, wanted(num_vfs=2))
    assert num_vfs(site) == "0"


def test_a_journal_that_fails_in_between_does_not_keep_the_host_from_going_back(
    site: Site,
) -> None:
    plan = plan_for(site, wanted(num_vfs=2, vf_default=WantedVF(vlan=VLAN(42))))
    mark = site.journal.mark

    def full(*_: object, **__: object) -> int:
        raise HostError("the journal cannot be used: disk full", subject="journal.db")

    def mark_until_full(
        run_id: int, positions: Sequence[int], status: StepStatus, *, done: Sequence[int] = ()
    ) -> None:
        if positions[0] > 0:
            site.journal.begin = full  # type: ignore[method-assign]
            site.journal.finish = full  # type: ignore[method-assign,assignment]
            full()
        mark(run_id, positions, status, done=done)

    site.journal.mark = mark_until_full  # type: ignore[method-assign]
    with pytest.raises(HostError, match=r"disk full.*steps taken back"):
        apply_plan(site, plan, options=ApplyOptions())
    assert num_vfs(site) == "0"
