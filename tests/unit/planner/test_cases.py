"""Each folder below ``cases/`` is a host, a state, the plan between them, and the way back.

``current.yaml`` and ``desired.yaml`` are written by hand, ``plan.yaml`` and ``undo.yaml`` by
``pytest tests/unit/planner/test_cases.py --regenerate-cases`` and then read by somebody.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from sriovctl.codec.state_file import parse_state
from sriovctl.errors import SriovctlError
from sriovctl.model.functions import PF
from sriovctl.model.owner import OwnerMap
from sriovctl.model.plan import Plan
from sriovctl.planner.diff import plan_state
from sriovctl.planner.undo import plan_undo
from tests.unit.planner.case_files import format_error, format_steps, read_current
from tests.unit.planner.model_host import apply_steps

CASES = Path(__file__).parent / "cases"
FOLDERS = sorted(path for path in CASES.iterdir() if path.is_dir())


def plan_of(folder: Path, pfs: tuple[PF, ...], owners: OwnerMap | None) -> Plan:
    desired = folder / "desired.yaml"
    state = parse_state(desired.read_text(encoding="utf-8"), source=desired.name)
    return plan_state(state, pfs, owners=owners)


def written_for(folder: Path) -> dict[str, str]:
    """What the files of a case should hold."""
    pfs, owners = read_current(folder / "current.yaml")
    try:
        plan = plan_of(folder, pfs, owners)
    except SriovctlError as error:
        return {"plan.yaml": format_error(error)}
    return {
        "plan.yaml": format_steps(plan, short=False),
        "undo.yaml": format_steps(plan_undo(plan.steps), short=True),
    }


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_plan_and_its_undo_are_as_written(folder: Path, request: pytest.FixtureRequest) -> None:
    files = written_for(folder)
    if request.config.getoption("--regenerate-cases", default=False):
        for old in (folder / "plan.yaml", folder / "undo.yaml"):
            old.unlink(missing_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
        pytest.skip("written anew: read what changed")
    for name, text in files.items():
        assert (folder / name).read_text(encoding="utf-8") == text
    assert {path.name for path in folder.iterdir()} == {"current.yaml", "desired.yaml", *files}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_plan_leads_where_it_should_and_back(folder: Path) -> None:
    pfs, owners = read_current(folder / "current.yaml")
    try:
        steps = plan_of(folder, pfs, owners).steps
    except SriovctlError:
        return  # test_the_plan_and_its_undo_are_as_written has looked at it
    there = apply_steps(pfs, steps)
    assert plan_of(folder, there, owners).steps == ()
    back = apply_steps(there, plan_undo(steps).steps)
    assert [without_chance(pf, pfs) for pf in back] == [without_chance(pf, pfs) for pf in pfs]


def without_chance(pf: PF, before: tuple[PF, ...]) -> PF:
    # A VF without a driver that is made anew goes to whom autoprobe gives it to.
    (old,) = (one for one in before if one.device == pf.device)
    had = {vf.vf_index: vf.driver for vf in old.vfs}
    return pf._replace(
        vfs=tuple(vf if had[vf.vf_index] else vf._replace(driver=None) for vf in pf.vfs)
    )


def test_there_are_cases_enough() -> None:
    assert len(FOLDERS) >= 45
