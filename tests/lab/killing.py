"""Kill an apply at a random moment, pick it up, and look where it led."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from sriovctl.engine.boot import read_boot_id
from sriovctl.engine.inventory import read_inventory
from sriovctl.engine.runs.apply import ApplyOptions, apply_plan
from sriovctl.engine.runs.execute import Site
from sriovctl.engine.runs.resume import resume_run
from sriovctl.engine.runs.undo import undo_run
from sriovctl.errors import BusyError
from sriovctl.host.journal import SQLiteJournal
from sriovctl.host.live import LiveHost
from sriovctl.model.run import RunStatus
from sriovctl.model.state import DesiredState
from sriovctl.planner.diff import plan_state
from sriovctl.planner.drift import find_drift

_PATIENCE_S = 60


class Case(NamedTuple):
    """Two states of one PF, and a way to see it that is not ours."""

    old: DesiredState
    wanted: DesiredState
    look: Callable[[], object]


@contextmanager
def site_in(directory: Path) -> Iterator[Site]:
    host, journal = LiveHost(), SQLiteJournal(str(directory))
    try:
        yield Site(host, journal, lambda _: None)
    finally:
        host.close()
        journal.close()


def apply(state: DesiredState, directory: Path) -> None:
    with site_in(directory) as site:
        pfs = read_inventory(site.host, name_of=lambda *_: None)
        apply_plan(site, plan_state(state, pfs, owners={}), options=ApplyOptions())


def duration_of(state: DesiredState, directory: Path) -> float:
    began = time.monotonic()
    apply(state, directory)
    return time.monotonic() - began


def kill_at_random(case: Case, directory: Path, *, seed: int) -> bool:
    """Do it once; return whether it cut a run short, and print what it came to, for the record.

    :param seed: of the moment; the run goes on afterwards when it is even, and back when odd.
    """
    apply(case.old, directory / "before")
    old = case.look()
    longest_s = duration_of(case.wanted, directory / "before")
    wanted = case.look()
    with site_in(directory / "before") as site:
        undo_run(site)
    assert case.look() == old

    after_s = random.Random(seed).uniform(0, longest_s)
    _apply_and_kill(case.wanted, directory / "killed", after_s)
    with site_in(directory / "killed") as site:
        cut_short = _is_cut_short(site)
    if seed % 2 == 0:
        outcome = _finish(case, directory / "killed", old=old, wanted=wanted)
    else:
        _pick_up(directory / "killed", lambda site: undo_run(site))
        assert case.look() == old
        outcome = "went back"
    moment = "at work" if cut_short else "before or after"
    print(f"killed {moment}, after {after_s:.2f} of {longest_s:.2f} s; {outcome}")
    return cut_short


def _finish(case: Case, directory: Path, *, old: object, wanted: object) -> str:
    _pick_up(directory, _go_on)
    with site_in(directory) as site:
        if not site.journal.runs():
            assert case.look() == old
            return "had not begun"
        assert case.look() == wanted
        pfs = read_inventory(site.host, name_of=lambda *_: None)
        assert find_drift(case.wanted, pfs) == ()
    return "went on"


def _apply_and_kill(state: DesiredState, directory: Path, after_s: float) -> None:
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            apply(state, directory)
            code = 0
        finally:
            os._exit(code)
    time.sleep(after_s)
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "it failed by itself"


def _is_cut_short(site: Site) -> bool:
    standing = site.journal.standing(read_boot_id(site.host.files))
    return bool(standing) and standing[0].status is RunStatus.RUNNING


def _go_on(site: Site) -> None:
    if _is_cut_short(site):
        resume_run(site, options=ApplyOptions(), check=lambda _: None)


# A write that the killed process had asked for may still be under way: its lock says so.
def _pick_up(directory: Path, action: Callable[[Site], object]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            with site_in(directory) as site:
                action(site)
        except BusyError:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        else:
            return
