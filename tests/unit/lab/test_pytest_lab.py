"""The plugin, with a machine that is just another process of this host."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CONFTEST = """
import os, subprocess
from sriovctl.lab import pytest_lab
from sriovctl.lab.runner import VMLostError

pytest_plugins = ["sriovctl.lab.pytest_lab"]
pytest_lab.why_unavailable = lambda: os.environ.get("UNAVAILABLE")

def run_here(job, *, stdout, stderr):
    with open("boots", "a") as file:
        file.write(f"{job.machine.name} {','.join(sorted(job.services))}\\n")
    names = {"SRIOVCTL_LAB_MACHINE": job.machine.name, "SRIOVCTL_LAB_RESULTS": str(job.results)}
    done = subprocess.run(job.command, env=dict(os.environ) | dict(job.environment) | names,
                          capture_output=True)
    stdout(done.stdout)
    if done.returncode == 99:
        raise VMLostError("panic", subject="m", console="last words")
    return done.returncode

pytest_lab.run_job = run_here
"""
TESTS = """
import os
import pytest

@pytest.fixture
def inside():
    assert "SRIOVCTL_LAB_MACHINE" in os.environ

@pytest.mark.lab("82576")
@pytest.mark.parametrize("id", ["a/b", "c::d"])
def test_passes(inside, id): pass

@pytest.mark.lab("82576")
def test_fails(inside): assert 1 == 2

@pytest.mark.lab("82576")
def test_skips(): pytest.skip("a reason")

@pytest.mark.lab("82576", services=["libvirt"])
def test_elsewhere(inside): pass

def test_on_the_host(): assert "SRIOVCTL_LAB_MACHINE" not in os.environ
"""
LOST = """
import os
import pytest
pytestmark = pytest.mark.lab("netdevsim")
def test_before(): pass
def test_panics(): os._exit(99)
def test_after(): pass
"""


def run_pytest(directory: Path, tests: str, **environment: str) -> str:
    (directory / "conftest.py").write_text(CONFTEST)
    (directory / "test_it.py").write_text(tests)
    (directory / "pytest.ini").write_text(
        "[pytest]\nmarkers =\n  lab\n  qemu\naddopts = -ra -p no:cacheprovider\n"
    )
    # With CI set pytest says every failure twice, and in full.
    dropped = ("SRIOVCTL", "CI", "BUILD_NUMBER")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    done = subprocess.run(
        (sys.executable, "-m", "pytest"),
        cwd=directory,
        env={**kept, **environment, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_each_test_inside_counts_on_the_host(tmp_path: Path) -> None:
    shown = run_pytest(tmp_path, TESTS)
    assert "1 failed, 4 passed, 1 skipped" in shown
    assert "assert 1 == 2" in shown
    assert "a reason" in shown
    # One boot for each combination of machine and services.
    assert (tmp_path / "boots").read_text() == "82576 \n82576 libvirt\n"


def test_a_lost_machine_fails_what_it_did_not_report(tmp_path: Path) -> None:
    shown = run_pytest(tmp_path, LOST)
    assert "2 failed, 1 passed" in shown
    assert shown.count("last words") == 1


def test_a_host_without_lab_skips_with_a_reason(tmp_path: Path) -> None:
    shown = run_pytest(tmp_path, TESTS, UNAVAILABLE="no QEMU here")
    assert "1 passed, 5 skipped" in shown
    assert "no QEMU here" in shown


def test_a_host_that_must_have_a_lab_does_not_skip(tmp_path: Path) -> None:
    shown = run_pytest(tmp_path, LOST, UNAVAILABLE="no QEMU", SRIOVCTL_REQUIRE_LAB="1")
    assert "skipped" not in shown


def test_a_file_that_cannot_be_imported_inside_says_so_on_the_host(tmp_path: Path) -> None:
    tests = 'import os\nassert "SRIOVCTL_LAB_MACHINE" not in os.environ, "only here"\n' + LOST
    shown = run_pytest(tmp_path, tests)
    assert "3 failed" in shown
    assert "AssertionError: only here" in shown
