"""Repairs of one PF: ordinary runs of the journal, and what became of them."""

from __future__ import annotations

from sriovctl.daemon.log import Priority
from sriovctl.daemon.questions import MoreToSeeError
from sriovctl.engine.boot import read_boot_id
from sriovctl.engine.runs.apply import ApplyOptions, apply_plan
from sriovctl.engine.runs.resume import resume_run
from sriovctl.errors import (
    BusyError,
    SafetyError,
    SriovctlError,
    StalePlanError,
    WedgedError,
)
from sriovctl.model.health import Condition, Health
from sriovctl.model.plan import Action, Plan
from sriovctl.model.record import NamedTuple
from sriovctl.model.run import Ending, RunKind, RunStatus
from sriovctl.model.state import DesiredState
from sriovctl.planner.diff import plan_state
from sriovctl.planner.repair import repaired_subjects, sort_by_use
from sriovctl.render.plan import format_change

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from sriovctl.daemon.log import Log
    from sriovctl.engine.runs.execute import Site
    from sriovctl.engine.runs.users import Users
    from sriovctl.model.functions import PF
    from sriovctl.model.plan import Step
    from sriovctl.model.run import Run
    from sriovctl.model.state import WantedPF
    from sriovctl.planner.repair import Subject

SOURCE = "sriovctld"
_SHOWN = 8  # changes of one repair that are told one by one
_HEALTHY = Condition(Health.HEALTHY)


class Mended(NamedTuple):
    """What became of an attempt."""

    condition: Condition
    repaired: tuple[Subject, ...] = ()
    again: bool = False  # another attempt may go better
    failed: bool = False  # what could have been done was not


class Mender:
    """Carries repairs out.

    :param allowed: tokens of users that may be disturbed.
    """

    def __init__(self, site: Site, users: Users, log: Log, *, allowed: frozenset[str]) -> None:
        self._site = site
        self._users = users
        self._log = log
        self._allowed = allowed

    # --- what was cut short --------------------------------------------------------------

    def pick_up(self) -> bool:
        """Bring repairs to their end that were cut short; say whether there were any.

        Those of people are told of, and theirs to decide.
        """
        found = False
        try:
            for run in self._open_runs():
                if self._is_ours(run):
                    found = True
                    self._finish(run)
                else:
                    self._tell_of(run)
        except SriovctlError as error:
            self._log.say_once(Priority.WARNING, "pick up", f"cannot pick up: {error}")
        return found

    def _open_runs(self) -> tuple[Run, ...]:
        boot_id = read_boot_id(self._site.host.files)
        return self._site.journal.standing(boot_id, (RunStatus.RUNNING,))

    def _is_ours(self, run: Run) -> bool:
        if run.kind is RunKind.UNDO and run.undoes is not None:
            undone = self._site.journal.run(run.undoes)
            return undone is not None and undone.kind is RunKind.REPAIR
        return run.kind is RunKind.REPAIR

    def _tell_of(self, run: Run) -> None:
        try:
            with self._site.journal.locked(run.devices):
                pass
        except BusyError:
            return  # it is at work
        self._log.say_once(
            Priority.WARNING,
            f"run {run.run_id}",
            f"run {run.run_id} ({run.kind} from {run.source}) was cut short: finish it with "
            "'sriovctl apply --resume', or go back with 'sriovctl undo'",
        )

    def _finish(self, run: Run) -> None:
        options = self._options(run.source, self._allowed)
        try:
            check = self._users.checking(self._allowed)
            resume_run(self._site, options=options, check=check, run=run)
        except BusyError:
            return  # somebody is at it
        except SriovctlError as error:
            self._close(run, error)
        else:
            self._log.say(Priority.NOTICE, f"run {run.run_id} ({run.kind}) was cut short; ended it")

    # It leads nowhere any more: its VFs have gone meanwhile, say.  What was declared is known
    # without it, and the next look begins anew.
    def _close(self, run: Run, error: SriovctlError) -> None:
        both = {run.run_id, run.undoes}
        note = f"was cut short, and could not be ended: {error}"
        with self._site.journal.locked(run.devices):  # somebody may undo it at this moment
            endings = [
                Ending(one.run_id, RunStatus.FAILED, note)
                for one in self._open_runs()
                if one.run_id in both or one.undoes in both
            ]
            self._site.journal.finish(*endings)
        self._log.say(Priority.WARNING, f"run {run.run_id} ({run.kind}) {note}")

    # --- a repair ------------------------------------------------------------------------

    def mend(
        self,
        wanted: WantedPF,
        pf: PF,
        before: PF | None,
        *,
        is_stale: Callable[[], bool],
        may_be_empty: bool,
        about: Collection[int] | None = None,
    ) -> Mended:
        """Bring a PF to what is wanted of it, as far as nobody is disturbed.

        :param before: the PF as it was when nothing waited for its repair.
        :param is_stale: whether others' runs have come, or ended, since; asked under the lock.
        :param may_be_empty: something was left out of *wanted*, so there may be nothing to do.
        :param about: indices of the VFs whose attributes alone are to be set; None: no matter.
        :raises MoreToSeeError: it takes other steps than these.
        :raises SriovctlError: it cannot be planned, or who uses it cannot be seen.
        """
        state = DesiredState((wanted,))
        # Who uses it takes longer to find out than whether anybody has to be asked.
        if may_be_empty and not plan_state(state, (pf,), owners={}).steps:
            return Mended(_HEALTHY)
        if self.pick_up():
            open_run = Condition(Health.REPAIRING, "a repair was cut short")
            return Mended(open_run, again=True, failed=True)
        owners = self._users.of((pf,))
        self._users.tell(owners.notes)
        steps = plan_state(state, (pf,), owners=owners.owners).steps
        if about is not None and not all(_sets_vf_of(about, step) for step in steps):
            raise MoreToSeeError
        found = sort_by_use(steps, pf, before, self._allowed)
        repaired: list[Subject] = []
        try:
            for part in filter(None, (found.free, found.restoring)):
                self._repair(part, is_stale)
                repaired += repaired_subjects(part)
        except SriovctlError as error:
            return Mended(_judge(error), tuple(repaired), again=True, failed=True)
        return Mended(_left(found.left), tuple(repaired), again=bool(found.left))

    def _repair(self, steps: tuple[Step, ...], is_stale: Callable[[], bool]) -> None:
        def refuse_stale() -> None:
            if is_stale():
                device = steps[0].device
                raise StalePlanError(
                    "another run has come, or ended, since it was looked at", subject=device
                )

        tokens = frozenset(token for step in steps for token in step.affected)
        allowed = self._allowed | tokens
        options = self._options(SOURCE, allowed)._replace(when_locked=refuse_stale)
        outcome = apply_plan(self._site, Plan(steps), options=options)
        for line in _tell(steps):
            self._log.say(Priority.NOTICE, f"repaired {line} (run {outcome.run_id})")

    def _options(self, source: str, allowed: frozenset[str]) -> ApplyOptions:
        return ApplyOptions(
            allowed=allowed,
            source=source,
            affected=self._users.affected,
            leased=self._users.leased,
            kind=RunKind.REPAIR,
        )


def _sets_vf_of(about: Collection[int], step: Step) -> bool:
    return step.action is Action.SET_VF and step.vf_index in about


def _judge(error: SriovctlError) -> Condition:
    if isinstance(error, StalePlanError):
        return Condition(Health.REPAIRING, str(error))
    if isinstance(error, SafetyError | BusyError) and not isinstance(error, WedgedError):
        return Condition(Health.BLOCKED, str(error))
    return Condition(Health.DEGRADED, str(error))


def _left(steps: Sequence[Step]) -> Condition:
    if not steps:
        return _HEALTHY
    tokens = sorted({token for step in steps for token in step.affected})
    subjects = ", ".join(sorted({step.subject for step in steps if step.affected}))
    return Condition(Health.BLOCKED, f"{subjects}: differs, and is in use by {', '.join(tokens)}")


def _tell(steps: Sequence[Step]) -> list[str]:
    lines = [f"{step.subject}: {format_change(step)}" for step in steps[:_SHOWN]]
    more = len(steps) - _SHOWN
    return [*lines, f"{steps[0].device}: {more} more steps"] if more > 0 else lines
