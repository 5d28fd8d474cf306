"""Five attributes of many VFs: sriovctl in process, ``ip -batch``, pyroute2.

Runs inside the lab: ``sriovctl lab run netdevsim -- .venv/bin/python benchmarks/vf_attributes.py``.
The ways take turns, so that a slow moment of the machine hits all of them; each run sets other
values than the one before, and is read back before the next begins.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from pairs import seconds
from sriovctl.engine.vf_attributes import find_mismatches, read_link, write_vf_attributes
from sriovctl.host.rtnl import KernelRouteNetlink
from sriovctl.model.functions import VLAN
from sriovctl.model.state import UNSET, WantedVF

BUS = Path("/sys/bus/netdevsim")
DEBUG = Path("/sys/kernel/debug/netdevsim")
ID = 77
OURS = "sriovctl, in process"
IP_BATCH = "ip -batch, whole process"
PYROUTE2 = "pyroute2, calls alone"

Changes = list[tuple[int, WantedVF]]
Way = Callable[[str, Changes], None]


@contextmanager
def netdev_with_vfs(num_vfs: int) -> Iterator[str]:
    (BUS / "new_device").write_text(f"{ID} 1")
    try:
        device = BUS / f"devices/netdevsim{ID}"
        (DEBUG / f"netdevsim{ID}/max_vfs").write_text(str(num_vfs))
        (device / "sriov_numvfs").write_text(str(num_vfs))
        (netdev,) = os.listdir(device / "net")
        yield netdev
    finally:
        (BUS / "del_device").write_text(str(ID))


def five_for_all(num_vfs: int, turn: int) -> Changes:
    return [
        (
            index,
            WantedVF(
                admin_mac=f"52:54:{turn:02x}:6d:{index >> 8:02x}:{index & 255:02x}",
                vlan=VLAN((index + turn) % 4094 + 1, 3),
                spoofchk=turn % 2 == 0,
                trust=turn % 2 == 1,
                min_tx_rate_mbps=turn + 1,
                max_tx_rate_mbps=turn + 100,
            ),
        )
        for index in range(num_vfs)
    ]


# --- the ways --------------------------------------------------------------------------------


def with_sriovctl(netdev: str, changes: Changes) -> None:
    with KernelRouteNetlink() as rtnl:
        write_vf_attributes(rtnl, netdev, changes)


def with_ip_batch(netdev: str, changes: Changes) -> None:
    lines = "".join(ip_line(netdev, index, wanted) for index, wanted in changes)
    subprocess.run(["ip", "-batch", "-"], input=lines, text=True, check=True)


# The form that is kindest to ip: one line per VF, and both rates, without which it reads the
# whole list back for each line (and beyond 221 VFs fails).
def ip_line(netdev: str, index: int, wanted: WantedVF) -> str:
    assert wanted.vlan is not UNSET
    return (
        f"link set dev {netdev} vf {index} mac {wanted.admin_mac}"
        f" vlan {wanted.vlan.id} qos {wanted.vlan.qos}"
        f" max_tx_rate {wanted.max_tx_rate_mbps} min_tx_rate {wanted.min_tx_rate_mbps}"
        f" spoofchk {on_off(wanted.spoofchk)} trust {on_off(wanted.trust)}\n"
    )


def on_off(setting: object) -> str:
    return "on" if setting else "off"


def with_pyroute2(netdev: str, changes: Changes) -> None:
    from pyroute2 import IPRoute

    with IPRoute() as ip:
        (ifindex,) = ip.link_lookup(ifname=netdev)
        for index, wanted in changes:
            ip.link("set", index=ifindex, vf=as_pyroute2_wants_it(index, wanted))


def as_pyroute2_wants_it(index: int, wanted: WantedVF) -> dict[str, object]:
    assert wanted.vlan is not UNSET
    return {
        "vf": index,
        "mac": wanted.admin_mac,
        "vlan": {"vlan": wanted.vlan.id, "qos": wanted.vlan.qos},
        "rate": {"min_tx_rate": wanted.min_tx_rate_mbps, "max_tx_rate": wanted.max_tx_rate_mbps},
        "spoofchk": int(bool(wanted.spoofchk)),
        "trust": int(bool(wanted.trust)),
    }


# --- measuring -------------------------------------------------------------------------------


def measure(
    num_vfs: int, ways: dict[str, tuple[Way, int]], runs: int
) -> tuple[dict[str, list[float]], list[float]]:
    """Return seconds per way, and seconds of our own reading back and comparing."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    proofs: list[float] = []
    turn = 0
    with netdev_with_vfs(num_vfs) as netdev, KernelRouteNetlink() as rtnl:
        for run in range(runs):
            for name, (way, limit) in ways.items():
                if run >= limit:
                    continue
                turn += 1
                changes = five_for_all(num_vfs, turn)
                times[name].append(seconds(partial(way, netdev, changes)))
                proofs.append(seconds(partial(prove, rtnl, netdev, name, changes)))
    return times, proofs


def prove(rtnl: KernelRouteNetlink, netdev: str, way: str, changes: Changes) -> None:
    mismatches = find_mismatches(read_link(rtnl, netdev), changes)
    if mismatches:
        sys.exit(
            f"{way} did not set what it should: {mismatches[0]} and {len(mismatches) - 1} more"
        )


def report(num_vfs: int, times: dict[str, list[float]], proofs: list[float]) -> None:
    ours = statistics.median(times[OURS])
    print(f"\n5 attributes on {num_vfs} netdevsim VFs; medians")
    for name, values in times.items():
        median = statistics.median(values)
        low, high = min(values) * 1000, max(values) * 1000
        print(
            f"  {name:<28}{median * 1000:10.1f} ms  n={len(values)} ({low:.1f}-{high:.1f})"
            f"  {median / ours:8.1f} x"
        )
    proof = statistics.median(proofs)
    print(f"  {'reading back and comparing':<28}{proof * 1000:10.1f} ms  n={len(proofs)}")
    whole = ours + proof
    ip = statistics.median(times[IP_BATCH])
    print(f"  ip -batch / sriovctl with its proof: {ip / whole:.1f}; without: {ip / ours:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--vfs", type=int, nargs="+", default=[64, 256, 1000], metavar="N")
    parser.add_argument("--runs", type=int, default=7, help="for each way (default: %(default)s)")
    parser.add_argument(
        "--pyroute2-runs", type=int, default=5, help="for pyroute2, the slowest (0: leave it out)"
    )
    parser.add_argument("--pyroute2-most", type=int, default=256, help="VFs to try pyroute2 with")
    args = parser.parse_args()
    print(f"{os.uname().release}, Python {sys.version.split()[0]}, load {os.getloadavg()[0]:.1f}")
    for num_vfs in args.vfs:
        ways: dict[str, tuple[Way, int]] = {
            OURS: (with_sriovctl, args.runs),
            IP_BATCH: (with_ip_batch, args.runs),
        }
        if args.pyroute2_runs and num_vfs <= args.pyroute2_most:
            import pyroute2  # noqa: F401  # its import is not what is measured

            ways[PYROUTE2] = (with_pyroute2, args.pyroute2_runs)
        report(num_vfs, *measure(num_vfs, ways, args.runs))


if __name__ == "__main__":
    main()
