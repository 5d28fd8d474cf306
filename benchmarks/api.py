"""The REST interface with many VFs: how often a second it tells them, and what memory it takes.

Runs anywhere: ``.venv/bin/python benchmarks/api.py``.  The host is simulated, in a process of its
own; what is measured is what HTTP costs, and that nothing is read or encoded twice.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from http.client import HTTPConnection
from io import StringIO
from pathlib import Path

from measure import describe_machine
from sriovctl.api.access import Access, PeerPolicy
from sriovctl.api.audit import AuditLog
from sriovctl.api.doors import Building
from sriovctl.api.run import Listener, serve_until_signal
from sriovctl.api.server import open_unix_socket
from sriovctl.api.service import Service
from sriovctl.cli.context import Context, HostKind
from sriovctl.engine.inventory import PCI_DEVICES, read_inventory
from sriovctl.errors import UnsupportedError
from sriovctl.host.journal import SQLiteJournal
from sriovctl.host.libvirt_api import Libvirt
from sriovctl.host.simulated import INTEL_82599, Card, MachineSpec, SimulatedHost, simulate

VFS_OF_CARD = 63


class UnixConnection(HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


def host_with_vfs(cards: int) -> SimulatedHost:
    """A host of so many cards, each with all of its VFs."""
    host = simulate(MachineSpec(cards=(Card(INTEL_82599),) * cards))
    for pf in read_inventory(host, name_of=lambda *_: None):
        host.files.write_text(f"{PCI_DEVICES}/{pf.device}/sriov_numvfs", str(VFS_OF_CARD))
    return host


def no_libvirt() -> Libvirt:
    raise UnsupportedError("a simulated host has no guests")


def serve(path: str, cards: int) -> None:
    """Serve until SIGTERM; says 'ready' on standard output."""
    host = host_with_vfs(cards)
    context = Context(
        open_host=lambda: host,
        open_libvirt=no_libvirt,
        open_journal=lambda: SQLiteJournal(None),
        out=StringIO(),
        color=False,
        kind=HostKind.SIMULATED,
    )

    def make_service() -> Service:
        building = Building(lambda: nullcontext(context), is_shared=True, close=context.close)
        access = Access(PeerPolicy(others_read=True))
        return Service(building, access, audit=AuditLog(print), log=print, hears_events=True)

    listener = Listener(open_unix_socket(path, mode=0o600, gid=None))
    ready = serve_until_signal(
        make_service, [listener], on_ready=lambda: print("ready", flush=True)
    )
    asyncio.run(ready)
    listener.socket.close()


def requests_per_s(connection: HTTPConnection, requests: int, headers: dict[str, str]) -> float:
    """Ask for all PFs so often over one connection."""
    began = time.perf_counter()
    for _ in range(requests):
        connection.request("GET", "/v1/pfs", headers=headers)
        connection.getresponse().read()
    return requests / (time.perf_counter() - began)


def memory_mib(pid: int) -> float:
    """What a process has of memory now."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


def measure(path: str, pid: int, requests: int, rounds: int) -> None:
    """Ask, and print what came of it."""
    connection = UnixConnection(path)
    began = time.perf_counter()
    connection.request("GET", "/v1/pfs")
    first = connection.getresponse()
    size = len(first.read())
    print(f"first answer: {time.perf_counter() - began:.3f} s, {size / 1024:.0f} KiB")
    etag = first.headers["etag"]
    for what, headers in (("whole", {}), ("unchanged", {"If-None-Match": etag})):
        found = [requests_per_s(connection, requests, headers) for _ in range(rounds)]
        print(f"{what:9}: {statistics.median(found):.0f} requests/s (median of {rounds})")
    connection.close()
    print(f"memory of the server, with the simulated host: {memory_mib(pid):.0f} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cards", type=int, default=16, help=f"of {VFS_OF_CARD} VFs each")
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--serve", metavar="PATH", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(args.serve, args.cards)
        return
    print(describe_machine())
    print(f"{args.cards * VFS_OF_CARD} VFs")
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "s")
        words = (sys.executable, __file__, "--serve", path, "--cards", str(args.cards))
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            assert server.stdout.readline() == "ready\n"
            measure(path, server.pid, args.requests, args.rounds)
            server.terminate()


if __name__ == "__main__":
    main()
