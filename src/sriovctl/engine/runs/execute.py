"""Carry out the steps of a run, one batch after the other.

Theory of operation.  Consecutive steps of one action on one PF are a batch, because the kernel
takes many VFs at once.  No two steps of a batch are about the same VF or PF: off a driver and on it
again are two batches, as are N -> 0 and 0 -> M VFs.  A batch is looked at first: what holds already
is not done again, which lets a run that was killed be taken up where it was.  Then it is marked as
started, performed, read back and compared.  The journal is written before the host each time, so
that whatever was touched is known, however the process ends.  That a batch is done the journal is
told together with the start of the next, or with the end of the run: until then it is started,
which is no less true.

At the end all is read once more: a later step may have spoilt an earlier one (a VF driver that
resets its VF, say), and "done" means that everything is as wanted at once.

When the kernel hangs in a write to one PF, the steps of the other PFs go on.
"""

from __future__ import annotations

from itertools import groupby

from sriovctl.engine.locate import driver_of
from sriovctl.engine.runs.steps import make_ready, observe, perform
from sriovctl.errors import (
    BusyError,
    HostError,
    LostError,
    SafetyError,
    SriovctlError,
    VerifyError,
    WedgedError,
)
from sriovctl.model.functions import NO_MAC
from sriovctl.model.plan import Action, Step
from sriovctl.model.record import NamedTuple
from sriovctl.model.run import RecordedStep, StepStatus
from sriovctl.planner.drivers import rules_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Sequence
    from typing import TypeVar

    T = TypeVar("T")

    from sriovctl.host.api import Host, Journal, PFLocks

    Progress = Callable[[str], None]
    # Called with the steps that are about to be performed; raises to stop them.
    Check = Callable[[Sequence[Step]], None]

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0
_DRIVERS_AT_ONCE = 64


class Site(NamedTuple):
    """Where runs take place."""

    host: Host
    journal: Journal  # of this host
    progress: Progress  # tells a person how far it is


class Execution:
    """The carrying out of one run.

    :param run_id: None for a run that could not be written down; see ``undo.py``.

    :param patience_s: how long to wait for a PF or VF that is gone: a driver that is being
        loaded anew comes back within seconds.
    :param check: looks at what is about to be performed, at the last moment.
    :param goes_on_unrecorded: a journal that cannot be written does not stop it: for what takes
        a run back that failed for just that.
    """

    def __init__(
        self,
        site: Site,
        locks: PFLocks,
        run_id: int | None,
        *,
        patience_s: float = 0.0,
        check: Check = lambda _: None,
        goes_on_unrecorded: bool = False,
    ) -> None:
        self._host = site.host
        self._journal = site.journal
        self._progress = site.progress
        self.locks = locks
        self.run_id = run_id
        self._patience_s = patience_s
        self._check = check
        self._goes_on_unrecorded = goes_on_unrecorded
        self.performed: list[Step] = []  # without those that held already
        self.unnoted: list[int] = []  # positions of steps that are done; see Ending
        self.wedged: dict[str, WedgedError] = {}  # by sysfs device name of the PF
        self._held: set[tuple[Action, str, int | None]] = set()  # what was as wanted already

    def run(self, steps: Sequence[RecordedStep]) -> None:
        """Perform and verify *steps*; what holds already is left alone.

        :raises VerifyError: a value was accepted, but reads back differently.
        :raises SafetyError: the host is not as it was planned for.
        :raises SriovctlError: as the kernel refuses.
        """
        make_ready([one.step for one in steps])
        for batch in _batches(_without_passed(steps)):
            if batch[0].step.device not in self.wedged:
                self._run_batch(batch, total=len(steps))
        if len({(one.step.device, one.step.action) for one in steps}) > 1:
            self._verify_all(steps)

    def _run_batch(self, batch: list[RecordedStep], *, total: int) -> None:
        steps = [one.step for one in batch]
        self._progress(_describe(batch, total))
        try:
            self._attempt(batch, steps)
        except WedgedError as error:
            device = steps[0].device
            self.locks.abandon(device)
            self.wedged[device] = error
            self._progress(f"{device}: the kernel hangs; going on without it")

    def _attempt(self, batch: list[RecordedStep], steps: list[Step]) -> None:
        left = self._patiently(lambda: left_to_do(self._host, steps), steps[0].device)
        self._note_held(steps, left)
        if left:
            self._check(left)
            self._mark_started(batch)
            # What it looks at is looked at again only before a second try: a thousand VFs take
            # longer to read than to set.  The check may have taken its time, and is about counts.
            looked = [left] if steps[0].vf_index is not None else []
            self._patiently(lambda: self._perform(steps, looked), steps[0].device)
            self.performed += left
        self.unnoted += [one.position for one in batch]

    def _note_held(self, steps: list[Step], left: list[Step]) -> None:
        if len(left) < len(steps):
            to_do = {id(step) for step in left}
            self._held |= {_subject(step) for step in steps if id(step) not in to_do}

    def _perform(self, steps: list[Step], looked: list[list[Step]]) -> None:
        left = looked.pop() if looked else left_to_do(self._host, steps)
        if left:
            perform(self._host, left)
            verify(self._host, left)

    def _mark_started(self, batch: list[RecordedStep]) -> None:
        if self.run_id is None:
            return
        positions = [one.position for one in batch]
        try:
            self._journal.mark(self.run_id, positions, StepStatus.STARTED, done=self.unnoted)
        except HostError:
            if not self._goes_on_unrecorded:
                raise
        else:
            self.unnoted = []

    # Tries again while it may help: a driver that is known to say so, a device that comes back.
    def _patiently(self, action: Callable[[], T], device: str) -> T:
        began, pause = self._host.clock.now(), FIRST_PAUSE_S
        while True:
            try:
                return action()
            except (BusyError, LostError) as error:
                limit_s = self._how_long(error, device)
                if self._host.clock.now() + pause > began + limit_s:
                    raise
            self._host.clock.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    def _how_long(self, error: SriovctlError, device: str) -> float:
        if isinstance(error, LostError):
            return self._patience_s
        rules = rules_of(driver_of(self._host.files, device))
        return rules.retry_until_s if error.evidence.get("errno") in rules.retry_errnos else 0.0

    def _verify_all(self, steps: Sequence[RecordedStep]) -> None:
        last = {_subject(one.step): one.step for one in steps}
        kept = [one for one in steps if last[_subject(one.step)] is one.step]
        bound = {(device, index) for action, device, index in last if action is Action.BIND_DRIVER}
        for batch in _batches(kept):
            if batch[0].step.device not in self.wedged:
                verify(self._host, [self._at_the_end(one.step, bound) for one in batch])

    # No admin MAC leaves the choice to the VF's driver, and once that is bound, igb reports its
    # choice.  So it does of a MAC that was not set by us, and goes with the driver that chose it.
    def _at_the_end(self, step: Step, bound: Container[tuple[str, int | None]]) -> Step:
        if "admin_mac" not in step.after:
            return step
        place = step.device, step.vf_index
        chosen = _subject(step) in self._held and place in bound
        if step.after["admin_mac"] != NO_MAC and not chosen:
            return step
        return step._replace(after={k: v for k, v in step.after.items() if k != "admin_mac"})


def as_planned(steps: Sequence[Step]) -> tuple[RecordedStep, ...]:
    """Number the steps of a plan as the journal does.  Pure."""
    return tuple(RecordedStep(n, StepStatus.PLANNED, step) for n, step in enumerate(steps))


def pending(host: Host, steps: Sequence[RecordedStep]) -> list[Step]:
    """Read which steps of a whole run do not hold yet, as far as what they are about exists."""
    found: list[Step] = []
    for batch in _batches(_without_passed(steps)):
        wanted = [one.step for one in batch]
        try:
            seen = observe(host, wanted)
        except LostError:
            continue
        found += [step for step, now in zip(wanted, seen, strict=True) if now != step.after]
    return found


def left_to_do(host: Host, steps: Sequence[Step]) -> list[Step]:
    """Read which of some steps of one batch are still to be done.

    :raises SafetyError: the number of VFs is neither what the plan began with nor what it leads to.
    :raises SriovctlError: it cannot be read.
    """
    left = []
    for step, seen in zip(steps, observe(host, steps), strict=True):
        if seen != step.after:
            _refuse_another_count(step, seen)
            left.append(step)
    return left


# Of all that may have changed since the plan was made, this alone would cost VFs that it did not
# name.
def _refuse_another_count(step: Step, seen: dict[str, object]) -> None:
    if step.action is Action.SET_NUM_VFS and seen["num_vfs"] != step.before["num_vfs"]:
        raise SafetyError(
            "has another number of VFs than it was left with: somebody else changed it",
            subject=step.device,
            hint="look at it with 'sriovctl ls', and plan anew",
            evidence={"left": step.before["num_vfs"], "found": seen["num_vfs"]},
        )


def verify(host: Host, steps: Sequence[Step]) -> None:
    """Read back what steps of one batch set.

    :raises VerifyError: the kernel accepted a step, but shows another value.
    """
    for step, seen in zip(steps, observe(host, steps), strict=True):
        if seen != step.after:
            raise VerifyError(
                "was accepted, but reads back differently",
                subject=step.subject,
                evidence={"wanted": step.after, "read": seen},
                hint="the driver may not support it, or somebody else changed it",
            )


def _batches(steps: Sequence[RecordedStep]) -> Iterator[list[RecordedStep]]:
    for _, neighbours in groupby(
        steps, key=lambda one: (one.step.action, one.step.device, _portion(one))
    ):
        yield from _each_subject_once(neighbours)


# Looked at together, a step that leads back to what there is would seem to hold already.
def _each_subject_once(steps: Iterable[RecordedStep]) -> Iterator[list[RecordedStep]]:
    batch: list[RecordedStep] = []
    indices: set[int | None] = set()  # action and PF are the same
    for one in steps:
        vf_index = one.step.vf_index
        if vf_index in indices:
            yield batch
            batch, indices = [], set()
        batch.append(one)
        indices.add(vf_index)
    yield batch


def _without_passed(steps: Sequence[RecordedStep]) -> list[RecordedStep]:
    # Of a run that is taken up again: a count that a later one has overtaken already, as the 0 on
    # the way from N to M, would be set a second time, and the VFs that are there would die.
    begun = {_subject(one.step): one for one in steps if one.status is not StepStatus.PLANNED}
    if not begun:
        return list(steps)
    return [
        one
        for one in steps
        if one.status is not StepStatus.DONE or begun[_subject(one.step)] is one
    ]


def _portion(one: RecordedStep) -> int | None:
    # A driver takes a second for a VF now and then: whoever waits for hundreds sees how far it is.
    return one.position // _DRIVERS_AT_ONCE if one.step.action is Action.BIND_DRIVER else None


def _subject(step: Step) -> tuple[Action, str, int | None]:
    return step.action, step.device, step.vf_index


def _describe(batch: list[RecordedStep], total: int) -> str:
    first, last = batch[0].position + 1, batch[-1].position + 1
    number = str(first) if first == last else f"{first}-{last}"
    vfs = f" ({len(batch)} VFs)" if len(batch) > 1 else ""
    return f"[{number}/{total}] {batch[0].step.action} {batch[0].step.device}{vfs}"
