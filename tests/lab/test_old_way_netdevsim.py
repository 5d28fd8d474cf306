"""What an 82576 cannot do of docs/from-the-old-way.md, both columns, on a simulated netdev."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab.netdevsim import BUS, new_netdevsim
from tests.lab.shell import ip, vfs_by_ip
from tests.old_way import Row, tables

pytestmark = pytest.mark.lab("netdevsim")

ID = 43
DEVICE = BUS / f"devices/netdevsim{ID}"
# The kernel's netdevsim has no GUIDs.
ROWS = [row for row in tables("Change")[0] if "$DEV" in row.classic[0]]


@pytest.fixture(autouse=True)
def state_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SRIOVCTL_STATE_DIR", str(tmp_path))


def after_each(run: Callable[[Row, str], int]) -> list[tuple[str, bool, object, int, bool]]:
    """Whether each row succeeds, and what iproute2 shows then."""
    found: list[tuple[str, bool, object, int, bool]] = []
    # Anew, since netdevsim's VFs keep their settings beyond their end.
    with new_netdevsim(ID, num_vfs=2) as netdev:
        for row in ROWS:
            succeeded = run(row, netdev) == 0
            (link,) = json.loads(ip("-j", "link", "show", netdev))
            up = "UP" in link["flags"]
            found.append((row.classic[0], succeeded, vfs_by_ip(netdev), link["mtu"], up))
    return found


def classic(row: Row, netdev: str) -> int:
    words = ["bash", "-c", row.classic[0].replace("$DEV", netdev)]
    return subprocess.run(words, capture_output=True, check=False).returncode


def ours(row: Row, netdev: str) -> int:
    wanted = f"version: 1\npfs: {{a: {{match: {{netdev: {netdev}}}, {row.ours[0]}}}}}"
    done = subprocess.run(
        ["sriovctl", "apply", "-"], input=wanted, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    return done.returncode


def test_both_columns_come_to_the_same() -> None:
    expected = after_each(classic)
    assert after_each(ours) == expected
    refused = [row for row, succeeded, *_ in expected if not succeeded]
    assert refused == [row.classic[0] for row in ROWS if "guid" in row.classic[0]]
