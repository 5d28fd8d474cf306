"""What runs say over the files; with a daemon and its journal, tests/unit/daemon has the whole."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from sriovctl.model.functions import PF, VLAN
from sriovctl.model.run import RecordedStep, Run, RunKind, RunStatus, StepStatus
from sriovctl.model.state import UNSET, DesiredState, PFMatch, WantedVF
from sriovctl.planner.declared import declaring_runs, overlay_steps
from sriovctl.planner.diff import plan_state
from sriovctl.planner.match import match_pfs
from tests.unit.planner.model_host import apply_steps
from tests.unit.planner.samples import igb_pf, wanted
from tests.unit.planner.test_properties import World, plan_of, worlds

DEVICE = "0000:01:00.0"


def run(run_id: int, kind: RunKind, status: RunStatus, *, undoes: int | None = None) -> Run:
    return Run(run_id, kind, status, "", None, "boot", (DEVICE,), "", undoes)


def steps(pf: PF, state: DesiredState) -> tuple[RecordedStep, ...]:
    plan = plan_state(state, [pf], owners={})
    return tuple(RecordedStep(n, StepStatus.DONE, step) for n, step in enumerate(plan.steps))


def test_only_what_people_said_and_stands_is_said() -> None:
    runs = (
        run(2, RunKind.APPLY, RunStatus.DONE),
        run(3, RunKind.APPLY, RunStatus.UNDONE),
        run(4, RunKind.UNDO, RunStatus.DONE, undoes=3),
        run(5, RunKind.REPAIR, RunStatus.DONE),
        run(6, RunKind.APPLY, RunStatus.TAKEN_BACK),
        run(7, RunKind.UNDO, RunStatus.DONE, undoes=6),
        run(8, RunKind.REPAIR, RunStatus.TAKEN_BACK),
        run(9, RunKind.UNDO, RunStatus.DONE, undoes=8),
        run(10, RunKind.APPLY, RunStatus.RUNNING),
        run(11, RunKind.APPLY, RunStatus.FAILED),
        run(12, RunKind.UNDO, RunStatus.DONE, undoes=1),
        run(13, RunKind.APPLY, RunStatus.UNCONFIRMED),
        run(14, RunKind.UNDO, RunStatus.DONE, undoes=0),
    )
    before = {1: run(1, RunKind.APPLY, RunStatus.UNDONE), 0: run(0, RunKind.REPAIR, RunStatus.DONE)}
    assert [one.run_id for one in declaring_runs(runs, find=before.get)] == [2, 12, 13]


def test_what_the_files_do_not_speak_of_stays_out_of_it() -> None:
    (files,) = wanted(num_vfs=2, vfs=((0, WantedVF(vlan=VLAN(42))),)).pfs
    other = wanted(
        num_vfs=2, mtu=4000, vf_default=WantedVF(vlan=VLAN(50), trust=True, spoofchk=False)
    )
    said = overlay_steps(files, DEVICE, steps(igb_pf(2), other))
    assert said.mtu is UNSET
    assert said.wanted_vf(0) == WantedVF(vlan=VLAN(50))
    assert said.wanted_vf(1) == WantedVF()


def test_runs_on_another_pf_and_steps_that_were_not_done_say_nothing() -> None:
    (files,) = wanted(num_vfs=2, vf_default=WantedVF(vlan=VLAN(42))).pfs
    recorded = steps(igb_pf(2), wanted(vf_default=WantedVF(vlan=VLAN(50))))
    assert overlay_steps(files, "0000:04:00.0", recorded) == files
    begun = tuple(one._replace(status=StepStatus.STARTED) for one in recorded)
    assert overlay_steps(files, DEVICE, begun) == files


@pytest.mark.parametrize("count", [0, 1, 3, 5])
def test_a_number_of_vfs_that_somebody_chose_can_be_planned(count: int) -> None:
    default = WantedVF(vlan=VLAN(42))
    (files,) = wanted(num_vfs=3, vf_default=default, vfs=((2, WantedVF(trust=True)),)).pfs
    said = overlay_steps(files, DEVICE, steps(igb_pf(7), wanted(num_vfs=count)))
    assert said.num_vfs == count
    assert all(index < count for index, _ in said.vfs)
    assert [said.wanted_vf(n).vlan for n in range(count)] == [
        VLAN(42) if n < 3 else UNSET for n in range(count)
    ]
    plan_state(DesiredState((said,)), [igb_pf(7)], owners={})


@settings(deadline=None, max_examples=150)
@given(worlds())
def test_an_apply_of_the_same_files_changes_nothing_of_what_is_declared(world: World) -> None:
    host, state, owners = world
    plan = plan_of(world)
    after = apply_steps(host, plan.steps)
    recorded = [RecordedStep(n, StepStatus.DONE, step) for n, step in enumerate(plan.steps)]
    said = [
        overlay_steps(one, pf.device, recorded)._replace(match=PFMatch(address=pf.device))
        for one, pf in match_pfs(state.pfs, after)
    ]
    assert plan_state(DesiredState(tuple(said)), after, owners=owners).steps == ()
