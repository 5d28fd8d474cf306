"""Where udev runs, it renames a netdev that comes back; the daemon waits until it is done."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.lab.daemon_at_work import Daemon, num_vfs, until, vlan_of
from tests.lab.shell import PCI, ip, netdev_of, run

pytestmark = pytest.mark.lab("82576", services=("udev",))

PF = "0000:01:00.0"


def state(netdev: str) -> str:
    # By its name, which it has only once udev is done with it.
    return (
        f"version: 1\npfs: {{a: {{match: {{netdev: {netdev}}}, num_vfs: 2, "
        "drivers_autoprobe: false, link: {state: up, mtu: 4000}, vf_default: {vlan: {id: 42}}}}\n"
    )


def test_a_netdev_that_comes_back_is_set_up_under_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SRIOVCTL_STATE_DIR", str(tmp_path / "state"))
    netdev = netdev_of(PF)
    assert not netdev.startswith("eth")
    daemon = Daemon(tmp_path, state(netdev))
    daemon.start()

    def as_declared() -> bool:
        return (num_vfs(PF), vlan_of(PF, 0), vlan_of(PF, 1)) == (2, 42, 42)

    try:
        until(as_declared, daemon)
        for words in (("rmmod", "igb"), ("modprobe", "igb")):
            run(*words)
        until(as_declared, daemon)
        assert netdev_of(PF) == netdev
        (link,) = json.loads(ip("-j", "link", "show", "dev", netdev))
        assert link["mtu"] == 4000
        assert "UP" in link["flags"]
        statuses = [one["status"] for one in daemon.runs()]
        assert statuses == ["done", "done"], f"each at the first attempt: {daemon.log()}"
    finally:
        assert daemon.kill(signal.SIGTERM) == 0
        (PCI / PF / "sriov_numvfs").write_text("0")
        (PCI / PF / "sriov_drivers_autoprobe").write_text("1")
        ip("link", "set", "dev", netdev, "mtu", "1500")
        ip("link", "set", "dev", netdev, "down")
