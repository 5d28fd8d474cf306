"""The steps that give VFs to other drivers, without a state file."""

from __future__ import annotations

from sriovctl.errors import UnsupportedError
from sriovctl.model.plan import Action, Disruption, Plan, Step
from sriovctl.planner.commands import rebind
from sriovctl.planner.drivers import works_for_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sriovctl.model.binding import Binding, Rebinding

OVERRIDE = "driver_override"


def plan_bindings(rebindings: Sequence[Rebinding]) -> Plan:
    """Work out one step for each VF that is not bound as wanted.  Pure.

    Who would feel them is not known here: see :func:`sriovctl.planner.safety.name_affected`.

    :raises UnsupportedError: a VF is no PCI function.
    """
    return Plan(tuple(_step(one) for one in rebindings if one.now != one.wanted))


def _step(one: Rebinding) -> Step:
    if one.vf.address is None:
        raise UnsupportedError("has VFs that are no PCI functions", subject=one.pf.device)
    return Step(
        action=Action.BIND_DRIVER,
        subject=f"{one.pf.device} vf {one.vf.vf_index}",
        device=one.pf.device,
        vf_index=one.vf.vf_index,
        before=_values(one.now),
        after=_values(one.wanted),
        disruption=_disruption(one),
        reason=_reason(one),
        commands=rebind(str(one.vf.address), one.wanted),
    )


def _values(binding: Binding) -> dict[str, object]:
    return {"driver": binding.driver, OVERRIDE: binding.override}


def _disruption(one: Rebinding) -> Disruption:
    driver = one.now.driver
    if not works_for_host(driver) or driver == one.wanted.driver:
        return Disruption.NONE  # who uses a VF through VFIO is known from its owners
    return Disruption.LINK_FLAP


def _reason(one: Rebinding) -> str:
    if one.wanted.driver is None:
        return "leaves the VF without a driver, free for any that is asked to take it"
    if one.wanted.override is None:
        return f"the kernel gives the VF to {one.wanted.driver} by itself: no override stays behind"
    return "by driver_override, which binds this VF alone (new_id would catch others)"
