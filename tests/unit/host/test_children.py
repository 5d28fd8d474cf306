"""A command that waits to be let go, and what becomes of it."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from sriovctl.host.children import hold_command

PYTHON = sys.executable


def run_python(code: str, **environment: str) -> int:
    child = hold_command([PYTHON, "-c", code], environment)
    child.go()
    status = child.wait()
    child.drop()
    return status


def test_it_does_nothing_until_it_is_let_go(tmp_path: Path) -> None:
    made = tmp_path / "made"
    child = hold_command([PYTHON, "-c", f"open({str(made)!r}, 'w')"], {})
    assert os.path.exists(f"/proc/{child.pid}")
    child.drop()
    assert not made.exists()
    assert not os.path.exists(f"/proc/{child.pid}")
    child.drop()


def test_it_keeps_its_number_and_is_told_what_it_holds(tmp_path: Path) -> None:
    told = tmp_path / "told"
    code = f"import os; open({str(told)!r}, 'w').write(f'{{os.getpid()}} {{os.environ[\"X\"]}}')"
    child = hold_command([PYTHON, "-c", code], {"X": "0000:01:10.0"})
    child.go()
    assert child.wait() == 0
    assert told.read_text() == f"{child.pid} 0000:01:10.0"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("raise SystemExit(7)", 7),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 137),
    ],
)
def test_its_exit_code_is_ours(code: str, status: int) -> None:
    assert run_python(code) == status


def test_a_command_that_is_not_there_ends_as_in_a_shell(tmp_path: Path) -> None:
    for command, status in (("no-such-command", 127), (str(tmp_path), 126)):
        child = hold_command([command], {})
        child.go()
        assert child.wait() == status


def test_a_signal_that_asks_us_to_end_is_passed_on(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    code = f"import signal; open({str(ready)!r}, 'w').close(); signal.pause()"
    child = hold_command([PYTHON, "-c", code], {})
    child.go()

    def ask() -> None:
        ready.open().close()
        os.kill(os.getpid(), signal.SIGTERM)

    asking = threading.Thread(target=ask)
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        asking.start()
        assert child.wait() == 128 + signal.SIGTERM
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        asking.join()
        signal.signal(signal.SIGTERM, before)


def test_a_child_whose_parent_is_killed_before_does_nothing(tmp_path: Path) -> None:
    made = tmp_path / "made"
    out, into = os.pipe()
    parent = os.fork()
    if parent == 0:
        child = hold_command([PYTHON, "-c", f"open({str(made)!r}, 'w')"], {})
        os.write(into, str(child.pid).encode())
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(parent, 0)
    os.close(into)
    child_pid = int(os.read(out, 20))
    assert os.read(out, 1) == b""  # the child has ended, too: it had the other end
    os.close(out)
    assert child_pid
    assert not made.exists()
