"""Exports brought to life on a real kernel: by sriovctl, a shell, and systemd-udevd."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.lab("82576", services=("udev",))

PCI = Path("/sys/bus/pci/devices")
IGB = "0000:01:00.0"
OTHER_IGB = "0000:04:00.0"
NVME = "0000:05:00.0"
LINKS = Path("/run/systemd/network")
RULES = Path("/run/udev/rules.d")

STATE = f"""\
version: 1
pfs:
  uplink:
    match: {{address: "{IGB}"}}
    num_vfs: 3
    drivers_autoprobe: false
    link: {{state: up}}
    vf_default: {{spoofchk: true}}
    vfs:
      0: {{admin_mac: "52:54:00:6d:90:02", vlan: {{id: 42, qos: 3}}, driver: vfio-pci}}
      1: {{admin_mac: "52:54:00:6d:90:03", vlan: {{id: 43}}, trust: true, max_tx_rate_mbps: 100}}
      2: {{spoofchk: false}}
"""
STORAGE = """\
  storage:
    match: {vendor_id: "1b36", device_id: "0010"}
    num_vfs: 2
    drivers_autoprobe: false
    vf_default: {driver: vfio-pci}
"""


def run(*argv: str, stdin: str = "", expect: int = 0) -> str:
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == expect, f"{argv}: {done.stdout}{done.stderr}"
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def pf_netdev() -> str:
    return next((PCI / IGB / "net").iterdir()).name


def vfs_as_ip_shows_them() -> list[dict[str, object]]:
    shown = run("ip", "-j", "-d", "link", "show", "dev", pf_netdev())
    (link,) = json.loads(shown)
    return [
        {
            "mac": vf["address"],
            "vlan": vf["vlan_list"][0].get("vlan", 0),
            "qos": vf["vlan_list"][0].get("qos", 0),
            "spoofchk": vf["spoofchk"],
            "trust": vf["trust"],
            "rate": vf.get("rate", {}).get("max_tx", 0),
        }
        for vf in link["vfinfo_list"]
    ]


def wanted_vfs() -> list[dict[str, object]]:
    plain = {"vlan": 0, "qos": 0, "spoofchk": True, "trust": False, "rate": 0}
    first = {**plain, "mac": "52:54:00:6d:90:02", "vlan": 42, "qos": 3}
    second = {**plain, "mac": "52:54:00:6d:90:03", "vlan": 43, "trust": True, "rate": 100}
    third = {**plain, "mac": "00:00:00:00:00:00", "spoofchk": False}
    return [first, second, third]


def driver_of(pf: str, vf_index: int) -> str | None:
    driver = PCI / pf / f"virtfn{vf_index}/driver"
    return driver.resolve().name if driver.exists() else None


def planned(state: Path) -> list[object]:
    done = subprocess.run(
        ["sriovctl", "plan", str(state), "--json"], capture_output=True, text=True, check=False
    )
    steps: list[object] = json.loads(done.stdout)["steps"]
    return steps


@pytest.fixture
def state(tmp_path: Path) -> Path:
    file = tmp_path / "host.yaml"
    file.write_text(STATE + STORAGE)
    return file


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    yield
    for directory in (LINKS, RULES):
        for path in directory.glob("*sriovctl*"):
            path.unlink()
    run("udevadm", "control", "--reload")
    for device in (IGB, NVME):
        (PCI / device / "sriov_numvfs").write_text("0")
        (PCI / device / "sriov_drivers_autoprobe").write_text("1")
    run("ip", "link", "set", "dev", pf_netdev(), "down", "mtu", "1500")
    run("udevadm", "settle")


def test_a_running_host_exports_a_state_that_plans_empty(state: Path, tmp_path: Path) -> None:
    run("sriovctl", "apply", str(state))
    exported = tmp_path / "exported.yaml"
    run("sriovctl", "export", "--output", str(exported))
    assert planned(exported) == []
    before = vfs_as_ip_shows_them()
    assert before == wanted_vfs()
    for device in (IGB, NVME):
        (PCI / device / "sriov_numvfs").write_text("0")
        (PCI / device / "sriov_drivers_autoprobe").write_text("1")
    run("ip", "link", "set", "dev", pf_netdev(), "down")
    run("sriovctl", "apply", str(exported))
    assert vfs_as_ip_shows_them() == before
    assert [driver_of(IGB, n) for n in range(3)] == ["vfio-pci", None, None]
    assert [driver_of(NVME, n) for n in range(2)] == ["vfio-pci", "vfio-pci"]
    assert run("sriovctl", "export") == exported.read_text()


@pytest.mark.parametrize("match", ['address: "0000:01:00.0"', "netdev: {netdev}", "{mac}"])
def test_the_script_does_all_of_it_and_nothing_twice(match: str, tmp_path: Path) -> None:
    mac = Path(f"/sys/class/net/{pf_netdev()}/address").read_text().strip()
    found_by = match.format(netdev=pf_netdev(), mac=f'permanent_mac: "{mac}"')
    state = tmp_path / "host.yaml"
    state.write_text(STATE.replace(f'address: "{IGB}"', found_by) + STORAGE)
    script = tmp_path / "set-up.sh"
    run("sriovctl", "export", "--format", "ip", str(state), "--output", str(script))
    assert os.access(script, os.X_OK)
    assert run(str(script)) == ""
    assert planned(state) == []
    assert vfs_as_ip_shows_them() == wanted_vfs()
    assert driver_of(IGB, 0) == "vfio-pci"
    assert [driver_of(NVME, n) for n in range(2)] == ["vfio-pci", "vfio-pci"]
    made = (PCI / IGB / "virtfn0").resolve().stat().st_ctime_ns
    assert run(str(script)) == ""
    assert (PCI / IGB / "virtfn0").resolve().stat().st_ctime_ns == made
    assert planned(state) == []


def test_the_script_says_that_there_is_no_such_pf(tmp_path: Path) -> None:
    state = tmp_path / "host.yaml"
    state.write_text(STATE.replace(IGB, "0000:7f:00.0"))
    script = tmp_path / "set-up.sh"
    run("sriovctl", "export", "--format", "ip", str(state), "--output", str(script))
    assert "uplink: 0 PFs fit, not one" in run(str(script), expect=1)


@pytest.mark.parametrize("match", [f'address: "{IGB}"', 'vendor_id: "8086", driver: igb'])
def test_udevd_makes_vfs_of_a_link_file(match: str, tmp_path: Path) -> None:
    netdev = pf_netdev()
    (PCI / IGB / "sriov_drivers_autoprobe").write_text("0")  # which a .link file cannot say
    state = tmp_path / "host.yaml"
    # Of the two 82576 here only one has VFs of its own then; the other is left alone.
    state.write_text(STATE.replace(f'address: "{IGB}"', match).replace("state: up", "mtu: 3000"))
    LINKS.mkdir(parents=True, exist_ok=True)
    said = run(
        "sriovctl", "--host-tree", str(tmp_path / "none"), "export", "--format", "systemd",
        str(state), "--output", str(LINKS), expect=2,
    )  # fmt: skip
    assert "none" in said
    said = run("sriovctl", "export", "--format", "systemd", str(state), "--output", str(LINKS))
    assert "left out: uplink VF 0: driver" in said
    assert "left out: uplink VF 1: max_tx_rate_mbps" in said
    log = subprocess.run(
        ["udevadm", "test-builtin", "net_setup_link", f"/sys/class/net/{netdev}"],
        env={**os.environ, "SYSTEMD_LOG_LEVEL": "debug"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "70-sriovctl-uplink.link" in log.stderr, log.stderr
    for word in ("gnoring", "nvalid", "Unknown", "Failed"):
        ours = [line for line in log.stderr.splitlines() if word in line and "sriovctl" in line]
        assert ours == []
    run("udevadm", "control", "--reload")
    run("udevadm", "trigger", "--action=add", f"/sys/class/net/{netdev}")
    run("udevadm", "settle")
    assert pf_netdev() == netdev, "the file must not change the netdev's name"
    assert vfs_as_ip_shows_them() == [{**vf, "rate": 0} for vf in wanted_vfs()]
    assert Path(f"/sys/class/net/{netdev}/mtu").read_text() == "3000\n"


def test_udevd_follows_the_rules(state: Path) -> None:
    RULES.mkdir(parents=True, exist_ok=True)
    run("sriovctl", "export", "--format", "udev", str(state), "--output", str(RULES))
    run("udevadm", "control", "--reload")
    run("udevadm", "trigger", "--action=add", f"/sys/class/net/{pf_netdev()}")
    run("udevadm", "trigger", "--action=bind", str(PCI / NVME))
    run("udevadm", "settle")
    assert planned(state) == []
    assert vfs_as_ip_shows_them() == wanted_vfs()
    assert driver_of(IGB, 0) == "vfio-pci"
    assert [driver_of(NVME, n) for n in range(2)] == ["vfio-pci", "vfio-pci"]
    # Replayed, as each boot does: what is there stays.
    made = (PCI / IGB / "virtfn0").resolve().stat().st_ctime_ns
    run("udevadm", "trigger", "--action=add", f"/sys/class/net/{pf_netdev()}")
    run("udevadm", "trigger", "--action=add", str(PCI / NVME))
    run("udevadm", "settle")
    assert (PCI / IGB / "virtfn0").resolve().stat().st_ctime_ns == made
    assert planned(state) == []


def test_a_driver_follows_its_options(tmp_path: Path) -> None:
    state = tmp_path / "host.yaml"
    state.write_text("version: 1\npfs: {a: {match: {driver: igb, all: true}, num_vfs: 2}}\n")
    options = Path("/etc/modprobe.d/sriovctl.conf")
    said = run("sriovctl", "export", "--format", "modprobe", str(state), "--output", str(options))
    assert "besides" not in said
    try:
        reload_igb()
        for pf in (IGB, OTHER_IGB):
            assert (PCI / pf / "sriov_numvfs").read_text() == "2\n"
        assert planned(state) == []
    finally:
        options.unlink()
        reload_igb()
        run("modprobe", "igbvf")


def reload_igb() -> None:
    run("modprobe", "-r", "igbvf", "igb")
    run("modprobe", "igb")
    run("udevadm", "settle")
