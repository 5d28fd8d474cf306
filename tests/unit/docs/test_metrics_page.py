"""``docs/metrics.md`` names each metric and each driver that counts, and no more."""

from __future__ import annotations

import re

import pytest

from sriovctl.model.counters import CounterSource
from sriovctl.planner.driver_counters import REPRESENTOR_ROWS, ROWS
from sriovctl.render.exposition import sample_name
from sriovctl.render.metrics import HostMetrics, metric_families
from tests.unit.docs.pages import ROOT

PAGE = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
# No driver counts these for its VFs, and no netdev broadcast.
NEVER = {"sriov_pf_receive_broadcast_packets_total"}
WORDS = {
    "packets": {"rx_packets", "tx_packets"},
    "bytes": {"rx_bytes", "tx_bytes"},
    "received and dropped": {"rx_dropped"},
    "multicast": {"multicast"},
    "broadcast": {"broadcast"},
}
ALL = "all eight"


def test_each_metric_has_a_row_with_its_kind() -> None:
    rows = dict(re.findall(r"^\| `(sriov\w+)` \| (\w+) \|", PAGE, re.MULTILINE))
    families = metric_families(HostMetrics((), "1", leases=()))
    told = {sample_name(family): str(family.kind) for family in families}
    assert rows == {name: kind for name, kind in told.items() if name not in NEVER}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.driver)
def test_each_driver_that_counts_has_a_row(row: object) -> None:
    driver, counts, remark = row.driver, row.counts, row.remark or ""  # type: ignore[attr-defined]
    cells = re.findall(rf"^\| `{driver}` \| (.*?) \| (.*?) ?\|$", PAGE, re.MULTILINE)
    assert (remark, frozenset(counts)) in {(told, counted(words)) for words, told in cells}


def counted(words: str) -> frozenset[str]:
    names = set(WORDS) if words == ALL else set(words.split(", "))
    more = {"tx_dropped"} if words == ALL else set()
    return frozenset(more.union(*(WORDS[name] for name in names)))


def test_each_source_is_told_and_whose_representors_count() -> None:
    assert set(re.findall(r"^\| `([a-z-]+)` \| .* \| .* \|$", PAGE, re.MULTILINE)) >= set(
        CounterSource
    )
    sentence = next(line for line in PAGE.splitlines() if line.startswith("Of representors"))
    named = {row.driver for row in REPRESENTOR_ROWS}
    assert set(re.findall(r"`(\w+)`", sentence)) == named
