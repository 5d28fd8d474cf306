"""Take back what a run did, wholly, and as a run of its own: an undo can be cut short, too."""

from __future__ import annotations

from contextlib import suppress

from sriovctl.engine.boot import read_boot_id
from sriovctl.engine.inventory import read_int
from sriovctl.engine.locate import find_directory
from sriovctl.engine.runs.execute import Execution, as_planned, pending
from sriovctl.engine.runs.steps import observe
from sriovctl.errors import (
    BusyError,
    HostError,
    InputError,
    LostError,
    SafetyError,
    SriovctlError,
)
from sriovctl.model.plan import Action, Step
from sriovctl.model.record import NamedTuple
from sriovctl.model.run import STANDING, Ending, RecordedStep, Run, RunKind, RunStatus, StepStatus
from sriovctl.planner.undo import plan_undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sriovctl.engine.runs.execute import Check, Site
    from sriovctl.host.api import Journal, PFLocks

# A driver that is loaded anew in mid-apply takes its PF away for as long.
PATIENCE_S = 20.0


class Undone(NamedTuple):
    """What an undo did."""

    run: Run | None  # the one that was taken back; None when there was nothing to undo
    steps: tuple[Step, ...] = ()  # taken, each verified; what held already is left out
    earlier_boots: int = 0  # runs that went with an earlier boot, when there was nothing else


def undo_run(site: Site, run_id: int | None = None, *, check: Check = lambda _: None) -> Undone:
    """Take back one run: the newest that stands, or the one that is named.

    An undo that was cut short is brought to its end.  What is already as it was is left alone.

    :param check: called with the steps that are about to be taken; raises to refuse them.
    :raises InputError: there is no such run, or it does not stand.
    :raises SafetyError: a later run on the same PFs stands, or *check* refuses.
    :raises BusyError: another sriovctl is at work, or somebody else changed the number of VFs.
    :raises SriovctlError: a step failed.
    """
    from sriovctl.engine.runs.in_turn import in_turn

    journal, boot_id = site.journal, read_boot_id(site.host.files)
    standing = journal.standing(boot_id)
    run = _newest(standing) if run_id is None else _named(journal, standing, run_id)
    if run is None:
        earlier = [one for one in journal.runs() if one.boot_id != boot_id]
        return Undone(None, earlier_boots=len(earlier))
    return Undone(run, in_turn(site, lambda: _undo_alone(site, run, check)))


def _undo_alone(site: Site, run: Run, check: Check) -> tuple[Step, ...]:
    with site.journal.locked(run.devices) as locks:
        _require_as_chosen(site.journal, run)
        return _undo_locked(site, locks, run, check)


def _newest(standing: Sequence[Run]) -> Run | None:
    return next((run for run in standing if _is_to_undo(run)), None)


# Repairs bring back what was declared: to undo means what a person did, unless one was cut short
# and nobody is there to end it.
def _is_to_undo(run: Run) -> bool:
    if run.kind is RunKind.REPAIR:
        return run.status is RunStatus.RUNNING
    return run.kind is RunKind.APPLY


def _named(journal: Journal, standing: Sequence[Run], run_id: int) -> Run:
    named = journal.run(run_id)
    if named is None:
        raise InputError("there is no such run", subject=f"run {run_id}", hint="sriovctl history")
    run = next((one for one in standing if one.run_id == run_id), None)
    if run is None or run.kind is RunKind.UNDO:
        raise InputError(
            f"cannot be undone: it is {_state_of(named)}",
            subject=f"run {run_id}",
            hint="'sriovctl history' shows which runs stand",
        )
    for later in standing:
        is_later = later.run_id > run_id and _is_to_undo(later)
        if is_later and _overlap(journal, later, run):
            raise SafetyError(
                f"run {later.run_id} changed the same PFs later, and stands",
                subject=f"run {run_id}",
                hint=f"undo run {later.run_id} first",
            )
    return run


def _state_of(run: Run) -> str:
    if run.kind is RunKind.UNDO:
        return "an undo itself"
    if run.kind is RunKind.RECORD:
        return "a record of what was done by other means; 'detach' or 'lease release' takes it back"
    if run.kind is RunKind.REPAIR and run.status is RunStatus.DONE:
        return "a repair, which the daemon would make again: change what is declared"
    return "of an earlier boot" if run.status in STANDING else str(run.status)


# Runs on single VFs have nothing to do with each other unless they share one.
def _overlap(journal: Journal, one: Run, other: Run) -> bool:
    if not set(one.devices) & set(other.devices):
        return False
    mine, theirs = _places(journal, one), _places(journal, other)
    return any(
        device == another and (None in (vf_index, index) or vf_index == index)
        for device, vf_index in mine
        for another, index in theirs
    )


def _places(journal: Journal, run: Run) -> set[tuple[str, int | None]]:
    steps = (one.step for one in journal.steps(run.run_id))
    return {(step.device, step.vf_index) for step in steps}


# Others may have undone it before we had the lock, or made one that stands on top of it.
def _require_as_chosen(journal: Journal, run: Run) -> None:
    standing = journal.standing(run.boot_id)
    if all(one.run_id != run.run_id for one in standing):
        raise BusyError("was undone by somebody else meanwhile", subject=f"run {run.run_id}")
    _named(journal, standing, run.run_id)


def _undo_locked(site: Site, locks: PFLocks, run: Run, check: Check) -> tuple[Step, ...]:
    journal = site.journal
    open_undo = _find_open(journal, run)
    steps = _of_what_is_there(site, open_undo[1]) if open_undo else _way_back(site, run.run_id)
    check(pending(site.host, steps))
    undo_id = open_undo[0] if open_undo else _begin(site, run.run_id, steps)
    execution = Execution(site, locks, undo_id, patience_s=PATIENCE_S)
    execution.run(steps)
    if execution.wedged:
        raise next(iter(execution.wedged.values()))
    journal.finish(
        Ending(undo_id, RunStatus.DONE, done=execution.unnoted),
        Ending(run.run_id, RunStatus.UNDONE),
    )
    return tuple(execution.performed)


# An undo that was cut short goes on where it was: made anew, its plan would destroy the VFs that
# it had already given back.
def _find_open(journal: Journal, run: Run) -> tuple[int, tuple[RecordedStep, ...]] | None:
    for other in journal.standing(run.boot_id):
        if other.undoes == run.run_id and other.status is RunStatus.RUNNING:
            return other.run_id, journal.steps(other.run_id)
    return None


def _begin(site: Site, run_id: int, steps: Sequence[RecordedStep]) -> int:
    return site.journal.begin(
        [one.step for one in steps],
        kind=RunKind.UNDO,
        source=f"run {run_id}",
        boot_id=read_boot_id(site.host.files),
        undoes=run_id,
    )


def _way_back(site: Site, run_id: int) -> tuple[RecordedStep, ...]:
    recorded = [one for one in site.journal.steps(run_id) if one.status is not StepStatus.PLANNED]
    sure = [one.step for one in recorded if _had_effect(site, one)]
    steps = as_planned(plan_undo([one.step for one in recorded], sure=sure).steps)
    return as_planned([one.step for one in _of_what_is_there(site, steps)])


# What was set of VFs that are gone went with them: there is nothing to take back.  Nobody could
# otherwise end a run whose VFs went with a driver that was loaded anew.
def _of_what_is_there(site: Site, steps: Sequence[RecordedStep]) -> tuple[RecordedStep, ...]:
    counts: dict[str, int | None] = {}
    kept = []
    for one in steps:
        device, vf_index = one.step.device, one.step.vf_index
        if one.step.action is Action.SET_NUM_VFS:
            counts[device] = _count_after(one.step)
        elif vf_index is not None:
            if device not in counts:
                counts[device] = _count_now(site, device)
            count = counts[device]
            if count is not None and vf_index >= count:
                continue
        kept.append(one)
    return tuple(kept)


def _count_after(step: Step) -> int:
    count = step.after["num_vfs"]
    assert isinstance(count, int)
    return count


# None: the PF is away, and may come back with all that it had, so its steps wait for it.
def _count_now(site: Site, device: str) -> int | None:
    try:
        directory = find_directory(site.host.files, device)
    except LostError:
        return None
    return read_int(site.host.files, f"{directory}/sriov_numvfs")


def _had_effect(site: Site, one: RecordedStep) -> bool:
    # Only of a destruction it matters: VFs that are there still must not lose their drivers.
    if one.status is StepStatus.DONE or one.step.action is not Action.SET_NUM_VFS:
        return True
    try:
        return observe(site.host, [one.step]) == [one.step.after]
    except LostError:
        return False


def take_back(site: Site, execution: Execution, error: BaseException) -> None:
    """Undo at once what a run did whose step failed with *error*; add to it what became of that.

    The journal may be what failed (a full disk): the host is brought back all the same.
    """
    why = error.cause if isinstance(error, SriovctlError) else _cause(error)
    site.progress(f"{why}: taking back what was done")
    try:
        taken = _take_back(site, execution, error)
    except SriovctlError as second:
        assert execution.run_id is not None
        note = f"{_cause(error)}; taking it back failed too: {second}"
        _note(site.journal, Ending(execution.run_id, RunStatus.FAILED, note))
        _tell(site, error, "taking back failed too", second)
        return
    _tell(site, error, "steps taken back", len(taken))


def _take_back(site: Site, failed: Execution, error: BaseException) -> list[Step]:
    run_id = failed.run_id
    assert run_id is not None  # an apply is always written down
    steps = _way_back(site, run_id)
    undo_id: int | None = None
    with suppress(HostError):  # the disk is full, say: then it goes without a record
        undo_id = _begin(site, run_id, steps)
    execution = Execution(
        site, failed.locks, undo_id, patience_s=PATIENCE_S, goes_on_unrecorded=True
    )
    execution.run(steps)
    if execution.wedged:
        raise next(iter(execution.wedged.values()))
    endings = [Ending(run_id, RunStatus.TAKEN_BACK, _cause(error))]
    if undo_id is not None:
        endings.append(Ending(undo_id, RunStatus.DONE, done=execution.unnoted))
    _note(site.journal, *endings)
    return execution.performed


def _note(journal: Journal, *endings: Ending) -> None:
    # The run stays open in the journal if this fails, and undoing it again finds nothing to do.
    with suppress(HostError):
        journal.finish(*endings)


# Ctrl-C and SIGTERM say no more than their numbers, and take nothing with them to where they end.
def _cause(error: BaseException) -> str:
    return str(error) or type(error).__name__ if isinstance(error, Exception) else "interrupted"


def _tell(site: Site, error: BaseException, key: str, value: object) -> None:
    if isinstance(error, SriovctlError):
        error.evidence[key] = value
    else:
        site.progress(f"{key}: {value}")
