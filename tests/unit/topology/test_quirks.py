"""The tables of exceptions against the lists that they were made from."""

from __future__ import annotations

from pathlib import Path

import pytest

from sriovctl.topology.quirks import (
    ACS_QUIRKS,
    ALIAS_QUIRKS,
    RULE_IDS,
    ACSRule,
    AliasKind,
    acs_quirks_of,
    acs_quirks_of_vendor,
    alias_quirk_of,
)

LISTS = Path(__file__).parents[4] / "shared" / "spec"
needs_lists = pytest.mark.skipif(
    not (LISTS / "acs_quirks.tsv").exists(), reason="the lists are not beside this checkout"
)
PORTS = ("QCOM_RP", "XGENE", "BRCM", "LOONGSON", "NXP_RP")
RULES = {
    "amd_sb": ("AMD_SB",), "mf_endpoint": ("MF_ENDPOINT",), "intel_rciep": ("RCIEP",),
    "port_isolated": PORTS, "intel_pch": ("INTEL_PCH",), "intel_spt": ("INTEL_SPT",),
    "cavium_rp": ("CAVIUM",), "annapurna_rp": ("ANNAPURNA",), "zhaoxin_port": ("ZHAOXIN",),
    "wangxun_nic": ("WANGXUN",),
}  # fmt: skip
KINDS = {
    "alias_fn0": "FUNCTION_0", "alias_fn1": "FUNCTION_1", "bridge_sub_alias": "BRIDGE_SUBORDINATE",
    "alias_list": "LIST", "alias_all": "LIST", "xlate_root": "TRANSLATION_ROOT",
    "no_alias": "KEEPS_IDS", "alias_fixed": "FIXED_SUBSYSTEM", "switchtec_ntb": "MMIO",
}  # fmt: skip


def rows(name: str) -> list[list[str]]:
    lines = (LISTS / name).read_text().splitlines()
    return [line.split("\t") for line in lines if not line.startswith("#")]


@needs_lists
def test_each_device_is_asked_by_the_same_rules_in_the_same_order() -> None:
    wanted: dict[int, list[tuple[int | None, str]]] = {}
    for _, vendor, device, rule, *_rest in rows("acs_quirks.tsv"):
        device_id = None if device == "*" else int(device, 16)
        wanted.setdefault(int(vendor, 16), []).append((device_id, rule))
    assert {quirk.vendor_id for quirk in ACS_QUIRKS} == set(wanted)
    for vendor_id, pairs in wanted.items():
        for device_id in {one for one, _ in pairs if one is not None} | {0xDEAD}:
            rules = [RULES[rule] for one, rule in pairs if one in (None, device_id)]
            found = [quirk.rule.name for quirk in acs_quirks_of(vendor_id, device_id)]
            assert len(found) == len(rules)
            assert all(one in names for one, names in zip(found, rules, strict=True))
        known = {one for one, _ in pairs if one is not None}
        ours = [q.device_ids for q in acs_quirks_of_vendor(vendor_id) if q.device_ids]
        assert frozenset(known) == frozenset().union(*ours)


@needs_lists
def test_id_sets() -> None:
    for name, _, text in rows("acs_quirk_idsets.tsv"):
        ids = set()
        for word in text.split():
            first, _, last = word.partition("-")
            ids |= set(range(int(first, 16), int(last or first, 16) + 1))
        assert RULE_IDS[ACSRule[RULES[name][0]]] == ids


@needs_lists
def test_aliases() -> None:
    total = 0
    for vendor, devices, kind, *_rest in rows("dma_alias_quirks.tsv"):
        for device in devices.split():
            quirk = alias_quirk_of(int(vendor, 16), int(device, 16))
            assert quirk is not None
            assert quirk.kind is AliasKind[KINDS[kind]]
            total += 1
    assert total == sum(len(quirk.device_ids) for quirk in ALIAS_QUIRKS)


def test_when_an_id_was_added() -> None:
    (broadcom,) = acs_quirks_of(0x14E4, 0x1760)
    assert broadcom.added_in(0x1760) == "2024-05"
    assert broadcom.added_in(0x16D7) is None
