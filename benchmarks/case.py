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

from sriovctl.errors import SriovctlError
from stopping import NotSetBackError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lent import Lent

SRIOVCTL = str(Path(sys.executable).parent / "sriovctl")
FIVE = 5  # attributes of a VF that are set together
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
    :param lent: outside the lab: the one PF that the user lent.
    """

    programs: Path
    is_lab: bool
    lent: Lent | None = None


class Ways(NamedTuple):
    """Ours and the rival's; each does the work once, checks it, and returns what it took in s."""

    ours: Callable[[], float]
    rival: Callable[[], float]
    vfs: int = 0  # how many there really are
    attributes: int = FIVE  # how many of them could be set
    pf_vfs: int = 0  # how many VFs the PF has that it is about


class Case(NamedTuple):
    """One line of the table.

    :param name: ``{vfs}``, ``{pf_vfs}`` and ``{attributes}`` in it become the numbers of these.
    :param limit: what the ratio should be at most, with as many VFs as in the lab.
    :param prepare: makes the ways ready; raises CannotRunError.
    :param changes: it changes PFs or VFs, and may not be run on what nobody lent.
    :param packages: what the set-up fetches for it.
    """

    name: str
    rival: str
    limit: float
    place: Place
    prepare: Callable[[Site], AbstractContextManager[Ways]]
    vfs: int = 0
    pf_vfs: int = 0
    changes: bool = False
    services: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    runs: int = 7

    def title(self, ways: Ways | None = None) -> str:
        """Name it by what was there, or by what was meant to be."""
        vfs, attributes, pf_vfs = (0, FIVE, 0) if ways is None else ways[2:]
        return self.name.format(
            vfs=vfs or self.vfs, attributes=attributes, pf_vfs=pf_vfs or self.pf_vfs
        )


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
    limit: float | None  # None: it had fewer VFs than the limit is meant for
    spread: tuple[float, float] | None  # smallest and largest ratio of a pair


def run_case(case: Case, site: Site, machine: str, *, runs: int) -> Measured:
    """Run ours and the rival in turn, after one of each that does not count.

    A case that fails says so in its row; the others go on.

    :raises NotSetBackError: what was lent is not as it was: nothing more may be done to it.
    """
    try:
        if case.changes and not (site.is_lab or site.lent):
            raise CannotRunError("it changes VFs, and no PF was lent with --pf")
        with case.prepare(site) as ways:
            ways.ours(), ways.rival()
            pairs = [(ways.ours(), ways.rival()) for _ in range(runs)]
    except NotSetBackError:
        raise
    except (Exception, SystemExit) as reason:
        return unmeasured(case, f"did not run: {_say(reason)}")
    ours, rival = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratios = [one / other for one, other in pairs]
    row = Row(
        case.title(ways),
        case.rival,
        round(ours, 6),
        round(rival, 6),
        round(ours / rival, 4),
        runs,
        machine,
    )
    is_large = not ways.vfs or ways.vfs >= case.vfs
    return Measured(row, case.limit if is_large else None, (min(ratios), max(ratios)))


def unmeasured(case: Case, why: str) -> Measured:
    """Make the row of a case that has no figures."""
    return Measured(Row(case.title(), case.rival, None, None, None, 0, why), case.limit, None)


def _say(reason: BaseException) -> str:
    if isinstance(reason, subprocess.CalledProcessError):
        command = " ".join(Path(word).name for word in reason.cmd[:2])
        told = " ".join((reason.stderr or "").split()[-40:])
        return f"{command} ended with {reason.returncode}: {told}"
    said = " ".join(str(reason).split())
    is_told = isinstance(reason, (CannotRunError, SriovctlError, SystemExit, OSError))
    return said if is_told else f"{type(reason).__name__}: {said}"


def format_measured(measured: Measured) -> str:
    """Say one result on a line."""
    row, limit, spread = measured
    head = f"{row.case:44} beside {row.rival:32}"
    if row.ratio is None or spread is None:
        return f"{head} {row.machine}"
    wanted = "" if limit is None else f", wanted {limit:.3f}: {_judge(row.ratio, limit)}"
    return (
        f"{head} {row.ours_s:9.4f} s {row.rival_s:9.4f} s  ratio {row.ratio:.3f} "
        f"({spread[0]:.3f} to {spread[1]:.3f}){wanted}"
    )


def _judge(ratio: float, limit: float) -> str:
    return "met" if ratio <= limit else "MISSED"


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
