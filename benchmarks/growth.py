"""How time and memory grow with the number of VFs, on the kernel's simulated network device.

Runs inside the lab: ``sriovctl lab run netdevsim --results benchmarks -- .venv/bin/python
benchmarks/growth.py``.  Each command is a process of its own, whose peak of memory the kernel
tells when it ends; beside them stands a start of Python.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from case import PYTHON, SRIOVCTL
from cases.apply import by_itself, state_text, warm_up
from changes import IP_BATCH, Subject, ip_lines
from growth_picture import draw_growth
from in_memory import bring_into_memory
from measure import describe_machine
from netdevsim import netdev_with_vfs

# Of whatever a process starts the kernel tells no less memory than that process had itself, so one
# that has little starts it; what takes less, as ip does, is told as having as much.
LAUNCHER = """
import os, sys, time
began = time.perf_counter()
_, status, usage = os.wait4(os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ), 0)
took = time.perf_counter() - began
print(os.waitstatus_to_exitcode(status), took, usage.ru_maxrss, file=sys.stderr)
"""
SIZES = (10, 100, 1000, 10_000)
# Each of its lines costs the kernel a walk through all VFs: 10 000 take many minutes.
IP_MOST = 1000
MANY = 10_000  # where once is enough to see the line go on
PICTURE = "growth-processes.svg"
FIGURES = "growth-processes.json"


class Cost(NamedTuple):
    """What one run of a command took."""

    seconds: float
    peak_mib: float


def cost(command: Sequence[str], text: str = "") -> Cost:
    """Run a command that must not fail, and ask the kernel what it took."""
    words = (sys.executable, "-I", "-S", "-c", LAUNCHER, shutil.which(command[0]) or command[0])
    done = subprocess.run(
        (*words, *command[1:]),
        input=text,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    status, took, peak_kib = done.stderr.splitlines()[-1].split()
    if status != "0":
        sys.exit(f"{' '.join(command)} ended with {status}: {done.stderr}")
    return Cost(float(took), int(peak_kib) / 1024)


def measure(netdev: str, num_vfs: int, runs: int) -> dict[str, Cost]:
    """Run each command some times in turn, and return the medians."""
    pf = Subject(netdev, num_vfs, range(num_vfs))

    def applying() -> Cost:
        changes = pf.changes()
        took = cost((SRIOVCTL, "apply", "-"), state_text(netdev, changes))
        pf.prove(changes, "sriovctl apply")
        return took

    ways: dict[str, Callable[[], Cost]] = {
        "python3 -I -c pass": lambda: cost(PYTHON),
        "ls --json": lambda: cost((SRIOVCTL, "ls", "--json")),
        "apply": applying,
    }
    if num_vfs <= IP_MOST:
        ways["ip -batch"] = lambda: cost(IP_BATCH, ip_lines(netdev, pf.changes()))
    found: dict[str, list[Cost]] = {name: [] for name in ways}
    for _ in range(runs):
        for name, way in ways.items():
            found[name].append(way())
    return {name: median(costs) for name, costs in found.items()}


def median(costs: Sequence[Cost]) -> Cost:
    """Take the middle of each column."""
    times, peaks = zip(*costs, strict=True)
    return Cost(round(statistics.median(times), 4), round(statistics.median(peaks), 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--vfs", type=int, nargs="+", default=list(SIZES))
    args = parser.parse_args()
    rows = []
    with by_itself():
        for num_vfs in args.vfs:
            with netdev_with_vfs(num_vfs) as netdev:
                warm_up(Subject(netdev, num_vfs, range(num_vfs)))
                bring_into_memory((SRIOVCTL, "ls", "--json"), PYTHON)
                runs = args.runs if num_vfs < MANY else 1
                for name, (took, peak) in measure(netdev, num_vfs, runs).items():
                    print(f"{num_vfs:6} VFs  {name:20} {took:8.3f} s  {peak:7.1f} MiB", flush=True)
                    row = {"what": name, "vfs": num_vfs, "s": took, "peak_mib": peak, "runs": runs}
                    rows.append(row)
    out = Path(os.environ.get("SRIOVCTL_LAB_RESULTS", "."))
    written = {"machine": describe_machine(), "rows": rows}
    (out / FIGURES).write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
    (out / PICTURE).write_text(draw_growth(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
