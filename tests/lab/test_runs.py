"""Runs on a real kernel that are killed, refused, raced, confirmed or not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sriovctl.codec.state_file import parse_state
from tests.lab.killing import Case, kill_at_random
from tests.lab.shell import PCI, ip, netdev_of, run, sriovctl, vf_drivers, vfs_by_ip

pytestmark = pytest.mark.lab("82576")

IGB, OTHER_IGB, NVME = "0000:01:00.0", "0000:04:00.0", "0000:05:00.0"
MODULES = ("igbvf", "igb")


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("SRIOVCTL_STATE_DIR", str(tmp_path / "state"))
    yield
    for device in (IGB, OTHER_IGB, NVME):
        (PCI / device / "sriov_numvfs").write_text("0")
        (PCI / device / "sriov_drivers_autoprobe").write_text("1")
    for device in (IGB, OTHER_IGB):
        ip("addr", "flush", "dev", netdev_of(device))
        ip("link", "set", "dev", netdev_of(device), "down")


def num_vfs(device: str = IGB) -> int:
    return int((PCI / device / "sriov_numvfs").read_text())


def state(num_vfs: int, *, device: str = IGB, vlan: int | None = None) -> str:
    default = "" if vlan is None else f", vf_default: {{vlan: {{id: {vlan}}}}}"
    return (
        f'version: 1\npfs: {{a: {{match: {{address: "{device}"}}, num_vfs: {num_vfs}, '
        f"drivers_autoprobe: false{default}}}}}"
    )


def test_a_vlan_that_somebody_changed_by_ip_is_drift_until_it_is_applied_anew() -> None:
    wanted = state(2, vlan=42)
    sriovctl("apply", "-", stdin=wanted)
    assert sriovctl("drift", "-", stdin=wanted).startswith("no drift")
    ip("link", "set", "dev", netdev_of(IGB), "vf", "1", "vlan", "99")
    (found,) = json.loads(sriovctl("drift", "-", "--json", stdin=wanted, expect=3))["drift"]
    assert (found["subject"], found["key"]) == (f"{IGB} vf 1", "vlan")
    assert "99" in sriovctl("drift", "-", stdin=wanted, expect=3)
    sriovctl("apply", "-", stdin=wanted)
    sriovctl("drift", "-", stdin=wanted)
    assert vfs_by_ip(netdev_of(IGB))[1]["vlan_list"][0]["vlan"] == 42  # type: ignore[index]


# --- kill -9 ---------------------------------------------------------------------------------

OLD_IGB = f"""
version: 1
pfs:
  uplink:
    match: {{address: "{IGB}"}}
    num_vfs: 2
    drivers_autoprobe: false
    link: {{state: up}}
    vfs:
      0: {{admin_mac: "52:54:00:6d:90:00", vlan: {{id: 40}}, driver: vfio-pci}}
      1: {{admin_mac: "52:54:00:6d:90:01", vlan: {{id: 41}}, trust: true}}
"""
WANTED_IGB = f"""
version: 1
pfs:
  uplink:
    match: {{address: "{IGB}"}}
    num_vfs: 4
    link: {{mtu: 4000}}
    vf_default: {{spoofchk: false, vlan: {{id: 50, qos: 3}}}}
    vfs:
      2: {{admin_mac: "52:54:00:6d:90:02", driver: vfio-pci}}
"""
OLD_NVME = f"""
version: 1
pfs: {{a: {{match: {{address: "{NVME}"}}, num_vfs: 1, drivers_autoprobe: false}}}}
"""
WANTED_NVME = f"""
version: 1
pfs: {{a: {{match: {{address: "{NVME}"}}, num_vfs: 4, vf_default: {{driver: vfio-pci}}}}}}
"""


def seen_of_igb() -> object:
    (link,) = json.loads(ip("-j", "link", "show", "dev", netdev_of(IGB)))
    autoprobe = (PCI / IGB / "sriov_drivers_autoprobe").read_text()
    up = "UP" in link["flags"]
    return up, link["mtu"], autoprobe, vfs_by_ip(netdev_of(IGB)), vf_drivers(IGB)


def seen_of_nvme() -> object:
    return (PCI / NVME / "sriov_drivers_autoprobe").read_text(), vf_drivers(NVME)


def case_of(old: str, wanted: str, look: Callable[[], object]) -> Case:
    return Case(parse_state(old, source="old"), parse_state(wanted, source="wanted"), look)


@pytest.fixture(scope="module")
def cut_short() -> list[bool]:
    """Of each kill, whether it came while a run was at work; filled by the tests."""
    return []


@pytest.mark.parametrize("seed", range(8))
def test_kill_9_on_igb_leads_to_the_wanted_or_the_old_state(
    seed: int, tmp_path: Path, cut_short: list[bool]
) -> None:
    case = case_of(OLD_IGB, WANTED_IGB, seen_of_igb)
    cut_short.append(kill_at_random(case, tmp_path, seed=seed))


@pytest.mark.parametrize("seed", range(6))
def test_kill_9_on_nvme_leads_to_the_wanted_or_the_old_state(
    seed: int, tmp_path: Path, cut_short: list[bool]
) -> None:
    case = case_of(OLD_NVME, WANTED_NVME, seen_of_nvme)
    cut_short.append(kill_at_random(case, tmp_path, seed=seed))


def test_the_kills_came_in_the_middle_of_runs(cut_short: list[bool]) -> None:
    if len(cut_short) < 14:
        pytest.skip("not all of them were made")
    # The moments are spread over the reading and the planning before a run as well.
    assert cut_short.count(True) > len(cut_short) / 4


def test_a_killed_command_is_picked_up_by_the_next(tmp_path: Path) -> None:
    file = tmp_path / "host.yaml"
    file.write_text(WANTED_IGB)
    process = subprocess.Popen(["sriovctl", "apply", str(file)], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while num_vfs() == 0:  # killed once the host has been touched
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    runs = json.loads(sriovctl("history", "--json"))["runs"]
    if runs[0]["status"] == "running":
        said = sriovctl("apply", str(file), expect=1)
        assert "cut short" in said
        assert "--resume" in said
        sriovctl("apply", "--resume")
    assert [vf["vlan_list"][0]["vlan"] for vf in vfs_by_ip(netdev_of(IGB))] == [50] * 4  # type: ignore[index]
    assert sriovctl("drift", str(file)).startswith("no drift")
    sriovctl("undo")
    assert num_vfs() == 0


# --- a driver that is loaded anew ------------------------------------------------------------


def reload_driver() -> None:
    run("rmmod", *MODULES)
    for module in reversed(MODULES):
        run("modprobe", module)


def test_a_driver_reload_in_mid_apply_leads_to_the_old_state(tmp_path: Path) -> None:
    file = tmp_path / "host.yaml"
    file.write_text(
        WANTED_IGB
        + f"""
  storage: {{match: {{address: "{NVME}"}}, num_vfs: 2, drivers_autoprobe: false}}
"""
    )
    process = subprocess.Popen(
        ["sriovctl", "apply", str(file)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while num_vfs() == 0:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
    process.send_signal(signal.SIGSTOP)  # most steps are still to come when the driver is back
    try:
        reload_driver()
    finally:
        process.send_signal(signal.SIGCONT)
    _, complaint = process.communicate(timeout=120)
    assert "Traceback" not in complaint
    assert process.returncode == 1, complaint
    assert "steps taken back" in complaint
    assert (num_vfs(), num_vfs(NVME)) == (0, 0)
    assert (PCI / IGB / "sriov_drivers_autoprobe").read_text() == "1\n"
    assert json.loads(sriovctl("history", "--json"))["runs"][1]["status"] == "taken back"


# --- who is in the way -----------------------------------------------------------------------


def test_the_pf_of_the_default_route_is_left_alone() -> None:
    netdev = netdev_of(IGB)
    ip("addr", "add", "192.0.2.2/24", "dev", netdev)
    ip("link", "set", "dev", netdev, "up")
    ip("route", "add", "default", "via", "192.0.2.1", "dev", netdev)
    said = sriovctl("apply", "-", stdin=state(2), expect=4)
    tokens = [word.strip(",;") for word in said.split() if word.startswith("default-route:")]
    assert tokens, said
    assert num_vfs() == 0
    assert "default via 192.0.2.1" in ip("route")
    assert "affects: " in sriovctl("plan", "-", stdin=state(2), expect=3)
    allowed = [f"--allow={token}" for token in said.split() if ":" in token and "-route" in token]
    assert sriovctl("apply", "-", allowed[0], stdin=state(2), expect=4).count("address:192.0.2.2")
    flags = ("--allow", tokens[0], "--allow", "address:192.0.2.2")
    sriovctl("apply", "-", *flags, stdin=state(2))
    assert num_vfs() == 2


def test_somebody_elses_vfs_are_left_alone() -> None:
    (PCI / IGB / "sriov_drivers_autoprobe").write_text("0")
    (PCI / IGB / "sriov_numvfs").write_text("3")
    said = sriovctl("apply", "-", stdin=state(2), expect=4)
    assert f"--allow foreign:{IGB}" in said
    assert num_vfs() == 3
    sriovctl("apply", "-", stdin=state(3, vlan=42))  # none of them dies: theirs may stay
    sriovctl("apply", "-", "--allow", f"foreign:{IGB}", stdin=state(2))
    assert num_vfs() == 2
    sriovctl("apply", "-", stdin=state(1))  # these are ours


# --- two at once -----------------------------------------------------------------------------


def start(stdin: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        ["sriovctl", "apply", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(stdin)
    process.stdin.close()
    process.stdin = None
    return process


def test_of_two_applies_to_one_pf_one_is_told_to_wait_or_both_agree() -> None:
    both = [start(state(2, vlan=42)), start(state(3, vlan=43))]
    said = [process.communicate(timeout=120)[1] for process in both]
    codes = [process.returncode for process in both]
    assert 0 in codes
    assert all(code in (0, 1, 4) for code in codes)
    assert not any("Traceback" in text for text in said)
    # Whichever came last, the host is as one of them wanted it, with nothing in between.
    vlans = [vf["vlan_list"][0]["vlan"] for vf in vfs_by_ip(netdev_of(IGB))]  # type: ignore[index]
    assert vlans in ([42] * 2, [43] * 3)
    for code, text in zip(codes, said, strict=True):
        if code:
            assert "another sriovctl is at work" in text or "somebody else" in text


def test_applies_to_two_pfs_do_not_wait_for_each_other() -> None:
    both = [start(state(2)), start(state(3, device=OTHER_IGB))]
    for process in both:
        said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    assert (num_vfs(), num_vfs(OTHER_IGB)) == (2, 3)


# --- the state directory ---------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(disk))
    monkeypatch.setenv("SRIOVCTL_STATE_DIR", str(disk / "state"))
    yield disk
    run("umount", "-l", str(disk))


def fill(disk: Path) -> None:
    with (disk / "filler").open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 4096):
                pass
        except OSError:
            return


def test_a_full_state_directory_is_said_before_the_host_is_touched(small_disk: Path) -> None:
    fill(small_disk)
    said = sriovctl("apply", "-", stdin=state(2), expect=1)
    assert "No space left" in said or "disk is full" in said or "disk full" in said
    assert num_vfs() == 0
    (small_disk / "filler").unlink()
    sriovctl("apply", "-", stdin=state(2))
    # SQLite keeps room from commit to commit, enough for a small undo to be written down.
    (small_disk / "state/journal.db-journal").unlink()
    fill(small_disk)
    sriovctl("undo", expect=1)
    assert num_vfs() == 2, "an undo that cannot be written down is not begun"
    (small_disk / "filler").unlink()
    sriovctl("undo")
    assert num_vfs() == 0


def test_a_read_only_state_directory_is_said_before_the_host_is_touched(small_disk: Path) -> None:
    sriovctl("apply", "-", stdin=state(2))
    run("mount", "-o", "remount,ro", str(small_disk))
    for verb in (("apply", "-"), ("undo",)):
        said = sriovctl(*verb, stdin=state(3), expect=1)
        assert "Read-only file system" in said or "read-only" in said
    assert num_vfs() == 2
    assert json.loads(sriovctl("plan", "-", "--json", stdin=state(2)))["steps"] == []
    run("mount", "-o", "remount,rw", str(small_disk))
    sriovctl("undo")


# --- confirmation ----------------------------------------------------------------------------


def wait_until_there_are(number: int, *, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while num_vfs() != number:
        assert time.monotonic() < deadline, f"{num_vfs()} VFs, not {number}"
        time.sleep(0.2)


def test_an_unconfirmed_change_goes_back_by_itself() -> None:
    sriovctl("apply", "-", stdin=state(1, vlan=41))
    before = vfs_by_ip(netdev_of(IGB))
    said = sriovctl("apply", "-", "--confirm-within", "3s", stdin=state(2, vlan=42))
    assert "sriovctl confirm" in said
    assert num_vfs() == 2
    wait_until_there_are(1, timeout_s=60)
    deadline = time.monotonic() + 30
    while json.loads(sriovctl("history", "--json"))["runs"][1]["status"] != "undone":
        assert time.monotonic() < deadline
        time.sleep(0.3)
    assert vfs_by_ip(netdev_of(IGB)) == before
    assert "no run waits" in sriovctl("confirm", expect=2)


def test_a_confirmed_change_stays() -> None:
    sriovctl("apply", "-", "--confirm-within", "4s", stdin=state(2))
    sriovctl("confirm")
    time.sleep(5)
    assert num_vfs() == 2


def test_a_lost_session_does_not_keep_a_change_from_going_back() -> None:
    # The session leader and all that it started get SIGHUP, then SIGKILL: as from a lost terminal.
    script = f"cat <<'END' | sriovctl apply - --confirm-within 6s; sleep 600\n{state(2)}\nEND"
    session = subprocess.Popen(
        ["sh", "-c", script], start_new_session=True, stdout=subprocess.DEVNULL
    )
    wait_until_there_are(2, timeout_s=60)
    os.killpg(session.pid, signal.SIGHUP)
    os.killpg(session.pid, signal.SIGKILL)
    session.wait()
    wait_until_there_are(0, timeout_s=60)
