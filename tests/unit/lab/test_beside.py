"""Lab machines beside this process, with something else in the machine's stead."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from sriovctl.cli.main import parse_arguments
from sriovctl.lab import beside
from sriovctl.lab.beside import Beside, Errand, run_argv
from sriovctl.lab.machines import Service, find_machine

PARENT = """
import sys, time
from pathlib import Path
from sriovctl.lab import beside
from sriovctl.lab.machines import find_machine
script = "trap 'echo over; exit' TERM; echo begun; while :; do sleep 0.1; done"
beside.run_argv = lambda _: ("bash", "-c", script)
errand = beside.Errand(find_machine("82576"), (), Path("."), Path(sys.argv[1]), 1.0)
beside.Beside(errand)
time.sleep(60)
"""


def errand(tmp_path: Path, *command: str, **environment: str) -> Errand:
    return Errand(
        machine=find_machine("82576"),
        command=command,
        results=tmp_path,
        said=tmp_path / "said",
        timeout_s=5.0,
        services=frozenset({Service.UDEV}),
        environment=environment,
    )


def here(one: Errand) -> tuple[str, ...]:
    """The command of an errand without the machine."""
    argv = run_argv(one)
    return argv[argv.index("--") + 1 :]


def test_the_command_line_is_that_of_lab_run(tmp_path: Path) -> None:
    argv = run_argv(errand(tmp_path, "ls", "-l", HOME="/a b"))
    assert argv[:7] == (sys.executable, "-m", "sriovctl", "lab", "run", "82576", "--with")
    assert argv[7:] == (
        *("udev", "--results", str(tmp_path), "--timeout", "5.0"),
        *("--", "env", "HOME=/a b", "ls", "-l"),
    )


def test_the_command_line_asks_for_the_saved_guest(tmp_path: Path) -> None:
    one = replace(errand(tmp_path, "ls"), linux_guest=True)
    assert parse_arguments(run_argv(one)[3:]).linux_guest


def test_it_says_what_it_says_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "run_argv", here)
    one = Beside(errand(tmp_path, "bash", "-c", "echo $WORD; echo err >&2; exit 3", WORD="out"))
    one.wait(60)
    assert one.status == 3
    assert one.news() == b"out\nerr\n"
    assert one.news() == b""


def test_it_can_be_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "run_argv", here)
    one = Beside(errand(tmp_path, "sleep", "600"))
    one.wait(0.01)
    assert one.status is None
    one.stop()
    assert one.status == -signal.SIGTERM


def test_it_does_not_outlive_who_began_it(tmp_path: Path) -> None:
    said = tmp_path / "said"
    with subprocess.Popen((sys.executable, "-c", PARENT, str(said))) as parent:
        _wait_for(said, "begun\n")
        os.kill(parent.pid, signal.SIGKILL)
    _wait_for(said, "begun\nover\n")


def _wait_for(file: Path, text: str) -> None:
    for _ in range(600):
        if file.exists() and file.read_text() == text:
            return
        time.sleep(0.1)
    raise AssertionError(file.read_text())
