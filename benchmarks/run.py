"""Run the benchmarks, and write what came of them: ``make bench``.

Cases that need hardware run in lab machines, which this boots; ``--here`` runs on this host those
that make sense on it, and touches no PF that was not lent with ``--pf``.
"""

from __future__ import annotations

import argparse
import gc
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
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
    unmeasured,
    write_rows,
)
from cases import CASES
from lent import Lent, lend
from measure import describe_machine
from ratios import draw_ratios
from sriovctl.errors import InputError, SriovctlError
from stopping import NotSetBackError, Stopped, heed_signals

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
RESULTS_HERE = Path("results-here.json")
PICTURE = HERE.parent / "docs/pictures/ratios.svg"
LINES = "lines.jsonl"
TIMEOUT_S = "5400"
# As a lab's results name the cases.
LIMITS = {(case.title(), case.rival): case.limit for case in CASES}


def main() -> None:
    args = parse_arguments()
    # What is measured in process runs as it does in the command and the daemon.
    gc.set_threshold(100_000)
    if args.inside:
        run_inside([CASES[int(number)] for number in args.inside], args)
        return
    heed_signals()
    lent = None
    try:
        chosen, former = choose(args), former_results(args.out)
        lent = lend(args.pf) if args.pf else None
        measure(chosen, former, args, lent)
    except SriovctlError as error:
        end(str(error), error.exit_code)
    except NotSetBackError as error:
        end(f"{args.pf} is not as it was: {error}", 1)
    except Stopped as stopped:
        left = lent.back.do_all() if lent else []
        was = f"{args.pf} is not as it was: {'; '.join(left)}" if left else "all is as it was"
        end(f"stopped by {stopped}; {was}", stopped.exit_code)


def end(why: str, exit_code: int) -> None:
    """Say why it ends, to a terminal that may be gone."""
    with suppress(OSError):
        print(f"benchmarks: {why}", file=sys.stderr, flush=True)
    sys.exit(exit_code)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--here", action="store_true", help="on this host, without the lab")
    parser.add_argument(
        "--pf",
        metavar="ADDRESS",
        help="with --here: those of its VFs that nobody uses may be set, and bound where they "
        "have no driver; all is set back",
    )
    parser.add_argument(
        "--only",
        metavar="WORD",
        default="",
        help="cases whose name has it; others keep the results that they had",
    )
    parser.add_argument("--runs", type=number_of_runs, help="instead of each case's own number")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help=f"instead of {RESULTS.name}, or {RESULTS_HERE}"
    )
    parser.add_argument("--host-load", default="", help=argparse.SUPPRESS)
    parser.add_argument("--inside", nargs="+", metavar="NUMBER", help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.out = args.out or (RESULTS_HERE if args.here else RESULTS)
    return args


def number_of_runs(text: str) -> int:
    """Read how often each case is to run."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text}: say 1 or more")
    return int(text)


def choose(args: argparse.Namespace) -> list[Case]:
    """Choose the cases that are to run.

    :raises InputError: there is none, or the words do not fit together.
    """
    if args.pf and not args.here:
        raise InputError(
            "lends a PF of this host, and the lab has its own", subject="--pf", hint="add --here"
        )
    chosen = [case for case in CASES if args.only in f"{case.title()} beside {case.rival}"]
    if not chosen:
        names = "; ".join(sorted({case.title() for case in CASES}))
        raise InputError(
            "no case has this in its name",
            subject=f"--only {args.only}",
            hint=f"there are: {names}",
        )
    if not args.here:
        return chosen
    # What differs in the lab's number of VFs is the same here.
    return list({(case.name, case.rival): case for case in reversed(chosen)}.values())[::-1]


def former_results(out: Path) -> list[Row]:
    """Read what there is already, and see that it can be written.

    :raises InputError: it is something else, or cannot be.
    """
    hint = "name another file with --out"
    if not os.access(out if out.exists() else out.parent, os.W_OK):
        raise InputError("cannot be written", subject=out, hint=hint)
    try:
        return read_rows(out)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"holds something else: {error}", subject=out, hint=hint) from error


def measure(
    chosen: list[Case], former: list[Row], args: argparse.Namespace, lent: Lent | None
) -> None:
    """Run cases, and write their results after each."""
    new = list[Row]()
    for measured in run_here(chosen, args, lent) if args.here else run_all(chosen, args):
        new += [one.row for one in measured]
        # At once: whatever ends this later, and it may take hours, must not take these along.
        write_rows(args.out, in_order(new, kept=former))
    rows = in_order(new, kept=former if args.only else [])
    write_rows(args.out, rows)
    print(f"written: {args.out}")
    if args.out == RESULTS:
        PICTURE.write_text(draw_ratios(rows, LIMITS), encoding="utf-8")
        print(f"drawn: {PICTURE}")


def in_order(new: list[Row], *, kept: list[Row]) -> list[Row]:
    """Put results into the order of the cases; new ones take the place of older ones."""
    rows = {(row.case, row.rival): row for row in (*kept, *new)}
    return sorted(rows.values(), key=place_of)


def place_of(row: Row) -> int:
    """Find which case a row is of, whatever number of VFs it had."""
    named = [
        number
        for number, case in enumerate(CASES)
        if case.rival == row.rival
        and re.fullmatch(re.sub(r"\\{\w+\\}", r"\\d+", re.escape(case.name)), row.case)
    ]
    exact = [number for number in named if CASES[number].title() == row.case]
    return next(iter(exact or named), len(CASES))


def run_here(
    cases: Iterable[Case], args: argparse.Namespace, lent: Lent | None = None
) -> Iterator[list[Measured]]:
    """Run cases on this host, as it is, one after the other."""
    cases = list(cases)
    site = Site(fetch_rivals(cases), is_lab=False, lent=lent)
    for one in cases:
        yield [shown(run_case(one, site, machine_here(), runs=args.runs or one.runs))]


def run_all(cases: list[Case], args: argparse.Namespace) -> Iterator[list[Measured]]:
    """Run cases in the lab, machine by machine, and those that need none of it here."""
    fetch_rivals(cases)
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
    return [*got, *(shown(unmeasured(case, missing)) for case in cases[len(got) :])]


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


def fetch_rivals(cases: Iterable[Case]) -> Path:
    """Run the set-up for what cases need, and return where it put it."""
    packages = sorted({package for case in cases for package in case.packages})
    fetching = subprocess.run(
        (str(HERE / "setup"), *packages), check=True, stdout=subprocess.PIPE, text=True
    )
    return Path(fetching.stdout.strip())


if __name__ == "__main__":
    main()
