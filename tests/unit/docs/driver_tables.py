"""The tables of ``docs/drivers.md``, made from the code.

``.venv/bin/python -m tests.unit.docs.driver_tables`` writes them into the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from sriovctl.model.functions import LinkState, VLANProtocol
from sriovctl.planner.driver_abilities import ABILITIES, ON_INFINIBAND, DriverAbilities
from sriovctl.planner.drivers import RULES, DriverRules, Effect, Stage, rules_of
from tests.unit.docs.pages import ROOT

PAGE = ROOT / "docs" / "drivers.md"
_MARKED = re.compile(r"(<!-- (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(header)
    lines = [head, ["---"] * len(head), *(list(row) for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def order() -> str:
    """Stages in the order of most drivers, with what becomes of them with ice."""
    usual, ice = rules_of(None).stages, rules_of("ice").stages
    return _table(
        ("Step", "Place", "Place with ice"),
        (
            (str(stage), str(usual.index(stage) + 1), str(ice.index(stage) + 1))
            for stage in sorted(Stage, key=usual.index)
        ),
    )


def effects() -> str:
    """What a change does to those who use the PF."""
    header = ("Driver", "VFs come", "VFs go", "another MTU", "another eswitch mode")
    return _table(header, (_effects(rules) for rules in RULES.values()))


def _effects(rules: DriverRules) -> list[str]:
    row = [f"`{rules.driver}`"]
    for effect in (rules.creating, rules.destroying):
        row.append("-" if rules.fixed_count else _effect(effect))
    sets = _abilities_of(rules.driver)
    row.append(_effect(rules.changing_mtu) if sets else "-")
    has_eswitch = any("eswitch_mode" in one.sets for one in sets)
    return [*row, _effect(rules.changing_eswitch) if has_eswitch else "-"]


def _abilities_of(driver: str | None) -> list[DriverAbilities]:
    tables = (ABILITIES, ON_INFINIBAND)
    return [table[driver] for table in tables if driver in table and table[driver].sets]


def _effect(effect: Effect) -> str:
    return f"**{effect.disruption}**: {effect.reason}" if effect.flaps_link else effect.reason


def needs() -> str:
    """What a driver needs first, asks to wait for, or does not do at all."""
    return _table(
        ("Driver", "What to know", "Source, below `drivers/`"),
        (
            (f"`{name}`", "; ".join(_needs(rules)) or "-", rules.source)
            for name, rules in RULES.items()
        ),
    )


def _needs(rules: DriverRules) -> Iterable[str]:
    parameter = rules.vf_count_parameter
    said = {
        rules.fixed_count: rules.fixed_count,
        f"its module parameter is `{parameter}`": parameter,
        rules.up_before_vfs: rules.up_before_vfs,
        rules.all_or_none: rules.all_or_none,
        "refuses any rate while the PF has no link: `apply` waits for it": rules.rates_need_link,
        _patience(rules): rules.retry_errnos,
        "changes its eswitch mode only without VFs": rules.eswitch_without_vfs,
        "VFs must have no driver while its eswitch mode changes": rules.unbind_for_eswitch,
        "falls back to legacy with its last VF": rules.eswitch_resets_at_zero,
        f"its VFs go to `{rules.vf_driver}`": rules.vf_driver,
        f"a new MAC of a bound VF: {rules.new_mac}": _sets_macs(rules),
    }
    return (text for text, holds in said.items() if text and holds)


def _patience(rules: DriverRules) -> str:
    answers = " or ".join(sorted(rules.retry_errnos))
    return f"may say {answers} while VFs are in reset: tried again for {rules.retry_until_s:g} s"


def _sets_macs(rules: DriverRules) -> bool:
    return any("admin_mac" in row.sets for row in _abilities_of(rules.driver))


_COLUMNS = {
    "MAC": "admin_mac",
    "VLAN": "vlan",
    "qos": "vlan.qos",
    "802.1ad": "vlan.protocol",
    "spoofchk": "spoofchk",
    "trust": "trust",
    "link state": "link_state",
    "max rate": "max_tx_rate_mbps",
    "min rate": "min_tx_rate_mbps",
    "RSS query": "rss_query",
    "GUIDs": "node_guid",
    "MSI-X": "msix_count",
    "eswitch": "eswitch_mode",
}


def abilities() -> str:
    """What each driver can set of its VFs."""
    rows = [_abilities(name, row) for name, row in ABILITIES.items() if row.sets]
    rows += [_abilities(f"{name}, InfiniBand", row) for name, row in ON_INFINIBAND.items()]
    nothing = ", ".join(f"`{name}`" for name, row in ABILITIES.items() if not row.sets)
    return _table(("Driver", *_COLUMNS), rows) + f"\nNothing of these: {nothing}.\n"


def _abilities(name: str, row: DriverAbilities) -> list[str]:
    return [f"`{name}`", *(_cell(row, key) for key in _COLUMNS.values())]


def _cell(row: DriverAbilities, key: str) -> str:
    if key == "vlan.qos":
        return "yes" if "vlan" in row.sets and row.vlan_qos else "-"
    if key == "vlan.protocol":
        both = VLANProtocol.DOT1AD in row.vlan_protocols
        return "yes" if both else f"perhaps: {row.maybe_dot1ad}" if row.maybe_dot1ad else "-"
    if key not in row.sets:
        return "-"
    limits = list(_limits(row, key))
    return "; ".join(limits) if limits else "yes"


def _limits(row: DriverAbilities, key: str) -> Iterable[str]:
    if key == "link_state" and len(row.link_states) < len(LinkState):
        yield ", ".join(row.link_states)
    if key == "max_tx_rate_mbps" and row.max_rate_mbps:
        least, most = row.max_rate_mbps
        yield f"{least} to {most}"
    if key in row.only_on:
        yield row.only_on[key].cards
    if key == "admin_mac" and not row.zero_mac:
        yield "not taken away"
    if key in row.not_in_switchdev:
        yield "in mode legacy"


def with_tables(page: str) -> str:
    """Put the tables between their marks."""
    makers = {"order": order, "effects": effects, "needs": needs, "abilities": abilities}
    return _MARKED.sub(lambda found: f"{found[1]}\n{makers[found[2]]()}\n{found[3]}", page)


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
