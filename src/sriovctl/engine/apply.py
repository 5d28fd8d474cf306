"""Run a plan: journal, perform, verify; and take back what was done when a step fails."""

from __future__ import annotations

from itertools import groupby
from typing import NamedTuple

from sriovctl.engine.inventory import PCI_DEVICES, vf_links
from sriovctl.engine.steps import find_directory, observe, perform
from sriovctl.errors import SafetyError, SriovctlError, VerifyError
from sriovctl.model.plan import Action, Disruption, Plan, Step
from sriovctl.planner.diff import VFIO_DRIVERS
from sriovctl.planner.undo import plan_undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sriovctl.host.api import Host, Journal

    Progress = Callable[[str], None]


class Outcome(NamedTuple):
    """What a run did."""

    run_id: int | None  # in the journal; None when there was nothing to do
    steps: tuple[Step, ...]  # done and verified


def apply_plan(
    host: Host, journal: Journal, plan: Plan, *, allow_guest_disruption: bool, progress: Progress
) -> Outcome:
    """Bring the host along *plan*, verifying each step by reading it back.

    When a step fails, what was done before it is taken back, and the error says so.

    :raises SafetyError: a step would affect a guest, and that was not allowed.
    :raises BusyError: another sriovctl is at work.
    :raises SriovctlError: a step failed; the evidence says what became of the others.
    """
    if not plan.steps:
        return Outcome(None, ())
    if not allow_guest_disruption:
        _refuse_guest_disruption(plan)
    with journal.exclusive():
        run_id = journal.begin(plan.steps)
        try:
            _run_steps(host, journal, run_id, plan, progress)
        except BaseException as error:
            # BaseException: Ctrl-C in mid-apply must not leave half of it behind either.
            _take_back(host, journal, run_id, error, progress)
            raise
        journal.finish(run_id, "done")
    return Outcome(run_id, plan.steps)


def _refuse_guest_disruption(plan: Plan) -> None:
    for step in plan.steps:
        if step.disruption is Disruption.GUEST_AFFECTED:
            raise SafetyError(
                "may be inside a guest, which would lose or feel it",
                subject=step.subject,
                evidence={"step": step.action, "reason": step.reason},
                hint="detach it first, or add --allow-guest-disruption",
            )


def _run_steps(host: Host, journal: Journal, run_id: int, plan: Plan, progress: Progress) -> None:
    for positions, steps in _batches(plan.steps):
        progress(f"{steps[0].action} {steps[0].device}" + _count(steps))
        journal.mark(run_id, positions, "started")
        perform(host, steps)
        verify(host, steps)
        journal.mark(run_id, positions, "done")


def _count(steps: list[Step]) -> str:
    return f" ({len(steps)} VFs)" if len(steps) > 1 else ""


def _batches(steps: tuple[Step, ...]) -> Iterator[tuple[list[int], list[Step]]]:
    # Consecutive steps of one action on one PF go together: the kernel takes many VFs at once.
    numbered = enumerate(steps)
    for _, batch in groupby(
        numbered, key=lambda pair: (pair[1].action, pair[1].device, _alone(pair))
    ):
        pairs = list(batch)
        yield [position for position, _ in pairs], [step for _, step in pairs]


def _alone(pair: tuple[int, Step]) -> int | None:
    # N -> 0 and 0 -> M are two writes, each to be verified by itself.
    position, step = pair
    return position if step.vf_index is None else None


def verify(host: Host, steps: list[Step]) -> None:
    """Read back what *steps* set.

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


def _take_back(
    host: Host, journal: Journal, run_id: int, error: BaseException, progress: Progress
) -> None:
    done = journal.touched(run_id)
    progress("a step failed: taking back what was done")
    try:
        taken = _walk(host, plan_undo(done), progress)
    except SriovctlError as second:
        journal.finish(run_id, "failed")
        if isinstance(error, SriovctlError):
            error.evidence["taking back failed too"] = str(second)
        return
    journal.finish(run_id, "taken back")
    if isinstance(error, SriovctlError):
        error.evidence["steps taken back"] = len(taken)


def undo_last(
    host: Host, journal: Journal, *, allow_guest_disruption: bool, progress: Progress
) -> Outcome:
    """Take back the last run that was not yet taken back.

    What is already as it was (the host was rebooted since then, say) is left alone.

    :return: the steps that were taken, each verified.
    :raises SafetyError: a VF that would die or change may be inside a guest, or somebody else has
        changed the number of VFs since then.
    :raises SriovctlError: a step failed.
    """
    with journal.exclusive():
        last = journal.last_done()
        if last is None:
            return Outcome(None, ())
        run_id, done = last
        plan = plan_undo(done)
        for step in _first_counts(plan):
            _refuse_foreign_vfs(host, step)
        if not allow_guest_disruption:
            for step in plan.steps:
                _refuse_vfs_in_guests(host, step)
        taken = _walk(host, plan, progress)
        journal.finish(run_id, "undone")
    return Outcome(run_id, taken)


def _walk(host: Host, plan: Plan, progress: Progress) -> tuple[Step, ...]:
    taken: list[Step] = []
    for _, steps in _batches(plan.steps):
        seen = observe(host, steps)
        left = [step for step, now in zip(steps, seen, strict=True) if now != step.after]
        if left:
            progress(f"{left[0].action} {left[0].device}" + _count(left))
            perform(host, left)
            verify(host, left)
            taken += left
    return tuple(taken)


def _first_counts(plan: Plan) -> Iterator[Step]:
    # Only the first step of each PF meets the host as it is now; a resize has two.
    seen: set[str] = set()
    for step in plan.steps:
        if step.action is Action.SET_NUM_VFS and step.device not in seen:
            seen.add(step.device)
            yield step


def _refuse_foreign_vfs(host: Host, step: Step) -> None:
    now = observe(host, [step])[0]["num_vfs"]
    if now not in (step.before["num_vfs"], step.after["num_vfs"]):
        raise SafetyError(
            "has another number of VFs than was left: somebody else changed it",
            subject=step.device,
            evidence={"left": step.before["num_vfs"], "found": now},
            hint="settle it by hand, or with a state file",
        )


def _refuse_vfs_in_guests(host: Host, step: Step) -> None:
    for vf in _vfs_hurt_by(host, step):
        if host.files.read_link(f"{PCI_DEVICES}/{vf}/driver") in VFIO_DRIVERS:
            raise SafetyError(
                "may be inside a guest, which would lose or feel it: vfio-pci holds it",
                subject=vf,
                evidence={"step": step.action, "of": step.subject},
                hint="detach it first, or add --allow-guest-disruption",
            )


def _vfs_hurt_by(host: Host, step: Step) -> tuple[str, ...]:
    links = vf_links(host.files, find_directory(host.files, step.device))
    if step.vf_index is not None:
        return (links[step.vf_index],) if step.vf_index in links else ()
    hurts_all = step.action is Action.SET_NUM_VFS or step.after.get("up") is False
    if not hurts_all or observe(host, [step])[0] == step.after:
        return ()
    return tuple(links.values())
