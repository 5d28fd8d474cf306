"""Apply a plan: refuse, lock, write down, carry out, and take back when a step fails."""

from __future__ import annotations

from sriovctl.engine.boot import read_boot_id
from sriovctl.engine.runs.execute import Execution, as_planned
from sriovctl.engine.runs.meanwhile import refuse_stale
from sriovctl.engine.runs.undo import take_back
from sriovctl.errors import BusyError, SafetyError, WedgedError
from sriovctl.model.plan import Action, Plan, Step
from sriovctl.model.record import NamedTuple
from sriovctl.model.run import Ending, RunKind, RunStatus
from sriovctl.planner.drivers import VFIO_DRIVERS
from sriovctl.planner.safety import find_refusals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sriovctl.engine.runs.execute import Check, Site
    from sriovctl.engine.runs.meanwhile import JournalMark
    from sriovctl.host.api import Host, Journal
    from sriovctl.model.run import RecordedStep


class Outcome(NamedTuple):
    """What a run did."""

    run_id: int | None  # in the journal; None when there was nothing to do
    steps: tuple[Step, ...]  # done and verified
    status: RunStatus = RunStatus.DONE


class ApplyOptions(NamedTuple):
    """What the user allowed and asked for beside the plan.

    :param allowed: tokens of the owners that may be disturbed, as ``guest:MyGuest``.
    :param source: where the plan came from, for the journal.
    :param affected: writes into steps who would feel them at this moment; asked again just
        before VFs are destroyed.  None: nobody is asked.
    :param leased: the same of leases alone; asked again before each step.
    :param since: how far the journal was before the host was read for the plan; runs that have come
        or ended since make it stale.  None: whoever planned has other means to see that.
    :param kind: how the journal is to name the run.
    :param when_locked: called once nobody else can change the PFs, and before anything is written
        down; raises when the plan is not to be carried out any more.
    :param confirm_within_s: the run is undone unless it is confirmed so soon after its end.
    :param on_begun: told the run's number before the host is touched.
    """

    allowed: frozenset[str] = frozenset()
    source: str = ""
    affected: Callable[[Sequence[Step]], Sequence[Step]] | None = None
    leased: Callable[[Sequence[Step]], Sequence[Step]] | None = None
    since: JournalMark | None = None
    kind: RunKind = RunKind.APPLY
    when_locked: Callable[[], None] = lambda: None
    confirm_within_s: float | None = None
    on_begun: Callable[[int], None] = lambda _: None


def apply_plan(site: Site, plan: Plan, *, options: ApplyOptions) -> Outcome:
    """Bring the host along *plan*, verifying each step by reading it back.

    When a step fails, what was done before it is taken back, and the error says so.  When the
    kernel hangs on one PF, the others are brought to their end, and the error names that one.

    :raises SafetyError: a step would disturb somebody who was not named in ``options.allowed``.
    :raises BusyError: another sriovctl is at work on one of the PFs, or one was killed there and
        its run is to be finished or undone first, or others' runs have made the plan stale.
    :raises WedgedError: the kernel hangs on a PF.
    :raises SriovctlError: a step failed; the evidence says what became of the others.
    """
    if not plan.steps:
        return Outcome(None, ())
    refuse_users(plan.steps, options.allowed)
    devices = {step.device for step in plan.steps}
    boot_id = read_boot_id(site.host.files)
    with site.journal.locked(sorted(devices)) as locks:
        refuse_open_runs(site.journal, devices, boot_id)
        if options.since is not None:
            refuse_stale(site.journal, options.since, devices)
        options.when_locked()
        run_id = site.journal.begin(
            plan.steps,
            kind=options.kind,
            source=options.source,
            boot_id=boot_id,
            confirm_by=_confirm_by(site.host, options),
        )
        options.on_begun(run_id)
        execution = Execution(site, locks, run_id, check=_last_look(plan, options))
        return carry_out(site, execution, as_planned(plan.steps), options)


def _confirm_by(host: Host, options: ApplyOptions) -> float | None:
    within_s = options.confirm_within_s
    return None if within_s is None else host.clock.now() + within_s


def refuse_users(steps: Sequence[Step], allowed: frozenset[str]) -> None:
    """Refuse steps that disturb somebody who was not named.

    :raises SafetyError: for the first such step; the evidence has whom the others would disturb.
    """
    refusals = find_refusals(Plan(tuple(steps)), allowed)
    if not refusals:
        return
    step, tokens = refusals[0]
    others = sorted({t for one in refusals[1:] for t in one.tokens} - set(tokens))
    raise SafetyError(
        f"is in use: {', '.join(tokens)} would feel it",
        subject=step.subject,
        evidence={
            "step": step.action,
            "disruption": step.disruption,
            **({"in use elsewhere": ", ".join(others)} if others else {}),
        },
        hint=f"'sriovctl owners' says how that is known; free it first, or add {refusals[0].allow}",
    )


def refuse_open_runs(journal: Journal, devices: set[str], boot_id: str | None) -> None:
    """Refuse while an earlier run on the same PFs is neither finished nor confirmed.

    Its locks are free, so the process that ran it is gone.

    :raises BusyError: there is such a run.
    """
    for run in journal.standing(boot_id, (RunStatus.RUNNING, RunStatus.UNCONFIRMED)):
        if not devices & set(run.devices):
            continue
        if run.status is RunStatus.RUNNING:
            raise BusyError(
                f"run {run.run_id} ({run.kind}) was cut short on {', '.join(run.devices)}",
                subject="journal",
                hint="finish it with 'sriovctl apply --resume', or go back with 'sriovctl undo'",
            )
        if run.status is RunStatus.UNCONFIRMED:
            raise BusyError(
                f"run {run.run_id} on {', '.join(run.devices)} waits to be confirmed",
                subject="journal",
                hint="keep it with 'sriovctl confirm', or go back with 'sriovctl undo'",
            )


def carry_out(
    site: Site, execution: Execution, steps: Sequence[RecordedStep], options: ApplyOptions
) -> Outcome:
    """Bring a run to its end that the journal holds, or take it back.

    :raises WedgedError: the kernel hangs on one of its PFs.
    :raises SriovctlError: a step failed; the evidence says what became of the others.
    """
    try:
        execution.run(steps)
    except BaseException as error:
        # BaseException: Ctrl-C in mid-apply must not leave half of it behind either.
        take_back(site, execution, error)
        raise
    return _conclude(site, execution, tuple(one.step for one in steps), options)


def _last_look(plan: Plan, options: ApplyOptions) -> Check:
    # Between the plan and the lock a guest may have started.  Destroying a VF that it holds, or
    # taking vfio-pci from it, would hang in the kernel until the guest lets go of it.
    def look(steps: Sequence[Step]) -> None:
        if options.affected is None:
            return
        dying = [s for s in steps if s.action is Action.SET_NUM_VFS and not s.after["num_vfs"]]
        if dying:
            # With what follows, which says whether the VFs come again.
            now, *_ = options.affected(plan.steps[plan.steps.index(dying[0]) :])
            refuse_users([now], options.allowed | set(dying[0].affected))
        leaving = [s for s in steps if s.before.get("driver") in VFIO_DRIVERS]
        if leaving:
            known = {token for step in leaving for token in step.affected}
            refuse_users(options.affected(leaving), options.allowed | known)
        if options.leased is not None and not dying:
            # Nobody takes a lease of a PF whose lock we hold, but somebody may have before.
            known = {token for step in steps for token in step.affected}
            refuse_users(options.leased(steps), options.allowed | known)

    return look


def _conclude(
    site: Site, execution: Execution, steps: tuple[Step, ...], options: ApplyOptions
) -> Outcome:
    run_id = execution.run_id
    assert run_id is not None  # an apply is always written down
    if execution.wedged:
        raise _wedged(site, execution, steps)
    confirm_by = _confirm_by(site.host, options)
    if confirm_by is None:
        site.journal.finish(Ending(run_id, RunStatus.DONE, done=execution.unnoted))
        return Outcome(run_id, steps)
    site.journal.await_confirmation(run_id, confirm_by, done=execution.unnoted)
    return Outcome(run_id, steps, RunStatus.UNCONFIRMED)


def _wedged(site: Site, execution: Execution, steps: tuple[Step, ...]) -> WedgedError:
    device, error = next(iter(execution.wedged.items()))
    assert execution.run_id is not None
    ending = Ending(execution.run_id, RunStatus.FAILED, str(error), execution.unnoted)
    site.journal.finish(ending)
    error.evidence["PF"] = device
    others = sorted({step.device for step in steps} - execution.wedged.keys())
    if others:
        error.evidence["done"] = ", ".join(others)
    return error
