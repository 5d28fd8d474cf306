"""A host as it is now, as a state.

What is said, and why:

- Every PF, also one without VFs: ``num_vfs: 0`` is a state as well.
- How it is found: by address, and by the MAC that it was made with where it has one.  Both must
  fit, so a state that was taken before a card was changed is refused, not applied to another.
- What differs from what the kernel makes of a PF and of a new VF, if the PF's driver can set it.
  The rest would be noise.  Spoof check has a default of its own in each driver, so it is said
  wherever it is shown.
- The driver of a VF where the kernel would not choose it: a driver for user space, or what was
  bound or unbound by hand.

So the state plans empty on the host that it was taken from, and brings a freshly booted one back.
"""

from __future__ import annotations

from sriovctl.engine.eswitch import in_switchdev, read_eswitch_mode
from sriovctl.engine.inventory import read_inventory
from sriovctl.engine.msix import with_msix_counts
from sriovctl.errors import HostError, PermissionDenied, UnsupportedError
from sriovctl.model.functions import NO_MAC, EswitchMode, VLANProtocol
from sriovctl.model.state import UNSET, DesiredState, PFMatch, WantedPF, WantedVF
from sriovctl.model.translation import LeftOut, said_of_vf
from sriovctl.planner.abilities import NEW_VF, card_of, may_have_eswitch, restorable
from sriovctl.planner.drivers import VFIO_DRIVERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sriovctl.host.api import Host
    from sriovctl.model.functions import PF, VF, VFAttributes
    from sriovctl.model.state import Unset
    from sriovctl.planner.abilities import Card

ETHERNET_MTU = 1500
_NO_GUID = "00:00:00:00:00:00:00:00"
# What a VF has before anything is set; of these only, for the others are each driver's own.
_OF_NEW_VFS: dict[str, object] = {
    **NEW_VF,
    "node_guid": _NO_GUID,
    "port_guid": _NO_GUID,
}
_ODD_VLAN = "its protocol is neither 802.1q nor 802.1ad"


def export_host(host: Host) -> tuple[DesiredState, tuple[LeftOut, ...]]:
    """Read a host, and say in a state what it has.

    :return: the state, and what it has no words for or could not be read.
    :raises LostError: a PF went away while it was read.
    :raises HostError: the kernel refused a read.
    """
    pfs = read_inventory(host, name_of=lambda *_: None)
    asked = [_with_eswitch_mode(host, with_msix_counts(host, pf)) for pf in pfs]
    state, left_out = state_of_host([pf for pf, _ in asked])
    return state, (*left_out, *(one for _, unread in asked for one in unread))


def _with_eswitch_mode(host: Host, pf: PF) -> tuple[PF, tuple[LeftOut, ...]]:
    # devlink is asked only where representors do not give the answer, and the driver may have one.
    if in_switchdev(host, pf):
        return pf._replace(eswitch_mode=EswitchMode.SWITCHDEV), ()
    if pf.netdev is None or not may_have_eswitch(pf):
        return pf, ()
    try:
        return pf._replace(eswitch_mode=read_eswitch_mode(host, pf.device)), ()
    except (PermissionDenied, UnsupportedError, HostError) as error:
        return pf, (LeftOut("eswitch.mode", label_of(pf), f"could not be read: {error.cause}"),)


def state_of_host(pfs: Sequence[PF]) -> tuple[DesiredState, tuple[LeftOut, ...]]:
    """Say in a state what a host has.  Pure.

    :return: the state, and what it has no words for.
    """
    wanted = tuple(_wanted_pf(pf) for pf in pfs if pf.num_vfs is not None)
    left_out = (_odd_vlans(pf) for pf in pfs)
    return DesiredState(wanted), tuple(one for one in left_out if one.vfs)


def _odd_vlans(pf: PF) -> LeftOut:
    vfs = tuple(vf.vf_index for vf in pf.vfs if _has_odd_vlan(vf.attributes))
    return LeftOut("vlan", label_of(pf), _ODD_VLAN, vfs)


def _has_odd_vlan(attributes: VFAttributes | None) -> bool:
    vlan = attributes.vlan if attributes else None
    return vlan is not None and vlan.protocol not in list(VLANProtocol)


def label_of(pf: PF) -> str:
    """Name a PF as people do: by its netdev, or else by its place."""
    return pf.netdev or pf.device


def _wanted_pf(pf: PF) -> WantedPF:
    card = card_of(pf)
    vfs = {vf.vf_index: _wanted_vf(card, vf) for vf in _with_told_msix(pf)}
    common = _common(vfs.values()) if len(vfs) == pf.num_vfs else WantedVF()
    own = {n: _less(vf, common) for n, vf in vfs.items()}
    return WantedPF(
        label=label_of(pf),
        match=_match(pf),
        num_vfs=pf.num_vfs if pf.num_vfs is not None else UNSET,
        drivers_autoprobe=False if pf.drivers_autoprobe is False else UNSET,
        # A VF driver needs the PF up; without VFs the link is none of our business.
        link_up=True if pf.up and pf.num_vfs else UNSET,
        mtu=UNSET if pf.mtu in (None, ETHERNET_MTU) or not _is_ethernet(pf) else _number(pf.mtu),
        eswitch_mode=_eswitch_mode(pf),
        vf_default=common,
        vfs=tuple((n, vf) for n, vf in own.items() if said_of_vf(vf)),
    )


def _number(value: int | None) -> int | Unset:
    return UNSET if value is None else value


def _is_ethernet(pf: PF) -> bool:
    return pf.permanent_mac is None or len(pf.permanent_mac) == len(NO_MAC)


def _eswitch_mode(pf: PF) -> str | Unset:
    return pf.eswitch_mode if pf.eswitch_mode == EswitchMode.SWITCHDEV else UNSET


def _match(pf: PF) -> PFMatch:
    mac = pf.permanent_mac if _is_ethernet(pf) else None
    if pf.address is not None:
        return PFMatch(address=str(pf.address), permanent_mac=mac)
    return PFMatch(netdev=pf.netdev, permanent_mac=mac)


def _with_told_msix(pf: PF) -> Iterable[VF]:
    # A driver shares its vectors out evenly; only where VFs differ has somebody set them.
    counts = {vf.msix_count for vf in pf.vfs}
    return pf.vfs if len(counts) > 1 else [vf._replace(msix_count=None) for vf in pf.vfs]


def _wanted_vf(card: Card, vf: VF) -> WantedVF:
    pf, known = card.pf, vf.attributes
    had = restorable(card, known, eswitch_mode=pf.eswitch_mode)
    if _has_odd_vlan(known):
        had.pop("vlan", None)
    told = {key: value for key, value in had.items() if value != _OF_NEW_VFS.get(key, UNSET)}
    return WantedVF(
        **told,  # type: ignore[arg-type]  # keyed by field
        msix_count=_number(vf.msix_count),
        driver=_driver(pf, vf),
    )


def _driver(pf: PF, vf: VF) -> str | Unset | None:
    if vf.address is None:
        return UNSET
    by_hand = pf.drivers_autoprobe is False and vf.driver is not None
    left_alone = pf.drivers_autoprobe is not False and vf.driver is None
    return vf.driver if vf.driver in VFIO_DRIVERS or by_hand or left_alone else UNSET


def _common(vfs: Iterable[WantedVF]) -> WantedVF:
    several = list(vfs)
    if len(several) < 2:
        return WantedVF()
    shared = {
        key: value
        for key, value in said_of_vf(several[0]).items()
        if all(getattr(vf, key) == value for vf in several[1:])
    }
    return WantedVF(**shared)  # type: ignore[arg-type]  # keyed by field


def _less(vf: WantedVF, common: WantedVF) -> WantedVF:
    return vf._replace(**dict.fromkeys(said_of_vf(common), UNSET))
