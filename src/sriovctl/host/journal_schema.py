"""The tables of the journal, and how those of earlier versions become today's.

SQLite's ``user_version`` tells which version a file has; 0 is a new file, or one of version 1,
which did not say.
"""

from __future__ import annotations

import json

from sriovctl.errors import UnsupportedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3

VERSION = 2

_TABLES = """
CREATE TABLE runs (
    run_id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    status TEXT NOT NULL,
    started TEXT NOT NULL,
    ended TEXT,
    boot_id TEXT,
    devices TEXT NOT NULL,
    source TEXT NOT NULL,
    undoes INTEGER,
    confirm_by REAL,
    note TEXT
);
CREATE TABLE steps (
    run_id INTEGER NOT NULL REFERENCES runs,
    position INTEGER NOT NULL,
    status TEXT NOT NULL,
    action TEXT NOT NULL,
    device TEXT NOT NULL,
    step TEXT NOT NULL,
    PRIMARY KEY (run_id, position)
) WITHOUT ROWID;
"""


def prepare_schema(connection: sqlite3.Connection, *, subject: str) -> None:
    """Make the tables, or bring those of an earlier version up to date; in one transaction.

    :raises UnsupportedError: the file is of a later version.
    :raises sqlite3.Error: the file cannot be written, or is no database.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == VERSION:
        return
    if version > VERSION:
        raise UnsupportedError(
            f"is of version {version}, and this sriovctl knows {VERSION}",
            subject=subject,
            hint="use the newer sriovctl that wrote it",
        )
    connection.execute("BEGIN IMMEDIATE")
    with connection:  # commits, or takes back
        # Another process may have been faster while we waited for the file.
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version != VERSION:
            _upgrade(connection)


def _upgrade(connection: sqlite3.Connection) -> None:
    (is_version_1,) = connection.execute(
        "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'runs'"
    ).fetchone()
    if is_version_1:
        for table in ("runs", "steps"):
            connection.execute(f"ALTER TABLE {table} RENAME TO {table}_1")
    for statement in filter(str.strip, _TABLES.split(";")):
        connection.execute(statement)
    if is_version_1:
        _copy_version_1(connection)
    connection.execute(f"PRAGMA user_version = {VERSION}")


# Version 1 did not say on which boot a run was: it counts as one of an earlier boot.
def _copy_version_1(connection: sqlite3.Connection) -> None:
    devices: dict[int, set[str]] = {}
    for run_id, position, status, text in connection.execute(
        "SELECT run_id, position, status, step FROM steps_1"
    ).fetchall():
        step = json.loads(text)
        devices.setdefault(run_id, set()).add(step["device"])
        connection.execute(
            "INSERT INTO steps VALUES (?, ?, ?, ?, ?, ?)",
            (run_id, position, status, step["action"], step["device"], text),
        )
    for run_id, started, status in connection.execute("SELECT * FROM runs_1").fetchall():
        connection.execute(
            "INSERT INTO runs (run_id, kind, status, started, boot_id, devices, source) "
            "VALUES (?, 'apply', ?, ?, 'unknown', ?, '')",
            (run_id, status, started, json.dumps(sorted(devices.get(run_id, ())))),
        )
    for table in ("steps_1", "runs_1"):
        connection.execute(f"DROP TABLE {table}")
