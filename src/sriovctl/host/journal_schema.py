"""The tables of the journal, and how those of earlier versions become today's.

A file whose ``user_version`` is 0 is a new one, or one of version 1, which did not say.  Version 3
is the first that says who asked for a run; before version 4 each step was a row of its own, with
its status in it.
"""

from __future__ import annotations

from sriovctl.host.database import Schema, create_tables

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3

_RUNS = """
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
    note TEXT,
    asked_by TEXT
);
"""
# Steps that follow each other, see ``journal_steps.py``, and how far they have come: a mark says so
# from one position to another, until a later one says otherwise.  Without any a step is planned.
_STEPS = """
CREATE TABLE steps (
    run_id INTEGER NOT NULL REFERENCES runs,
    position INTEGER NOT NULL,
    action TEXT NOT NULL,
    device TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (run_id, position)
) WITHOUT ROWID;
CREATE TABLE marks (
    run_id INTEGER NOT NULL REFERENCES runs,
    number INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    status TEXT NOT NULL,
    PRIMARY KEY (run_id, number)
) WITHOUT ROWID;
"""
_COPY_VERSION_3 = """
INSERT INTO steps SELECT run_id, position, action, device, step FROM steps_3;
INSERT INTO marks SELECT run_id, position + 1, position, position, status FROM steps_3
    WHERE status != 'planned';
DROP TABLE steps_3;
"""


def _upgrade(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == 2:
        connection.execute("ALTER TABLE runs ADD COLUMN asked_by TEXT")
    if version:
        connection.execute("ALTER TABLE steps RENAME TO steps_3")
        create_tables(connection, _STEPS + _COPY_VERSION_3)
        return
    (is_version_1,) = connection.execute(
        "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'runs'"
    ).fetchone()
    if is_version_1:
        for table in ("runs", "steps"):
            connection.execute(f"ALTER TABLE {table} RENAME TO {table}_1")
    create_tables(connection, _RUNS + _STEPS)
    if is_version_1:
        _copy_version_1(connection)


# Version 1 did not say on which boot a run was: it counts as one of an earlier boot.
def _copy_version_1(connection: sqlite3.Connection) -> None:
    from json import dumps, loads

    devices: dict[int, set[str]] = {}
    for run_id, position, status, text in connection.execute(
        "SELECT run_id, position, status, step FROM steps_1"
    ).fetchall():
        step = loads(text)
        devices.setdefault(run_id, set()).add(step["device"])
        connection.execute(
            "INSERT INTO steps VALUES (?, ?, ?, ?, ?)",
            (run_id, position, step["action"], step["device"], text),
        )
        if status != "planned":
            connection.execute(
                "INSERT INTO marks VALUES (?, ?, ?, ?, ?)",
                (run_id, position + 1, position, position, status),
            )
    for run_id, started, status in connection.execute("SELECT * FROM runs_1").fetchall():
        connection.execute(
            "INSERT INTO runs (run_id, kind, status, started, boot_id, devices, source) "
            "VALUES (?, 'apply', ?, ?, 'unknown', ?, '')",
            (run_id, status, started, dumps(sorted(devices.get(run_id, ())))),
        )
    for table in ("steps_1", "runs_1"):
        connection.execute(f"DROP TABLE {table}")


SCHEMA = Schema(version=4, upgrade=_upgrade)
