"""How time and memory grow with the number of PCI VFs, on a simulated host, in process.

Runs anywhere: ``.venv/bin/python benchmarks/growth_simulated.py``.  Each size has a process of its
own.  What is measured is this process's CPU time, which other work on the machine does not touch,
and what it has of memory at its highest beyond what the simulated host takes.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from changes import Subject
from growth_picture import draw_growth
from measure import describe_machine
from sriovctl.codec.state_file import parse_state
from sriovctl.codec.state_text import format_state
from sriovctl.engine.inventory import PCI_DEVICES, read_inventory
from sriovctl.engine.runs.apply import ApplyOptions, apply_plan
from sriovctl.engine.runs.execute import Site
from sriovctl.engine.runs.users import Users
from sriovctl.host.journal import SQLiteJournal
from sriovctl.host.simulated import INTEL_E810, Card, MachineSpec, SimulatedHost, simulate
from sriovctl.model.functions import PF
from sriovctl.model.plan import Plan
from sriovctl.model.state import DesiredState, PFMatch, WantedPF
from sriovctl.planner.diff import plan_state
from sriovctl.render.inventory_json import format_inventory_json

HERE = Path(__file__).parent
PICTURE = HERE.parent / "docs/pictures/growth.svg"
FIGURES = HERE / "growth.json"
SIZES = (10, 100, 1000, 10_000)
VFS_OF_CARD = 250
WORKS = ("ls --json", "plan", "apply")


def host_with_vfs(num_vfs: int) -> SimulatedHost:
    """Spread so many VFs over as few cards as can have them."""
    cards = -(-num_vfs // VFS_OF_CARD)
    host = simulate(MachineSpec(cards=(Card(INTEL_E810),) * cards))
    for number, pf in enumerate(look(host)):
        directory = f"{PCI_DEVICES}/{pf.device}"
        host.files.write_text(f"{directory}/sriov_drivers_autoprobe", "0")
        rest = min(num_vfs - number * VFS_OF_CARD, VFS_OF_CARD)
        host.files.write_text(f"{directory}/sriov_numvfs", str(rest))
    return host


def look(host: SimulatedHost) -> tuple[PF, ...]:
    return read_inventory(host, name_of=lambda *_: None)


def state_of(pfs: tuple[PF, ...]) -> str:
    """Write a file that wants five attributes of each VF; the simulated card guarantees no rate."""
    wanted = [
        WantedPF(
            f"pf{number}",
            PFMatch(address=pf.device),
            vfs=tuple(
                (
                    index,
                    one._replace(min_tx_rate_mbps=0, admin_mac=mac_of(number, index)),
                )
                for index, one in Subject(pf.device, len(pf.vfs), range(len(pf.vfs))).changes()
            ),
        )
        for number, pf in enumerate(pfs)
    ]
    return format_state(DesiredState(tuple(wanted)))


def mac_of(pf: int, vf_index: int) -> str:
    return f"52:54:00:{pf:02x}:{vf_index:02x}:01"


def measure(num_vfs: int, work: str) -> tuple[float, float]:
    """Do one work once: CPU seconds and MiB."""
    host = host_with_vfs(num_vfs)
    text = "" if work == "ls --json" else state_of(look(host))
    site = Site(host, SQLiteJournal(None), lambda _: None)
    works: dict[str, Callable[[], object]] = {
        "ls --json": lambda: format_inventory_json(look(host)),
        "plan": lambda: plan_of(host, site, text),
        "apply": lambda: apply_plan(site, plan_of(host, site, text), options=ApplyOptions()),
    }
    return cost(works[work])


def plan_of(host: SimulatedHost, site: Site, text: str) -> Plan:
    """Read the file and the host, ask who uses what, and plan."""
    pfs = look(host)
    owners = Users(site, open_libvirt=None).of(pfs).owners
    return plan_state(parse_state(text, source="growth"), pfs, owners=owners)


def cost(work: Callable[[], object]) -> tuple[float, float]:
    """Do it: CPU seconds, and MiB at the highest beyond what there was before."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forgets the highest
    before = memory_mib("VmRSS")
    began = time.process_time()
    work()
    return time.process_time() - began, memory_mib("VmHWM") - before


def memory_mib(key: str) -> float:
    """Say what this process has of memory, or had at its highest."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith(key)).split()[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--size", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.size:
        print(json.dumps(measure(args.size, args.work)))
        return
    rows: list[dict[str, object]] = []
    for size, work in itertools.product(SIZES, WORKS):
        words = (sys.executable, __file__, "--size", str(size), "--work", work)
        told = [json.loads(subprocess.check_output(words)) for _ in range(args.runs)]
        took, peak = (statistics.median(column) for column in zip(*told, strict=True))
        print(f"{size:6} VFs  {work:10} {took:8.4f} s  {peak:7.1f} MiB", flush=True)
        rows.append(
            {"what": work, "vfs": size, "s": round(took, 4), "peak_mib": round(max(peak, 0.1), 1)}
        )
    written = {"machine": describe_machine(), "rows": rows}
    FIGURES.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
    PICTURE.write_text(draw_growth(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
