"""Exports brought to life by NetworkManager and netplan themselves."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sriovctl.render.foreign.networkmanager import NO_RATES

pytestmark = pytest.mark.lab("82576", services=("systemd",))

PF = Path("/sys/bus/pci/devices/0000:01:00.0")
PROFILES = Path("/etc/NetworkManager/system-connections")
NETPLAN = Path("/etc/netplan")

STATE = """\
version: 1
pfs:
  uplink:
    match: {address: "0000:01:00.0"}
    num_vfs: 2
    drivers_autoprobe: AUTOPROBE
    link: {state: up, mtu: 3000}
"""


def run(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def pf_netdev() -> str:
    return next((PF / "net").iterdir()).name


def link_as_ip_shows_it() -> dict[str, object]:
    (link,) = json.loads(run("ip", "-j", "-d", "link", "show", "dev", pf_netdev()))
    return {
        "mtu": link["mtu"],
        "up": "UP" in link["flags"],
        "macs": [vf["address"] for vf in link["vfinfo_list"]],
        "vlans": [vf["vlan_list"][0].get("vlan", 0) for vf in link["vfinfo_list"]],
        "qos": [vf["vlan_list"][0].get("qos", 0) for vf in link["vfinfo_list"]],
        "trust": [vf["trust"] for vf in link["vfinfo_list"]],
        "spoofchk": [vf["spoofchk"] for vf in link["vfinfo_list"]],
    }


def wait_for_netdev(name: str, said: str) -> None:
    deadline = time.monotonic() + 60
    while not Path("/sys/class/net", name).exists():
        assert time.monotonic() < deadline, (said, run("ip", "link", "show"))
        time.sleep(0.2)


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    yield
    (PF / "sriov_numvfs").write_text("0")
    (PF / "sriov_drivers_autoprobe").write_text("1")
    run("ip", "link", "set", "dev", pf_netdev(), "down", "mtu", "1500")


@pytest.fixture
def manager() -> Iterator[None]:
    """NetworkManager runs, and makes no profiles of its own."""
    conf = Path("/etc/NetworkManager/conf.d/lab.conf")
    conf.write_text("[main]\nno-auto-default=*\n")
    run("systemctl", "start", "NetworkManager")
    yield
    run("systemctl", "stop", "NetworkManager")
    conf.unlink()


@pytest.mark.skipif(shutil.which("nmcli") is None, reason="NetworkManager is not installed")
@pytest.mark.usefixtures("manager")
def test_networkmanager_makes_the_vfs_of_a_profile(tmp_path: Path) -> None:
    state = tmp_path / "host.yaml"
    vfs = (
        "    vfs:\n"
        '      0: {admin_mac: "52:54:00:6d:90:02", vlan: {id: 42, qos: 3}, trust: true'
        ", max_tx_rate_mbps: 100}\n"
        '      1: {admin_mac: "52:54:00:6d:90:03", spoofchk: false}\n'
    )
    state.write_text(STATE.replace("AUTOPROBE", "false") + vfs)
    said = run(
        "sriovctl", "export", "--format", "networkmanager", str(state), "--output", str(PROFILES)
    )
    # With it the profile is not activated: igb has no link yet when NetworkManager sets rates.
    assert [line for line in said.splitlines() if line.startswith("left out")] == [
        f"left out: uplink VF 0: max_tx_rate_mbps: {NO_RATES}"
    ]
    run("nmcli", "connection", "reload")
    run("nmcli", "--wait", "60", "connection", "up", "sriovctl-uplink")
    assert link_as_ip_shows_it() == {
        "mtu": 3000,
        "up": True,
        "macs": ["52:54:00:6d:90:02", "52:54:00:6d:90:03"],
        "vlans": [42, 0],
        "qos": [3, 0],
        "trust": [True, False],
        "spoofchk": [True, False],
    }
    state.write_text(state.read_text().replace(", max_tx_rate_mbps: 100", ""))
    run("sriovctl", "plan", str(state))
    # The profile that NetworkManager has now reads back as the state.
    (profile,) = PROFILES.glob("sriovctl-*")
    back = tmp_path / "back.yaml"
    run("sriovctl", "import", str(profile), "--output", str(back))
    run("sriovctl", "plan", str(back))
    profile.unlink()
    run("nmcli", "connection", "reload")


@pytest.mark.skipif(shutil.which("netplan") is None, reason="netplan is not installed")
def test_netplan_makes_the_vfs_and_their_vlan(tmp_path: Path) -> None:
    run("ip", "link", "set", "dev", pf_netdev(), "up")  # or igbvf finds it "still in reset"
    state = tmp_path / "host.yaml"
    vfs = "    vfs: {1: {vlan: {id: 42}}}\n"
    state.write_text(STATE.replace("AUTOPROBE", "true").replace(", mtu: 3000", "") + vfs)
    NETPLAN.mkdir(exist_ok=True)
    said = run("sriovctl", "export", "--format", "netplan", str(state), "--output", str(NETPLAN))
    assert "left out: uplink: drivers_autoprobe: no setting for it\n" in said
    run("netplan", "generate")
    # It looks for the VFs' netdevs before udev has named them, warns, and finds them next time.
    first = run("netplan", "apply", "--sriov-only")
    wait_for_netdev(f"{pf_netdev()}v1", first)
    said = run("netplan", "apply", "--sriov-only")
    assert "no matches" not in said
    shown = link_as_ip_shows_it()
    assert shown["vlans"] == [0, 42]
    back = tmp_path / "back.yaml"
    (file,) = NETPLAN.glob("*sriovctl*")
    run("sriovctl", "import", str(file), "--output", str(back))
    run("sriovctl", "plan", str(back))
    file.unlink()
