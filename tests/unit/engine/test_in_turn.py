"""Another sriovctl is at work: waited for as long as it is worth it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from sriovctl.engine.inventory import read_inventory
from sriovctl.engine.runs.apply import ApplyOptions, apply_plan
from sriovctl.engine.runs.execute import Site
from sriovctl.engine.runs.in_turn import PATIENCE_S, in_turn
from sriovctl.engine.runs.undo import undo_run
from sriovctl.errors import BusyError, LockedError
from sriovctl.host.journal import SQLiteJournal
from sriovctl.host.simulated import SimulatedHost, simulated_82576
from sriovctl.model.state import DesiredState, PFMatch, WantedPF
from sriovctl.planner.diff import plan_state

PF = "0000:01:00.0"


class Rig:
    """A host on which somebody else holds a lock until so much time has passed."""

    def __init__(self, directory: Path) -> None:
        self.host: SimulatedHost = simulated_82576()
        self.told: list[str] = []
        self.site = Site(self.host, SQLiteJournal(str(directory)), self.told.append)
        self._directory = directory
        self._sleep = self.host.clock.sleep

    def others_are_at_work(self, seconds: float, then: Callable[[], object] = int) -> None:
        held = ExitStack()
        held.enter_context(SQLiteJournal(str(self._directory)).locked([PF]))
        until = self.host.clock.now() + seconds

        def sleep(seconds: float) -> None:
            self._sleep(seconds)
            if self.host.clock.now() >= until:
                held.close()
                self.host.clock.sleep = self._sleep  # type: ignore[method-assign]
                then()

        self.host.clock.sleep = sleep  # type: ignore[method-assign]

    def apply(self, num_vfs: int) -> int | None:
        state = DesiredState((WantedPF("a", PFMatch(address=PF), num_vfs=num_vfs),))
        plan = plan_state(state, read_inventory(self.host, name_of=lambda *_: None))
        return apply_plan(self.site, plan, options=ApplyOptions()).run_id

    def num_vfs(self) -> str | None:
        return self.host.files.read_text(f"/sys/bus/pci/devices/{PF}/sriov_numvfs")


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def test_a_short_work_of_others_is_waited_for(rig: Rig) -> None:
    rig.others_are_at_work(3)
    assert in_turn(rig.site, lambda: rig.apply(2)) == 1
    assert rig.told[0] == f"waiting for another sriovctl that is at work on {PF}"
    assert rig.told.count(rig.told[0]) == 1
    assert 3 <= rig.host.clock.now() < 3.2


def test_a_long_one_is_not(rig: Rig) -> None:
    rig.others_are_at_work(10 * PATIENCE_S)
    with pytest.raises(LockedError, match="another sriovctl is at work on this PF"):
        in_turn(rig.site, lambda: rig.apply(2))
    assert PATIENCE_S <= rig.host.clock.now() < PATIENCE_S + 0.2
    assert rig.num_vfs() == "0"


def test_where_the_kernel_hangs_nothing_is_waited_for(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rig.site.journal, "wedged", frozenset)
    rig.others_are_at_work(3)
    with pytest.raises(LockedError):
        in_turn(rig.site, lambda: rig.apply(2))
    assert rig.host.clock.now() == 0


def test_an_undo_waits_and_takes_no_other_run_back_than_it_meant(rig: Rig) -> None:
    rig.apply(2)
    rig.apply(3)
    rig.others_are_at_work(3)
    undone = undo_run(rig.site)
    assert undone.run is not None
    assert (undone.run.run_id, rig.num_vfs()) == (2, "2")
    rig.apply(4)
    rig.others_are_at_work(3, then=lambda: undo_run(rig.site))
    with pytest.raises(BusyError, match="was undone by somebody else"):
        undo_run(rig.site)
    assert rig.num_vfs() == "2"
