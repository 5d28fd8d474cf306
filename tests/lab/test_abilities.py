"""``abilities`` against the kernel itself: what a probe finds, and what ``ip`` is told.

Two machines' worth of witnesses: igb and NVMe here, netdevsim in ``test_abilities_netdevsim.py``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.abilities import abilities, asked_with_ip, link_details, sriovctl, table_and_probe

pytestmark = pytest.mark.lab("82576")

PCI = Path("/sys/bus/pci/devices")
IGB = "0000:01:00.0"
NVME = "0000:05:00.0"


@pytest.fixture
def netdev() -> str:
    return next((PCI / IGB / "net").iterdir()).name


@pytest.mark.parametrize("num_vfs", [2, 7])
def test_igb_has_what_the_table_says_and_ip_agrees(netdev: str, num_vfs: int) -> None:
    sriovctl("apply", "-", stdin=state(num_vfs))  # rates need a link, which takes its time
    try:
        before = link_details(netdev)
        table, probed = table_and_probe(IGB)
        assert link_details(netdev) == before, "a probe must change nothing"
        assert probed == {key: table[key] for key in probed}
        assert len(probed) >= 4
        assert asked_with_ip(netdev) == {key: table[key] for key in asked_with_ip(netdev)}
    finally:
        sriovctl("undo")


def state(num_vfs: int) -> str:
    return (
        f'version: 1\npfs: {{a: {{match: {{address: "{IGB}"}}, num_vfs: {num_vfs}, '
        "drivers_autoprobe: false, link: {state: up}, vfs: {0: {max_tx_rate_mbps: 10}}}}"
    )


def test_without_vfs_a_refusal_proves_nothing() -> None:
    # igb has spoofchk, and answers EOPNOTSUPP while it has no VFs (igb_ndo_set_vf_spoofchk).
    shown = abilities(IGB, "--probe")
    assert (shown["spoofchk"]["can"], shown["spoofchk"]["known"]) == ("yes", "table")
    assert (shown["admin_mac"]["can"], shown["admin_mac"]["known"]) == ("yes", "probed")


def test_nvme_has_nothing_of_a_network_card() -> None:
    shown = abilities(NVME, "--probe")
    can = {key for key, one in shown.items() if one["can"] == "yes"}
    assert can == {"num_vfs", "drivers_autoprobe", "driver"}
    assert not (PCI / NVME / "net").exists()
