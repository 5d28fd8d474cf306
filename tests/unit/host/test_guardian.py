"""The process that watches over a run: it outlives its maker, and does what it was told."""

from __future__ import annotations

import os
import time
from pathlib import Path

from sriovctl.host.guardian import start_guardian


def wait_for(path: Path) -> str:
    deadline = time.monotonic() + 20
    while not path.exists() or not path.read_text().endswith("\n"):
        assert time.monotonic() < deadline, "the guardian did nothing"
        time.sleep(0.01)
    return path.read_text()


def test_it_is_told_a_run_and_has_a_session_of_its_own(tmp_path: Path) -> None:
    def watch(run_id: int) -> None:
        own = os.getsid(0) != session and os.getppid() != maker
        (tmp_path / "seen").write_text(f"{run_id} {own}\n")

    session, maker = os.getsid(0), os.getpid()
    start_guardian(watch).tell(42)
    assert wait_for(tmp_path / "seen") == "42 True\n"


def test_dismissed_it_does_nothing(tmp_path: Path) -> None:
    out, into = os.pipe()
    guardian = start_guardian(lambda _: (tmp_path / "seen").touch())
    os.close(into)
    guardian.dismiss()
    assert os.read(out, 1) == b"", "the pipe ends with the guardian"
    os.close(out)
    assert not (tmp_path / "seen").exists()
