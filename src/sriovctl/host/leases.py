"""The book of leases: an SQLite file that survives kill -9 and a power cut.

Whoever writes opens the book with ``BEGIN IMMEDIATE``, decides on what stands there, and writes:
so no two processes lend the same VF.  SQLite lets those who wait for it try again after a while,
and with two hundred of them some would never have their turn; so they queue on a lock of their
own first.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime

from sriovctl.host.database import Database, make_directory
from sriovctl.host.kernel_errors import kernel_error
from sriovctl.host.lease_schema import SCHEMA
from sriovctl.host.locks import HeldLocks, share_locks
from sriovctl.model.lease import OPEN, BookMark, Lease, LeaseStatus, Reason, StoredPool

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence
    from typing import Any

_COLUMNS = ", ".join(Lease._fields)
_MARKS = ", ".join("?" * len(Lease._fields))
_OPEN = ", ".join(f"'{status}'" for status in OPEN)
_IDENTITIES = Lease._fields.index("pf_identities")
_LEASE_ID = Lease._fields.index("lease_id")
_KEPT = 1000  # leases that have ended, the newest: for those who come with an old number


class SQLiteLeaseBook:
    """A book in *directory*, or in memory alone when that is None (simulated hosts)."""

    def __init__(self, directory: str | None) -> None:
        self._directory = directory
        self._database = Database(directory, "leases.db", what="the book of leases", schema=SCHEMA)

    @contextmanager
    def writing(self) -> Iterator[SQLiteLeaseTable]:
        """Open it for writing; see :class:`sriovctl.host.lease_api.LeaseBook`."""
        # The locks of PFs last longer than the transaction: what it wrote counts by then.
        with self._queue(), ExitStack() as locks, self._database.transaction() as connection:
            yield SQLiteLeaseTable(self, connection, locks)

    @contextmanager
    def sharing(self, devices: Sequence[str]) -> Iterator[HeldLocks]:
        """Keep PFs from being changed, those that nobody changes already."""
        if self._directory is None:
            yield HeldLocks(dict.fromkeys(devices))
            return
        make_directory(f"{self._directory}/locks")
        with share_locks(f"{self._directory}/locks", devices) as held:
            yield held

    @contextmanager
    def _queue(self) -> Iterator[None]:
        if self._directory is None:
            yield
            return
        make_directory(self._directory)
        path = f"{self._directory}/leases.lock"
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise kernel_error(error, subject=path, action="cannot make the lock") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            fcntl.flock(handle, fcntl.LOCK_UN)  # children that were forked meanwhile have it too
            os.close(handle)

    # --- leases --------------------------------------------------------------------------

    def leases(self, *, ended: bool = False) -> tuple[Lease, ...]:
        """Read all that have not ended, by ascending number; or those that have, too."""
        which = "" if ended else f"WHERE status != '{LeaseStatus.ENDED}'"
        rows = self._database.select(f"SELECT {_COLUMNS} FROM leases {which} ORDER BY lease_id")
        return tuple(map(_decode, rows))

    def questionable(self, *, now_s: float, boot_id: str | None) -> tuple[Lease, ...]:
        """Read open leases that may be over, by what the book alone tells."""
        rows = self._database.select(
            f"SELECT {_COLUMNS} FROM leases WHERE status IN ({_OPEN}) AND (status != "
            f"'{LeaseStatus.HELD}' OR expires <= ? OR pid IS NOT NULL OR boot_id IS NOT ?) "
            "ORDER BY lease_id",
            (now_s, boot_id),
        )
        return tuple(map(_decode, rows))

    def mark(self) -> BookMark:
        """Note how far it is."""
        rows = self._database.select("SELECT max(lease_id) FROM leases")
        newest = (rows[0][0] or 0) if rows else 0
        kept = f"SELECT pf_device, vf_index FROM leases WHERE status IN ({_OPEN})"
        return BookMark(newest, frozenset(map(tuple, self._database.select(kept))))

    # --- pools ---------------------------------------------------------------------------

    def pools(self) -> tuple[StoredPool, ...]:
        """Read all pools, by name."""
        columns = ", ".join(StoredPool._fields)
        rows = self._database.select(f"SELECT {columns} FROM pools ORDER BY name")
        return tuple(StoredPool(*row) for row in rows)

    def store_pools(self, pools: Sequence[StoredPool]) -> None:
        """Write pools down; each takes the place of one with the same name."""
        columns = ", ".join(StoredPool._fields)
        with self._queue(), self._database.transaction() as connection:
            connection.executemany(
                f"INSERT OR REPLACE INTO pools ({columns}) VALUES (?, ?, ?, ?, ?)",
                [pool._replace(defined=_now()) for pool in pools],
            )

    def remove_pool(self, name: str) -> bool:
        """Forget a pool; say whether it was there."""
        with self._queue(), self._database.transaction() as connection:
            cursor = connection.execute("DELETE FROM pools WHERE name = ?", (name,))
            return cursor.rowcount > 0

    def close(self) -> None:
        """Close the file."""
        self._database.close()


class SQLiteLeaseTable:
    """The book while it is open for writing; see :class:`sriovctl.host.lease_api.LeaseTable`."""

    def __init__(
        self, book: SQLiteLeaseBook, connection: sqlite3.Connection, locks: ExitStack
    ) -> None:
        self._book = book
        self._connection = connection
        self._locks = locks
        self._shared: set[str] = set()

    def open_leases(self) -> tuple[Lease, ...]:
        """Read those that keep their VF from others, by ascending number."""
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM leases WHERE status IN ({_OPEN}) ORDER BY lease_id"
        )
        return tuple(map(_decode, rows))

    def lent_since(self, lease_id: int) -> frozenset[tuple[str | None, int]]:
        """Read PF and index of the VFs of all leases with a higher number, over or not."""
        query = "SELECT pf_device, vf_index FROM leases WHERE lease_id > ?"
        rows = self._connection.execute(query, (lease_id,))
        return frozenset((device, index) for device, index in rows)

    def find(self, lease_id: int) -> Lease | None:
        """Read one."""
        query = f"SELECT {_COLUMNS} FROM leases WHERE lease_id = ?"
        row = self._connection.execute(query, (lease_id,)).fetchone()
        return None if row is None else _decode(row)

    def add(self, lease: Lease) -> Lease:
        """Write a new one down; return it with its number, the VF's generation and the time."""
        added = lease._replace(generation=self._next_generation(lease), taken=_now())
        values = list(_encode(added))
        values[_LEASE_ID] = None
        cursor = self._connection.execute(
            f"INSERT INTO leases ({_COLUMNS}) VALUES ({_MARKS})", values
        )
        assert cursor.lastrowid is not None
        return added._replace(lease_id=cursor.lastrowid)

    # A PF is not always known by the same names: its MAC hides while its netdev is away, say.  The
    # number goes on from the highest under any of them.
    def _next_generation(self, lease: Lease) -> int:
        names = (*lease.pf_identities, f"device {lease.pf_device}")
        marks = ", ".join("?" * len(names))
        (highest,) = self._connection.execute(
            f"SELECT max(generation) FROM generations WHERE vf_index = ? AND identity IN ({marks})",
            (lease.vf_index, *names),
        ).fetchone()
        generation = int(highest or 0) + 1
        self._connection.executemany(
            "INSERT OR REPLACE INTO generations (identity, vf_index, generation) VALUES (?, ?, ?)",
            [(name, lease.vf_index, generation) for name in names],
        )
        return generation

    def update(self, lease: Lease) -> None:
        """Write what one has become."""
        if lease.status is LeaseStatus.ENDED and lease.ended is None:
            lease = lease._replace(ended=_now())
        assignments = ", ".join(f"{name} = ?" for name in Lease._fields)
        self._connection.execute(
            f"UPDATE leases SET {assignments} WHERE lease_id = ?",
            (*_encode(lease), lease.lease_id),
        )
        if lease.status is LeaseStatus.ENDED:
            self._forget_old()

    def _forget_old(self) -> None:
        self._connection.execute(
            f"DELETE FROM leases WHERE status = '{LeaseStatus.ENDED}' "
            f"AND lease_id <= (SELECT max(lease_id) FROM leases) - {_KEPT}"
        )

    def share(self, device: str) -> bool:
        """Keep a PF from being changed until the book is closed; say whether that could be."""
        if device not in self._shared:
            held = self._locks.enter_context(self._book.sharing([device]))
            self._shared |= held.devices
        return device in self._shared


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _encode(lease: Lease) -> tuple[Any, ...]:
    return tuple(lease._replace(pf_identities="\n".join(lease.pf_identities)))  # type: ignore[arg-type]


def _decode(row: tuple[Any, ...]) -> Lease:
    lease = Lease(*row)
    return lease._replace(
        pf_identities=tuple(filter(None, row[_IDENTITIES].split("\n"))),
        status=LeaseStatus(lease.status),
        reason=None if lease.reason is None else Reason(lease.reason),
        pinned=bool(lease.pinned),
        group_disjoint=bool(lease.group_disjoint),
    )
