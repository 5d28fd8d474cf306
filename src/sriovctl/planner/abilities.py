"""What a PF's driver can do, and the refusal of what it cannot: before anything is touched.

Three sources, the strongest first:

1. What the kernel reports of this very host: a PF without a netdev; VFs of which it reports no
   such attribute; a VF that has a value which the table calls impossible, so that this driver is
   another than the table's.
2. The table of drivers, read from their source.
3. Nothing: an unknown driver may try, and the kernel will say.

A value that a new VF has anyway (a trust of off, no limit of the rate) is not refused but left
out: where the driver has no such thing, there is nothing to set.
"""

from __future__ import annotations

from sriovctl.errors import UnsupportedError
from sriovctl.model.ability import Known
from sriovctl.model.functions import NO_MAC, VLAN, EswitchMode, LinkState, VLANProtocol
from sriovctl.model.record import NamedTuple
from sriovctl.model.state import ATTRIBUTES
from sriovctl.planner.driver_abilities import ABILITIES, DOT1AD, ON_INFINIBAND

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sriovctl.model.functions import PF, VFAttributes
    from sriovctl.planner.driver_abilities import DriverAbilities

# What every new VF has, so that one which comes again need not be given it.
FRESH: Mapping[str, object] = {
    "admin_mac": NO_MAC,
    "vlan": VLAN(0),
    "min_tx_rate_mbps": 0,
    "max_tx_rate_mbps": 0,
}
# What else a new VF has as long as nobody sets it, where its driver has it at all.
NEW_VF: Mapping[str, object] = {
    **FRESH,
    "trust": False,
    "rss_query": False,
    "link_state": LinkState.AUTO,
}
# What a VF has of which its driver knows nothing.
_NEUTRAL: Mapping[str, object] = {
    "vlan": VLAN(0),
    "spoofchk": False,
    "trust": False,
    "rss_query": False,
    "link_state": LinkState.AUTO,
    "min_tx_rate_mbps": 0,
    "max_tx_rate_mbps": 0,
}
# A VF that has another value of these proves that its driver can set them.  The others come so
# from the driver: spoofchk is on with many, and some report the speed of the link as the limit.
_PROOFS = ("vlan", "trust", "rss_query", "link_state", "min_tx_rate_mbps")
_GUIDS = ("node_guid", "port_guid")
_LACKS = {
    "eswitch_mode": "has no eswitch mode to set",
    "msix_count": "does not share MSI-X vectors out",
}
_SEE = "'sriovctl abilities' lists what this driver can do"


class Objection(NamedTuple):
    """Why something cannot be, and who says so."""

    why: str
    known: Known
    source: str | None = None
    is_value: bool = False  # another value could be


class Card(NamedTuple):
    """A PF with what its driver's row and its VFs tell, looked up once for all that is asked.

    A state asks once for each key of each VF, and each VF has a say: worked out each time, a plan
    for a thousand VFs took minutes in the lab.
    """

    pf: PF
    row: DriverAbilities | None  # of the table; None: not known
    proven: frozenset[str]  # keys of which a VF has a value that only its driver can have given
    unreported: frozenset[str]  # keys that the kernel reports of none of its VFs
    has_dot1ad: bool  # a VF has an 802.1ad VLAN, so its driver can set one
    objections: Mapping[str, Objection | None]  # to each attribute, whatever its value


def card_of(pf: PF) -> Card:
    """Look at a PF and its VFs.  Pure."""
    described = [vf.attributes[1:] for vf in pf.vfs if vf.attributes is not None]
    columns = zip(*described, strict=True) if described else ((),) * len(ATTRIBUTES)
    shown = {key: set(column) for key, column in zip(ATTRIBUTES, columns, strict=False)}
    card = Card(
        pf=pf,
        row=row_of(pf),
        proven=frozenset(key for key in _PROOFS if shown[key] - {None, _NEUTRAL[key]}),
        unreported=frozenset(key for key in ATTRIBUTES if shown[key] == {None}),
        has_dot1ad=any(
            vlan is not None and vlan.protocol == VLANProtocol.DOT1AD for vlan in shown["vlan"]
        ),
        objections={},
    )
    return card._replace(objections={key: _object_to_attribute(card, key) for key in ATTRIBUTES})


def row_of(pf: PF) -> DriverAbilities | None:
    """Find the table's row of a PF's driver; None: not known.  Pure."""
    driver = pf.driver or ""
    return (pf.on_infiniband and ON_INFINIBAND.get(driver)) or ABILITIES.get(driver)


def unquestioned(card: Card, *, eswitch_mode: str | None) -> frozenset[str]:
    """Find the attributes that a VF of this PF can have with any value of a state.  Pure.

    To ask about each value of a thousand VFs takes as long as all the rest of their plan.

    :param eswitch_mode: as it will be when they are set.
    """
    row = card.row
    free = (key for key, objection in card.objections.items() if objection is None)
    if row is None:
        return frozenset(free)
    refused = row.not_in_switchdev if eswitch_mode == EswitchMode.SWITCHDEV else ()
    return frozenset(key for key in free if key not in refused and _takes_all(row, card, key))


def _takes_all(row: DriverAbilities, card: Card, key: str) -> bool:
    check = _VALUE_CHECKS.get(key)
    return check is None or all(check(row, card, value) is None for value in _EXTREMES[key])


# --- refusing ----------------------------------------------------------------------------------


def may_have_eswitch(pf: PF) -> bool:
    """Say whether it is worth asking devlink for the eswitch of a PF.  Pure."""
    row = row_of(pf)
    return row is None or "eswitch_mode" in row.sets


def settable(
    card: Card,
    values: Mapping[str, object],
    *,
    known: VFAttributes | None,
    eswitch_mode: str | None,
) -> dict[str, object]:
    """Leave out what the driver has no operation for and the VF has anyway.  Pure.

    :param known: what the VF has; None for one that is yet to be made.
    """
    return {
        key: value
        for key, value in values.items()
        if value != _NEUTRAL.get(key, ...)
        or card.pf.netdev is None
        or getattr(known, key, None) not in (None, value)
        or object_to(card, key, value, eswitch_mode=eswitch_mode) is None
    }


def restorable(
    card: Card, known: VFAttributes | None, *, eswitch_mode: str | None
) -> dict[str, object]:
    """Take from what a VF has all that can be given to another one.  Pure.

    :param eswitch_mode: as it will be when it is given.
    """
    if known is None:
        return {}
    values = {key: getattr(known, key) for key in ATTRIBUTES}
    return {
        key: value
        for key, value in values.items()
        if value is not None and object_to(card, key, value, eswitch_mode=eswitch_mode) is None
    }


def refuse_attributes(
    card: Card, vf_index: int, values: Mapping[str, object], *, eswitch_mode: str | None
) -> None:
    """Refuse attributes that this PF's driver cannot give to a VF.  Pure.

    :param values: by field of ``WantedVF``, what is to be set.
    :param eswitch_mode: as it will be when they are set.
    :raises UnsupportedError: the first that cannot be.
    """
    for key, value in values.items():
        objection = object_to(card, key, value, eswitch_mode=eswitch_mode)
        if objection is not None:
            raise _refusal(objection, f"cannot set {key} of VF {vf_index}", card.pf, key)


def refuse_eswitch_mode(card: Card) -> None:
    """Refuse to set the eswitch mode of a PF that has none.  Pure.

    :param card: with the PF's eswitch mode, which was asked for.
    :raises UnsupportedError: it has none.
    """
    objection = object_to_key(card, "eswitch_mode")
    if objection is None and card.pf.eswitch_mode is None:
        objection = Objection("the kernel shows none through devlink", Known.REPORTED)
    if objection is not None:
        raise _refusal(objection, "cannot set the eswitch mode", card.pf, "eswitch.mode")


def refuse_mtu(card: Card, mtu: int) -> None:
    """Refuse an MTU that the PF's netdev cannot have.  Pure.

    :raises UnsupportedError: it has no netdev, or it is too large.
    """
    pf, row = card.pf, card.row
    objection = _no_netdev(pf)
    if objection is None and row is not None and row.max_mtu is not None and mtu > row.max_mtu:
        why = f"{row.driver} takes at most {row.max_mtu}"
        objection = Objection(why, Known.TABLE, row.source, is_value=True)
    if objection is not None:
        raise _refusal(objection, f"cannot have an MTU of {mtu}", pf, "link.mtu")


def refuse_msix_count(card: Card, vf_index: int) -> None:
    """Refuse a number of MSI-X vectors where the PF does not share them out.  Pure.

    :raises UnsupportedError: it does not.
    """
    objection = object_to_key(card, "msix_count")
    if objection is not None:
        what = f"cannot set msix_count of VF {vf_index}"
        raise _refusal(objection, what, card.pf, "msix_count")


def _refusal(objection: Objection, what: str, pf: PF, key: str) -> UnsupportedError:
    evidence = {"key": key, "driver": pf.driver or "none", "known": str(objection.known)}
    if objection.source is not None:
        evidence["source"] = f"drivers/{objection.source}"
    if pf.netdev is None and key in ATTRIBUTES:
        hint = "MAC, VLAN and the like are set through the netdev of a network card's PF"
    else:
        another = "choose another value, or " if objection.is_value else ""
        hint = f"{another}leave {key} out; {_SEE}"
    return UnsupportedError(
        f"{what}: {objection.why}", subject=pf.device, hint=hint, evidence=evidence
    )


# --- what stands against it --------------------------------------------------------------------


def object_to_key(card: Card, key: str) -> Objection | None:
    """Say why a key cannot be set at all on this PF; None: it can, or nobody knows.  Pure."""
    if key in ATTRIBUTES:
        return card.objections[key]
    pf, row = card.pf, card.row
    if key == "eswitch_mode" and pf.eswitch_mode is not None:
        return None
    if key == "msix_count" and pf.address is None:
        return Objection("its VFs are no PCI functions", Known.REPORTED)
    return None if row is None or key in row.sets else _not_in_table(row, key)


def _object_to_attribute(card: Card, key: str) -> Objection | None:
    pf, row = card.pf, card.row
    if pf.netdev is None:
        return _no_netdev(pf)
    if key in card.proven:  # whatever the table says, this driver did it
        return None
    if row is not None and (key not in row.sets or not _on_this_card(pf, row, key)):
        return _not_in_table(row, key)
    if key in card.unreported:
        return Objection("its driver reports no such thing of its VFs", Known.REPORTED)
    return None


def _no_netdev(pf: PF) -> Objection | None:
    if pf.netdev is not None:
        return None
    return Objection("the PF has no netdev", Known.REPORTED)


def _on_this_card(pf: PF, row: DriverAbilities, key: str) -> bool:
    only = row.only_on.get(key)
    return only is None or pf.device_id is None or pf.device_id in only.device_ids


def _not_in_table(row: DriverAbilities, key: str) -> Objection:
    only = row.only_on.get(key)
    if only is not None and key in row.sets:
        return Objection(f"{row.driver} does so on {only.cards} only", Known.TABLE, row.source)
    if key in _GUIDS and key not in row.why_not:
        return Objection("GUIDs are for InfiniBand", Known.TABLE, row.source)
    why = row.why_not.get(key, _LACKS.get(key, "has no operation for it"))
    return Objection(f"{row.driver} {why}", Known.TABLE, row.source)


def object_to(card: Card, key: str, value: object, *, eswitch_mode: str | None) -> Objection | None:
    """Say why a VF of this PF cannot have this value; None: it can, or nobody knows.  Pure.

    :param eswitch_mode: as it will be when the value is set.
    """
    objection = object_to_key(card, key)
    row = card.row
    if objection is not None or row is None:
        return objection
    if eswitch_mode == EswitchMode.SWITCHDEV and key in row.not_in_switchdev:
        why = f"{row.driver} refuses it in mode switchdev"
        return Objection(why, Known.TABLE, row.source)
    check = _VALUE_CHECKS.get(key)
    why_not = check(row, card, value) if check is not None else None
    if why_not is None:
        return None
    return Objection(why_not, Known.TABLE, row.source, is_value=True)


def _check_vlan(row: DriverAbilities, card: Card, value: object) -> str | None:
    assert isinstance(value, VLAN)
    if value.id > row.max_vlan_id:
        return f"{row.driver} takes ids up to {row.max_vlan_id}"
    if value.qos and not row.vlan_qos:
        return f"{row.driver} sets no qos"
    if value.qos and not value.id and not row.vlan_qos_alone:
        return f"{row.driver} takes no qos without a VLAN id"
    if value.protocol == VLANProtocol.DOT1Q or card.has_dot1ad or row.maybe_dot1ad:
        return None
    if value.protocol not in row.vlan_protocols:
        return f"{row.driver} {row.why_not.get(DOT1AD, 'knows 802.1q only')}"
    return None


def _check_mac(row: DriverAbilities, _: Card, value: object) -> str | None:
    taken_away = value == NO_MAC
    return f"{row.driver} cannot take a MAC away" if taken_away and not row.zero_mac else None


def _check_link_state(row: DriverAbilities, _: Card, value: object) -> str | None:
    if value in row.link_states:
        return None
    return f"{row.driver} acknowledges '{value}' and ignores it"


def _check_rate(row: DriverAbilities, _: Card, value: object) -> str | None:
    if row.max_rate_mbps is None:
        return None
    least, most = row.max_rate_mbps
    assert isinstance(value, int)
    return (
        None
        if not value or least <= value <= most
        else f"{row.driver} takes 0, or {least} to {most} Mbit/s"
    )


_VALUE_CHECKS: Mapping[str, Callable[[DriverAbilities, Card, object], str | None]] = {
    "admin_mac": _check_mac,
    "vlan": _check_vlan,
    "link_state": _check_link_state,
    "max_tx_rate_mbps": _check_rate,
}
# A driver that takes these takes all.
_EXTREMES: Mapping[str, tuple[object, ...]] = {
    "admin_mac": (NO_MAC,),
    "vlan": (VLAN(4095, 7), VLAN(0, 7), VLAN(1, 0, VLANProtocol.DOT1AD)),
    "link_state": tuple(LinkState),
    "max_tx_rate_mbps": (1, 0xFFFFFFFF),
}
