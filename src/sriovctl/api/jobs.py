"""Changes that take their time: started, followed, and cancelled.

Theory of operation.  Jobs are carried out one after the other, in the thread that changes.  An
apply hears of being cancelled before its next batch of steps, as of a step that failed: what was
done is taken back, and the journal says so.  If it had ended by then, it is undone.  Undoing and
confirming cannot be cancelled: half of a way back helps nobody.

A job that is to be confirmed is undone by its own daemon when its time is over; one that was killed
meanwhile looks for such runs of its own when it starts again.
"""

from __future__ import annotations

import asyncio
from collections import deque

from sriovctl.api.contract.messages import JobState
from sriovctl.api.contract.problems import Refusal, error_as_json, error_of_bug, not_found
from sriovctl.errors import SriovctlError
from sriovctl.render.plan import steps_as_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sriovctl.api.feed import Feed
    from sriovctl.api.workers import Workers
    from sriovctl.engine.doors import Doors
    from sriovctl.model.plan import Step
    from sriovctl.model.run import RunStatus

    Work = Callable[[Doors, "Job"], None]

MOST_WAITING = 16
MOST_KEPT = 200
_PROGRESS_LINES = 50
_ENDED = (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


class JobCancelled(SriovctlError):
    """Somebody cancelled what was being done."""

    code = "cancelled"


class Job:
    """One change.  The loop owns it; the thread that works tells it how far it is.

    :param by: who started it.
    """

    def __init__(self, number: int, kind: str, by: str, *, can_cancel: bool) -> None:
        self.number = number
        self.kind = kind
        self.by = by
        self.can_cancel = can_cancel
        self.state = JobState.QUEUED
        self.run_id: int | None = None
        self.status: RunStatus | None = None
        self.steps: Sequence[Step] = ()
        self.error: SriovctlError | None = None
        self.bug: Exception | None = None
        self.progress: deque[str] = deque(maxlen=_PROGRESS_LINES)
        self.lines_told = 0  # of progress in all
        self.notes: Sequence[str] = ()  # what may make it less than it seems
        self.cancel_wanted = False
        self.confirm_within_s: float | None = None  # its run waits to be confirmed
        self._is_stopping = False
        self.on_news: Callable[[], None] = lambda: None

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state in _ENDED

    def tell(self, text: str) -> None:
        """Note how far it is; in the thread that works."""
        self.progress.append(text)
        self.lines_told += 1
        self.on_news()
        self.stop_if_cancelled()

    def stop_if_cancelled(self) -> None:
        """Stop at a place where that is safe: once only, for what follows takes back.

        :raises JobCancelled: somebody wants it.
        """
        if self.cancel_wanted and self.can_cancel and not self._is_stopping:
            self._is_stopping = True
            raise JobCancelled("was cancelled", subject=f"job {self.number}")

    def note_run(self, run_id: int) -> None:
        """Note the run that it is; in the thread that works."""
        self.run_id = run_id
        self.on_news()

    def as_json(self) -> dict[str, object]:
        """Shape it."""
        return {
            "job": self.number,
            "kind": self.kind,
            "state": str(self.state),
            "by": self.by,
            "run": self.run_id,
            "status": None if self.status is None else str(self.status),
            "progress": list(self.progress),
            "lines_told": self.lines_told,
            "notes": list(self.notes),
            "steps": steps_as_json(self.steps),
            "error": None if self.error is None else error_as_json(self.error),
        }


class JobBoard:
    """All jobs since the start.

    :param on_end: told of each that has ended, for the log.
    """

    def __init__(self, workers: Workers, feed: Feed, on_end: Callable[[Job], None]) -> None:
        self._workers = workers
        self._feed = feed
        self._on_end = on_end
        self._jobs: dict[int, Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._next = 1

    def start(self, kind: str, by: str, work: Work, *, can_cancel: bool = False) -> Job:
        """Take a job up; it begins when those before it have ended.

        :raises Refusal: too many wait already.
        """
        if sum(not job.has_ended for job in self._jobs.values()) >= MOST_WAITING:
            raise Refusal(429, "too-many-jobs", f"{MOST_WAITING} jobs wait already")
        return self._start(kind, by, work, can_cancel=can_cancel)

    def _start(self, kind: str, by: str, work: Work, *, can_cancel: bool) -> Job:
        job = Job(self._next, kind, by, can_cancel=can_cancel)
        self._next += 1
        self._jobs[job.number] = job
        self._drop_old()
        loop = asyncio.get_running_loop()

        def tell_loop() -> None:
            loop.call_soon_threadsafe(self._publish, job)

        job.on_news = tell_loop
        self._publish(job)
        task = asyncio.create_task(self._carry_out(job, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return job

    def _drop_old(self) -> None:
        ended = [number for number, job in self._jobs.items() if job.has_ended]
        for number in ended[: max(0, len(self._jobs) - MOST_KEPT)]:
            del self._jobs[number]

    async def _carry_out(self, job: Job, work: Work) -> None:
        try:
            await self._workers.change(lambda doors: _begin(doors, job, work))
            if job.state is not JobState.CANCELLED:
                job.state = JobState.DONE
        except JobCancelled as error:
            job.state, job.error = JobState.CANCELLED, error
        except SriovctlError as error:
            job.state, job.error = JobState.FAILED, error
        except Exception as bug:
            job.state, job.error, job.bug = JobState.FAILED, error_of_bug(), bug
        finally:
            self._publish(job)
            self._on_end(job)

    def _publish(self, job: Job) -> None:
        shaped = job.as_json()
        del shaped["steps"]  # as many as there are VFs; whoever wants them can ask
        self._feed.publish("job", shaped)

    def expire(self, work: Work) -> Job:
        """Take up the way back of a run that nobody confirmed; never too many."""
        return self._start("expire", "nobody confirmed it", work, can_cancel=False)

    def find(self, number: int) -> Job:
        """Find one.

        :raises Refusal: there is none of this number, or it was long ago.
        """
        if number not in self._jobs:
            raise not_found(f"job {number}", "there is no such job")
        return self._jobs[number]

    def newest_first(self) -> list[Job]:
        """List them."""
        return list(reversed(self._jobs.values()))

    def cancel(self, number: int) -> Job:
        """Have a job stopped, and what it did taken back.

        :raises Refusal: it has ended, or is none that can be stopped.
        """
        job = self.find(number)
        if job.has_ended:
            raise Refusal(
                409,
                "job-has-ended",
                f"has ended: {job.state}",
                subject=f"job {number}",
                hint="start a job of kind 'undo' with its run",
            )
        if not job.can_cancel:
            raise Refusal(409, "not-cancellable", "cannot be cancelled", subject=f"job {number}")
        job.cancel_wanted = True
        self._publish(job)
        return job

    async def wait(self) -> None:
        """Wait until all jobs have ended; those that wait for their turn are dropped."""
        for job in self._jobs.values():
            if job.state is JobState.QUEUED:
                job.can_cancel = job.cancel_wanted = True
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _begin(doors: Doors, job: Job, work: Work) -> None:
    job.stop_if_cancelled()
    job.state = JobState.RUNNING
    job.on_news()
    work(doors, job)
