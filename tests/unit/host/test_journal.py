"""The journal: what is written is read back."""

from __future__ import annotations

from pathlib import Path

import pytest

from sriovctl.errors import HostError
from sriovctl.host.journal import SQLiteJournal
from sriovctl.model.plan import Action, Disruption, Step
from sriovctl.model.run import Ending, RunKind, RunStatus, StepStatus

PF = "0000:01:00.0"
BOOT = "a-boot"


def count_step(before: int, after: int, *, device: str = PF) -> Step:
    return Step(
        action=Action.SET_NUM_VFS,
        subject=device,
        device=device,
        vf_index=None,
        before={"num_vfs": before},
        after={"num_vfs": after},
        disruption=Disruption.LINK_FLAP,
        reason="igb resets the PF",
        commands=("echo 2 > …",),
        affected=("guest:MyGuest",),
    )


@pytest.fixture
def journal(tmp_path: Path) -> SQLiteJournal:
    return SQLiteJournal(str(tmp_path / "state"))


def test_a_run_is_read_back_by_another_process(journal: SQLiteJournal, tmp_path: Path) -> None:
    steps = (count_step(2, 0), count_step(0, 4))
    run_id = journal.begin(steps, source="host.yaml", boot_id=BOOT)
    journal.mark(run_id, [0], StepStatus.DONE)
    journal.mark(run_id, [1], StepStatus.STARTED)
    other = SQLiteJournal(str(tmp_path / "state"))
    (run,) = other.runs()
    assert (run.run_id, run.kind, run.status) == (run_id, RunKind.APPLY, RunStatus.RUNNING)
    assert (run.devices, run.source, run.boot_id) == ((PF,), "host.yaml", BOOT)
    recorded = other.steps(run_id)
    assert tuple(one.step for one in recorded) == steps
    assert [one.status for one in recorded] == [StepStatus.DONE, StepStatus.STARTED]


def test_what_stands_is_of_this_boot(journal: SQLiteJournal) -> None:
    old = journal.begin([count_step(0, 1)], boot_id="an earlier boot")
    taken = journal.begin([count_step(0, 1)], boot_id=BOOT)
    stands = journal.begin([count_step(0, 2)], boot_id=BOOT)
    undo = journal.begin([count_step(2, 0)], boot_id=BOOT, kind=RunKind.UNDO, undoes=taken)
    journal.finish(Ending(old, RunStatus.DONE), Ending(taken, RunStatus.UNDONE))
    assert [run.run_id for run in journal.standing(BOOT)] == [undo, stands]
    journal.finish(Ending(undo, RunStatus.DONE))
    assert [run.run_id for run in journal.standing(BOOT)] == [stands]
    assert journal.standing("another boot") == ()


def test_it_knows_how_many_vfs_sriovctl_left(journal: SQLiteJournal) -> None:
    other = "0000:04:00.0"
    first = journal.begin([count_step(0, 2), count_step(0, 3, device=other)], boot_id=BOOT)
    assert journal.vfs_made(BOOT) == {}
    journal.mark(first, [0, 1], StepStatus.DONE)
    second = journal.begin([count_step(2, 0), count_step(0, 5)], boot_id=BOOT)
    journal.mark(second, [0], StepStatus.DONE)
    journal.mark(second, [1], StepStatus.STARTED)
    assert journal.vfs_made(BOOT) == {PF: 5, other: 3}
    assert journal.vfs_made("another boot") == {}


def test_a_confirmation_is_awaited_until_the_run_is_finished(journal: SQLiteJournal) -> None:
    run_id = journal.begin([count_step(0, 2)], boot_id=BOOT, confirm_by=50.0)
    journal.await_confirmation(run_id, 60.5)
    (run,) = journal.standing(BOOT)
    assert (run.status, run.confirm_by) == (RunStatus.UNCONFIRMED, 60.5)
    journal.finish(Ending(run_id, RunStatus.DONE, "because"))
    (run,) = journal.runs()
    assert (run.status, run.confirm_by, run.note) == (RunStatus.DONE, None, "because")
    assert run.ended is not None


def test_a_file_that_is_no_database_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_text("all work and no play " * 100)
    with pytest.raises(HostError, match="the journal cannot be used"):
        SQLiteJournal(str(tmp_path)).runs()


def test_steps_are_marked_together_and_only_those(journal: SQLiteJournal) -> None:
    run_id = journal.begin([count_step(n, n + 1) for n in range(6)])
    journal.mark(run_id, [0, 1], StepStatus.STARTED)
    journal.mark(run_id, [2, 4, 5], StepStatus.STARTED, done=[0, 1])
    statuses = [one.status.value for one in journal.steps(run_id)]
    assert statuses == ["done", "done", "started", "planned", "started", "started"]
    journal.finish(Ending(run_id, RunStatus.DONE, done=[2, 4, 5]))
    assert [one.position for one in journal.steps(run_id) if one.status is StepStatus.DONE] == [
        0, 1, 2, 4, 5,
    ]  # fmt: skip


def test_a_batch_that_is_begun_anew_is_started_again(journal: SQLiteJournal) -> None:
    run_id = journal.begin([count_step(n, n + 1) for n in range(4)])
    journal.mark(run_id, [2, 3], StepStatus.STARTED, done=[0, 1])
    journal.mark(run_id, [1, 2], StepStatus.STARTED)
    statuses = [one.status.value for one in journal.steps(run_id)]
    assert statuses == ["done", "started", "started", "started"]
