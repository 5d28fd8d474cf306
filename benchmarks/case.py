"""What a benchmark is: something of ours, a rival that does the same, and where both can run."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

SRIOVCTL = str(Path(sys.executable).parent / "sriovctl")
PYTHON = (sys.executable, "-I", "-c", "pass")


class Place(StrEnum):
    """Where a case can run: the names of lab machines, and the one that needs none."""

    ANYWHERE = "anywhere"
    SMALL = "82576"
    SCALE = "scale"
    NETDEVSIM = "netdevsim"


class CannotRunError(Exception):
    """A case cannot run here; says why."""


class Site(NamedTuple):
    """What the cases may use.

    :param programs: directory of the rivals that the set-up fetched.
    :param is_lab: all of the machine is there to be played with.
    :param pf: outside the lab: the netdev's PCI address of the one PF that the user lent.
    """

    programs: Path
    is_lab: bool
    pf: str | None = None


class Ways(NamedTuple):
    """Ours and the rival's; each does the work once, checks it, and returns what it took in s."""

    ours: Callable[[], float]
    rival: Callable[[], float]
    vfs: int = 0  # how many there really are


class Case(NamedTuple):
    """One line of the table.

    :param name: ``{vfs}`` in it becomes the number of VFs.
    :param limit: what the ratio should be at most.
    :param prepare: makes the ways ready; raises CannotRunError.
    :param changes: it changes PFs or VFs, and may not be run on what nobody lent.
    """

    name: str
    rival: str
    limit: float
    place: Place
    prepare: Callable[[Site], AbstractContextManager[Ways]]
    vfs: int = 0
    changes: bool = False
    services: tuple[str, ...] = ()
    runs: int = 7


class Row(NamedTuple):
    """One result, as ``results.json`` has it; without figures when the case could not run."""

    case: str
    rival: str
    ours_s: float | None
    rival_s: float | None
    ratio: float | None
    runs: int
    machine: str  # or why it did not run


class Measured(NamedTuple):
    """A row with what only a person wants to see beside it."""

    row: Row
    limit: float
    spread: tuple[float, float] | None  # smallest and largest ratio of a pair


def run_case(case: Case, site: Site, machine: str, *, runs: int) -> Measured:
    """Run ours and the rival in turn, after one of each that does not count.

    A case that fails says so in its row; the others go on.
    """
    try:
        if case.changes and not (site.is_lab or site.pf):
            raise CannotRunError("it changes VFs, and no PF was lent with --pf")
        with case.prepare(site) as ways:
            ways.ours(), ways.rival()
            pairs = [(ways.ours(), ways.rival()) for _ in range(runs)]
    except (CannotRunError, SystemExit, OSError, subprocess.CalledProcessError) as reason:
        name = case.name.format(vfs=case.vfs)
        return Measured(
            Row(name, case.rival, None, None, None, 0, f"did not run: {reason}"), case.limit, None
        )
    ours, rival = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratios = [one / other for one, other in pairs]
    row = Row(
        case.name.format(vfs=ways.vfs or case.vfs),
        case.rival,
        round(ours, 6),
        round(rival, 6),
        round(ours / rival, 4),
        runs,
        machine,
    )
    return Measured(row, case.limit, (min(ratios), max(ratios)))


def format_measured(measured: Measured) -> str:
    """Say one result on a line."""
    row, limit, spread = measured
    head = f"{row.case:44} beside {row.rival:32}"
    if row.ratio is None or spread is None:
        return f"{head} {row.machine}"
    met = "met" if row.ratio <= limit else "MISSED"
    return (
        f"{head} {row.ours_s:9.4f} s {row.rival_s:9.4f} s  ratio {row.ratio:.3f} "
        f"({spread[0]:.3f} to {spread[1]:.3f}), wanted {limit:.3f}: {met}"
    )


def read_rows(path: Path) -> list[Row]:
    """Read former results; none without the file."""
    text = path.read_text(encoding="utf-8") if path.exists() else "[]"
    return [Row(**row) for row in json.loads(text)]


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write results for people and programs."""
    text = json.dumps([row._asdict() for row in rows], indent=2)
    path.write_text(text + "\n", encoding="utf-8")


def append_line(path: Path, measured: Measured) -> None:
    """Add one result to a file of lines, so that none is lost when a later case fails."""
    row, limit, spread = measured
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps([row._asdict(), limit, spread]) + "\n")


def read_lines(path: Path) -> Iterator[Measured]:
    """Read what :func:`append_line` wrote."""
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        row, limit, spread = json.loads(line)
        yield Measured(Row(**row), limit, tuple(spread) if spread else None)
