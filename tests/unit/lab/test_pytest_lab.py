"""The plugin, with a machine that is just another process of this host."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CONFTEST = """
import os, sys
from pathlib import Path
from sriovctl.lab import beside, pytest_lab

pytest_plugins = ["sriovctl.lab.pytest_lab"]
pytest_lab.why_unavailable = lambda: os.environ.get("UNAVAILABLE")

def run_argv(errand):
    names = {"SRIOVCTL_LAB_MACHINE": errand.machine.name, "SRIOVCTL_LAB_RESULTS": errand.results}
    settings = [f"{name}={value}" for name, value in {**errand.environment, **names}.items()]
    guest = ["and a guest"] if errand.linux_guest else []
    machine = " ".join((errand.machine.name, *sorted(errand.services), *guest))
    here = str(Path(__file__).parent / "machine")
    return ("bash", here, machine, "env", *settings, *errand.command)

beside.run_argv = run_argv
"""
# A machine that is just another process.
MACHINE = """
echo "begin $1" >> boots
until [ ! -e wait ] || [ "$(grep -c begin boots)" = "$(cat wait)" ]; do sleep 0.1; done
"${@:2}"
status=$?
echo "end $1" >> boots
[ $status = 99 ] && echo last words
exit $status
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
WITH_GUEST = """
import pytest
pytestmark = pytest.mark.lab("82576")

@pytest.mark.linux_guest
def test_wants_it(): pass

def test_is_in_the_same_machine(): pass
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
    (directory / "machine").write_text(MACHINE)
    (directory / "test_it.py").write_text(tests)
    (directory / "pytest.ini").write_text(
        "[pytest]\nmarkers =\n  lab\n  linux_guest\n  qemu\naddopts = -ra -p no:cacheprovider\n"
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
    boots = (tmp_path / "boots").read_text().splitlines()
    assert sorted(boots) == ["begin 82576", "begin 82576 libvirt", "end 82576", "end 82576 libvirt"]


def test_machines_run_beside_each_other(tmp_path: Path) -> None:
    (tmp_path / "wait").write_text("2")  # each waits until the other has begun
    shown = run_pytest(tmp_path, TESTS, SRIOVCTL_LAB_MACHINES="2")
    assert "1 failed, 4 passed, 1 skipped" in shown


def test_machines_run_one_by_one_where_there_is_no_room(tmp_path: Path) -> None:
    run_pytest(tmp_path, TESTS, SRIOVCTL_LAB_MACHINES="1")
    assert (tmp_path / "boots").read_text().splitlines() == [
        *("begin 82576", "end 82576"),
        *("begin 82576 libvirt", "end 82576 libvirt"),
    ]


def test_a_machine_begins_before_the_tests_of_the_host_are_over(tmp_path: Path) -> None:
    tests = (
        TESTS
        + """
import pathlib, time
def test_of_the_host_that_sees_it():
    while not pathlib.Path("boots").exists():
        time.sleep(0.1)
"""
    )
    assert "5 passed" in run_pytest(tmp_path, tests, SRIOVCTL_LAB_MACHINES="2")


def test_one_who_wants_the_saved_guest_brings_it_for_all(tmp_path: Path) -> None:
    assert "2 passed" in run_pytest(tmp_path, WITH_GUEST)
    boots = (tmp_path / "boots").read_text().splitlines()
    assert boots == ["begin 82576 and a guest", "end 82576 and a guest"]


def test_many_files_share_out_among_machines(tmp_path: Path) -> None:
    test = 'import pytest\n@pytest.mark.lab("82576")\ndef test_one(): pass\n'
    for number in range(7):
        (tmp_path / f"test_{number}.py").write_text(test)
    shown = run_pytest(tmp_path, test)
    assert "8 passed" in shown
    assert "5 tests run inside 82576\n" in shown
    assert "3 tests run inside 82576, 2\n" in shown


def test_a_lost_machine_fails_what_it_did_not_report(tmp_path: Path) -> None:
    shown = run_pytest(tmp_path, LOST)
    assert "2 failed, 1 passed" in shown
    assert shown.count("last words") == 2  # as they come, and with the first failure alone


def test_a_host_without_lab_skips_with_a_reason(tmp_path: Path) -> None:
    shown = run_pytest(tmp_path, TESTS, UNAVAILABLE="no QEMU here")
    assert "1 passed, 5 skipped" in shown
    assert not (tmp_path / "boots").exists()
    assert "no QEMU here" in shown


def test_a_host_that_must_have_a_lab_does_not_skip(tmp_path: Path) -> None:
    shown = run_pytest(tmp_path, LOST, UNAVAILABLE="no QEMU", SRIOVCTL_REQUIRE_LAB="1")
    assert "skipped" not in shown


def test_a_file_that_cannot_be_imported_inside_says_so_on_the_host(tmp_path: Path) -> None:
    tests = 'import os\nassert "SRIOVCTL_LAB_MACHINE" not in os.environ, "only here"\n' + LOST
    shown = run_pytest(tmp_path, tests)
    assert "3 failed" in shown
    assert "AssertionError: only here" in shown
