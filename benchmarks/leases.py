"""How many leases of a thousand VFs can be taken and released, beside SQLite's own limit.

Run from the root of the checkout: ``.venv/bin/python -m benchmarks.leases``.

Each process takes a lease and releases it, over and over.  That is three commits: the lease is
written, it is marked as being scrubbed, and it ends.  The limit is the same number of processes
that do nothing but commit one inserted row, in a file with the same settings: no way to keep
leases in SQLite is faster.  Both take turns, since the disk has its moods.

The host is simulated, and was looked at before: what a look costs depends on the host
(``cases/listing.py``), and the VFs have nothing to be cleaned of.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.unit.engine.storm import POOL, StormHost

from sriovctl.engine.leases.lease_sight import read_process
from sriovctl.host.database import Database, Schema
from sriovctl.host.leases import SQLiteLeaseBook
from sriovctl.model.lease import Request, Terms

COMMITS_OF_A_LEASE = 3

# Does its work once; called until the time is over.
Work = Callable[[], object]


def lending(host: StormHost, directory: Path) -> Work:
    desk, _ = host.desk(directory)
    process = read_process(host.files)
    request = Request(f"borrower-{process.pid}")

    def lend() -> None:
        (lease,) = desk.take(POOL, request, Terms(process=process))
        desk.release([lease.lease_id])

    return lend


def inserting(_: StormHost, directory: Path) -> Work:
    database = _bare(directory)

    def insert() -> None:
        with database.transaction() as connection:
            connection.execute("INSERT INTO rows (text) VALUES (?)", ("x" * 200,))

    return insert


def _bare(directory: Path) -> Database:
    schema = Schema(1, _make_rows, write_ahead=True)
    return Database(str(directory), "bare.db", what="the bare file", schema=schema)


def _make_rows(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE rows (number INTEGER PRIMARY KEY, text TEXT)")


def rate(
    make: Callable[[StormHost, Path], Work], host: StormHost, *, processes: int, seconds: float
) -> float:
    """Return how often all processes together did it in a second."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/var/tmp")) as name:
        _prepare(Path(name))
        out, into = os.pipe()
        for _ in range(processes):
            if os.fork() == 0:
                _work(make(host, Path(name)), into, seconds)
        os.close(into)
        answers = b"".join(iter(lambda: os.read(out, 65536), b""))
        os.close(out)
        for _ in range(processes):
            os.wait()
    done = [answers[at : at + 4] for at in range(0, len(answers), 4)]
    if len(done) != processes:
        sys.exit(f"{processes - len(done)} of {processes} processes failed")
    return sum(int.from_bytes(one, "little") for one in done) / seconds


# The files are there before anybody is in a hurry.
def _prepare(directory: Path) -> None:
    database = _bare(directory)
    with database.transaction():
        pass
    database.close()
    book = SQLiteLeaseBook(str(directory))
    with book.writing():
        pass
    book.close()


def _work(work: Work, into: int, seconds: float) -> None:
    done = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        work()
        done += 1
    os.write(into, done.to_bytes(4, "little"))
    os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 8, 200], metavar="N")
    parser.add_argument("--seconds", type=float, default=5.0, help="for each (default: 5)")
    parser.add_argument("--runs", type=int, default=3, help="of each (default: 3)")
    args = parser.parse_args()
    print(f"{os.uname().release}, Python {sys.version.split()[0]}, load {os.getloadavg()[0]:.1f}")
    host = StormHost()
    for processes in args.processes:
        lent: list[float] = []
        inserted: list[float] = []
        for _ in range(args.runs):
            for rates, make in ((inserted, inserting), (lent, lending)):
                rates.append(rate(make, host, processes=processes, seconds=args.seconds))
        leases, commits = statistics.median(lent), statistics.median(inserted)
        share = 100 * COMMITS_OF_A_LEASE * leases / commits
        print(
            f"{processes:4} processes: {leases:8.1f} leases/s taken and released"
            f" ({min(lent):.0f}-{max(lent):.0f}), {commits:8.1f} bare inserts/s"
            f" ({min(inserted):.0f}-{max(inserted):.0f}): {share:.0f} % of what SQLite can commit"
        )


if __name__ == "__main__":
    main()
