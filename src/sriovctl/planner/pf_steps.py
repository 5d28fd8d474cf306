"""The steps about a PF itself: autoprobe, link, MTU, eswitch mode, and the number of its VFs."""

from __future__ import annotations

from sriovctl.errors import UnsupportedError
from sriovctl.model.functions import VLAN, EswitchMode
from sriovctl.model.plan import Action, Disruption
from sriovctl.model.state import UNSET
from sriovctl.planner.abilities import refuse_eswitch_mode, refuse_mtu, restorable
from sriovctl.planner.case import pf_step
from sriovctl.planner.commands import (
    device_directory,
    devlink_eswitch,
    echo,
    ip_link_mtu,
    ip_link_up,
)
from sriovctl.planner.drivers import Effect, Stage, effect_on, harmless
from sriovctl.planner.safety import owners_of_vf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sriovctl.model.functions import PF, VF
    from sriovctl.model.owner import Owner
    from sriovctl.model.plan import Step
    from sriovctl.planner.abilities import Card
    from sriovctl.planner.case import Case

_PLAIN = frozenset((str, bool, int, type(None)))
NOT_PLAIN = ("vlan", "link_state")  # attributes whose values :func:`plain` changes, and no others
_NAMED = 8  # VFs that the reason of a destruction names; ``before`` has them all


def steps_of_pf(case: Case) -> Iterator[tuple[Stage, Step]]:
    """Work out the steps about the PF, each with its stage.

    :raises UnsupportedError: the PF cannot do it.
    """
    yield from _autoprobe(case)
    yield from _mtu(case)
    yield from _link(case)
    yield from _count(case)
    yield from _eswitch(case)


def _autoprobe(case: Case) -> Iterator[tuple[Stage, Step]]:
    pf, after = case.pf, case.wanted.drivers_autoprobe
    if after is UNSET or after == pf.drivers_autoprobe:
        return
    if pf.drivers_autoprobe is None:
        raise UnsupportedError("has no sriov_drivers_autoprobe", subject=pf.device)
    yield (
        Stage.AUTOPROBE,
        pf_step(
            case,
            Action.SET_AUTOPROBE,
            ({"drivers_autoprobe": pf.drivers_autoprobe}, {"drivers_autoprobe": after}),
            harmless("decides whether the host's own drivers take new VFs"),
            echo(int(after), f"{device_directory(pf)}/sriov_drivers_autoprobe"),
        ),
    )


def _mtu(case: Case) -> Iterator[tuple[Stage, Step]]:
    pf, mtu = case.pf, case.wanted.mtu
    if mtu is UNSET or mtu == pf.mtu:
        return
    refuse_mtu(case.card, mtu)
    raised = pf.mtu is None or mtu > pf.mtu
    # It is raised before the link comes up, and lowered after the link went down.
    up = pf.up if raised or case.wanted.link_up is UNSET else case.wanted.link_up
    effect = effect_on(pf, case.rules.changing_mtu, up=up)
    when = "raised before VFs may use it" if raised else "lowered when nobody needs the old one"
    effect = effect._replace(reason=f"{when}; {effect.reason}")
    values: tuple[dict[str, object], dict[str, object]] = ({"mtu": pf.mtu}, {"mtu": mtu})
    stage = Stage.RAISE_MTU if raised else Stage.LOWER_MTU
    yield stage, pf_step(case, Action.SET_MTU, values, effect, ip_link_mtu(pf, mtu))


def _link(case: Case) -> Iterator[tuple[Stage, Step]]:
    pf, up = case.pf, case.wanted.link_up
    if up is UNSET or up == pf.up:
        return
    if pf.netdev is None or pf.up is None:
        raise UnsupportedError("has no netdev whose link could be set", subject=pf.device)
    effect = (
        harmless(_why_up(case))
        if up
        else Effect(
            Disruption.LINK_FLAP, "most cards take the link of all VFs down with that of the PF"
        )
    )
    values: tuple[dict[str, object], dict[str, object]] = ({"up": pf.up}, {"up": up})
    stage = Stage.LINK_UP if up else Stage.LINK_DOWN
    yield stage, pf_step(case, Action.SET_LINK_UP, values, effect, ip_link_up(pf, up=up))


def _why_up(case: Case) -> str:
    if case.rules.up_before_vfs is not None:
        return case.rules.up_before_vfs
    return "VF drivers that probe while the PF is down find it 'still in reset'"


# --- the number of VFs -------------------------------------------------------------------------


def _count(case: Case) -> Iterator[tuple[Stage, Step]]:
    if not case.recreated:
        return
    if case.pf.num_vfs:
        yield Stage.DESTROY, _destroy_step(case)
    if case.num_vfs:
        values: tuple[dict[str, object], dict[str, object]] = (
            {"num_vfs": 0},
            {"num_vfs": case.num_vfs},
        )
        yield Stage.CREATE, _count_step(case, values, case.effect(case.rules.creating))


def _destroy_step(case: Case) -> Step:
    pf = case.pf
    # What dies is kept in full: undo makes the VFs anew and gives it back to them.
    before: dict[str, object] = {
        "num_vfs": pf.num_vfs,
        "vfs": [
            remember_vf(case.card, vf, owners_of_vf(case.pf, vf, case.owners)) for vf in pf.vfs
        ],
    }
    if case.rules.eswitch_resets_at_zero and pf.eswitch_mode == EswitchMode.SWITCHDEV:
        before["eswitch_mode"] = str(pf.eswitch_mode)
    effect = case.effect(case.rules.destroying)
    named = ", ".join(_name(case, vf) for vf in pf.vfs[:_NAMED])
    more = f" and {len(pf.vfs) - _NAMED} more" if len(pf.vfs) > _NAMED else ""
    reason = f"{_why_zero(case)}; destroys {named}{more}"
    if effect.flaps_link:
        reason += f"; {effect.reason}"
    values: tuple[dict[str, object], dict[str, object]] = (before, {"num_vfs": 0})
    return _count_step(case, values, Effect(Disruption.VF_DESTROYED, reason))


def _why_zero(case: Case) -> str:
    if case.num_vfs == case.pf.num_vfs:
        return f"{case.rules.driver} changes its eswitch mode only without VFs"
    return "the count only changes through 0" if case.num_vfs else "no VFs are wanted"


def _name(case: Case, vf: VF) -> str:
    users = ", ".join(owner.token for owner in owners_of_vf(case.pf, vf, case.owners))
    name = str(vf.address or f"VF {vf.vf_index}")
    return f"{name} ({users})" if users else name


def _count_step(
    case: Case, values: tuple[dict[str, object], dict[str, object]], effect: Effect
) -> Step:
    command = echo(values[1]["num_vfs"], f"{device_directory(case.pf)}/sriov_numvfs")
    return pf_step(case, Action.SET_NUM_VFS, values, effect, command)


def remember_vf(card: Card, vf: VF, owners: Sequence[Owner]) -> dict[str, object]:
    """Write down what a VF has, so that it can be given back to a new one.  Pure."""
    attributes = restorable(card, vf.attributes, eswitch_mode=card.pf.eswitch_mode)
    return {
        "vf_index": vf.vf_index,
        "address": None if vf.address is None else str(vf.address),
        "driver": vf.driver,
        "users": [owner.token for owner in owners],
        **({} if vf.msix_count is None else {"msix_count": vf.msix_count}),
        **{key: plain(value) for key, value in attributes.items()},
    }


def plain(value: object) -> object:
    """Turn a value into what JSON can hold."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, VLAN):
        return {"id": value.id, "qos": value.qos, "protocol": str(value.protocol)}
    return str(value) if isinstance(value, str) else value


# --- the eswitch -------------------------------------------------------------------------------


def _eswitch(case: Case) -> Iterator[tuple[Stage, Step]]:
    pf, mode = case.pf, case.eswitch_after
    if not case.changes_eswitch or mode is None:
        return
    refuse_eswitch_mode(case.card)
    values: tuple[dict[str, object], dict[str, object]] = (
        {"eswitch_mode": case.eswitch_before},
        {"eswitch_mode": str(mode)},
    )
    effect = case.effect(case.rules.changing_eswitch)
    if case.wanted.eswitch_mode is UNSET:
        effect = effect._replace(
            reason=f"{case.rules.driver} fell back to legacy when its last VF went"
        )
    yield (
        Stage.ESWITCH,
        pf_step(case, Action.SET_ESWITCH_MODE, values, effect, devlink_eswitch(pf, str(mode))),
    )


def vfs_there(pf: PF) -> int:
    """Return how many VFs a PF has.

    :raises UnsupportedError: it is not known, so nothing can be planned.
    """
    if pf.num_vfs is None:  # only a dump leaves it open, never a host
        raise UnsupportedError(
            "how many VFs it has is not known, so nothing can be planned",
            subject=pf.device,
            hint="plan on the host itself, or on a recording of it",
        )
    return pf.num_vfs
