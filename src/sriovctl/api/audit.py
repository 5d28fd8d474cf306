"""Who changed what: a line for each request that could change something, and for each job's end.

The host's own story stands in the journal of runs: every step with before, after and how far it
came, and in a run's ``source`` who asked for it.  Leases have their owner.  These lines tell the
rest, who was refused and why, and name the run; they go where the daemon's log goes.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sriovctl.api.contract.messages import Request, Response
    from sriovctl.api.jobs import Job


class AuditEntry(NamedTuple):
    """One line."""

    who: str
    what: str  # operation of the interface, or "job apply"
    subject: str  # the path, or the job
    result: str  # status of HTTP, or state of the job
    code: str | None = None  # of the error
    run: int | None = None  # in the journal, where before and after stand


def entry_of_job(job: Job) -> AuditEntry:
    """Make the line of a job's end."""
    code = None if job.error is None else job.error.code
    return AuditEntry(
        job.by, f"job {job.kind}", f"job {job.number}", str(job.state), code, job.run_id
    )


class AuditLog:
    """Writes lines of JSON."""

    def __init__(
        self,
        write: Callable[[str], None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._write = write
        self._now = now

    def note(self, entry: AuditEntry) -> None:
        """Write one line."""
        time = self._now().isoformat(timespec="milliseconds")
        self._write(json.dumps({"audit": {"time": time, **entry._asdict()}}))

    def note_request(
        self, request: Request, response: Response, *, who: str, what: str, code: str | None = None
    ) -> None:
        """Write a line of a request that could change something, or of one that was refused."""
        if request.method in ("GET", "HEAD") and response.status not in (401, 403):
            return
        path = request.path[:256]
        self.note(AuditEntry(response.who or who, what, path, str(response.status), code))
