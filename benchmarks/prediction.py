"""The doctor's checks and the prediction of groups on a host of 10 000 functions.

Runs anywhere: ``.venv/bin/python benchmarks/prediction.py``.  Reading is what a verb does: all
files of each function, its config space decoded.
"""

from __future__ import annotations

import argparse
import gc
import resource
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

from big_host import make_host
from measure import describe_machine, seconds
from sriovctl.checks.run import run_checks
from sriovctl.codec.pciconfig import decode_config
from sriovctl.engine.snapshot import read_snapshot
from sriovctl.host.recorded import RecordedHost
from sriovctl.topology.groups import predict_groups

LIMIT_MIB = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory(prefix="sriovctl-benchmark-") as name:
        print(f"{make_host(Path(name))} PCI functions, {describe_machine()}")
        measure(RecordedHost(name), runs)


def measure(host: RecordedHost, runs: int) -> None:
    snapshot = read_snapshot(host)
    groups = predict_groups(snapshot, iommu_on=False).groups
    print(f"{len(groups)} groups, {len(run_checks(snapshot))} findings")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"peak memory {peak:.0f} MiB, limit {LIMIT_MIB}: {'ok' if peak < LIMIT_MIB else 'TOO MUCH'}"
    )
    configs = [
        host.files.read_bytes(f"/sys/bus/pci/devices/{function.address}/config") or b""
        for function in snapshot.functions
    ]
    works: dict[str, Callable[[], object]] = {
        "read the host": lambda: read_snapshot(host),
        "decode the config spaces alone": lambda: [decode_config(data) for data in configs],
        "predict the groups": lambda: predict_groups(snapshot, iommu_on=True),
        "run the doctor's checks": lambda: run_checks(snapshot),
    }
    times: dict[str, list[float]] = {what: [] for what in works}
    for _ in range(runs):  # in turn, so that a slow moment hits all
        for what, work in works.items():
            gc.collect()
            times[what].append(seconds(work))
    reading = times["read the host"]
    for what, taken in times.items():
        ratio = statistics.median(one / read for one, read in zip(taken, reading, strict=True))
        print(f"{what:32} {statistics.median(taken) * 1e3:8.0f} ms   {ratio:5.2f} of reading")


if __name__ == "__main__":
    main()
