"""Who would feel a step: the owners of the VFs that it changes, and of the PF when its link flaps.

The owner map says who uses a function; the driver's rules say whom a change reaches.  A step
changes nothing for others when nobody uses what it touches, however disruptive it is.

===================  ============================================================================
Step                 Felt by
===================  ============================================================================
count N -> 0         all users of all VFs, whoever made VFs that sriovctl did not make, and the
                     PF's users when the driver resets it.  A guest that is off but is
                     configured with a VF feels it only when that VF does not come again.
count 0 -> N         the PF's users when the driver resets it
link down            all users of the PF and of its VFs
eswitch mode         all users of its VFs, and the PF's when its link flaps
MTU                  all users of the PF and of its VFs when its link flaps
attributes, driver,  the users of that VF, but not a guest that is off
MSI-X of a VF, its
netdev elsewhere
link up, autoprobe   nobody
===================  ============================================================================

A guest or program that has the PF itself feels each change of its count.  A VF that is made anew
in the same plan has lost its users already, at the step to 0.
"""

from __future__ import annotations

from itertools import islice

from sriovctl.model.functions import name_of_vf
from sriovctl.model.owner import Owner, OwnerKind
from sriovctl.model.plan import Action, Disruption, Plan, Step
from sriovctl.model.record import NamedTuple
from sriovctl.planner.drivers import VFIO_DRIVERS, effect_on, rules_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from sriovctl.model.functions import PF, VF
    from sriovctl.planner.drivers import Effect

    Owners = Mapping[str, tuple[Owner, ...]]

IN_USER_SPACE = (OwnerKind.GUEST, OwnerKind.PROCESS, OwnerKind.VFIO)
# They want the VF later, whatever it is until then.
_OF_LATER = (OwnerKind.GUEST_CONFIG, OwnerKind.NETWORK)
# Not users of the function as it runs: those of a VF yet to come, one of the number of VFs.
_NOT_OF_TRAFFIC = (*_OF_LATER, OwnerKind.FOREIGN)
_VF_ACTIONS = (Action.SET_VF, Action.BIND_DRIVER, Action.SET_MSIX, Action.MOVE_NETDEV)


class Refusal(NamedTuple):
    """A step that somebody would feel who was not named."""

    step: Step
    tokens: tuple[str, ...]  # of those, as guest:MyGuest

    @property
    def allow(self) -> str:
        """The options that would allow it, in the shell's words."""
        return " ".join(f"--allow {token}" for token in self.tokens)


def find_refusals(plan: Plan, allowed: Collection[str]) -> tuple[Refusal, ...]:
    """Find the steps that affect somebody whose token is not in *allowed*.  Pure."""
    found = []
    for step in plan.steps:
        if step.affected:
            tokens = tuple(token for token in step.affected if token not in allowed)
            found += [Refusal(step, tokens)] if tokens else []
    return tuple(found)


def name_affected(plan: Plan, pfs: Iterable[PF], owners: Owners | None) -> Plan:
    """Say of each step who would feel it, and mark those that a guest would.  Pure.

    :param pfs: as they are before the plan.
    :param owners: None when nobody looked for users: a VF that vfio-pci holds is then taken to
        be in use.
    """
    scenes = {pf.device: _scene_of(pf) for pf in pfs}
    vfs_are_used = owners is None or bool(owners.keys() - scenes.keys())
    steps = []
    for position, step in enumerate(plan.steps):
        scene = scenes.get(step.device)
        if scene is None:
            steps.append(step)
        elif step.action in _VF_ACTIONS:
            vf = scene.vfs.get(step.vf_index) if vfs_are_used else None
            felt_by = () if vf is None else tuple(_users_of_vfs(scene.pf, (vf,), owners))
            steps.append(_with_affected(step, felt_by))
        else:
            later = islice(plan.steps, position + 1, None)
            steps.append(_with_affected(step, tuple(_who_feels(step, scene, owners, later))))
            scenes[step.device] = _after(step, scene)
    return Plan(tuple(steps))


class _Scene(NamedTuple):
    # A PF as it is when a step's turn comes, and its VFs by their index.
    pf: PF
    vfs: Mapping[int | None, VF]


def _scene_of(pf: PF) -> _Scene:
    return _Scene(pf, {vf.vf_index: vf for vf in pf.vfs})


def _count(step: Step) -> int:
    count = step.after["num_vfs"]
    assert isinstance(count, int)
    return count


def _with_affected(step: Step, felt_by: tuple[Owner, ...]) -> Step:
    if not felt_by and not step.affected:
        return step
    tokens = tuple(dict.fromkeys(owner.token for owner in felt_by))
    if any(owner.kind in IN_USER_SPACE for owner in felt_by):
        return step._replace(affected=tokens, disruption=Disruption.GUEST_AFFECTED)
    return step._replace(affected=tokens)


def _after(step: Step, scene: _Scene) -> _Scene:
    # Only what later steps' users depend on.
    if step.action is Action.SET_NUM_VFS:
        return _scene_of(scene.pf._replace(vfs=(), num_vfs=_count(step)))
    if step.action is Action.SET_LINK_UP:
        return scene._replace(pf=scene.pf._replace(up=bool(step.after["up"])))
    return scene


def _who_feels(
    step: Step, scene: _Scene, owners: Owners | None, later: Iterable[Step]
) -> Iterator[Owner]:
    # Of a step about a PF.
    pf = scene.pf
    if step.action is Action.SET_NUM_VFS:
        yield from _feel_count(step, pf, owners, _next_count(later, step.device))
    elif (effect := _effect_on_all(step, pf)) is not None:
        of_pf, of_vfs = effect
        yield from _users_of_pf(pf, owners) if of_pf else ()
        yield from _users_of_vfs(pf, pf.vfs, owners) if of_vfs else ()


# Of a step to 0: how many VFs the plan makes after it.
def _next_count(later: Iterable[Step], device: str) -> int:
    counts = (
        _count(step)
        for step in later
        if step.device == device and step.action is Action.SET_NUM_VFS
    )
    return next(counts, 0)


def _effect_on_all(step: Step, pf: PF) -> tuple[bool, bool] | None:
    # Whether the PF's users feel it, and whether those of its VFs do.
    rules = rules_of(pf.driver)
    if step.action is Action.SET_LINK_UP:
        return None if step.after["up"] else (True, True)
    if step.action is Action.SET_MTU:
        flaps = _flaps(pf, rules.changing_mtu)
        return flaps, flaps
    if step.action is Action.SET_ESWITCH_MODE:
        return _flaps(pf, rules.changing_eswitch), True
    return None


def _flaps(pf: PF, effect: Effect) -> bool:
    return effect_on(pf, effect, up=pf.up).flaps_link


def _feel_count(step: Step, pf: PF, owners: Owners | None, num_vfs_then: int) -> Iterator[Owner]:
    rules = rules_of(pf.driver)
    creates = bool(_count(step))
    if not creates:
        for vf in pf.vfs:
            for owner in owners_of_vf(pf, vf, owners):
                if owner.kind not in _OF_LATER or vf.vf_index >= num_vfs_then:
                    yield owner
    # A driver without a row may reset the PF, link or no link.
    resets = rules.driver is None or _flaps(pf, rules.creating if creates else rules.destroying)
    for owner in owners_of_pf(pf, owners):
        if owner.kind is OwnerKind.FOREIGN:
            if not creates:
                yield owner
        elif owner.kind in IN_USER_SPACE or (resets and owner.kind not in _NOT_OF_TRAFFIC):
            yield owner


def _users_of_pf(pf: PF, owners: Owners | None) -> Iterator[Owner]:
    return (owner for owner in owners_of_pf(pf, owners) if owner.kind not in _NOT_OF_TRAFFIC)


def _users_of_vfs(pf: PF, vfs: Iterable[VF], owners: Owners | None) -> Iterator[Owner]:
    for vf in vfs:
        for owner in owners_of_vf(pf, vf, owners):
            if owner.kind not in _NOT_OF_TRAFFIC:
                yield owner


def owners_of_pf(pf: PF, owners: Owners | None) -> tuple[Owner, ...]:
    """Find who uses a PF itself.  Pure."""
    return _owners_of(pf.device, pf.driver, owners)


def owners_of_vf(pf: PF, vf: VF, owners: Owners | None) -> tuple[Owner, ...]:
    """Find who uses a VF; one without a function of its own can only be leased.  Pure."""
    return _owners_of(name_of_vf(pf, vf), vf.driver, owners)


def _owners_of(device: str, driver: str | None, owners: Owners | None) -> tuple[Owner, ...]:
    if owners is not None:
        return owners.get(device, ())
    if driver in VFIO_DRIVERS:
        return (Owner(OwnerKind.VFIO, device, f"{driver} holds it"),)
    return ()
