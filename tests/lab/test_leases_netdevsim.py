"""Leases of VFs that are numbers inside their PF."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.netdevsim import BUS, new_netdevsim
from tests.lab.shell import ip, sriovctl, vfs_by_ip

pytestmark = pytest.mark.lab("netdevsim")

ID = 43
DEVICE = f"netdevsim{ID}"


@pytest.fixture
def netdev(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("SRIOVCTL_STATE_DIR", str(tmp_path))
    with new_netdevsim(ID, num_vfs=3) as name:
        yield name


def lease_of(*words: str) -> dict[str, Any]:
    (lease,) = json.loads(sriovctl("lease", *words, "--json"))["leases"]
    assert isinstance(lease, dict)
    return lease


def test_they_are_lent_by_pf_and_index_and_come_back_clean(netdev: str) -> None:
    before = vfs_by_ip(netdev)
    lease = lease_of("take", f"netdev={netdev}", "--owner", "anna")
    assert (lease["pf"], lease["vf_index"], lease["address"]) == (DEVICE, 0, None)
    assert lease_of("take", f"netdev={netdev}")["vf_index"] == 1
    words = ("mac", "52:54:00:6d:90:02", "vlan", "42", "trust", "on", "max_tx_rate", "100")
    ip("link", "set", "dev", netdev, "vf", "0", *words)
    assert vfs_by_ip(netdev)[0] != before[0]
    sriovctl("lease", "release", "1")
    assert vfs_by_ip(netdev) == before
    assert lease_of("take", f"netdev={netdev}")["generation"] == 2


def test_apply_refuses_what_is_lent(netdev: str) -> None:
    lease_of("take", f"netdev={netdev}", "--owner", "anna")
    wish = (
        f"version: 1\npfs: {{a: {{match: {{netdev: {netdev}}}, vfs: {{INDEX: {{trust: true}}}}}}}}"
    )
    said = sriovctl("apply", "-", stdin=wish.replace("INDEX", "0"), expect=4)
    assert "lease:1 would feel it" in said
    sriovctl("apply", "-", stdin=wish.replace("INDEX", "1"))
    fewer = f"version: 1\npfs: {{a: {{match: {{netdev: {netdev}}}, num_vfs: 1}}}}"
    assert "lease:1" in sriovctl("apply", "-", stdin=fewer, expect=4)
    assert f"{DEVICE} vf 0" in sriovctl("owners")


def test_a_vf_that_is_gone_is_lost_and_so_is_one_of_another_device(netdev: str) -> None:
    lease_of("take", f"netdev={netdev}")
    device = BUS / f"devices/{DEVICE}"
    (device / "sriov_numvfs").write_text("0")
    assert lease_of("show", "1")["status"] == "lost"
    sriovctl("lease", "reap")
    (device / "sriov_numvfs").write_text("1")
    assert lease_of("take", f"netdev={netdev}")["generation"] == 2
    (BUS / "del_device").write_text(str(ID))
    (BUS / "new_device").write_text(f"{ID} 1")
    (device / "sriov_numvfs").write_text("1")
    assert lease_of("show", "2")["status"] == "lost"
