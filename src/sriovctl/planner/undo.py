"""The way back from steps that were done.

Mostly the steps themselves, turned round, last first: so each PF's order is that of its driver,
backwards.  Four things are not:

- Steps on VFs that the same steps created are left out: they die with their VFs.
- The eswitch mode of a PF whose VFs were created goes back after they are gone: all drivers can
  change it then, and mlx5_core could not with a driver on them.
- VFs that were destroyed are made anew, and get back what they had: MSI-X counts and MACs while no
  driver has them, which reads both when it binds, and drivers at the very end.  A driver that
  probes meets the PF as it was then, up or down, which decides what MAC it takes.
- A netdev that was made for another namespace is not brought back, but goes with its driver.
"""

from __future__ import annotations

from sriovctl.model.plan import Action, Disruption, Plan, Step
from sriovctl.planner.abilities import FRESH
from sriovctl.planner.drivers import works_for_host
from sriovctl.planner.pf_steps import plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# What is remembered of a destroyed VF that is not an attribute of ``SET_VF``.
_BESIDE = ("vf_index", "address", "driver", "users", "msix_count")


def plan_undo(done: Sequence[Step], *, sure: Sequence[Step] | None = None) -> Plan:
    """Work out the steps that take *done* back, last first.  Pure.

    Who would feel them is not known here: see :func:`sriovctl.planner.safety.name_affected`.

    :param done: steps that were begun; the last of them may have had no effect.
    :param sure: those of them that are known to have had theirs; None: all.  Where VFs may be
        there still, no driver is taken off them.
    """
    created = {step.device for step in done if _creates(step)}
    steps: list[Step] = []
    rebound: list[Step] = []
    waiting: dict[str, list[Step]] = {}  # by device: until its VFs are gone
    for step in reversed(done):
        if step.vf_index is not None and step.device in created:
            continue
        if step.action is Action.SET_ESWITCH_MODE and _is_before_creation(step, done):
            waiting.setdefault(step.device, []).extend(_inverse(step, sure))
            continue
        steps += _inverse(step, sure)
        if _creates(step):
            steps += waiting.pop(step.device, ())
        rebound += _rebound(step)
    return Plan((*steps, *rebound))


def _creates(step: Step) -> bool:
    return step.action is Action.SET_NUM_VFS and bool(step.after["num_vfs"])


def _is_before_creation(step: Step, done: Sequence[Step]) -> bool:
    # In the order of the way back.
    earlier = done[: done.index(step)]
    return any(_creates(one) and one.device == step.device for one in earlier)


def _inverse(step: Step, sure: Sequence[Step] | None) -> Iterator[Step]:
    if step.action is Action.SET_NUM_VFS:
        yield from _inverse_count(step, unbind=sure is None or step in sure)
        return
    known = {key: value for key, value in step.before.items() if value is not None}
    before = step.before if step.action is Action.BIND_DRIVER else known
    if before:
        yield _turned(step, {key: step.after.get(key) for key in before}, before)


def _turned(step: Step, before: dict[str, object], after: dict[str, object]) -> Step:
    return step._replace(
        before=before, after=after, reason="as it was before", commands=(), affected=()
    )


def _inverse_count(step: Step, *, unbind: bool) -> Iterator[Step]:
    target = step.before["num_vfs"]
    turned = _turned(step, dict(step.after), {"num_vfs": target})
    destroys = bool(step.after["num_vfs"])
    yield turned._replace(disruption=Disruption.VF_DESTROYED if destroys else Disruption.LINK_FLAP)
    yield from _restored_eswitch(step)
    vfs = _remembered(step)
    counted = _with_msix_counts(vfs)
    for vf in vfs:
        if unbind and (vf.get("msix_count") is not None or _reads_its_mac(vf)):
            yield _of_vf(step, Action.BIND_DRIVER, vf, {"driver": None})
    for vf in counted:
        yield _of_vf(step, Action.SET_MSIX, vf, {"msix_count": vf["msix_count"]})
    for vf in vfs:
        attributes = _attributes(vf)
        if attributes:
            yield _of_vf(step, Action.SET_VF, vf, attributes)


def _restored_eswitch(step: Step) -> Iterator[Step]:
    mode = step.before.get("eswitch_mode")
    if mode is not None:
        turned = _turned(step, {"eswitch_mode": None}, {"eswitch_mode": mode})
        yield turned._replace(action=Action.SET_ESWITCH_MODE)


def _remembered(step: Step) -> list[dict[str, object]]:
    vfs = step.before.get("vfs", [])
    assert isinstance(vfs, list)
    return vfs


# A host's driver reads the MAC when it binds, and autoprobe may have bound it by now.
def _reads_its_mac(vf: dict[str, object]) -> bool:
    driver = vf["driver"]
    assert driver is None or isinstance(driver, str)
    return works_for_host(driver) and "admin_mac" in _attributes(vf)


# Few first: what one VF gets more, others must have given up before.
def _with_msix_counts(vfs: list[dict[str, object]]) -> list[dict[str, object]]:
    counted = [vf for vf in vfs if isinstance(vf.get("msix_count"), int)]
    return sorted(counted, key=lambda vf: vf["msix_count"])  # type: ignore[arg-type,return-value]


def _attributes(vf: dict[str, object]) -> dict[str, object]:
    return {
        key: value
        for key, value in vf.items()
        if key not in _BESIDE and value != plain(FRESH.get(key, ...))
    }


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
