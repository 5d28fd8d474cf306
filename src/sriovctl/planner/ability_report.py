"""What a PF's driver can do, key by key of the state file, and how that is known."""

from __future__ import annotations

from sriovctl.model.ability import Ability, Can, Known
from sriovctl.model.functions import LinkState, VLANProtocol
from sriovctl.model.state import ATTRIBUTES
from sriovctl.planner.abilities import card_of, object_to_key
from sriovctl.planner.driver_abilities import DOT1AD, QOS
from sriovctl.planner.drivers import rules_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sriovctl.model.functions import PF
    from sriovctl.planner.abilities import Card
    from sriovctl.planner.driver_abilities import DriverAbilities

# As a state file writes them.
KEYS = (
    "num_vfs",
    "drivers_autoprobe",
    "link.state",
    "link.mtu",
    "eswitch.mode",
    "admin_mac",
    "vlan",
    QOS,
    DOT1AD,
    *ATTRIBUTES[2:],
    "msix_count",
    "driver",
)


def abilities_of(pf: PF) -> tuple[Ability, ...]:
    """Say of each key whether this PF's driver can set it, why, and how that is known.  Pure."""
    card = card_of(pf)
    return tuple(_ability(card, key) for key in KEYS)


def _ability(card: Card, key: str) -> Ability:
    special = _SPECIAL.get(key)
    if special is not None:
        return special(card)
    objection = object_to_key(card, key)
    if objection is not None:
        return Ability(key, Can.NO, objection.why, objection.known, objection.source)
    row = card.row
    if row is not None:
        return Ability(key, Can.YES, "; ".join(_limits(row, key)), Known.TABLE, row.source)
    return _unknown(card, key)


def _unknown(card: Card, key: str) -> Ability:
    if key in ATTRIBUTES and key in card.proven:
        return Ability(key, Can.YES, "one of its VFs has it", Known.REPORTED)
    return Ability(key, Can.UNKNOWN, "the table does not know this driver", None)


def _limits(row: DriverAbilities, key: str) -> Iterator[str]:
    if key in row.not_in_switchdev:
        yield "not in mode switchdev"
    if key == "vlan" and row.max_vlan_id < 4095:
        yield f"ids up to {row.max_vlan_id}"
    if key == "link_state" and len(row.link_states) < len(LinkState):
        yield f"{', '.join(row.link_states)} only"
    if key == "max_tx_rate_mbps" and row.max_rate_mbps is not None:
        least, most = row.max_rate_mbps
        yield f"0, or {least} to {most}"
    if key in row.only_on:
        yield f"on {row.only_on[key].cards}"
    if key == "admin_mac" and not row.zero_mac:
        yield "cannot be taken away"
    if "tx_rate" in key and rules_of(row.driver).rates_need_link:
        yield "while the PF has a link"


def _num_vfs(card: Card) -> Ability:
    pf, rules = card.pf, rules_of(card.pf.driver)
    if pf.driver is None:
        return Ability("num_vfs", Can.NO, "the PF has no driver", Known.REPORTED)
    if rules.fixed_count is not None:
        return Ability("num_vfs", Can.NO, rules.fixed_count, Known.TABLE, rules.source)
    limit = "" if pf.total_vfs is None else f"up to {pf.total_vfs}"
    needs = [text for text in (limit, rules.up_before_vfs, rules.all_or_none) if text]
    if rules.driver is None:
        return Ability("num_vfs", Can.UNKNOWN, "; ".join(needs), None)
    return Ability("num_vfs", Can.YES, "; ".join(needs), Known.TABLE, rules.source)


def _reported(key: str, *, there: bool, why_not: str) -> Ability:
    can = Can.YES if there else Can.NO
    return Ability(key, can, "" if there else why_not, Known.REPORTED)


def _mtu(card: Card) -> Ability:
    pf, row = card.pf, card.row
    told = _reported("link.mtu", there=pf.netdev is not None, why_not="the PF has no netdev")
    if told.can is Can.YES and row is not None and row.max_mtu is not None:
        return told._replace(why=f"up to {row.max_mtu}", source=row.source)
    return told


def _eswitch(card: Card) -> Ability:
    pf, row = card.pf, card.row
    if pf.eswitch_mode is not None:
        return Ability("eswitch.mode", Can.YES, f"now {pf.eswitch_mode}", Known.REPORTED)
    objection = object_to_key(card, "eswitch_mode")
    if objection is not None:
        return Ability("eswitch.mode", Can.NO, *objection[:3])
    if row is None:
        return _unknown(card, "eswitch.mode")
    why = "its driver has one, but the kernel shows none of this card"
    return Ability("eswitch.mode", Can.UNKNOWN, why, Known.TABLE, row.source)


def _part_of_vlan(card: Card, key: str) -> Ability:
    row = card.row
    whole = _ability(card, "vlan")
    if row is None or whole.can is not Can.YES:
        return whole._replace(key=key)
    if key == QOS:
        can = Can.YES if row.vlan_qos else Can.NO
        why = "" if row.vlan_qos else f"{row.driver} sets no qos"
        return Ability(QOS, can, why, Known.TABLE, row.source)
    return _protocol(card, row)


def _protocol(card: Card, row: DriverAbilities) -> Ability:
    if card.has_dot1ad:
        return Ability(DOT1AD, Can.YES, "one of its VFs has 802.1ad", Known.REPORTED)
    if row.maybe_dot1ad is not None:
        return Ability(DOT1AD, Can.UNKNOWN, f"802.1ad {row.maybe_dot1ad}", Known.TABLE, row.source)
    if VLANProtocol.DOT1AD in row.vlan_protocols:
        return Ability(DOT1AD, Can.YES, "802.1ad too", Known.TABLE, row.source)
    why = f"{row.driver} {row.why_not.get(DOT1AD, 'knows 802.1q only')}"
    return Ability(DOT1AD, Can.NO, why, Known.TABLE, row.source)


_SPECIAL: Mapping[str, Callable[[Card], Ability]] = {
    "num_vfs": _num_vfs,
    "drivers_autoprobe": lambda card: _reported(
        "drivers_autoprobe",
        there=card.pf.drivers_autoprobe is not None,
        why_not="the PF has no sriov_drivers_autoprobe",
    ),
    "link.state": lambda card: _reported(
        "link.state", there=card.pf.netdev is not None, why_not="the PF has no netdev"
    ),
    "link.mtu": _mtu,
    "eswitch.mode": _eswitch,
    QOS: lambda card: _part_of_vlan(card, QOS),
    DOT1AD: lambda card: _part_of_vlan(card, DOT1AD),
    "driver": lambda card: _reported(
        "driver", there=card.pf.address is not None, why_not="its VFs are no PCI functions"
    ),
}
