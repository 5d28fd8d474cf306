"""What the units may not do does not keep them from what they are for.

A network namespace with a netdev in it, and an eswitch: for the first the unit enters namespaces,
for the second it speaks devlink, through a library that the others do not need.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sriovctl.model.persistence import APPLY_UNIT, VERIFY_UNIT

pytestmark = pytest.mark.lab("netdevsim", services=("systemd",))

BUS = Path("/sys/bus/netdevsim")
ID = 77
STATE = """\
version: 1
pfs:
  sim:
    match: {netdev: NETDEV}
    num_vfs: 2
    eswitch: {mode: switchdev}
    vf_default: {admin_mac: auto}
"""


def run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture
def netdev() -> Iterator[str]:
    if not BUS.exists():
        run("modprobe", "netdevsim")  # no device asks for it, and systemd loads no other
    (BUS / "new_device").write_text(f"{ID} 1")
    run("udevadm", "settle")
    (name,) = os.listdir(BUS / f"devices/netdevsim{ID}/net")
    yield name
    (BUS / "del_device").write_text(str(ID))


@pytest.fixture
def persisted(netdev: str, tmp_path: Path) -> Iterator[str]:
    run("ip", "netns", "add", "elsewhere")
    run("ip", "link", "add", "name", "over-there", "netns", "elsewhere", "type", "dummy")
    file = tmp_path / "host.yaml"
    file.write_text(STATE.replace("NETDEV", netdev))
    run("sriovctl", "persist", str(file))
    yield netdev
    run("systemctl", "stop", APPLY_UNIT, VERIFY_UNIT)
    run("sriovctl", "persist", "--remove")
    run("ip", "netns", "delete", "elsewhere")
    show = ("systemctl", "show", "-P", "UnitFileState", APPLY_UNIT, VERIFY_UNIT)
    assert run(*show).strip() == "", "systemd still knows the units"


def test_the_units_do_their_work(persisted: str) -> None:
    run("systemctl", "start", APPLY_UNIT)
    (dev,) = json.loads(run("devlink", "-j", "dev", "eswitch", "show", f"netdevsim/netdevsim{ID}"))[
        "dev"
    ].values()
    assert dev["mode"] == "switchdev"
    (link,) = json.loads(run("ip", "-j", "link", "show", "dev", persisted))
    macs = [vf["address"] for vf in link["vfinfo_list"]]
    assert len(set(macs)) == 2
    assert all(int(mac[:2], 16) & 0b11 == 0b10 for mac in macs), "local, and of one station"

    run("systemctl", "start", VERIFY_UNIT)
    log = run("journalctl", "-b", "-o", "cat", "-u", APPLY_UNIT, "-u", VERIFY_UNIT)
    assert "could not be looked into" not in log, "processes or namespaces of others"
    assert "Operation not permitted" not in log
    assert "0 failed" in log
    assert "verify-boot of this boot: good" in run("sriovctl", "persist", "--status")
