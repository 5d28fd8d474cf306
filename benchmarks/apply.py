"""``sriovctl apply`` of five attributes of many VFs, as a whole process, beside ``ip``.

Runs inside the lab: ``sriovctl lab run netdevsim -- .venv/bin/python benchmarks/apply.py``.
Reading the file, looking for users, planning, the journal and all reading back are part of ours.
The ways take turns; each run sets other values than the one before and is read back by ip.

The lab's disk is another machine's: each file that is opened costs a millisecond and more, which
Python opens by the hundred.  ``--in-memory`` brings programs and modules into memory first.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import sriovctl
from pairs import describe_machine, seconds
from sriovctl.codec.state_text import format_state
from sriovctl.model.state import DesiredState, PFMatch, WantedPF, WantedVF
from vf_attributes import five_for_all, ip_line, netdev_with_vfs

SRIOVCTL = str(Path(sys.executable).parent / "sriovctl")

Changes = list[tuple[int, WantedVF]]
Way = Callable[[str, Changes], None]


def with_sriovctl(netdev: str, changes: Changes) -> None:
    pf = WantedPF("pf", PFMatch(netdev=netdev), vfs=tuple(changes))
    subprocess.run(
        [SRIOVCTL, "apply", "-"],
        input=format_state(DesiredState((pf,))),
        text=True,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def with_ip_batch(netdev: str, changes: Changes) -> None:
    lines = "".join(ip_line(netdev, index, wanted) for index, wanted in changes)
    subprocess.run(["ip", "-batch", "-"], input=lines, text=True, check=True)


def with_one_ip_per_vf(netdev: str, changes: Changes) -> None:
    script = "".join(f"ip {ip_line(netdev, index, wanted)}" for index, wanted in changes)
    subprocess.run(["sh", "-e"], input=script, text=True, check=True)


# The lab's root is an overlay: what is to be changed is first copied into memory.
def bring_into_memory() -> None:
    library, package = Path(os.__file__).parent, Path(sriovctl.__file__).parent
    folders = [library, *(library / name for name in ("collections", "encodings", "lib-dynload"))]
    files = [*package.rglob("*"), *(one for folder in folders for one in folder.glob("*"))]
    files += [one for folder in folders for one in folder.glob("__pycache__/*")]
    programs = [SRIOVCTL, sys.executable, shutil.which("ip") or "ip"]
    for path in (*files, *(Path(program).resolve() for program in programs)):
        if path.is_file():
            path.chmod(path.stat().st_mode)


# iproute2 before 6.4 shows the first few of hundreds: those that it shows are compared.
def check(netdev: str, changes: Changes) -> None:
    shown = subprocess.run(
        ["ip", "-j", "-d", "link", "show", "dev", netdev],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    (link,) = json.loads(shown)
    found = [vf["address"] for vf in link["vfinfo_list"]]
    wanted = [vf.admin_mac for _, vf in changes]
    if not found or found != wanted[: len(found)]:
        sys.exit(f"{netdev} is not as it was set: {found[:3]}, wanted {wanted[:3]}")


def compare(num_vfs: int, rival: str, way: Way, runs: int) -> dict[str, object]:
    times: dict[str, list[float]] = {"ours": [], "rival": []}
    with netdev_with_vfs(num_vfs) as netdev:
        for turn in range(runs):
            for number, (name, one) in enumerate((("ours", with_sriovctl), ("rival", way))):
                changes = five_for_all(num_vfs, 2 * turn + number + 1)
                times[name].append(seconds(partial(one, netdev, changes)))
                check(netdev, changes)
    ours, theirs = statistics.median(times["ours"]), statistics.median(times["rival"])
    ratios = [a / b for a, b in zip(times["ours"], times["rival"], strict=True)]
    print(
        f"{num_vfs:5} VFs  sriovctl apply {ours:6.2f} s   {rival:16} {theirs:6.2f} s   "
        f"ratio {ours / theirs:.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    )
    return {
        "case": f"apply 5 attributes of {num_vfs} VFs",
        "rival": rival,
        "ours_s": ours,
        "rival_s": theirs,
        "ratio": ours / theirs,
        "runs": runs,
        "machine": describe_machine(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--vfs", type=int, nargs="+", default=[256, 1000], metavar="N")
    parser.add_argument("--loop-most", type=int, default=256, help="VFs to try one ip each with")
    parser.add_argument("--json", metavar="FILE", help="write the figures there, too")
    parser.add_argument("--in-memory", action="store_true", help="open no module on the lab's disk")
    args = parser.parse_args()
    print(describe_machine())
    if args.in_memory:
        bring_into_memory()
    rows = []
    with tempfile.TemporaryDirectory() as directory:
        os.environ["SRIOVCTL_STATE_DIR"] = directory
        for num_vfs in args.vfs:
            rows.append(compare(num_vfs, "ip -batch", with_ip_batch, args.runs))
            if num_vfs <= args.loop_most:
                rows.append(compare(num_vfs, "one ip per VF", with_one_ip_per_vf, args.runs))
    if args.json:
        Path(args.json).write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
