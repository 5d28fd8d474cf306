"""The lab keeps its word: output, status and results come back, and nothing stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sriovctl.lab.machines import Service, find_machine
from sriovctl.lab.runner import Job, VMLostError, run_job
from sriovctl.lab.session import guest_environment

pytestmark = pytest.mark.qemu


@pytest.fixture(autouse=True)
def run_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give machines a place that no other test shares, and see that it is left empty."""
    root = tmp_path / "run"
    root.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(root))
    yield root
    assert list(root.iterdir()) == []
    assert processes_mentioning(str(root)) == []


def processes_mentioning(words: str) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if words.encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:  # it ended meanwhile
            continue
    return found


def job(script: str, **options: object) -> Job:
    options = {"environment": guest_environment(), **options}
    return Job(find_machine("netdevsim"), ("sh", "-c", script), **options)  # type: ignore[arg-type]


def wait_until(condition: Callable[[], object], *, timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def test_output_status_and_results_come_back(tmp_path: Path) -> None:
    out, err = bytearray(), bytearray()
    marker = tmp_path / "made-inside"
    script = f"""
        echo to stdout; echo to stderr >&2; pwd; whoami
        ls /sys/bus/netdevsim/new_device /sys/kernel/debug/netdevsim
        command -v python; touch {marker} && ls {marker}
        mkdir $SRIOVCTL_LAB_RESULTS/deep; echo kept >$SRIOVCTL_LAB_RESULTS/deep/file
        head -c 300000 /dev/zero | tr '\\0' x
        exit 7
    """
    results = tmp_path / "results"
    status = run_job(job(script, results=results), stdout=out.extend, stderr=err.extend)
    lines = out.decode().splitlines()
    assert status == 7
    assert lines[:3] == ["to stdout", str(Path.cwd()), "root"]
    assert str(Path(sys.executable).parent / "python") in lines
    assert lines[-1] == "x" * 300000
    assert err.decode() == "to stderr\n"
    assert (results / "deep/file").read_text() == "kept\n"
    # The guest could write there, and the host did not notice.
    assert str(marker) in lines
    assert not marker.exists()


def test_a_machine_goes_on_from_the_disk_of_another_one(tmp_path: Path) -> None:
    first, second = tmp_path / "first", bytearray()
    script = """
        echo written >/etc/sriovctl-lab-test; rm /etc/os-release
        cp -a "$SRIOVCTL_LAB_DISK/." "$SRIOVCTL_LAB_RESULTS/disk"
    """
    assert run_job(job(script, results=first), stdout=bytes, stderr=bytes) == 0
    script = "cat /etc/sriovctl-lab-test; ls /etc/os-release"
    status = run_job(job(script, disk=first / "disk"), stdout=second.extend, stderr=second.extend)
    assert second.decode().splitlines()[0] == "written"
    assert status == 2, "the file that the first machine removed is there again"
    assert Path("/etc/os-release").exists()
    assert not Path("/etc/sriovctl-lab-test").exists()


def test_systemd_boots_a_machine_and_runs_the_command_when_all_else_has_started() -> None:
    out = bytearray()
    script = """
        cat /proc/1/comm; systemctl is-system-running --wait
        systemctl is-active multi-user.target; systemctl --failed --no-legend
        grep -c lab_services /proc/1/environ; pwd; echo "$SRIOVCTL_LAB_MACHINE"; exit 7
    """
    services = frozenset({Service.SYSTEMD})
    status = run_job(job(script, services=services), stdout=out.extend, stderr=out.extend)
    assert status == 7
    assert out.decode().splitlines() == [
        "systemd",
        "running",
        "active",
        "0",
        str(Path.cwd()),
        "netdevsim",
    ]


def test_a_panic_is_a_lost_machine_and_not_a_failed_command() -> None:
    out = bytearray()
    script = "echo before; echo c >/proc/sysrq-trigger; sleep 100"
    with pytest.raises(VMLostError, match="Kernel panic - not syncing: sysrq") as caught:
        run_job(job(script), stdout=out.extend, stderr=out.extend)
    assert "sysrq_handle_crash" in caught.value.console
    assert out == b"before\n"


def test_a_killed_qemu_is_a_lost_machine(run_root: Path) -> None:
    def kill(_data: bytes) -> None:
        for pid in processes_mentioning(str(run_root)):
            os.kill(pid, signal.SIGKILL)

    with pytest.raises(VMLostError, match="killed by signal 9"):
        run_job(job("echo now; sleep 100"), stdout=kill, stderr=kill)


def test_a_command_that_does_not_end_is_given_up() -> None:
    with pytest.raises(VMLostError, match="no end after 1 s"):
        run_job(job("sleep 100", timeout_s=1), stdout=bytes, stderr=bytes)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing_behind(run_root: Path, number: signal.Signals) -> None:
    argv = (sys.executable, "-m", "sriovctl", "lab", "run", "netdevsim", "--", "sleep", "100")
    with subprocess.Popen(argv, stderr=subprocess.DEVNULL) as process:
        wait_until(lambda: processes_mentioning(str(run_root)))
        process.send_signal(number)
        assert process.wait(20) == 128 + number


def test_a_killed_run_leaves_no_process_and_its_directory_to_the_next(run_root: Path) -> None:
    from sriovctl.lab.runner import _sweep_run_directories

    argv = (sys.executable, "-m", "sriovctl", "lab", "run", "netdevsim", "--", "sleep", "100")
    with subprocess.Popen(argv, stderr=subprocess.DEVNULL) as process:
        wait_until(lambda: processes_mentioning(str(run_root)))
        process.kill()
    wait_until(lambda: not processes_mentioning(str(run_root)))
    assert len(list(run_root.iterdir())) == 1
    _sweep_run_directories()
