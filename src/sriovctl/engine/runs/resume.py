"""Take up a run that was cut short, by kill -9 or a crash, where it was."""

from __future__ import annotations

from sriovctl.engine.boot import read_boot_id
from sriovctl.engine.runs.apply import ApplyOptions, Outcome, carry_out
from sriovctl.engine.runs.execute import Execution, pending
from sriovctl.engine.runs.meanwhile import require_as_it_was
from sriovctl.engine.runs.undo import undo_run
from sriovctl.errors import InputError
from sriovctl.model.run import Run, RunKind, RunStatus

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.engine.runs.execute import Check, Site
    from sriovctl.host.api import Journal

_OPEN = (RunStatus.RUNNING, RunStatus.FAILED)


def find_open_run(journal: Journal, boot_id: str | None) -> Run | None:
    """Find the newest run of this boot that did not come to its end; None if there is none.

    Repairs come last: the daemon picks up its own, and makes those that failed anew.
    """
    found = [run for run in journal.standing(boot_id) if run.status in _OPEN]
    people = (run for run in found if run.kind is not RunKind.REPAIR)
    cut_short = (run for run in found if run.status is RunStatus.RUNNING)
    return next(people, None) or next(cut_short, None)


def resume_run(
    site: Site, *, options: ApplyOptions, check: Check, run: Run | None = None
) -> Outcome:
    """Bring the newest run that was cut short to its end, whichever way it was going.

    The steps are those that were written down then, not a new plan.  When a step fails, what the
    run did is taken back, as in :func:`sriovctl.engine.runs.apply.apply_plan`.

    :param check: called with the steps that are about to be taken; raises to refuse them.
    :param run: this one, not the newest.
    :raises InputError: there is no such run in this boot.
    :raises SafetyError: a step would disturb somebody who was not named in ``options.allowed``.
    :raises BusyError: its process is still at work, or somebody else has ended or undone it.
    :raises SriovctlError: a step failed.
    """
    run = run or find_open_run(site.journal, read_boot_id(site.host.files))
    if run is None:
        raise InputError(
            "no run was cut short in this boot",
            subject="--resume",
            hint="'sriovctl history' lists the runs; 'sriovctl apply FILE' begins one",
        )
    if run.kind is RunKind.UNDO:
        return Outcome(run.run_id, undo_run(site, run.undoes, check=check).steps)
    with site.journal.locked(run.devices) as locks:
        require_as_it_was(site.journal, run)
        steps = site.journal.steps(run.run_id)
        check(pending(site.host, steps))
        return carry_out(site, Execution(site, locks, run.run_id), steps, options)
