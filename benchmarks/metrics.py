"""One look at the counters of a PF with many VFs, beside ``ip -s link show``.

Runs inside the lab: ``sriovctl lab run netdevsim -- .venv/bin/python benchmarks/metrics.py``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from measure import compare, describe_machine, seconds
from netdevsim import netdev_with_vfs
from sriovctl.engine.counters import read_traffic
from sriovctl.host.live import LiveHost
from sriovctl.render.exposition import format_prometheus
from sriovctl.render.metrics import HostMetrics, metric_families

SRIOVCTL = (str(Path(sys.executable).with_name("sriovctl")), "metrics")


def median_ms(action: Callable[[], object], *, runs: int) -> float:
    action()  # imports, the socket
    return statistics.median(seconds(action) for _ in range(runs)) * 1e3


def vfs_told_by_ip(netdev: str) -> int:
    done = subprocess.run(
        ("ip", "-s", "-j", "link", "show", "dev", netdev),
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    return len(json.loads(done.stdout)[0].get("vfinfo_list", ()))


def measure(num_vfs: int, *, runs: int) -> None:
    with netdev_with_vfs(num_vfs) as netdev:
        host = LiveHost()
        pfs = read_traffic(host, name_of=lambda *_: None)
        found = HostMetrics(pfs, "benchmark", leases=())
        text = format_prometheus(metric_families(found))
        print(
            f"{num_vfs} VFs: sriovctl tells of {sum(len(one.vfs) for one in pfs)}, "
            f"ip of {vfs_told_by_ip(netdev)}; {len(text.splitlines())} lines"
        )
        reading = median_ms(lambda: read_traffic(host, name_of=lambda *_: None), runs=runs)
        writing = median_ms(lambda: format_prometheus(metric_families(found)), runs=runs)
        host.close()
        print(f"  in process: {reading:.1f} ms to read, {writing:.1f} ms to write as text")
        print("  " + compare(SRIOVCTL, ("ip", "-s", "link", "show", "dev", netdev), runs=runs))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vfs", type=int, nargs="+", default=[64, 1000])
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()
    print(describe_machine())
    for num_vfs in args.vfs:
        measure(num_vfs, runs=args.runs)


if __name__ == "__main__":
    main()
