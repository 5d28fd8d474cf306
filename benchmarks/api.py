"""The REST interface with many VFs: answers a second over TCP, beside servers that do no more.

Runs anywhere with wrk: ``.venv/bin/python benchmarks/api.py``.  The host is simulated, and each
server has a process of its own on the loopback.  What is measured is what the interface does for a
list that it has ready: HTTP, who asks, which route, and the answer's place on the shelf.  Beside it
stand a server of ours that has nothing but a body of the same size, and uvicorn with one.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from http.client import HTTPConnection
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from measure import describe_machine, format_ratio
from sriovctl.api.access import Access, PeerPolicy
from sriovctl.api.audit import AuditLog
from sriovctl.api.contract.messages import Request, Response, Role
from sriovctl.api.contract.tokens import SALT_BYTES, format_token, store_token
from sriovctl.api.doors import Building
from sriovctl.api.run import Listener, serve_until_signal
from sriovctl.api.server import Server, open_tcp_socket
from sriovctl.api.service import Service
from sriovctl.cli.context import Context, HostKind
from sriovctl.engine.inventory import PCI_DEVICES, read_inventory
from sriovctl.errors import UnsupportedError
from sriovctl.host.journal import SQLiteJournal
from sriovctl.host.libvirt_api import Libvirt
from sriovctl.host.simulated import INTEL_82599, Card, MachineSpec, SimulatedHost, simulate

VFS_OF_CARD = 63
TOKEN = format_token("benchmark", bytes(32))
ASKS = {"Authorization": f"Bearer {TOKEN}"}


# --- the servers, each in a process ----------------------------------------------------------


def host_with_vfs(cards: int) -> SimulatedHost:
    """A host of so many cards, each with all of its VFs."""
    host = simulate(MachineSpec(cards=(Card(INTEL_82599),) * cards))
    for pf in read_inventory(host, name_of=lambda *_: None):
        host.files.write_text(f"{PCI_DEVICES}/{pf.device}/sriov_numvfs", str(VFS_OF_CARD))
    return host


def no_libvirt() -> Libvirt:
    raise UnsupportedError("a simulated host has no guests")


def serve_interface(cards: int, _: bytes) -> None:
    host = host_with_vfs(cards)
    context = Context(
        open_host=lambda: host,
        open_libvirt=no_libvirt,
        open_journal=lambda: SQLiteJournal(None),
        out=StringIO(),
        color=False,
        kind=HostKind.SIMULATED,
    )
    stored = store_token(TOKEN, Role.READ, bytes(SALT_BYTES))

    def make_service() -> Service:
        building = Building(lambda: nullcontext(context), is_shared=True, close=context.close)
        access = Access(PeerPolicy(), read_tokens=lambda: {stored.name: stored})
        return Service(building, access, audit=AuditLog(print), log=print, hears_events=True)

    listener = Listener(open_tcp_socket("127.0.0.1", 0))
    port = listener.socket.getsockname()[1]
    asyncio.run(serve_until_signal(make_service, [listener], on_ready=lambda: tell(port)))
    listener.close()


def serve_body(_: int, body: bytes) -> None:
    async def answer(_: Request) -> Response:
        return Response(200, body)

    async def serve() -> None:
        listener = open_tcp_socket("127.0.0.1", 0)
        Server(answer).listen(listener)
        tell(listener.getsockname()[1])
        await asyncio.Event().wait()

    asyncio.run(serve())


# Its application is given as text, for it is not needed to check this file.
_APPLICATION = """
import sys, uvicorn
body = open(sys.argv[1], "rb").read()
size = str(len(body)).encode()
head = {"type": "http.response.start", "status": 200,
        "headers": [(b"content-type", b"application/json"), (b"content-length", size)]}
async def app(scope, receive, send):
    await send(head)
    await send({"type": "http.response.body", "body": body})
class Server(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        print(self.servers[0].sockets[0].getsockname()[1], flush=True)
config = uvicorn.Config(app, port=0, http="h11", loop="asyncio", ws="none", lifespan="off",
                        log_config=None, access_log=False)
Server(config).run()
"""


def tell(port: int) -> None:
    print(port, flush=True)


# --- who asks --------------------------------------------------------------------------------


class Running(NamedTuple):
    """A server that runs."""

    name: str
    port: int
    pid: int


@contextmanager
def running(name: str, words: Sequence[str]) -> Iterator[Running]:
    with subprocess.Popen((sys.executable, *words), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Running(name, int(process.stdout.readline()), process.pid)
        finally:
            process.terminate()


def ask(port: int) -> tuple[bytes, str]:
    """Ask once; the body, and its ETag."""
    connection = HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/v1/pfs", headers=ASKS)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    assert response.status == 200, body
    return body, response.headers.get("etag", "")


class Turn(NamedTuple):
    """What came of one turn."""

    requests_per_s: float
    cpu_us: float  # of the server, for each answer: that moves less with the machine's load


def take_turn(server: Running, headers: dict[str, str], args: argparse.Namespace) -> Turn:
    """Ask as fast as it answers.

    :raises SystemExit: not everything was answered.
    """
    before = on_cpu_s(server.pid)
    said = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
    how = ("-t1", f"-c{args.connections}", f"-d{args.seconds}")
    url = f"http://127.0.0.1:{server.port}/v1/pfs"
    out = subprocess.run(
        ("wrk", *how, *said, url), check=True, capture_output=True, text=True
    ).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        sys.exit(f"{server.name} does not answer as it should:\n{out}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", out)
    count = re.search(r"(\d+) requests in", out)
    assert rate is not None, out
    assert count is not None, out
    return Turn(float(rate[1]), (on_cpu_s(server.pid) - before) / int(count[1]) * 1e6)


def on_cpu_s(pid: int) -> float:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def memory_mib(pid: int) -> float:
    """What a process has of memory now."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


def compare(ours: Running, rivals: Sequence[Running], etag: str, args: argparse.Namespace) -> None:
    """Ask all of them in turn, and print the medians."""
    ways = [(ours, ASKS), (ours, {**ASKS, "If-None-Match": etag}), *((one, ASKS) for one in rivals)]
    names = ["the interface", "the interface, unchanged (304)", *(one.name for one in rivals)]
    found: list[list[Turn]] = [[] for _ in ways]
    for _ in range(args.rounds):
        for turns, (server, headers) in zip(found, ways, strict=True):
            turns.append(take_turn(server, headers, args))
    for name, turns in zip(names, found, strict=True):
        rate = statistics.median(one.requests_per_s for one in turns)
        cpu_us = statistics.median(one.cpu_us for one in turns)
        pairs = zip(found[0], turns, strict=True)
        ratio = format_ratio([(one.requests_per_s, two.requests_per_s) for one, two in pairs])
        print(f"{name:30} {rate:6.0f} requests/s {cpu_us:5.0f} us of CPU   interface: {ratio}")


def measure(args: argparse.Namespace) -> None:
    """Start the servers, ask, and print what came of it."""
    with ExitStack() as stack, tempfile.NamedTemporaryFile() as file:
        words = (__file__, "--cards", str(args.cards), "--body", file.name, "--serve")
        ours = stack.enter_context(running("the interface", (*words, "interface")))
        began = time.perf_counter()
        body, etag = ask(ours.port)
        print(f"first answer: {time.perf_counter() - began:.3f} s, {len(body) / 1024:.0f} KiB")
        file.write(body)
        file.flush()
        bare = running("a body alone, same server", (*words, "body"))
        rivals = [stack.enter_context(bare)]
        if find_spec("uvicorn") is None:
            print("uvicorn is not installed: .venv/bin/pip install uvicorn")
        else:
            uvicorn = running("a body alone, uvicorn", ("-c", _APPLICATION, file.name))
            rivals.append(stack.enter_context(uvicorn))
        compare(ours, rivals, etag, args)
        for one in (ours, *rivals):
            print(f"memory of {one.name}: {memory_mib(one.pid):.0f} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cards", type=int, default=16, help=f"of {VFS_OF_CARD} VFs each")
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--seconds", type=int, default=3, help="of each turn")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--serve", choices=("interface", "body"), help=argparse.SUPPRESS)
    parser.add_argument("--body", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve = serve_interface if args.serve == "interface" else serve_body
        serve(args.cards, Path(args.body).read_bytes())
        return
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed: apt-get install wrk")
    print(describe_machine())
    print(f"{args.cards * VFS_OF_CARD} VFs")
    measure(args)


if __name__ == "__main__":
    main()
