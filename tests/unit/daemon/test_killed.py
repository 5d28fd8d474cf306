"""kill -9 of the daemon at each point of a repair; the next daemon brings it to its end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sriovctl.model.functions import VLAN
from sriovctl.model.health import Health
from sriovctl.model.run import RunStatus
from sriovctl.model.state import WantedVF
from tests.unit.daemon.rig import IGB, Rig
from tests.unit.engine.mortal import Fate, KilledError, mortal_site

Harm = Callable[[Rig], None]


def lose_a_vlan(rig: Rig) -> None:
    rig.ip_set(1, WantedVF(vlan=VLAN(99)))


def lose_all_vfs(rig: Rig) -> None:
    rig.reload_driver()


def lose_nothing_yet(_: Rig) -> None:
    pass


def remove_all_vfs(rig: Rig) -> None:
    rig.write(IGB, "sriov_numvfs", "0")


@pytest.mark.parametrize("meanwhile", [lose_nothing_yet, remove_all_vfs])
@pytest.mark.parametrize(
    ("harm", "at_start"), [(lose_a_vlan, False), (lose_all_vfs, False), (lose_nothing_yet, True)]
)
def test_killed_anywhere_nothing_is_lost(
    harm: Harm, at_start: bool, meanwhile: Harm, tmp_path: Path
) -> None:
    points = 0
    while not _survives(
        harm, Fate(dies_at=points), tmp_path / str(points), meanwhile, at_start=at_start
    ):
        points += 1
    assert points > 3


def _survives(harm: Harm, fate: Fate, directory: Path, meanwhile: Harm, *, at_start: bool) -> bool:
    rig = Rig(directory=str(directory))
    if not at_start:
        rig.begin()
        rig.pass_time(30)
        rig.kill()
    rig.start(site=mortal_site(rig.host, rig.journal, fate))
    try:
        rig.begin()
        harm(rig)
        rig.pass_time(30)
    except KilledError:
        survived = False
    else:
        survived = True
    rig.kill()
    meanwhile(rig)
    rig.start()
    rig.begin()
    rig.pass_time(60)
    assert rig.health() is Health.HEALTHY, rig.log()
    assert (rig.num_vfs(), rig.vlans()) == (3, [42, 43, 42])
    assert rig.vfs()[1].admin_mac == "52:54:00:6d:90:01"
    closed = {RunStatus.DONE, RunStatus.UNDONE, RunStatus.TAKEN_BACK}
    if meanwhile is not lose_nothing_yet:
        closed.add(RunStatus.FAILED)  # what it was about had gone
    assert {run.status for run in rig.runs()} <= closed
    assert all(run.devices == (IGB,) for run in rig.runs())
    return survived
