"""Runs on netdevsim that are killed: many VFs in few messages, none of them half done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sriovctl.codec.state_file import parse_state
from tests.lab.killing import Case, kill_at_random
from tests.lab.netdevsim import BUS, new_netdevsim
from tests.lab.shell import vfs_by_ip

pytestmark = pytest.mark.lab("netdevsim")

ID = 51
DEVICE = BUS / f"devices/netdevsim{ID}"


@pytest.fixture
def netdev() -> Iterator[str]:
    with new_netdevsim(ID, max_vfs=200) as name:
        yield name


def state(netdev: str, num_vfs: int, *, vlan: int, trust: bool) -> str:
    return f"""
version: 1
pfs:
  sim:
    match: {{netdev: {netdev}}}
    num_vfs: {num_vfs}
    vf_default: {{vlan: {{id: {vlan}}}, trust: {str(trust).lower()}, max_tx_rate_mbps: 100}}
    vfs:
      0: {{admin_mac: "52:54:00:6d:00:{vlan:02x}"}}
"""


@pytest.mark.parametrize("seed", range(6))
def test_kill_9_leads_to_the_wanted_or_the_old_state(
    netdev: str, seed: int, tmp_path: Path
) -> None:
    old = parse_state(state(netdev, 60, vlan=42, trust=False), source="old")
    wanted = parse_state(state(netdev, 200, vlan=43, trust=True), source="wanted")

    def seen() -> object:
        return (DEVICE / "sriov_numvfs").read_text(), vfs_by_ip(netdev)

    kill_at_random(Case(old, wanted, seen), tmp_path, seed=seed)
