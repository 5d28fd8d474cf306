"""The command where the daemon runs: by whom it is changed, judged by ip, and who is let in."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.daemon_at_work import API, Daemon, num_vfs, until, vlan_of
from tests.lab.shell import PCI, ip, netdev_of, sriovctl

pytestmark = pytest.mark.lab("82576")

PF, OTHER = "0000:01:00.0", "0000:04:00.0"
KEPT = f'version: 1\npfs: {{other: {{match: {{address: "{OTHER}"}}, num_vfs: 0}}}}\n'
ANNA, BOB, GROUP = 4242, 4243, 4300
USERS = {
    "passwd": f"anna:x:{ANNA}:{ANNA}::/:/bin/sh\nbob:x:{BOB}:{BOB}::/:/bin/sh\n",
    "group": f"anna:x:{ANNA}:\nbob:x:{BOB}:\nsriovctl:x:{GROUP}:anna\n",
}


def state(vlan: int) -> str:
    return (
        f'version: 1\npfs: {{a: {{match: {{address: "{PF}"}}, num_vfs: 2, '
        f"drivers_autoprobe: false, vf_default: {{vlan: {{id: {vlan}}}}}}}}}\n"
    )


@pytest.fixture
def users() -> Iterator[None]:
    """Users who can run Python, wherever it is; a directory of root's may be in the way."""
    before = {name: Path("/etc", name).read_text() for name in USERS}
    for name, lines in USERS.items():
        Path("/etc", name).write_text(before[name] + lines)
    above = {one for path in (sys.executable, __file__) for one in Path(path).resolve().parents}
    modes = {path: path.stat().st_mode for path in above}
    closed = {path: mode for path, mode in modes.items() if not mode & 0o001}
    for path, mode in closed.items():
        path.chmod(mode | 0o001)
    yield
    for path, mode in closed.items():
        path.chmod(mode)
    for name, text in before.items():
        Path("/etc", name).write_text(text)


@pytest.fixture
def daemon(
    users: None,  # noqa: ARG001
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Daemon]:
    monkeypatch.setenv("SRIOVCTL_STATE_DIR", str(tmp_path / "state"))
    daemon = Daemon(tmp_path, KEPT)
    daemon.start()
    until(API.exists, daemon)
    yield daemon
    if daemon.process is not None:
        daemon.kill(signal.SIGTERM)
    (PCI / PF / "sriov_numvfs").write_text("0")
    (PCI / PF / "sriov_drivers_autoprobe").write_text("1")


def as_user(uid: int, *words: str, stdin: str = "", expect: int = 0) -> str:
    """Run our own command as somebody; what it says and complains of."""
    done = subprocess.run(
        ["sriovctl", *words],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        user=uid,
        group=uid,
        extra_groups=[GROUP] if uid == ANNA else [],
    )
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stdout + done.stderr


def sources() -> list[str]:
    runs = json.loads(sriovctl("history", "--json"))["runs"]
    return [one["source"] for one in runs if one["kind"] == "apply"]


def test_who_is_in_the_group_changes_the_host_by_the_daemon(daemon: Daemon) -> None:
    said = as_user(ANNA, "apply", "-", stdin=state(42))
    assert "'sriovctl undo' takes them back" in said
    assert (num_vfs(PF), vlan_of(PF, 0), vlan_of(PF, 1)) == (2, 42, 42)
    assert sources() == [f"api: uid {ANNA} (anna)"]
    assert f"api: uid {ANNA} (anna)" in as_user(ANNA, "history")

    lease = as_user(ANNA, "lease", "take", f"address={PF}", "--owner", "anna", "--ttl", "1h")
    assert "owner anna" in lease
    assert "anna" in as_user(ANNA, "lease", "list")
    assert "is in use: lease:1" in as_user(ANNA, "undo", expect=4)
    as_user(ANNA, "lease", "release", "1")
    for words in (["owners"], ["show", PF]):
        assert as_user(ANNA, *words) == sriovctl(*words)
    assert "is as it was before run 1" in as_user(ANNA, "undo")
    assert num_vfs(PF) == 0

    refused = as_user(BOB, "apply", "-", stdin=state(43), expect=1)
    assert "the daemon may not be asked by this user" in refused
    assert "a member of the group 'sriovctl'" in refused
    assert num_vfs(PF) == 0
    assert "run as root" in as_user(BOB, "history", expect=1)

    sriovctl("apply", "-", stdin=state(44))
    assert vlan_of(PF, 1) == 44
    assert sources()[0] == "api: uid 0 (root)"
    sriovctl("--direct", "apply", "-", stdin=state(45))
    assert (vlan_of(PF, 1), sources()[0]) == (45, "-")
    asked = [line for line in daemon.log().splitlines() if '"start_job"' in line]
    assert len(asked) == 4, "two applies, and two undos of which one was refused"

    vf = {"vlan": {"id": 50}}
    wanted = {"version": 1, "pfs": {"a": {"match": {"address": PF}, "vf_default": vf}}}
    plan = daemon.ask("POST", "/v1/plan", wanted)["plan"]
    ip("link", "set", netdev_of(PF), "vf", "1", "vlan", "60")
    number = daemon.ask("POST", "/v1/jobs", {"kind": "apply", "plan": plan})["job"]["job"]
    until(lambda: daemon.ask("GET", f"/v1/jobs/{number}")["job"]["state"] == "failed", daemon)
    error = daemon.ask("GET", f"/v1/jobs/{number}")["job"]["error"]
    assert error["evidence"] == {"planned": "vlan 45 -> 50", "now": "vlan 60 -> 50"}
    assert (vlan_of(PF, 0), vlan_of(PF, 1)) == (45, 60)

    assert daemon.kill(signal.SIGTERM) == 0
    sriovctl("apply", "-", stdin=state(46))
    assert (vlan_of(PF, 1), sources()[0]) == (46, "-")
    assert "run as root" in as_user(ANNA, "apply", "-", stdin=state(47), expect=1)
    assert "Traceback" not in daemon.log()


@pytest.fixture
def at_work(daemon: Daemon, tmp_path: Path) -> subprocess.Popen[str]:  # noqa: ARG001
    """Our command, while the daemon does what it asked for: VFs are there, and more is to come."""
    file = tmp_path / "wanted.yaml"
    file.write_text(state(42).replace("vlan:", "driver: vfio-pci, vlan:"))
    command = subprocess.Popen(
        ["sriovctl", "apply", str(file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    while num_vfs(PF) == 0:
        assert command.poll() is None
    return command


def test_a_daemon_that_is_killed_at_work_is_told_of_and_what_it_did_goes_back(
    at_work: subprocess.Popen[str], daemon: Daemon
) -> None:
    daemon.kill(signal.SIGKILL)
    said, _ = at_work.communicate()
    (run,) = json.loads(sriovctl("history", "--json"))["runs"]
    if run["status"] == "running":  # else it was faster than we are
        assert at_work.returncode == 1
        assert "how far it came is not known here" in said
        assert "'sriovctl history' tells" in said
        assert "cut short" in sriovctl("apply", "-", stdin=state(43), expect=1)
    sriovctl("undo")
    assert num_vfs(PF) == 0


def test_ctrl_c_has_the_daemon_take_back_what_it_did(
    at_work: subprocess.Popen[str], daemon: Daemon
) -> None:
    at_work.send_signal(signal.SIGINT)
    said, _ = at_work.communicate()
    (run,) = (one for one in daemon.runs() if one["kind"] == "apply")
    if run["status"] == "done":  # it was faster than we are
        sriovctl("undo")
    else:
        assert (at_work.returncode, run["status"]) in ((130, "taken back"), (130, "undone")), said
    assert num_vfs(PF) == 0
    sriovctl("apply", "-", stdin=state(44))
    assert vlan_of(PF, 0) == 44
