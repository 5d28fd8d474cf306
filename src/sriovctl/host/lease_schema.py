"""The tables of the book of leases."""

from __future__ import annotations

from sriovctl.host.database import Schema, create_tables

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3

# Should all else fail, the index keeps a VF from being lent twice.  A pinned lease whose PF is not
# there has no pf_device, and NULLs are all different.
_TABLES = """
CREATE TABLE leases (
    pool TEXT NOT NULL,
    owner TEXT NOT NULL,
    pf_device TEXT,
    pf_identities TEXT NOT NULL,
    vf_index INTEGER NOT NULL,
    clean TEXT NOT NULL,
    lease_id INTEGER PRIMARY KEY AUTOINCREMENT,
    status TEXT NOT NULL,
    reason TEXT,
    note TEXT,
    address TEXT,
    iommu_group INTEGER,
    numa_node INTEGER,
    generation INTEGER NOT NULL,
    boot_id TEXT,
    birth INTEGER,
    taken TEXT NOT NULL,
    ended TEXT,
    ttl_s REAL,
    expires REAL,
    pid INTEGER,
    pid_started INTEGER,
    pinned INTEGER NOT NULL,
    group_disjoint INTEGER NOT NULL
);
CREATE UNIQUE INDEX one_lease_of_a_vf ON leases (pf_device, vf_index)
    WHERE status IN ('held', 'scrubbing', 'dirty');
CREATE INDEX leases_by_status ON leases (status);
CREATE TABLE generations (
    identity TEXT NOT NULL,
    vf_index INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    PRIMARY KEY (identity, vf_index)
) WITHOUT ROWID;
CREATE TABLE pools (
    name TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    source TEXT NOT NULL,
    stamp TEXT NOT NULL,
    defined TEXT NOT NULL
) WITHOUT ROWID;
"""


def _make(connection: sqlite3.Connection) -> None:
    create_tables(connection, _TABLES)


SCHEMA = Schema(version=1, upgrade=_make, write_ahead=True)
