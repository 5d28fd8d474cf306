"""What holds for every host, state and user."""

from __future__ import annotations

from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from sriovctl.errors import SriovctlError
from sriovctl.model.functions import PF, VF
from sriovctl.model.owner import OwnerKind, OwnerMap
from sriovctl.model.plan import Action, Plan, Step
from sriovctl.model.state import AUTO_MAC, DesiredState
from sriovctl.planner.diff import plan_state
from sriovctl.planner.drivers import rules_of
from sriovctl.planner.safety import name_affected
from sriovctl.planner.undo import plan_undo
from tests.unit.planner.model_host import apply_steps
from tests.unit.planner.strategies import hosts, owner_maps, states

NOT_OF_TRAFFIC = (OwnerKind.GUEST_CONFIG, OwnerKind.NETWORK, OwnerKind.FOREIGN)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[tuple[PF, ...], DesiredState, OwnerMap]:
    host = draw(hosts())
    return host, draw(states(host)), draw(owner_maps(host))


World = tuple[tuple[PF, ...], DesiredState, OwnerMap]


def plan_of(world: World) -> Plan:
    host, state, owners = world
    try:
        return plan_state(state, host, owners=owners)
    except SriovctlError as error:
        # Rare: the strategies keep to what the drivers can do.
        event(f"refused: {error.cause[:60]}")
        assume(False)
        raise


@settings(deadline=None, max_examples=300)
@given(worlds())
def test_a_plan_leads_where_the_state_says_and_is_empty_then(world: World) -> None:
    host, state, owners = world
    after = apply_steps(host, plan_of(world).steps)
    assert plan_state(state, after, owners=owners).steps == ()


@settings(deadline=None, max_examples=300)
@given(worlds())
def test_undo_leads_back(world: World) -> None:
    host, _, _ = world
    steps = plan_of(world).steps
    back = apply_steps(apply_steps(host, steps), plan_undo(steps).steps)
    assert [comparable(pf, host) for pf in back] == [comparable(pf, host) for pf in host]


def comparable(pf: PF, before: tuple[PF, ...]) -> PF:
    # A VF without a driver that is made anew goes to whom autoprobe gives it to.
    (old,) = (one for one in before if one.device == pf.device)
    had = {vf.vf_index: vf.driver for vf in old.vfs}
    vfs = [vf if had[vf.vf_index] else vf._replace(driver=None) for vf in pf.vfs]
    return pf._replace(vfs=tuple(vfs))


@settings(deadline=None, max_examples=200)
@given(worlds())
def test_nobody_is_touched_whom_the_state_does_not_name(world: World) -> None:
    _, state, _ = world
    named = {wanted.label: wanted for wanted in state.pfs}
    for step in plan_of(world).steps:
        assert step.device in named
        assert step.after.get("admin_mac") != AUTO_MAC
        if step.action is Action.SET_NUM_VFS:
            count = step.after["num_vfs"]
            assert isinstance(count, int)
            assert count <= 7


@settings(deadline=None, max_examples=300)
@given(worlds())
def test_no_user_who_would_feel_a_step_is_missing(world: World) -> None:
    host, _, owners = world
    now = {pf.device: pf for pf in host}
    owners = dict(owners)
    for step in plan_of((host, world[1], owners)).steps:
        pf = now[step.device]
        for device in hurt(step, pf):
            for owner in owners.get(device, ()):
                assert owner.kind in NOT_OF_TRAFFIC or owner.token in step.affected, step
        if destroys(step, pf):
            foreign = [o for o in owners.get(pf.device, ()) if o.kind is OwnerKind.FOREIGN]
            assert all(owner.token in step.affected for owner in foreign)
            for address in addresses(list(pf.vfs)):  # they have lost it; a new one has no user
                owners.pop(address, None)
        (now[step.device],) = apply_steps([pf], [step])


def hurt(step: Step, pf: PF) -> list[str]:
    """Devices whose users feel a step: said another way than the planner does."""
    vfs = [vf for vf in pf.vfs if step.vf_index in (None, vf.vf_index)]
    rules, flaps = rules_of(pf.driver), False
    if step.action is Action.SET_NUM_VFS:
        effect = rules.destroying if destroys(step, pf) else rules.creating
        flaps = effect.flaps_link and pf.up is not False
    elif step.action is Action.SET_MTU:
        flaps = rules.mtu_flaps_link and pf.up is not False
        vfs = vfs if flaps else []
    elif step.action is Action.SET_ESWITCH_MODE:
        flaps = rules.changing_eswitch.flaps_link and pf.up is not False
    elif step.action is Action.SET_LINK_UP:
        flaps = step.after["up"] is False
        vfs = vfs if flaps else []
    elif step.action is Action.SET_AUTOPROBE:
        vfs = []
    return [*([pf.device] if flaps and pf.netdev else []), *(addresses(vfs))]


def destroys(step: Step, pf: PF) -> bool:
    return step.action is Action.SET_NUM_VFS and bool(pf.vfs) and not step.after["num_vfs"]


def addresses(vfs: list[VF]) -> list[str]:
    return [str(vf.address) for vf in vfs if vf.address is not None]


@settings(deadline=None, max_examples=100)
@given(worlds())
def test_users_are_named_alike_when_the_plan_is_made_and_later(world: World) -> None:
    host, _, owners = world
    plan = plan_of(world)
    assert name_affected(plan, host, owners) == plan
