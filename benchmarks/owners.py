"""Who uses what: the cost of asking, and of what it consists.

Runs inside the lab: ``sriovctl lab run scale -- .venv/bin/python benchmarks/owners.py``.  It
enables all VFs that there are, and on the machine ``netdevsim`` makes a PF with 256.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from functions import PCI, enable_all_vfs
from measure import describe_machine, seconds
from sriovctl.engine.inventory import read_inventory
from sriovctl.engine.owners import read_owners
from sriovctl.host.api import Host
from sriovctl.host.live import LiveHost

NETDEVSIM = Path("/sys/bus/netdevsim")
ID, NUM_VFS = 77, 256


def make_netdevsim() -> None:
    (NETDEVSIM / "new_device").write_text(f"{ID} 1")
    Path(f"/sys/kernel/debug/netdevsim/netdevsim{ID}/max_vfs").write_text(str(NUM_VFS))
    (NETDEVSIM / f"devices/netdevsim{ID}/sriov_numvfs").write_text(str(NUM_VFS))


class Counting:
    """A door that counts who goes through; what is asked of it goes on to the real one."""

    def __init__(self, door: object, counts: Counter[str]) -> None:
        self._door = door
        self._counts = counts

    def __getattr__(self, name: str) -> Callable[..., object]:
        method = getattr(self._door, name)

        def counted(*args: object, **keywords: object) -> object:
            self._counts[name] += 1
            return method(*args, **keywords)

        return counted


class CountingHost:
    """A live host whose doors count."""

    def __init__(self, counts: Counter[str]) -> None:
        host = LiveHost()
        self.files: Any = Counting(host.files, counts)
        self.rtnl: Any = Counting(host.rtnl, counts)
        self.devlink: Any = host.devlink
        self.namespaces: Any = Counting(host.namespaces, counts)
        self.clock = host.clock
        self.description = host.description


def took_ms(action: Callable[[], object]) -> float:
    return seconds(action) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args().runs
    if NETDEVSIM.exists():
        make_netdevsim()
    enable_all_vfs()
    processes = sum(name.name.isdigit() for name in Path("/proc").iterdir())
    print(f"{len(list(PCI.iterdir()))} PCI functions, {processes} processes, {describe_machine()}")

    host = LiveHost()
    pfs = read_inventory(host, name_of=lambda *_: None)
    print(f"{len(pfs)} PFs with {sum(len(pf.vfs) for pf in pfs)} VFs")

    def owners(asked: Host = host) -> object:
        return read_owners(asked, pfs, open_libvirt=None, progress=lambda _: None)

    first = took_ms(owners)  # imports, the socket
    inventory = median(
        took_ms(lambda: read_inventory(host, name_of=lambda *_: None)) for _ in range(runs)
    )
    print(f"the inventory, for comparison: {inventory:.1f} ms")
    print(
        f"owners: {median(took_ms(owners) for _ in range(runs)):.1f} ms, the first {first:.1f} ms"
    )
    counts: Counter[str] = Counter()
    owners(CountingHost(counts))
    print("asked: " + ", ".join(f"{name} {count}" for name, count in counts.most_common()))


if __name__ == "__main__":
    main()
