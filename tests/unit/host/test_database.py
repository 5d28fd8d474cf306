"""Files of earlier versions become today's at one stroke; those of later ones are left alone."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from sriovctl.errors import HostError, UnsupportedError
from sriovctl.host import journal_schema, lease_schema
from sriovctl.host.database import Database, Schema
from sriovctl.host.journal import SQLiteJournal
from sriovctl.host.leases import SQLiteLeaseBook
from sriovctl.model.lease import LeaseStatus
from sriovctl.model.plan import Action
from sriovctl.model.run import RecordedStep, Run, RunKind, RunStatus, StepStatus

IGB, OTHER = "0000:01:00.0", "0000:04:00.0"
BOOT = "0b0071d0-0000-4000-8000-000000000001"
# Each was written by the sriovctl that had it for its newest.
WRITTEN = Path(__file__).parent / "databases"


def written(directory: Path, name: str, version: int, *more: str) -> Path:
    """Make a file as it was left by an earlier sriovctl."""
    directory.mkdir(exist_ok=True)
    path = directory / f"{name}.db"
    connection = sqlite3.connect(path)
    connection.executescript((WRITTEN / f"{name}-{version}.sql").read_text())
    for statement in more:
        connection.execute(statement)
    connection.commit()
    connection.close()
    return path


def old_journal(directory: Path) -> Path:
    """One of version 1 with so much in it that some of it is on disk before it is committed."""
    return written(
        directory,
        "journal",
        1,
        "WITH RECURSIVE n(i) AS (SELECT 4 UNION ALL SELECT i + 1 FROM n WHERE i < 90) "
        "INSERT INTO runs SELECT i, '2026-01-02T00:00:00+00:00', 'done' FROM n",
        "INSERT INTO steps SELECT runs.run_id, position, steps.status, step "
        "FROM runs JOIN steps ON steps.run_id = 1 WHERE runs.run_id > 3",
    )


def dump(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        return [f"version {version}", *connection.iterdump()]
    finally:
        connection.close()


def all_in(directory: Path) -> list[tuple[Run, tuple[RecordedStep, ...]]]:
    journal = SQLiteJournal(str(directory))
    try:
        return [(run, journal.steps(run.run_id)) for run in journal.runs()]
    finally:
        journal.close()


def touch(directory: Path, schema: Schema) -> None:
    """Open the journal, as whoever begins a run does."""
    database = Database(str(directory), "journal.db", what="the journal", schema=schema)
    try:
        with database.transaction():
            pass
    finally:
        database.close()


# --- what is read --------------------------------------------------------------------------------


def test_a_journal_of_version_1(tmp_path: Path) -> None:
    written(tmp_path, "journal", 1)
    journal = SQLiteJournal(str(tmp_path))
    cut_short, undone, done = journal.runs()
    assert [run.status for run in (done, undone, cut_short)] == ["done", "undone", "running"]
    assert [run.devices for run in (done, undone, cut_short)] == [(IGB,), (OTHER,), (IGB,)]
    assert {run.kind for run in journal.runs()} == {RunKind.APPLY}
    assert journal.standing(BOOT) == (), "version 1 did not say of which boot it was"
    actions = [one.step.action for one in journal.steps(done.run_id)]
    assert actions == [Action.SET_AUTOPROBE, Action.SET_NUM_VFS, Action.SET_VF]
    (step,) = journal.steps(cut_short.run_id)
    assert (step.status, step.step.after["vlan"]) == (
        StepStatus.STARTED,
        {"id": 7, "qos": 0, "protocol": "802.1q"},
    )
    assert step.step.affected == ()
    assert journal.begin([step.step], boot_id=BOOT) == 4


@pytest.mark.parametrize("version", [2, 3, 4])
def test_a_journal_of_version_2_to_4(tmp_path: Path, version: int) -> None:
    path = written(tmp_path, "journal", version)
    before = dump(path)
    journal = SQLiteJournal(str(tmp_path))
    cut_short, undo, undone, done = journal.runs()
    assert (undo.kind, undo.undoes) == (RunKind.UNDO, undone.run_id)
    assert journal.standing(BOOT) == (cut_short, done)
    assert cut_short.status is RunStatus.RUNNING
    assert journal.vfs_made(BOOT) == {IGB: 2, OTHER: 0}
    assert {run.asked_by for run in journal.runs()} == {None if version == 2 else "uid 0 (root)"}
    statuses = [one.status for one in journal.steps(cut_short.run_id)]
    assert statuses == [StepStatus.STARTED, *[StepStatus.PLANNED] * (version - 3)][: len(statuses)]
    assert {one.status for one in journal.steps(done.run_id)} == {StepStatus.DONE}
    assert version != journal_schema.SCHEMA.version or dump(path) == before


def test_a_book_of_leases_of_version_1(tmp_path: Path) -> None:
    path = written(tmp_path, "leases", 1)
    before = dump(path)
    book = SQLiteLeaseBook(str(tmp_path))
    anna, ben, carl = book.leases(ended=True)
    assert (anna.owner, anna.status, ben.status) == ("anna", LeaseStatus.HELD, LeaseStatus.ENDED)
    assert (carl.vf_index, carl.generation, carl.ttl_s) == (ben.vf_index, ben.generation + 1, 600)
    assert [pool.name for pool in book.pools()] == ["spare"]
    assert dump(path) == before


@pytest.mark.parametrize(
    ("name", "newest"),
    [("journal", journal_schema.SCHEMA.version), ("leases", lease_schema.SCHEMA.version)],
)
def test_each_version_that_ever_was_is_tried_here(name: str, newest: int) -> None:
    versions = {int(path.stem.rpartition("-")[2]) for path in WRITTEN.glob(f"{name}-*.sql")}
    assert versions == set(range(1, newest + 1))


# --- in mid-change -------------------------------------------------------------------------------


# The process, while it changes the file, with next to no memory for what is not committed: so
# a death leaves changed pages on disk, which whoever opens the file next has to set right.
def _die_at(directory: Path, point: int) -> None:
    def upgrade(connection: sqlite3.Connection) -> None:
        left = point

        def count(_: str) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

        connection.execute("PRAGMA cache_size = 1")
        connection.set_trace_callback(count)
        journal_schema.SCHEMA.upgrade(connection)

    touch(directory, journal_schema.SCHEMA._replace(upgrade=upgrade))


def _survives(directory: Path, point: int) -> bool:
    child = os.fork()
    if child == 0:
        try:
            _die_at(directory, point)
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL)
    return status == 0


def test_killed_at_any_statement_it_is_as_before_and_then_brought_up_to_date(
    tmp_path: Path,
) -> None:
    before = dump(old_journal(tmp_path / "whole"))
    expected = all_in(tmp_path / "whole")
    after = dump(tmp_path / "whole/journal.db")
    assert len(expected) == 90
    half_done = points = 0
    for point in range(0, 10_000, 23):
        path = old_journal(tmp_path / str(point))
        pages = path.read_bytes()
        survives = _survives(path.parent, point)
        half_done += path.read_bytes() != pages
        assert dump(path) == after if survives else dump(path) in (before, after)
        assert all_in(path.parent) == expected
        if survives:
            break
        points += 1
    assert points > 10
    assert half_done > 5, "deaths that leave nothing behind show nothing"


def _fits(directory: Path, pages: int) -> bool:
    def upgrade(connection: sqlite3.Connection) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")
        journal_schema.SCHEMA.upgrade(connection)

    try:
        touch(directory, journal_schema.SCHEMA._replace(upgrade=upgrade))
    except HostError as error:
        cause = error.cause
    else:
        return True
    assert cause == "the journal cannot be used: database or disk is full"
    return False


def test_a_full_disk_leaves_it_as_it_was(tmp_path: Path) -> None:
    path = old_journal(tmp_path)
    before = dump(path)
    fewest = pages = path.stat().st_size // 4096
    while not _fits(tmp_path, pages):
        assert dump(path) == before
        pages += 1
    assert pages > fewest + 3
    assert len(all_in(tmp_path)) == 90


# --- two programs at once ------------------------------------------------------------------------


def test_of_many_that_come_at_once_one_brings_it_up_to_date(tmp_path: Path) -> None:
    old_journal(tmp_path)
    upgrades: list[int] = []
    together = threading.Barrier(8)

    def upgrade(connection: sqlite3.Connection) -> None:
        upgrades.append(1)
        journal_schema.SCHEMA.upgrade(connection)

    def come() -> None:
        together.wait()
        touch(tmp_path, journal_schema.SCHEMA._replace(upgrade=upgrade))

    threads = [threading.Thread(target=come) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert upgrades == [1]
    assert len(all_in(tmp_path)) == 90


def test_one_of_version_1_that_still_runs_writes_nothing_more(tmp_path: Path) -> None:
    path = written(tmp_path, "journal", 1)
    older = sqlite3.connect(path)
    older.execute("SELECT * FROM runs").fetchall()
    expected = all_in(tmp_path)
    with pytest.raises(sqlite3.IntegrityError):
        older.execute("INSERT INTO runs (started, status) VALUES ('now', 'running')")
    with pytest.raises(sqlite3.OperationalError):
        older.execute("INSERT INTO steps VALUES (1, 9, 'planned', '{}')")
    older.close()
    assert all_in(tmp_path) == expected


def test_one_that_has_had_it_open_refuses_it_once_a_newer_one_has_changed_it(
    tmp_path: Path,
) -> None:
    path = written(tmp_path, "journal", 4)
    ours = SQLiteJournal(str(tmp_path))
    (run, *_) = ours.runs()

    def upgrade(connection: sqlite3.Connection) -> None:
        connection.execute("DROP TABLE steps")

    touch(tmp_path, Schema(99, upgrade))
    before = dump(path)
    asked = (
        ours.runs,
        ours.newest,
        lambda: ours.steps(run.run_id),
        lambda: ours.begin([]),
        lambda: ours.mark(run.run_id, [0], StepStatus.DONE),
    )
    for ask in asked:
        with pytest.raises(UnsupportedError, match="is of version 99, and this sriovctl knows 4"):
            ask()
    assert dump(path) == before


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("journal", lambda directory: SQLiteJournal(directory).runs()),
        ("leases", lambda directory: SQLiteLeaseBook(directory).leases()),
    ],
)
def test_one_of_a_later_version_is_left_alone(
    tmp_path: Path, name: str, read: Callable[[str], object]
) -> None:
    path = written(tmp_path, name, 1, "PRAGMA user_version = 99")
    before = dump(path)
    with pytest.raises(UnsupportedError, match="is of version 99") as refused:
        read(str(tmp_path))
    assert refused.value.subject == str(path)
    assert refused.value.hint == "use the newer sriovctl that wrote it"
    assert dump(path) == before


@pytest.mark.parametrize(
    "change",
    ["UPDATE runs SET kind = 'wish'", "UPDATE runs SET status = 'hopeful'"],
)
def test_a_run_of_a_kind_that_is_not_known_is_one_clear_error(tmp_path: Path, change: str) -> None:
    written(tmp_path, "journal", 3, change)
    with pytest.raises(HostError, match="holds a run that cannot be read") as refused:
        SQLiteJournal(str(tmp_path)).runs()
    assert refused.value.hint == "use the newer sriovctl that wrote it"


def test_what_python_itself_refuses_is_one_clear_error_too(tmp_path: Path) -> None:
    written(tmp_path, "journal", 3)
    database = Database(
        str(tmp_path), "journal.db", what="the journal", schema=journal_schema.SCHEMA
    )
    with pytest.raises(HostError, match="the journal cannot be used"):
        database.select("SELECT ?", (object(),))
