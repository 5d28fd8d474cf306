"""The way back from steps that were done."""

from __future__ import annotations

from sriovctl.model.plan import Action, Disruption, Plan, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def plan_undo(done: Sequence[Step]) -> Plan:
    """Work out the steps that take *done* back, last first.  Pure.

    Attributes of VFs that the same steps created are left out: they die with their VFs.
    VFs that are made anew get their drivers back at the very end: a driver that probes meets the
    PF as it was then, up or down, which decides what MAC it takes.
    """
    created = {step.device for step in done if _creates(step)}
    steps: list[Step] = []
    rebound: list[Step] = []
    for step in reversed(done):
        if step.vf_index is not None and step.device in created:
            continue
        steps += _inverse(step)
        rebound += _rebound(step)
    return Plan((*steps, *rebound))


def _creates(step: Step) -> bool:
    return step.action is Action.SET_NUM_VFS and bool(step.after["num_vfs"])


def _inverse(step: Step) -> Iterator[Step]:
    if step.action is Action.SET_NUM_VFS:
        yield from _inverse_count(step)
        return
    known = {key: value for key, value in step.before.items() if value is not None}
    before = step.before if step.action is Action.BIND_DRIVER else known
    if before:
        yield _turned(step, {key: step.after[key] for key in before}, before)


def _turned(step: Step, before: dict[str, object], after: dict[str, object]) -> Step:
    return step._replace(before=before, after=after, reason="as it was before", commands=())


def _inverse_count(step: Step) -> Iterator[Step]:
    target = step.before["num_vfs"]
    turned = _turned(step, dict(step.after), {"num_vfs": target})
    destroys = bool(step.after["num_vfs"])
    yield turned._replace(disruption=Disruption.VF_DESTROYED if destroys else Disruption.LINK_FLAP)
    yield from (_restored(step, vf) for vf in _remembered(step) if len(vf) > 2)


def _remembered(step: Step) -> list[dict[str, object]]:
    vfs = step.before.get("vfs", [])
    assert isinstance(vfs, list)
    return vfs


def _restored(step: Step, vf: dict[str, object]) -> Step:
    after = {key: value for key, value in vf.items() if key not in ("vf_index", "driver")}
    return _of_vf(step, Action.SET_VF, vf, after)


def _rebound(step: Step) -> Iterator[Step]:
    for vf in _remembered(step):
        if vf["driver"] is not None:
            yield _of_vf(step, Action.BIND_DRIVER, vf, {"driver": vf["driver"]})


def _of_vf(step: Step, action: Action, vf: dict[str, object], after: dict[str, object]) -> Step:
    vf_index = vf["vf_index"]
    assert isinstance(vf_index, int)
    return Step(
        action=action,
        subject=f"{step.device} vf {vf_index}",
        device=step.device,
        vf_index=vf_index,
        before=dict.fromkeys(after),
        after=after,
        disruption=Disruption.NONE,
        reason="as it was before its VF was destroyed",
        commands=(),
    )
