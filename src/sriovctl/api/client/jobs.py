"""Runs that the daemon carries out for us: started, followed to their end, and cancelled.

Theory of operation.  A job is asked after again and again, the longer it takes the more seldom.
Ctrl-C cancels it: what it did is taken back by the daemon, and the command waits for that, as it
does when it works itself.  From the moment in which a job is asked for until its number is known,
Ctrl-C is held back, since nothing could be cancelled by then.
"""

from __future__ import annotations

import signal
import time
from contextlib import contextmanager

from sriovctl.api.client.answers import parse_run, parse_step, read_answer
from sriovctl.api.client.refusals import NotServed, error_told
from sriovctl.api.contract.messages import EARLIER_BOOTS, NOTHING_TO_UNDO, JobState
from sriovctl.codec.state_text import state_as_tree
from sriovctl.engine.runs.apply import Outcome
from sriovctl.engine.runs.undo import Undone
from sriovctl.errors import LostError, SriovctlError
from sriovctl.model.record import NamedTuple
from sriovctl.model.run import RunStatus

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from typing import Any

    from sriovctl.api.client.daemon import Daemon
    from sriovctl.model.plan import Step
    from sriovctl.model.run import Run
    from sriovctl.model.state import DesiredState

    Document = Mapping[str, Any]

HINT = "'sriovctl history' tells, and 'sriovctl undo' goes back"
_FIRST_PAUSE_S, _LONGEST_PAUSE_S, _SLOWER = 0.01, 0.2, 1.25
_RUNS = (JobState.QUEUED, JobState.RUNNING)
_STOPS = (signal.SIGINT, signal.SIGTERM)


class _Job(NamedTuple):
    number: int
    kind: str
    state: JobState
    run_id: int | None
    status: RunStatus | None
    steps: tuple[Step, ...]
    told: tuple[str, ...]  # the last lines of its progress
    lines_told: int
    notes: tuple[str, ...]
    problem: Document | None

    @property
    def name(self) -> str:
        of_run = "" if self.run_id is None else f" (run {self.run_id})"
        return f"job {self.number}{of_run}"


class JobOffice:
    """Where the daemon is asked for runs.

    :param progress: told how far a run is.
    :param warn: told what may make an answer less than it seems.
    :param sleep: lets time pass.
    """

    def __init__(
        self,
        daemon: Daemon,
        progress: Callable[[str], None],
        warn: Callable[[str], None] = lambda _: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._daemon = daemon
        self._progress = progress
        self._warn = warn
        self._warned: set[str] = set()
        self._sleep = sleep

    def apply(
        self, state: DesiredState, *, allowed: Collection[str], confirm_within_s: float | None
    ) -> Outcome:
        """Have the host brought to a state.

        :raises NotServed: the daemon does no such thing for us; nothing was begun.
        :raises LostError: it is gone, and what it did is not known.
        :raises StalePlanError: the host has changed since it was planned for.
        :raises SriovctlError: as :func:`~sriovctl.engine.runs.apply.apply_plan` does.
        """
        if not state.pfs:
            return Outcome(None, ())
        tree = state_as_tree(state._replace(pools=()))  # what is lent from them changes nothing
        plan = self._plan(tree)
        self._tell(read_answer(lambda said: tuple(said["notes"]), plan))
        if not plan.get("steps"):
            return Outcome(None, ())
        said = {"kind": "apply", "plan": plan.get("plan"), "allow": sorted(allowed)}
        if confirm_within_s is not None:
            said["confirm_within_s"] = confirm_within_s
        job = self._carry_out(said, can_cancel=True)
        return Outcome(job.run_id, job.steps, job.status or RunStatus.DONE)

    def _tell(self, notes: Collection[str]) -> None:
        for note in notes:
            if note not in self._warned:
                self._warned.add(note)
                self._warn(note)

    # It changes nothing, so that one who is lost over it has begun nothing.
    def _plan(self, tree: object) -> Document:
        try:
            return self._daemon.ask("POST", "/v1/plan", tree)
        except LostError as error:
            if error.subject != self._daemon.path:
                raise
            raise NotServed(error.cause, is_late=True) from error

    def undo(self, run_id: int | None, *, allowed: Collection[str]) -> Undone:
        """Have a run taken back: the newest that stands, or the one that is named.

        :raises SriovctlError: as for :meth:`apply`, and as
            :func:`~sriovctl.engine.runs.undo.undo_run` does.
        """
        said: dict[str, object] = {"kind": "undo", "allow": sorted(allowed)}
        try:
            job = self._carry_out(said | _naming(run_id), can_cancel=False)
        except SriovctlError as error:
            if error.code != NOTHING_TO_UNDO:
                raise
            return Undone(None, earlier_boots=int(str(error.evidence.get(EARLIER_BOOTS, 0))))
        return Undone(self._run(job), job.steps)

    def confirm(self, run_id: int | None) -> Run:
        """Have a run kept that waits for it: the newest, or the one that is named.

        :raises SriovctlError: as for :meth:`apply`, and as
            :func:`~sriovctl.engine.runs.confirm.confirm_run` does.
        """
        return self._run(self._carry_out({"kind": "confirm"} | _naming(run_id), can_cancel=False))

    def _run(self, job: _Job) -> Run:
        try:
            document = self._daemon.ask("GET", f"/v1/runs/{job.run_id}")
        except NotServed as error:  # by now it is done, and not to be done again
            raise _lost_with(job, error.cause) from error
        return read_answer(lambda said: parse_run(said["run"]), document)

    # --- jobs ----------------------------------------------------------------------------

    def _carry_out(self, said: Mapping[str, object], *, can_cancel: bool) -> _Job:
        said = {key: value for key, value in said.items() if value != []}
        job: _Job | None = None
        follower = _Follower(self._ask_after, self._progress, self._sleep)
        try:
            with _held_back():
                job = self._begin(said)
            job = follower.to_its_end(job)
        except (KeyboardInterrupt, SystemExit):
            if job is None:
                raise
            if not can_cancel:
                self._progress(f"the daemon goes on with {job.name}: 'sriovctl history' tells")
                raise
            job = self._stop(follower, job)
            if job.state is JobState.CANCELLED:
                raise
        self._tell(job.notes)
        if job.state is not JobState.DONE:
            raise _error_of(job)
        return job

    def _begin(self, said: Mapping[str, object]) -> _Job:
        try:
            return self._ask("POST", "/v1/jobs", said)
        except LostError as error:
            if error.subject == self._daemon.path:
                error.cause += "; whether it began is not known here"
                error.hint = HINT
            raise

    # One that has ended by now stands, and is told as such.
    def _stop(self, follower: _Follower, job: _Job) -> _Job:
        try:
            job = self._ask("DELETE", f"/v1/jobs/{job.number}", None)
        except (SriovctlError, NotServed):
            job = self._ask_after(job)
        return follower.to_its_end(job)

    def _ask_after(self, job: _Job) -> _Job:
        try:
            now = self._ask("GET", f"/v1/jobs/{job.number}", None)
        except (SriovctlError, NotServed) as error:
            raise _lost_with(job, error.cause) from error
        if now.kind != job.kind:  # numbers begin anew with each start of the daemon
            raise _lost_with(job, "the daemon was started anew")
        return now

    def _ask(self, method: str, target: str, said: object) -> _Job:
        return read_answer(_parse_job, self._daemon.ask(method, target, said))


class _Follower:
    # Waits, and tells each line of progress once.

    def __init__(
        self,
        ask_after: Callable[[_Job], _Job],
        progress: Callable[[str], None],
        sleep: Callable[[float], None],
    ) -> None:
        self._ask_after = ask_after
        self._progress = progress
        self._sleep = sleep
        self._told = 0

    def to_its_end(self, job: _Job) -> _Job:
        pause_s = _FIRST_PAUSE_S
        while True:
            self._tell(job)
            if job.state not in _RUNS:
                return job
            self._sleep(pause_s)
            pause_s = min(_LONGEST_PAUSE_S, pause_s * _SLOWER)
            job = self._ask_after(job)

    def _tell(self, job: _Job) -> None:
        new = min(job.lines_told - self._told, len(job.told))
        for line in job.told[len(job.told) - new :]:
            self._progress(line)
        self._told = job.lines_told


def _parse_job(document: Document) -> _Job:
    said = document["job"]
    return _Job(
        number=int(said["job"]),
        kind=said["kind"],
        state=JobState(said["state"]),
        run_id=said["run"],
        status=None if said["status"] is None else RunStatus(said["status"]),
        steps=tuple(parse_step(one) for one in said["steps"]),
        told=tuple(said["progress"]),
        lines_told=int(said["lines_told"]),
        notes=tuple(said["notes"]),
        problem=said["error"],
    )


def _naming(run_id: int | None) -> dict[str, object]:
    return {} if run_id is None else {"run": run_id}


def _error_of(job: _Job) -> SriovctlError:
    if job.problem is not None:
        return error_told(job.problem)
    # It had ended when it heard of that, and was undone.
    return SriovctlError("was cancelled, and what it did was taken back", subject=job.name)


def _lost_with(job: _Job, cause: str) -> LostError:
    return LostError(
        f"{cause}; how far it came is not known here",
        subject=job.name,
        hint=HINT,
        evidence={"when last heard of": str(job.state)},
    )


@contextmanager
def _held_back() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
