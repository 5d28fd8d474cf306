"""What the SQLite files in the state directory have in common: opening, versions, errors.

``synchronous=FULL`` makes each commit durable before it returns: what was written down survives
kill -9 and a power cut.  Several processes may use a file at once, also of different versions of
sriovctl: the newer one brings the file up to date, and from then on the older one, which may have
had it open for days, refuses it.
"""

from __future__ import annotations

# The library as it is: sqlite3, which teaches it Python's dates, takes as long again to import.
import _sqlite3 as sqlite3
import os
from contextlib import contextmanager

from sriovctl.errors import HostError, PermissionDenied, UnsupportedError
from sriovctl.host.kernel_errors import kernel_error
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

DEFAULT_DIRECTORY = "/var/lib/sriovctl"
_WAIT_FOR_OTHERS_S = 30.0  # a commit of theirs takes milliseconds; a slow disk takes longer


def state_directory() -> str:
    """Say where the files of this host are, as whoever started this process wants it."""
    return os.environ.get("SRIOVCTL_STATE_DIR", DEFAULT_DIRECTORY)


class Schema(NamedTuple):
    """The tables of one file.

    SQLite's ``user_version`` tells which version a file has; 0 is a new one.
    """

    version: int
    upgrade: Callable[[sqlite3.Connection], None]  # makes the tables, or brings them up to date
    # A log beside the file (write-ahead) makes commits several times as fast, and lets others
    # read meanwhile; the price is two more files.
    write_ahead: bool = False


class Database:
    """One file in the state directory; opened when it is first used.

    :param directory: None: in memory alone (simulated hosts).
    :param what: what it is called in complaints, as "the journal".
    """

    def __init__(self, directory: str | None, name: str, *, what: str, schema: Schema) -> None:
        self._directory = directory
        self._name = name
        self._what = what
        self._schema = schema
        self._connection: sqlite3.Connection | None = None

    @property
    def path(self) -> str:
        """Where it is."""
        return ":memory:" if self._directory is None else f"{self._directory}/{self._name}"

    @property
    def exists(self) -> bool:
        """Whether there is one: none is made for being asked.

        :raises PermissionDenied: this user may not know.
        :raises HostError: the directory cannot be read.
        """
        return self._directory is None or file_exists(self.path)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Change it, all or nothing; nobody else changes it meanwhile.

        :raises HostError: it cannot be written (disk full, read-only), or is no database.
        :raises PermissionDenied: this user may not write it.
        """
        with self._complaining():
            connection = self._open()
            with _atomic(connection):
                self._refuse_newer(connection)
                yield connection

    def select(self, query: str, values: Sequence[object] = ()) -> list[Any]:
        """Read; nothing is there as long as there is no file.

        :raises HostError: it cannot be read, or is no database.
        :raises PermissionDenied: this user may not read it.
        """
        if not self.exists:
            return []
        with self._complaining():
            connection = self._open()
            self._refuse_newer(connection)
            return connection.execute(query, tuple(values)).fetchall()

    # It was of our version when it was opened, which may be days ago.
    def _refuse_newer(self, connection: sqlite3.Connection) -> None:
        version = _version_of(connection)
        if version > self._schema.version:
            raise UnsupportedError(
                f"is of version {version}, and this sriovctl knows {self._schema.version}",
                subject=self.path,
                hint="use the newer sriovctl that wrote it",
            )

    @contextmanager
    def _complaining(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if self._directory is not None:
                self.close()  # opened while the file system was read-only, it would stay so
                _refuse_others(error, self._what, self.path)
            raise HostError(
                f"{self._what} cannot be used: {error}",
                subject=self.path,
                hint="is the disk full or read-only?",
            ) from error

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            if self._directory is not None:
                make_directory(self._directory)
            connection = sqlite3.connect(
                self.path, timeout=_WAIT_FOR_OTHERS_S, isolation_level=None
            )
            try:
                connection.execute("PRAGMA synchronous = FULL")
                if not self._schema.write_ahead:
                    # The rollback journal stays where it is, and is made invalid by its head: as
                    # safe as deleting it, and a commit takes a tenth of the time.
                    connection.execute("PRAGMA journal_mode = PERSIST")
                self._refuse_newer(connection)
                _prepare(connection, self._schema)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def file_exists(path: str) -> bool:
    """Say whether there is a file.

    :raises PermissionDenied: this user may not know.
    :raises HostError: the directory cannot be read.
    """
    try:
        os.stat(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise kernel_error(error, subject=path, action="cannot read") from error
    return True


# To read a file with a log beside it, one must be able to write into that directory.
def _refuse_others(error: sqlite3.Error, what: str, path: str) -> None:
    kind = getattr(error, "sqlite_errorcode", 0) & 0xFF  # what Python itself refuses has none
    is_refused = kind in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
    if is_refused and os.geteuid() != 0 and not os.access(path, os.W_OK):
        raise PermissionDenied(
            f"{what} cannot be used by this user", subject=path, hint="run as root"
        ) from error


def _prepare(connection: sqlite3.Connection, schema: Schema) -> None:
    if _version_of(connection) >= schema.version:
        return
    if schema.write_ahead:
        connection.execute("PRAGMA journal_mode = WAL")
    with _atomic(connection):
        # Another process may have been faster while we waited for the file.
        if _version_of(connection) < schema.version:
            schema.upgrade(connection)
            connection.execute(f"PRAGMA user_version = {schema.version}")


@contextmanager
def _atomic(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # After some failures (a full disk) SQLite has gone back by itself.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _version_of(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def create_tables(connection: sqlite3.Connection, statements: str) -> None:
    """Run statements that stand after one another, each with a semicolon at its end."""
    for statement in filter(str.strip, statements.split(";")):
        connection.execute(statement)


def make_directory(directory: str) -> None:
    """Make a directory for root alone, if there is none.

    :raises PermissionDenied: this user may not.
    :raises HostError: the disk is full, read-only or broken.
    """
    try:
        os.makedirs(directory, mode=0o700, exist_ok=True)
    except PermissionError:
        raise PermissionDenied("cannot be written", subject=directory, hint="run as root") from None
    except OSError as error:
        raise HostError(
            f"cannot be made: {error.strerror}",
            subject=directory,
            hint="nothing was changed; free the disk, or name another with SRIOVCTL_STATE_DIR",
        ) from error
