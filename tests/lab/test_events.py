"""What is told while an 82576's VFs come, change and go, compared with what was done."""

from __future__ import annotations

import json
import select
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab.shell import PCI, ip, netdev_of

pytestmark = pytest.mark.lab("82576")

PF = "0000:01:00.0"
VF1 = "0000:01:10.2"
MAC = "52:54:00:6d:90:02"


class Listener:
    """``sriovctl events`` beside the test."""

    def __init__(self) -> None:
        command = ("sriovctl", "events", "--json", "--pf", PF, "--for", "5m")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def wait_for(self, what: str, **facts: object) -> dict[str, Any]:
        """Read until it is told; what is never told runs into the machine's time limit."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            told: dict[str, Any] = json.loads(line)
            assert told["device"] == PF
            found = what in (told["kind"], told["what"])
            if found and all(told[name] == fact for name, fact in facts.items()):
                return told
        raise AssertionError(f"{what} was not told: {facts}")

    def has_told(self) -> bool:
        """Wait a second for the first line."""
        assert self.process.stdout is not None
        return bool(select.select([self.process.stdout], [], [], 1.0)[0])


@pytest.fixture
def listener() -> Iterator[Listener]:
    (PCI / PF / "sriov_drivers_autoprobe").write_text("1")
    listener = Listener()
    yield listener
    with listener.process:
        listener.process.terminate()
    (PCI / PF / "sriov_numvfs").write_text("0")
    ip("link", "set", netdev_of(PF), "down")


def test_what_was_done_is_told(listener: Listener) -> None:
    netdev = netdev_of(PF)
    for mtu in range(1400, 1500):  # until it is heard: Python takes a while to start
        ip("link", "set", netdev, "mtu", str(mtu), "up")
        if listener.has_told():
            break
    listener.wait_for("carrier", after=True)
    (PCI / PF / "sriov_numvfs").write_text("2")
    assert listener.wait_for("VFs created")["by"] is None
    listener.wait_for("driver", before=None, after="igbvf")
    ip("link", "set", netdev, "vf", "1", "mac", MAC, "vlan", "42", "spoofchk", "off")
    one = [{"vf_index": 1, "address": VF1}]
    listener.wait_for("admin_mac", after=MAC, vfs=one)
    listener.wait_for("vlan", after={"id": 42, "qos": 0, "protocol": "802.1q"}, vfs=one)
    listener.wait_for("spoofchk", before=True, after=False, vfs=one)
    (PCI / VF1 / "driver/unbind").write_text(VF1)
    listener.wait_for("driver", before="igbvf", after=None, vfs=one)
    ip("link", "set", netdev, "down")
    listener.wait_for("up", after=False, vfs=[])
    # The kernel says nothing of this: a look from time to time finds it.
    ip("link", "set", netdev, "vf", "0", "vlan", "7")
    listener.wait_for("vlan", after={"id": 7, "qos": 0, "protocol": "802.1q"})
    (PCI / PF / "sriov_numvfs").write_text("0")
    gone = listener.wait_for("VFs removed")
    assert [vf["vf_index"] for vf in gone["vfs"]] == [0, 1]
