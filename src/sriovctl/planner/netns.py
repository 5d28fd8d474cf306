"""The step that moves a VF's netdev into another network namespace, and the one back.

Where the plan makes the netdev anew, by giving the VF a driver, there is nothing to go back to:
``before`` names no namespace, and undoing the plan lets the netdev go with its driver.
"""

from __future__ import annotations

from sriovctl.model.netns import HOST
from sriovctl.model.plan import Action, Disruption, Plan, Step
from sriovctl.planner.commands import bring_netdev_home, send_netdev

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.model.functions import PF, VF
    from sriovctl.model.netns import Namespace, NetdevPlace, NetnsWish

_THERE = "last, when driver, MAC and VLAN are as wanted: the host does not see the netdev then"
_BACK = "nobody knows what it was here before: it keeps its name where that is free"


def plan_move(
    plan: Plan,
    function: tuple[PF, VF],
    now: NetdevPlace | None,
    target: Namespace,
    wish: NetnsWish,
) -> Plan:
    """Add to what is done to a VF that its netdev goes into another namespace.  Pure.

    :param now: where the netdev is; None: it has none.
    """
    made_anew = any(step.action is Action.BIND_DRIVER for step in plan.steps)
    name = wish.name or (now.ifname if now else None)
    after: dict[str, object] = {"namespace": target.handle}
    after |= {"netdev": name} if name else {}
    after |= {"up": True} if wish.up else {}
    standing = None if made_anew else now
    commands = send_netdev(str(function[1].address), standing, target, name, up=wish.up)
    return Plan((*plan.steps, _step(function, _values(standing), after, _THERE, commands)))


def _values(now: NetdevPlace | None) -> dict[str, object]:
    if now is None:
        return {"namespace": None}
    values: dict[str, object] = {"namespace": now.namespace, "netdev": now.ifname}
    # What was down need not stay so: others may bring up what appears.
    return values | ({"up": True} if now.up else {})


def plan_return(function: tuple[PF, VF], now: NetdevPlace, source: Namespace) -> Plan:
    """Plan to bring a netdev to the host of which nobody knows what it was before.  Pure.

    :param source: where it is.
    """
    before: dict[str, object] = {"namespace": now.namespace}
    commands = bring_netdev_home(now.ifname, source)
    return Plan((_step(function, before, {"namespace": HOST}, _BACK, commands),))


def _step(
    function: tuple[PF, VF],
    before: dict[str, object],
    after: dict[str, object],
    reason: str,
    commands: tuple[str, ...],
) -> Step:
    pf, vf = function
    return Step(
        action=Action.MOVE_NETDEV,
        subject=f"{pf.device} vf {vf.vf_index}",
        device=pf.device,
        vf_index=vf.vf_index,
        before=before,
        after=after,
        disruption=Disruption.LINK_FLAP,
        reason=reason,
        commands=commands,
    )
