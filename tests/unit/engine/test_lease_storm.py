"""No VF is ever lent twice, and none is lost, whatever processes die."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from pathlib import Path

import pytest
from tests.unit.engine.storm import PFS, POOL, VFS_OF_EACH, Place, Storm, StormHost

from sriovctl.model.lease import Request, Terms

long = pytest.mark.skipif(
    os.environ.get("SRIOVCTL_LONG_TESTS") != "1", reason="long: set SRIOVCTL_LONG_TESTS=1"
)


@pytest.mark.parametrize("cycles", [3, pytest.param(60, marks=long)])
def test_two_hundred_processes_and_kill_9(tmp_path: Path, cycles: int) -> None:
    host, place = StormHost(), Place(tmp_path)
    storm = Storm(host, place, cycles=cycles, killed=7 * cycles)
    storm.rage(200, reserves=50)
    assert storm.deaths >= 10  # who ends by itself before its turn comes, dies no more
    assert not place.violations.exists(), place.violations.read_text()
    assert storm.failures == []

    # Each VF's generations were told in rising order, and none twice.
    told: dict[tuple[str, str], list[int]] = {}
    for line in place.log.read_text().splitlines():
        device, vf_index, generation = line.split()
        told.setdefault((device, vf_index), []).append(int(generation))
    assert sum(map(len, told.values())) > 400
    for generations in told.values():
        assert max(Counter(generations).values()) == 1
        assert generations == sorted(generations)

    # Nothing is lost: what the dead held is found, and everything can be lent again.
    desk, book = host.desk(place.state)
    desk.reap()
    assert desk.leases() == ()
    everything = desk.take(POOL, Request("last", vfs=PFS * VFS_OF_EACH), Terms())
    assert len({(lease.pf_device, lease.vf_index) for lease in everything}) == 1000
    for lease in everything:
        earlier = told.get((str(lease.pf_device), str(lease.vf_index)), [0])
        assert lease.generation > earlier[-1]
    book.close()
    with sqlite3.connect(place.state / "leases.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
