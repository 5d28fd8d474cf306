"""The journal of runs: an SQLite file that survives kill -9 and a power cut.

``synchronous=FULL`` with the default rollback journal makes each commit durable before the next
write to the host.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from contextlib import contextmanager
from datetime import UTC, datetime

from sriovctl.errors import BusyError, HostError, PermissionDenied
from sriovctl.model.plan import Action, Disruption, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DEFAULT_DIRECTORY = "/var/lib/sriovctl"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    run_id INTEGER PRIMARY KEY AUTOINCREMENT,
    started TEXT NOT NULL,
    status TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS steps (
    run_id INTEGER NOT NULL REFERENCES runs,
    position INTEGER NOT NULL,
    status TEXT NOT NULL,
    step TEXT NOT NULL,
    PRIMARY KEY (run_id, position)
) WITHOUT ROWID;
"""


class SQLiteJournal:
    """A journal in *directory*, or in memory alone when that is None (simulated hosts)."""

    def __init__(self, directory: str | None) -> None:
        self._directory = directory
        self._connection: sqlite3.Connection | None = None

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the lock of this directory; the kernel drops it if we die."""
        if self._directory is None:
            yield
            return
        self._make_directory()
        handle = self._open_lock()
        try:
            self._lock(handle)
            yield
        finally:
            os.close(handle)

    def _open_lock(self) -> int:
        path = f"{self._directory}/lock"
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except PermissionError:
            raise PermissionDenied("cannot be opened", subject=path, hint="run as root") from None
        except OSError as error:
            raise HostError(f"cannot be opened: {error.strerror}", subject=path) from error

    def _lock(self, handle: int) -> None:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(
                "another sriovctl is at work", subject=f"{self._directory}/lock", hint="wait for it"
            ) from None

    def _make_directory(self) -> None:
        assert self._directory is not None
        try:
            os.makedirs(self._directory, mode=0o700, exist_ok=True)
        except PermissionError:
            raise PermissionDenied(
                "cannot be written", subject=self._directory, hint="run as root"
            ) from None
        except OSError as error:
            raise HostError(f"cannot be made: {error.strerror}", subject=self._directory) from error

    def begin(self, steps: Sequence[Step]) -> int:
        """Write a run and its steps in one transaction."""
        with self._transaction() as connection:
            started = datetime.now(UTC).isoformat(timespec="seconds")
            cursor = connection.execute(
                "INSERT INTO runs (started, status) VALUES (?, 'running')", (started,)
            )
            run_id = cursor.lastrowid
            assert run_id is not None
            connection.executemany(
                "INSERT INTO steps VALUES (?, ?, 'planned', ?)",
                [(run_id, position, encode_step(step)) for position, step in enumerate(steps)],
            )
        return run_id

    def mark(self, run_id: int, positions: Sequence[int], status: str) -> None:
        """Note how far steps have come."""
        with self._transaction() as connection:
            connection.executemany(
                "UPDATE steps SET status = ? WHERE run_id = ? AND position = ?",
                [(status, run_id, position) for position in positions],
            )

    def finish(self, run_id: int, status: str) -> None:
        """Note how a run ended."""
        with self._transaction() as connection:
            connection.execute("UPDATE runs SET status = ? WHERE run_id = ?", (status, run_id))

    def touched(self, run_id: int) -> tuple[Step, ...]:
        """Read the steps of a run that were at least started."""
        with self._transaction() as connection:
            rows = connection.execute(
                "SELECT step FROM steps WHERE run_id = ? AND status != 'planned' ORDER BY position",
                (run_id,),
            ).fetchall()
        return tuple(decode_step(row[0]) for row in rows)

    def last_done(self) -> tuple[int, tuple[Step, ...]] | None:
        """Find the newest run that stands: also one that was killed before it could end."""
        with self._transaction() as connection:
            row = connection.execute(
                "SELECT run_id FROM runs WHERE status IN ('done', 'running', 'failed') "
                "ORDER BY run_id DESC LIMIT 1"
            ).fetchone()
        return None if row is None else (row[0], self.touched(row[0]))

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._open()
            with connection:
                yield connection
        except sqlite3.Error as error:
            raise HostError(
                f"the journal cannot be used: {error}",
                subject=self._path(),
                hint="is the disk full or read-only?",
            ) from error

    def _path(self) -> str:
        return ":memory:" if self._directory is None else f"{self._directory}/journal.db"

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            if self._directory is not None:
                self._make_directory()
            self._connection = sqlite3.connect(self._path())
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.executescript(_SCHEMA)
        return self._connection

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def encode_step(step: Step) -> str:
    """Write a step as JSON."""
    return json.dumps(step._asdict())


def decode_step(text: str) -> Step:
    """Read a step back.

    :raises HostError: the journal holds something else.
    """
    try:
        values = json.loads(text)
        values["action"] = Action(values["action"])
        values["disruption"] = Disruption(values["disruption"])
        values["commands"] = tuple(values["commands"])
        return Step(**values)
    except (ValueError, TypeError, KeyError) as error:
        raise HostError(f"the journal holds a step that cannot be read: {error}") from error
