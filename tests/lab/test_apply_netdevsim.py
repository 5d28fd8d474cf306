"""``apply`` and ``undo`` on hundreds of VFs of a device that is not on the PCI bus."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest

from sriovctl.model.functions import VLAN
from sriovctl.model.state import WantedVF
from tests.lab.fixed_offsets import seen_by_fixed_offsets
from tests.lab.netdevsim import BUS, new_netdevsim

pytestmark = pytest.mark.lab("netdevsim")

ID = 42
DEVICE = BUS / f"devices/netdevsim{ID}"


def sriovctl(*words: str, stdin: str = "") -> str:
    done = subprocess.run(
        ["sriovctl", *words], input=stdin, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def netdev() -> Iterator[str]:
    with new_netdevsim(ID, max_vfs=1000) as name:
        yield name


def state(netdev: str, num_vfs: int) -> str:
    return f"""\
version: 1
pfs:
  sim:
    match: {{netdev: {netdev}}}
    num_vfs: {num_vfs}
    vf_default: {{trust: true, spoofchk: true, max_tx_rate_mbps: 100, vlan: {{id: 42}}}}
    vfs:
      0: {{admin_mac: "52:54:00:6d:00:00"}}
      {num_vfs - 1}: {{admin_mac: "52:54:00:6d:ff:ff", vlan: {{id: 43, qos: 3}}}}
"""


@pytest.mark.parametrize("num_vfs", [256, 656, 1000])
def test_hundreds_of_vfs_are_applied_seen_and_undone(netdev: str, num_vfs: int) -> None:
    wanted = state(netdev, num_vfs)
    applied = json.loads(sriovctl("apply", "-", "--json", stdin=wanted))
    assert len(applied["steps"]) == num_vfs + 1
    assert (DEVICE / "sriov_numvfs").read_text() == f"{num_vfs}\n"
    assert json.loads(sriovctl("plan", "-", "--json", stdin=wanted))["steps"] == []
    assert seen_by_fixed_offsets(netdev, num_vfs) == {
        n: wanted_vf(n, num_vfs) for n in range(num_vfs)
    }
    sriovctl("undo")
    assert (DEVICE / "sriov_numvfs").read_text() == "0\n"


def wanted_vf(vf_index: int, num_vfs: int) -> WantedVF:
    macs = {0: "52:54:00:6d:00:00", num_vfs - 1: "52:54:00:6d:ff:ff"}
    return WantedVF(
        admin_mac=macs.get(vf_index, "00:00:00:00:00:00"),
        vlan=VLAN(43, 3) if vf_index == num_vfs - 1 else VLAN(42),
        spoofchk=True,
        trust=True,
        min_tx_rate_mbps=0,
        max_tx_rate_mbps=100,
    )


def mode_by_devlink() -> str:
    handle = f"netdevsim/netdevsim{ID}"
    shown = subprocess.run(
        ["devlink", "dev", "eswitch", "show", handle, "-j"], capture_output=True, check=True
    )
    return str(json.loads(shown.stdout)["dev"][handle]["mode"])


def test_switchdev_outlives_a_resize_and_its_undo(netdev: str) -> None:
    # netdevsim falls back to legacy with its last VF; the plan sets the mode again.
    switchdev = (
        f"version: 1\npfs: {{sim: {{match: {{netdev: {netdev}}}, num_vfs: 2, "
        "eswitch: {mode: switchdev}, vfs: {1: {trust: on}}}}"
    )
    sriovctl("apply", "-", stdin=switchdev)
    assert mode_by_devlink() == "switchdev"
    bigger = f"version: 1\npfs: {{sim: {{match: {{netdev: {netdev}}}, num_vfs: 3}}}}"
    sriovctl("apply", "-", stdin=bigger)
    assert ((DEVICE / "sriov_numvfs").read_text(), mode_by_devlink()) == ("3\n", "switchdev")
    sriovctl("undo")
    assert ((DEVICE / "sriov_numvfs").read_text(), mode_by_devlink()) == ("2\n", "switchdev")
    assert json.loads(sriovctl("plan", "-", "--json", stdin=switchdev))["steps"] == []
    sriovctl("undo")
    assert ((DEVICE / "sriov_numvfs").read_text(), mode_by_devlink()) == ("0\n", "legacy")


def test_what_switchdev_leaves_to_devlink_is_refused_when_the_plan_is_made(netdev: str) -> None:
    limited = (
        f"version: 1\npfs: {{sim: {{match: {{netdev: {netdev}}}, num_vfs: 2, "
        "eswitch: {mode: switchdev}, vf_default: {max_tx_rate_mbps: 100}}}"
    )
    done = subprocess.run(
        ["sriovctl", "plan", "-"], input=limited, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "netdevsim refuses it in mode switchdev" in done.stderr
