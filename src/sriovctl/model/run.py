"""Runs: what an apply or an undo did, or was doing, as the journal holds it."""

from __future__ import annotations

from sriovctl.model.plan import Step
from sriovctl.model.record import NamedTuple
from sriovctl.model.words import StrEnum

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class RunKind(StrEnum):
    """Which way a run goes."""

    APPLY = "apply"
    UNDO = "undo"
    REPAIR = "repair"  # by the daemon: back to what was declared, so it declares nothing new
    # Of what libvirt did, or the book of leases keeps: to be read, not to be undone here.
    RECORD = "record"


class RunStatus(StrEnum):
    """How far a run has come."""

    RUNNING = "running"  # or killed while it was: nobody holds the locks of its PFs then
    UNCONFIRMED = "unconfirmed"  # done, and to be undone unless somebody confirms it in time
    DONE = "done"
    TAKEN_BACK = "taken back"  # a step failed, and what was done before it was undone at once
    FAILED = "failed"  # a step failed, and what was done stands wholly or in part
    UNDONE = "undone"


class StepStatus(StrEnum):
    """How far a step of a run has come."""

    PLANNED = "planned"
    STARTED = "started"  # the host may have been touched
    DONE = "done"  # verified


# What such an apply or repair changed is on the host, as far as sriovctl knows.
STANDING = (RunStatus.RUNNING, RunStatus.UNCONFIRMED, RunStatus.DONE, RunStatus.FAILED)


class Run(NamedTuple):
    """One run."""

    run_id: int
    kind: RunKind
    status: RunStatus
    started: str  # ISO 8601, UTC
    ended: str | None
    boot_id: str | None  # of the kernel that it ran on; VFs do not outlive one
    devices: tuple[str, ...]  # sysfs device names of the PFs that it touches
    source: str  # what it was to be: a file's name, "run 3" for an undo, "attach MyGuest"
    undoes: int | None = None  # of an undo: the run that it takes back
    confirm_by: float | None = None  # seconds on the host's monotonic clock
    note: str | None = None  # why it ended as it did
    asked_by: str | None = None  # who asked for it; None: not known


class Ending(NamedTuple):
    """How a run ends."""

    run_id: int
    status: RunStatus
    note: str | None = None
    done: Sequence[int] = ()  # positions of steps that are verified, and not noted as such yet


class RecordedStep(NamedTuple):
    """One step of a run, and how far it has come."""

    position: int
    status: StepStatus
    step: Step
