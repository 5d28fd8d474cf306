"""The daemon on a real kernel: what is lost comes back, judged by ip and sysfs."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.lab.daemon_at_work import API, Daemon, num_vfs, set_vf, told, until, vlan_of
from tests.lab.shell import PCI, ip, netdev_of, run, sriovctl, vf_drivers, vfs_by_ip
from tests.unit.api.rig import UnixHTTP

pytestmark = pytest.mark.lab("82576")

PF, OTHER = "0000:01:00.0", "0000:04:00.0"
MAC = "52:54:00:6d:90:21"
STATE = f"""\
version: 1
pfs:
  uplink:
    match: {{address: "{PF}"}}
    num_vfs: 3
    drivers_autoprobe: false
    link: {{state: up}}
    vf_default: {{vlan: {{id: 42}}, spoofchk: false}}
    vfs:
      1: {{admin_mac: "{MAC}", vlan: {{id: 43}}}}
"""
# Of a few runs here, and of many where time is no matter.
KILLS = 50 if os.environ.get("SRIOVCTL_LONG_TESTS") else 3


def as_declared() -> bool:
    return (num_vfs(PF), [vlan_of(PF, n) for n in range(3)]) == (3, [42, 43, 42])


def reset() -> None:
    for device in (PF, OTHER):
        (PCI / device / "sriov_numvfs").write_text("0")
        (PCI / device / "sriov_drivers_autoprobe").write_text("1")
        ip("link", "set", "dev", netdev_of(device), "down")


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("SRIOVCTL_STATE_DIR", str(tmp_path / "state"))
    yield tmp_path
    reset()


@pytest.fixture(scope="class")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon that goes on from test to test, since each start takes its time."""
    directory = tmp_path_factory.mktemp("kept")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SRIOVCTL_STATE_DIR", str(directory / "state"))
        daemon = Daemon(directory, STATE)
        daemon.start()
        until(as_declared, daemon)
        yield daemon
        assert daemon.kill(signal.SIGTERM) == 0
        assert "Traceback" not in daemon.log()
    reset()


def settled(daemon: Daemon) -> None:
    """Wait until the daemon has nothing more to say."""
    said = ""
    while said != daemon.log():
        said = daemon.log()
        time.sleep(0.5)


def used_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024


class TestKept:
    """With one daemon, which nobody else disturbs: it ends before the other tests begin."""

    def test_a_vlan_a_mac_and_a_switch_that_were_set_by_hand(self, kept: Daemon) -> None:
        assert as_declared()
        (first,) = kept.runs()
        assert (first["kind"], first["source"], first["status"]) == ("repair", "sriovctld", "done")
        set_vf(PF, 0, "vlan", "99")
        until(as_declared, kept, 10)
        set_vf(PF, 1, "mac", "52:54:00:6d:90:99")
        until(lambda: vfs_by_ip(netdev_of(PF))[1]["address"] == MAC, kept, 10)
        set_vf(PF, 2, "spoofchk", "on")
        until(lambda: vfs_by_ip(netdev_of(PF))[2]["spoofchk"] is False, kept, 10)
        settled(kept)
        assert f"repaired {PF} vf 0: vlan 99 -> 42" in kept.log()
        assert f"repaired {PF} vf 1: admin_mac 52:54:00:6d:90:99 -> {MAC}" in kept.log()
        assert [one["kind"] for one in kept.runs()] == ["repair"] * 4
        assert "repair" in sriovctl("history")

    def test_it_serves_what_it_hears_repairs_and_is_told(self, kept: Daemon) -> None:
        until(lambda: kept.ask("GET", "/v1/health")["health"] == "healthy", kept)
        assert API.stat().st_mode & 0o777 == 0o600
        followed = UnixHTTP(API)
        followed.request("GET", "/v1/events")
        response = followed.getresponse()
        assert response.readline() == b"retry: 2000\n"
        before = len(kept.runs())
        set_vf(PF, 0, "vlan", "99")
        assert told(response, "host")["device"] == PF
        assert told(response, "runs") == {}
        response.close()
        followed.close()
        until(as_declared, kept, 10)
        until(lambda: kept.ask("GET", "/v1/health")["conditions"].keys() == {"uplink"}, kept, 10)
        shown = [vf["vlan"]["id"] for vf in kept.ask("GET", f"/v1/vfs?pf={PF}")["vfs"]]
        assert shown == [42, 43, 42]
        served = kept.ask("GET", "/v1/runs")["runs"]
        assert served == kept.runs()
        assert [one["kind"] for one in served].count("repair") == before + 1

        state = yaml.safe_load(STATE.replace("id: 43", "id: 50"))
        plan = kept.ask("POST", "/v1/plan", state)["plan"]
        job = kept.ask("POST", "/v1/jobs", {"kind": "apply", "plan": plan})["job"]["job"]
        until(lambda: kept.ask("GET", f"/v1/jobs/{job}")["job"]["state"] == "done", kept, 30)
        settled(kept)
        assert vlan_of(PF, 1) == 50, "a job is a person's word"
        kept.ask("POST", "/v1/jobs", {"kind": "undo"})
        until(as_declared, kept, 30)
        settled(kept)

        refused = subprocess.run(
            ("sriovctl", "api", "serve"), capture_output=True, text=True, check=False
        )
        assert refused.returncode == 2
        assert "another daemon listens there" in refused.stderr

    def test_vfs_that_were_set_to_none_and_a_reset_of_the_pf(self, kept: Daemon) -> None:
        (PCI / PF / "sriov_numvfs").write_text("0")
        until(as_declared, kept)
        (PCI / PF / "reset").write_text("1")
        settled(kept)
        set_vf(PF, 0, "vlan", "99")
        until(as_declared, kept, 10)

    def test_a_driver_that_is_loaded_anew(self, kept: Daemon) -> None:
        run("rmmod", "igbvf")
        run("rmmod", "igb")
        run("modprobe", "igb")
        run("modprobe", "igbvf")
        until(as_declared, kept)
        assert vfs_by_ip(netdev_of(PF))[1]["address"] == MAC
        assert vf_drivers(PF) == [None] * 3
        settled(kept)
        assert kept.log().rstrip().endswith("uplink: as declared")

    def test_a_storm_hides_nothing_and_costs_little(self, kept: Daemon) -> None:
        assert kept.process is not None
        before = used_s(kept.process.pid)
        netdev = netdev_of(OTHER)
        lines = [f"link set dev {netdev} alias a{n}" for n in range(10_000)]
        lines.insert(5000, f"link set dev {netdev_of(PF)} vf 2 vlan 99")
        began = time.monotonic()
        subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)
        took_s = time.monotonic() - began
        until(as_declared, kept, 10)
        used = used_s(kept.process.pid) - before
        print(f"10000 events in {took_s:.1f} s cost the daemon {used:.2f} s of CPU time")
        assert resident_mib(kept.process.pid) < 80

    def test_a_person_has_the_last_word_and_the_files_when_they_are_read_again(
        self, kept: Daemon
    ) -> None:
        sriovctl("apply", "-", stdin=STATE.replace("id: 43", "id: 50"))
        set_vf(PF, 1, "vlan", "99")
        until(lambda: vlan_of(PF, 1) == 50, kept, 10)
        sriovctl("undo")
        time.sleep(1)
        assert vlan_of(PF, 1) == 43
        kept.file.write_text(STATE.replace("id: 43", "id: 51"))
        assert kept.process is not None
        kept.process.send_signal(signal.SIGHUP)
        until(lambda: vlan_of(PF, 1) == 51, kept, 10)
        kept.file.write_text("version: 1\npfs: {a: {num_vfs: 3}}")
        kept.process.send_signal(signal.SIGHUP)
        until(lambda: "the files were not taken over" in kept.log(), kept, 10)
        set_vf(PF, 1, "vlan", "99")
        until(lambda: vlan_of(PF, 1) == 51, kept, 10)
        kept.file.write_text(STATE)
        kept.process.send_signal(signal.SIGHUP)
        until(as_declared, kept, 10)

    def test_a_second_manager_is_reported_and_left_alone(self, kept: Daemon) -> None:
        stop = threading.Event()

        def insist() -> None:
            while not stop.is_set():
                if vlan_of(PF, 2) == 42:
                    set_vf(PF, 2, "vlan", "77")
                stop.wait(0.1)

        other = threading.Thread(target=insist)
        other.start()
        try:
            until(lambda: "somebody else keeps changing" in kept.log(), kept, 120)
            assert f"{PF} vf 2 vlan" in kept.log()
            set_vf(PF, 0, "vlan", "99")  # others are kept all the same
            until(lambda: vlan_of(PF, 0) == 42, kept, 10)
            assert vlan_of(PF, 2) == 77
        finally:
            stop.set()
            other.join()
        assert kept.process is not None
        kept.process.send_signal(signal.SIGHUP)  # the person who has settled it says so
        until(as_declared, kept, 10)

    def test_who_applies_while_it_repairs_waits_for_it(self, kept: Daemon) -> None:
        wanted = STATE.replace("id: 43", "id: 50")
        for how in ([], ["--direct"]):
            settled(kept)
            (PCI / PF / "sriov_numvfs").write_text("0")
            until(lambda: num_vfs(PF) == 3, kept)  # and there is more to do
            sriovctl(*how, "apply", "-", stdin=wanted)
            assert vlan_of(PF, 1) == 50
            sriovctl(*how, "undo")
            until(as_declared, kept, 10)


def test_killed_at_any_moment_nothing_is_lost(directory: Path) -> None:
    daemon = Daemon(directory, STATE)
    daemon.start()
    until(as_declared, daemon)
    chance = random.Random(7)
    for number in range(KILLS):
        if number % 2:
            (PCI / PF / "sriov_numvfs").write_text("0")
        else:
            set_vf(PF, 1, "vlan", "99")
        time.sleep(chance.uniform(0, 1.5))
        daemon.kill(signal.SIGKILL)
        daemon.start()
        until(as_declared, daemon)
    set_vf(PF, 1, "vlan", "99")
    until(as_declared, daemon)
    assert daemon.kill(signal.SIGTERM) == 0
    assert "Traceback" not in daemon.log()
    # One that was cut short just before its VFs were removed cannot be ended.
    closed = {"done", "taken back", "undone", "failed"}
    assert {one["status"] for one in daemon.runs()} <= closed
    assert vfs_by_ip(netdev_of(PF))[1]["address"] == MAC


def test_a_full_and_a_read_only_disk_are_survived(directory: Path) -> None:
    state = directory / "state"
    state.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(state))
    try:
        ballast = state / "ballast"
        subprocess.run(["dd", "if=/dev/zero", f"of={ballast}"], capture_output=True, check=False)
        daemon = Daemon(directory, STATE)
        daemon.start()
        until(lambda: "uplink: degraded" in daemon.log(), daemon)
        assert "No space left on device" in daemon.log()
        assert num_vfs(PF) == 0, "what cannot be written down is not begun"
        ballast.unlink()
        until(as_declared, daemon)
        assert daemon.kill(signal.SIGTERM) == 0  # it has a file open to be written
        run("mount", "-o", "remount,ro", str(state))
        set_vf(PF, 0, "vlan", "99")
        daemon.start()
        until(lambda: "Read-only file system" in daemon.log(), daemon)
        assert vlan_of(PF, 0) == 99
        run("mount", "-o", "remount,rw", str(state))
        until(as_declared, daemon)
        assert daemon.kill(signal.SIGTERM) == 0
        assert "Traceback" not in daemon.log()
    finally:
        run("umount", "-l", str(state))


def test_one_look_repairs_and_says_how_it_is(directory: Path) -> None:
    daemon = Daemon(directory, STATE)
    assert run("sriovctld", "--check", str(daemon.file)).count("right") == 1
    assert daemon.once("--debug") == 0
    assert as_declared()
    assert "] set-num-vfs " in daemon.log(), "each step of the repair"
    (PCI / OTHER / "sriov_numvfs").write_text("2")
    daemon.file.write_text(STATE.replace(PF, OTHER))
    assert daemon.once() == 4
    assert f"foreign:{OTHER}" in daemon.log()
