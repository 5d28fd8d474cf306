"""A script with all that a driver can be told, on the kernel's simulated network device."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.netdevsim import BUS, new_netdevsim

pytestmark = pytest.mark.lab("netdevsim")

ID = 43
DEVICE = BUS / f"devices/netdevsim{ID}"


def run(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
    return done.stdout


def planned(file: Path) -> list[object]:
    steps: list[object] = json.loads(run("sriovctl", "plan", "--json", str(file)))["steps"]
    return steps


@pytest.fixture
def netdev() -> Iterator[str]:
    with new_netdevsim(ID) as name:
        yield name


def state(netdev: str, mode: str) -> str:
    # In mode switchdev it takes no rates through the PF.
    rates = "min_tx_rate_mbps: 100, max_tx_rate_mbps: 500, " if mode == "legacy" else ""
    return f"""\
version: 1
pfs:
  sim:
    match: {{netdev: {netdev}}}
    num_vfs: 4
    link: {{state: up, mtu: 2000}}
    eswitch: {{mode: {mode}}}
    vf_default: {{trust: true, spoofchk: true, rss_query: true, link_state: enable}}
    vfs:
      0: {{admin_mac: "52:54:00:6d:00:01", vlan: {{id: 42, qos: 3, protocol: 802.1ad}}}}
      2: {{{rates}trust: false}}
"""


@pytest.mark.parametrize("mode", ["legacy", "switchdev"])
def test_the_script_says_all_that_the_file_does(netdev: str, mode: str, tmp_path: Path) -> None:
    file, script = tmp_path / "host.yaml", tmp_path / "set-up.sh"
    file.write_text(state(netdev, mode))
    said = run("sriovctl", "export", "--format", "ip", str(file), "--output", str(script))
    assert said == f"wrote {script}\n"
    for _ in range(2):
        assert run(str(script)) == ""
        assert planned(file) == []
        (link,) = json.loads(run("ip", "-j", "-d", "link", "show", "dev", netdev))
        assert (link["mtu"], "UP" in link["flags"]) == (2000, True)
        assert [vf["trust"] for vf in link["vfinfo_list"]] == [True, True, False, True]
        assert link["vfinfo_list"][0]["address"] == "52:54:00:6d:00:01"
        assert link["vfinfo_list"][0]["vlan_list"] == [
            {"vlan": 42, "qos": 3, "protocol": "802.1ad"}
        ]
        rate = {"max_tx": 500, "min_tx": 100} if mode == "legacy" else {"max_tx": 0, "min_tx": 0}
        assert link["vfinfo_list"][2]["rate"] == rate
        shown = run("devlink", "dev", "eswitch", "show", f"netdevsim/netdevsim{ID}")
        assert f"mode {mode}" in shown
    # The host's own state is the same, and no representor is taken for the PF's netdev.
    exported = tmp_path / "exported.yaml"
    run("sriovctl", "export", "--output", str(exported))
    assert planned(exported) == []
    assert f"  {netdev}:\n" in exported.read_text()
