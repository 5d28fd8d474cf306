"""The daemon on a PF with many VFs: what it costs, and how long a lost VLAN stays lost.

Runs inside the lab: ``sriovctl lab run netdevsim -- .venv/bin/python benchmarks/daemon.py``.
A repair is over when the kernel tells of it; it is looked at the journal and the host in full, and
each VLAN is read back.  One ``ip link set`` that does the same by hand stands beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from measure import describe_machine, format_ratio, wall_time
from netdevsim import netdev_with_vfs
from sriovctl.codec.link_event import decode_link_event
from sriovctl.codec.rtnl_change import encode_set_vf
from sriovctl.engine.link import read_link
from sriovctl.host.events import KernelEvents
from sriovctl.host.rtnl import KernelRouteNetlink
from sriovctl.model.functions import VLAN
from sriovctl.model.state import WantedVF

SRIOVCTLD = str(Path(sys.executable).parent / "sriovctld")
PATIENCE_S = 120.0


@contextmanager
def daemon_on(netdev: str) -> Iterator[int]:
    """Run a daemon that keeps VLAN 42 on all VFs; give its process id once it is ready."""
    with tempfile.TemporaryDirectory() as directory:
        state = Path(directory) / "host.yaml"
        state.write_text(
            f"version: 1\npfs: {{a: {{match: {{netdev: {netdev}}}, link: {{state: up}}, "
            "vf_default: {vlan: {id: 42}}}}\n"
        )
        log = Path(directory) / "log"
        environment = {**os.environ, "SRIOVCTL_STATE_DIR": directory}
        with log.open("wb") as out:
            process = subprocess.Popen([SRIOVCTLD, str(state)], stderr=out, env=environment)
        try:
            deadline = time.monotonic() + PATIENCE_S
            while "as declared" not in log.read_text():
                if process.poll() is not None or time.monotonic() > deadline:
                    sys.exit(f"the daemon is not ready: {log.read_text()}")
                time.sleep(0.1)
            yield process.pid
        finally:
            process.terminate()
            process.wait()


def resident_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024


def on_cpu_s(pid: int) -> float:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def link_events(events: KernelEvents, ifindex: int, count: int) -> float:
    """Wait for so many events of a netdev; return when the last one came."""
    poll = select.poll()
    for fileno in events.filenos():
        poll.register(fileno, select.POLLIN)
    deadline = time.perf_counter() + PATIENCE_S
    while count:
        if time.perf_counter() > deadline:
            sys.exit("no repair came")
        poll.poll(1000)
        now = time.perf_counter()
        told = (decode_link_event(one) for one in events.receive().link_messages)
        count -= min(count, sum(one is not None and one.ifindex == ifindex for one in told))
    return now


def time_repair(rtnl: KernelRouteNetlink, netdev: str, ifindex: int, vf_index: int) -> float:
    events = KernelEvents()
    message = encode_set_vf(ifindex, vf_index, WantedVF(vlan=VLAN(99)), current=None)
    began = time.perf_counter()
    (answer,) = rtnl.exchange([message])
    assert answer.errno == 0
    took_s = link_events(events, ifindex, 2) - began
    events.close()
    vlan = read_link(rtnl, netdev).vfs[vf_index].vlan
    if vlan != VLAN(42):
        sys.exit(f"VF {vf_index} has {vlan}")
    return took_s


def measure_in_turn(
    netdev: str, num_vfs: int, runs: int, pause_s: float
) -> list[tuple[float, float]]:
    """Time repairs and ``ip link set`` in turn, so that a slow moment of the machine hits both."""
    pairs = []
    with KernelRouteNetlink() as rtnl:
        ifindex = read_link(rtnl, netdev).ifindex
        for turn in range(runs):
            vf_index = turn * 37 % num_vfs
            time.sleep(pause_s)
            repair_s = time_repair(rtnl, netdev, ifindex, vf_index)
            time.sleep(1.0)  # what the daemon does after it must not weigh on ip
            words = ("ip", "link", "set", "dev", netdev, "vf", str(vf_index), "vlan", "42")
            pairs.append((repair_s, wall_time(words)))
    return pairs


def show(what: str, times: Sequence[float]) -> dict[str, float]:
    ordered = sorted(times)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    median = statistics.median(ordered)
    print(f"{what:44} median {median * 1e3:8.1f} ms   p99 {p99 * 1e3:8.1f} ms")
    return {"median_s": median, "p99_s": p99}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vfs", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--idle", type=float, default=130.0, help="seconds without anything to do")
    parser.add_argument("--pause", type=float, default=5.5, help="seconds between losses")
    args = parser.parse_args()
    print(describe_machine())
    with netdev_with_vfs(args.vfs) as netdev, daemon_on(netdev) as pid:
        time.sleep(5)
        before, began = on_cpu_s(pid), time.monotonic()
        time.sleep(args.idle)
        share = (on_cpu_s(pid) - before) / (time.monotonic() - began)
        print(f"{args.vfs} VFs: {resident_mib(pid):.1f} MiB, idle {share * 100:.3f} % of a core")
        idle_mib = resident_mib(pid)
        pairs = measure_in_turn(netdev, args.vfs, args.runs, args.pause)
        repairs, by_ip = zip(*pairs, strict=True)
        results = {
            "rss_mib": idle_mib,
            "idle_share": share,
            "repair": show("VLAN lost to repaired", repairs),
            "ip": show("one 'ip link set … vf N vlan 42'", by_ip),
        }
        print(format_ratio(pairs))
        print(f"after the repairs: {resident_mib(pid):.1f} MiB")
        print(json.dumps(results))


if __name__ == "__main__":
    main()
