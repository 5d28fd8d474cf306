"""The journal of runs: an SQLite file that survives kill -9 and a power cut.

Each commit is durable before the next write to the host.  Several processes may use it at once,
each for PFs of its own.
"""

from __future__ import annotations

import time
from contextlib import contextmanager

from sriovctl.errors import HostError
from sriovctl.host.database import Database, make_directory
from sriovctl.host.journal_schema import SCHEMA
from sriovctl.host.journal_steps import decode_steps, encode_steps
from sriovctl.host.locks import HeldLocks, hold_locks, is_left
from sriovctl.model.plan import Action
from sriovctl.model.run import STANDING, Ending, RecordedStep, Run, RunKind, RunStatus, StepStatus
from sriovctl.render.json_text import format_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _sqlite3 import Connection
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from sriovctl.model.plan import Step

# In the order of Run's fields.
_RUN_COLUMNS = (
    "run_id, kind, status, started, ended, boot_id, devices, source, undoes, confirm_by, note, "
    "asked_by"
)


class SQLiteJournal:
    """A journal in *directory*, or in memory alone when that is None (simulated hosts).

    :param asked_by: says who asks for what is begun; called when something is.
    """

    def __init__(
        self, directory: str | None, *, asked_by: Callable[[], str | None] = lambda: None
    ) -> None:
        self._directory = directory
        self._asked_by = asked_by
        self._database = Database(directory, "journal.db", what="the journal", schema=SCHEMA)

    @contextmanager
    def locked(self, devices: Sequence[str]) -> Iterator[HeldLocks]:
        """Hold the locks of PFs; the kernel drops them if we die."""
        if self._directory is None:
            yield HeldLocks({})
            return
        make_directory(f"{self._directory}/locks")
        with hold_locks(f"{self._directory}/locks", devices) as held:
            yield held

    def wedged(self, devices: Sequence[str]) -> frozenset[str]:
        """Those of *devices* whose locks are held by a write that hangs in the kernel."""
        if self._directory is None:
            return frozenset()
        return frozenset(one for one in devices if is_left(f"{self._directory}/locks", one))

    # --- writing -------------------------------------------------------------------------

    def begin(
        self,
        steps: Sequence[Step],
        *,
        kind: RunKind = RunKind.APPLY,
        source: str = "",
        boot_id: str | None = None,
        undoes: int | None = None,
        confirm_by: float | None = None,
    ) -> int:
        """Write a run and its steps in one transaction."""
        devices = format_json(sorted({step.device for step in steps}))
        with self._database.transaction() as connection:
            cursor = connection.execute(
                # An undo is about the PFs of what it undoes, also where nothing is left to do.
                "INSERT INTO runs (kind, status, started, boot_id, source, undoes, confirm_by, "
                "asked_by, devices) VALUES (?, ?, ?, ?, ?, ?, ?, ?, "
                "COALESCE((SELECT devices FROM runs WHERE run_id = ?), ?))",
                (
                    *(kind, RunStatus.RUNNING, _now(), boot_id, source, undoes, confirm_by),
                    *(self._asked_by(), undoes, devices),
                ),
            )
            run_id = cursor.lastrowid
            assert run_id is not None
            _insert_steps(connection, run_id, steps, StepStatus.PLANNED)
        return run_id

    def record(
        self,
        steps: Sequence[Step],
        *,
        source: str,
        boot_id: str | None,
        devices: Sequence[str] = (),
        note: str | None = None,
        failed: str | None = None,
    ) -> int:
        """Write down what was done by other means than a run, in one transaction."""
        named = format_json(sorted({*devices, *(step.device for step in steps)}))
        status = RunStatus.DONE if failed is None else RunStatus.FAILED
        with self._database.transaction() as connection:
            cursor = connection.execute(
                "INSERT INTO runs (kind, status, started, ended, boot_id, source, note, asked_by, "
                "devices) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(RunKind.RECORD, status, _now(), _now(), boot_id, source, failed or note),
                    *(self._asked_by(), named),
                ),
            )
            run_id = cursor.lastrowid
            assert run_id is not None
            _insert_steps(connection, run_id, steps, StepStatus.DONE)
        return run_id

    def speak_for(self, who: str) -> None:
        """Have what is begun from now on be asked for by somebody else."""
        self._asked_by = lambda: who

    def mark(
        self,
        run_id: int,
        positions: Sequence[int],
        status: StepStatus,
        *,
        done: Sequence[int] = (),
    ) -> None:
        """Note how far steps have come, and that others are done, in one transaction."""
        with self._database.transaction() as connection:
            _set_status(connection, run_id, done, StepStatus.DONE)
            _set_status(connection, run_id, positions, status)

    def finish(self, *endings: Ending) -> None:
        """Note how runs ended, all in one transaction."""
        with self._database.transaction() as connection:
            for one in endings:
                _set_status(connection, one.run_id, one.done, StepStatus.DONE)
            connection.executemany(
                "UPDATE runs SET status = ?, ended = ?, note = ?, confirm_by = NULL "
                "WHERE run_id = ?",
                [(one.status, _now(), one.note, one.run_id) for one in endings],
            )

    def await_confirmation(
        self, run_id: int, confirm_by: float, *, done: Sequence[int] = ()
    ) -> None:
        """Note that a run is done, and stands only if it is confirmed in time."""
        with self._database.transaction() as connection:
            _set_status(connection, run_id, done, StepStatus.DONE)
            connection.execute(
                "UPDATE runs SET status = ?, ended = ?, confirm_by = ? WHERE run_id = ?",
                (RunStatus.UNCONFIRMED, _now(), confirm_by, run_id),
            )

    # --- reading -------------------------------------------------------------------------

    def runs(self) -> tuple[Run, ...]:
        """Read all runs, the newest first."""
        rows = self._database.select(f"SELECT {_RUN_COLUMNS} FROM runs ORDER BY run_id DESC")
        return tuple(_decode_run(row) for row in rows)

    def run(self, run_id: int) -> Run | None:
        """Read one run; None if there is no such."""
        rows = self._database.select(f"SELECT {_RUN_COLUMNS} FROM runs WHERE run_id = ?", (run_id,))
        return _decode_run(rows[0]) if rows else None

    def since(self, run_id: int, boot_id: str | None) -> tuple[Run, ...]:
        """Read the runs of one boot after a run, the oldest first; 0 stands before all."""
        rows = self._database.select(
            f"SELECT {_RUN_COLUMNS} FROM runs WHERE run_id > ? AND boot_id IS ? ORDER BY run_id",
            (run_id, boot_id),
        )
        return tuple(_decode_run(row) for row in rows)

    def newest(self) -> int:
        """Read the number of the newest run; 0 without one."""
        rows = self._database.select("SELECT max(run_id) FROM runs")
        return (rows[0][0] or 0) if rows else 0

    def standing(
        self, boot_id: str | None, statuses: Sequence[RunStatus] = STANDING
    ) -> tuple[Run, ...]:
        """Read the applies of one boot that are on the host, and what is open; the newest first."""
        marks = ", ".join("?" * len(statuses))
        rows = self._database.select(
            f"SELECT {_RUN_COLUMNS} FROM runs WHERE boot_id IS ? AND status IN ({marks}) "
            "AND kind != ? AND (kind = ? OR status != ?) ORDER BY run_id DESC",
            (boot_id, *statuses, RunKind.RECORD, RunKind.APPLY, RunStatus.DONE),
        )
        return tuple(_decode_run(row) for row in rows)

    def steps(self, run_id: int) -> tuple[RecordedStep, ...]:
        """Read the steps of a run, in order."""
        rows = self._database.select(
            "SELECT text FROM steps WHERE run_id = ? ORDER BY position", (run_id,)
        )
        steps = [step for (text,) in rows for step in decode_steps(text)]
        statuses = [StepStatus.PLANNED] * len(steps)
        for first, last, status in self._database.select(
            "SELECT first, last, status FROM marks WHERE run_id = ? ORDER BY number", (run_id,)
        ):
            statuses[first : last + 1] = [StepStatus(status)] * (last + 1 - first)
        return tuple(map(RecordedStep, range(len(steps)), statuses, steps))

    def vfs_made(self, boot_id: str | None) -> dict[str, int]:
        """Read how many VFs sriovctl left each PF with in one boot, of those that it changed."""
        rows = self._database.select(
            "SELECT device, json_extract(text, '$.after.num_vfs') FROM steps "
            "JOIN runs USING (run_id) WHERE boot_id IS ? AND action = ? AND EXISTS "
            "(SELECT 1 FROM marks WHERE run_id = steps.run_id AND position BETWEEN first AND last)"
            " ORDER BY run_id, position",
            (boot_id, Action.SET_NUM_VFS),
        )
        return dict(rows)

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def _insert_steps(
    connection: Connection, run_id: int, steps: Sequence[Step], status: StepStatus
) -> None:
    rows = [(run_id, *row) for row in encode_steps(steps)]
    connection.executemany("INSERT INTO steps VALUES (?, ?, ?, ?, ?)", rows)
    if status is not StepStatus.PLANNED:
        _set_status(connection, run_id, range(len(steps)), status)


def _set_status(
    connection: Connection, run_id: int, positions: Sequence[int], status: StepStatus
) -> None:
    connection.executemany(
        "INSERT INTO marks SELECT ?, COALESCE(MAX(number), 0) + 1, ?, ?, ? FROM marks "
        "WHERE run_id = ?",
        [(run_id, first, last, status, run_id) for first, last in _runs_of(positions)],
    )


# Nearly always one: a batch of steps stands side by side.
def _runs_of(positions: Sequence[int]) -> list[tuple[int, int]]:
    if positions and list(positions) == list(range(positions[0], positions[-1] + 1)):
        return [(positions[0], positions[-1])]
    runs: list[tuple[int, int]] = []
    for position in positions:
        if runs and runs[-1][1] == position - 1:
            runs[-1] = (runs[-1][0], position)
        else:
            runs.append((position, position))
    return runs


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())


def _decode_run(row: tuple[Any, ...]) -> Run:
    from json import loads

    run = Run(*row)
    try:
        return run._replace(
            kind=RunKind(run.kind), status=RunStatus(run.status), devices=tuple(loads(row[6]))
        )
    except ValueError as error:
        raise HostError(
            f"the journal holds a run that cannot be read: {error}",
            subject=f"run {run.run_id}",
            hint="use the newer sriovctl that wrote it",
        ) from error
