"""The steps that prepare a VF for somebody else: a guest of QEMU, a network namespace.

In this order, so that whoever drives the VF then finds its MAC and VLAN: the host's driver goes,
the attributes are set through the PF, and the next driver comes.
"""

from __future__ import annotations

from sriovctl.model.binding import Binding, Rebinding
from sriovctl.model.functions import PF, VF, VLAN
from sriovctl.model.plan import Plan
from sriovctl.model.state import UNSET, DesiredState, PFMatch, Unset, WantedPF, WantedVF
from sriovctl.planner.binding import plan_bindings
from sriovctl.planner.diff import plan_state
from sriovctl.planner.drivers import works_for_host
from sriovctl.planner.safety import name_affected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sriovctl.model.qemu import HandoverSettings
    from sriovctl.planner.safety import Owners

_NOTHING = Binding(None, None)


def state_of(pf: PF, vf: VF, settings: HandoverSettings) -> DesiredState:
    """Write what is to be set on a VF as a state.  Pure."""
    wanted = WantedVF(
        admin_mac=UNSET if settings.mac is None else settings.mac,
        vlan=_vlan(vf, settings.vlan),
        spoofchk=UNSET if settings.spoofchk is None else settings.spoofchk,
        trust=UNSET if settings.trust is None else settings.trust,
    )
    match = PFMatch(address=pf.device)
    return DesiredState((WantedPF(pf.device, match, vfs=((vf.vf_index, wanted),)),))


def _vlan(vf: VF, vlan_id: int | None) -> VLAN | Unset:
    if vlan_id is None:
        return UNSET
    standing = vf.attributes.vlan if vf.attributes else None
    # A priority that goes with the same id stays.
    return standing if standing is not None and standing.id == vlan_id else VLAN(vlan_id)


def plan_handover(
    pfs: Sequence[PF],
    rebinding: Rebinding,
    settings: HandoverSettings,
    *,
    owners: Owners | None,
) -> Plan:
    """Work out the steps that hand a VF over; empty when it is ready.  Pure.

    :param pfs: all of the host: no two of their VFs may have one MAC.
    :raises InputError: another VF has the MAC.
    :raises UnsupportedError: the PF or its driver cannot set what is wanted.
    """
    pf, vf = rebinding.pf, rebinding.vf
    bare = [_without_driver(one, vf) if one.device == pf.device else one for one in pfs]
    attributes = plan_state(state_of(pf, vf, settings), bare, owners={}).steps
    if not attributes or not works_for_host(rebinding.now.driver):
        bind = plan_bindings([rebinding]).steps
        return name_affected(Plan((*attributes, *bind)), pfs, owners)
    unbind = plan_bindings([rebinding._replace(wanted=_NOTHING)]).steps
    bind = plan_bindings([rebinding._replace(now=_NOTHING)]).steps
    return name_affected(Plan((*unbind, *attributes, *bind)), pfs, owners)


def _without_driver(pf: PF, wanted: VF) -> PF:
    vfs = (vf._replace(driver=None) if vf.vf_index == wanted.vf_index else vf for vf in pf.vfs)
    return pf._replace(vfs=tuple(vfs))
