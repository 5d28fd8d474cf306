"""Run the benchmarks, and write what came of them: ``make bench``.

Cases that need hardware run in lab machines, which this boots; ``--here`` runs on this host those
that make sense on it, and touches no PF that was not lent with ``--pf``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from case import (
    SRIOVCTL,
    Case,
    Measured,
    Place,
    Row,
    Site,
    append_line,
    format_measured,
    read_lines,
    read_rows,
    run_case,
    write_rows,
)
from cases import CASES
from measure import describe_machine
from ratios import draw_ratios

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
PICTURE = HERE.parent / "docs/pictures/ratios.svg"
LINES = "lines.jsonl"
TIMEOUT_S = "5400"
# As a lab's results name the cases.
LIMITS = {(case.name.format(vfs=case.vfs), case.rival): case.limit for case in CASES}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--here", action="store_true", help="on this host, without the lab")
    parser.add_argument(
        "--pf",
        metavar="ADDRESS",
        help="with --here: its VFs may be set (they are set back), and bound if none has a driver",
    )
    parser.add_argument(
        "--only",
        metavar="WORD",
        default="",
        help="cases whose name has it; others keep the results that they had",
    )
    parser.add_argument("--runs", type=int, help="instead of each case's own number")
    parser.add_argument("--out", type=Path, metavar="FILE", help=f"instead of {RESULTS.name}")
    parser.add_argument("--host-load", default="", help=argparse.SUPPRESS)
    parser.add_argument("--inside", nargs="+", metavar="NUMBER", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.pf and not args.here:
        parser.error("--pf lends a PF of this host: say --here too")
    if args.inside:
        run_inside([CASES[int(number)] for number in args.inside], args)
        return
    chosen = [
        case
        for case in CASES
        if args.only in f"{case.name.format(vfs=case.vfs)} beside {case.rival}"
    ]
    out = args.out or (Path("results-here.json") if args.here else RESULTS)
    former, new = read_rows(out), list[Row]()
    for measured in run_here(chosen, args) if args.here else run_all(chosen, args):
        new += [one.row for one in measured]
        # At once: whatever ends this later, and it may take hours, must not take these along.
        write_rows(out, in_order(new, kept=former))
    rows = in_order(new, kept=former if args.only else [])
    write_rows(out, rows)
    print(f"written: {out}")
    if out == RESULTS:
        PICTURE.write_text(draw_ratios(rows, LIMITS), encoding="utf-8")
        print(f"drawn: {PICTURE}")


def in_order(new: list[Row], *, kept: list[Row]) -> list[Row]:
    """Put results into the order of the cases; new ones take the place of older ones."""
    rows = {(row.case, row.rival): row for row in (*kept, *new)}
    places = {key: number for number, key in enumerate(LIMITS)}
    return sorted(rows.values(), key=lambda row: places.get((row.case, row.rival), len(places)))


def run_here(cases: Iterable[Case], args: argparse.Namespace) -> Iterator[list[Measured]]:
    """Run cases on this host, as it is, one after the other."""
    site = Site(fetch_rivals(), is_lab=False, pf=args.pf)
    for one in cases:
        yield [shown(run_case(one, site, machine_here(), runs=args.runs or one.runs))]


def run_all(cases: list[Case], args: argparse.Namespace) -> Iterator[list[Measured]]:
    """Run cases in the lab, machine by machine, and those that need none of it here."""
    fetch_rivals()
    for (place, services), group in groupby(sorted(cases, key=machine_of), machine_of):
        if place == Place.ANYWHERE:
            yield from run_here(group, args)
        else:
            yield run_in_lab(place, services, list(group), args.runs)


def machine_of(case: Case) -> tuple[str, tuple[str, ...]]:
    """Say which boot a case shares."""
    return case.place, case.services


def run_in_lab(
    machine: str, services: tuple[str, ...], cases: list[Case], runs: int | None
) -> list[Measured]:
    """Boot a machine, run this program inside, and take its results home."""
    numbers = [str(CASES.index(case)) for case in cases]
    words = [sys.executable, str(HERE / "run.py"), *(("--runs", str(runs)) if runs else ())]
    words += ["--host-load", f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs"]
    withs = [word for service in services for word in ("--with", service)]
    with tempfile.TemporaryDirectory() as directory:
        limits = ("--results", directory, "--timeout", TIMEOUT_S)
        lab = (SRIOVCTL, "lab", "run", machine, *withs, *limits, "--")
        status = subprocess.run((*lab, *words, "--inside", *numbers), check=False).returncode
        got = list(read_lines(Path(directory) / LINES))
    missing = f"did not run: the lab machine {machine} ended with {status}"
    return [*got, *(unmeasured(case, missing) for case in cases[len(got) :])]


def unmeasured(case: Case, why: str) -> Measured:
    """Make the row of a case that never came to its turn."""
    row = Row(case.name.format(vfs=case.vfs), case.rival, None, None, None, 0, why)
    return shown(Measured(row, case.limit, None))


def run_inside(cases: list[Case], args: argparse.Namespace) -> None:
    """Run cases in this lab machine."""
    programs = Path(os.environ.get("XDG_CACHE_HOME", "/root/.cache")) / "sriovctl/bench"
    site = Site(programs, is_lab=True)
    out = Path(os.environ["SRIOVCTL_LAB_RESULTS"]) / LINES
    for case in cases:
        machine = f"lab machine {case.place}: {describe_machine()}; host load {args.host_load}"
        append_line(out, shown(run_case(case, site, machine, runs=args.runs or case.runs)))


def machine_here() -> str:
    """Describe this host."""
    return f"this host: {describe_machine()}"


def shown(measured: Measured) -> Measured:
    """Print one result at once."""
    print(format_measured(measured), flush=True)
    return measured


def fetch_rivals() -> Path:
    """Run the set-up, and return where it put them."""
    done = subprocess.run((str(HERE / "setup"),), check=True, stdout=subprocess.PIPE, text=True)
    return Path(done.stdout.strip())


if __name__ == "__main__":
    main()
