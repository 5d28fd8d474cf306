"""The interface on a simulated host, behind real sockets, on a loop in a thread of its own."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from sriovctl.api.access import Access, PeerPolicy
from sriovctl.api.audit import AuditLog
from sriovctl.api.contract.messages import Peer, Request, Response
from sriovctl.api.contract.tokens import StoredToken
from sriovctl.api.doors import Building
from sriovctl.api.run import Listener, Serving
from sriovctl.api.server import Limits, open_tcp_socket, open_unix_socket
from sriovctl.api.service import Service
from sriovctl.cli.context import Context
from sriovctl.host.simulated import SimulatedHost, simulated_82576
from tests.loops import PATIENCE_S, running_loop
from tests.unit.docs.pages import context_of

T = TypeVar("T")
PF = "0000:01:00.0"
STATE = {
    "version": 1,
    "pfs": {"uplink": {"match": {"address": PF}, "num_vfs": 2, "vfs": {"0": {"vlan": {"id": 42}}}}},
    "pools": {"spare": {"from": ["uplink"]}},
}
ROOT = Peer(pid=1, uid=0, gid=0)


class Answered(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401
        return json.loads(self.body)

    @property
    def code(self) -> str:
        found: str = self.json["error"]["code"]
        return found


class UnixHTTP(HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=PATIENCE_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE_S)
        self.sock.connect(str(self._path))


class Rig:
    """A service, its sockets and its clock."""

    def __init__(self, path: Path, host: SimulatedHost, loop: asyncio.AbstractEventLoop) -> None:
        self.path = path
        self.host = host
        self.loop = loop
        self.audit: list[dict[str, object]] = []
        self.log: list[str] = []
        self.naps: list[tuple[float, asyncio.Event]] = []
        self.now = 0.0
        self.service: Service
        self.access: Access
        self.port = 0

    # --- from the tests' thread ----------------------------------------------------------

    def ask(
        self,
        method: str,
        target: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answered:
        """Ask as this process, over the unix socket."""
        connection = UnixHTTP(self.path)
        try:
            return exchange(connection, method, target, body, headers)
        finally:
            connection.close()

    def get(self, target: str, headers: Mapping[str, str] | None = None) -> Answered:
        return self.ask("GET", target, headers=headers)

    def handle(
        self,
        method: str,
        target: str,
        *,
        peer: Peer | None = ROOT,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        tls: bool = False,
        remote: str | None = None,
        user: int | None = None,
    ) -> Answered:
        """Ask as somebody else, without a socket."""
        path, _, query = target.partition("?")
        request = Request(method, path, query, headers or {}, body, peer, tls, remote, user)
        response: Response = self.run(self.service.handle(request))
        return Answered(response.status, dict(response.headers), response.body)

    def run(self, work: Coroutine[object, object, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(PATIENCE_S)

    def call(self, work: Callable[[], T]) -> T:
        """Call something on the loop."""

        async def call() -> T:
            return work()

        return self.run(call())

    def raw(self, data: bytes) -> bytes:
        """Send bytes as they are, and read until the end."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE_S)
            client.connect(str(self.path))
            client.sendall(data)
            parts = []
            while part := client.recv(65536):
                parts.append(part)
        return b"".join(parts)

    def plan(self, state: object = STATE) -> str:
        """Have a way planned, and return what it is called."""
        name: str = self.ask("POST", "/v1/plan", state).json["plan"]
        return name

    def job(self, said: Mapping[str, object]) -> Any:  # noqa: ANN401
        """Start a job, and wait for its end."""
        started = self.ask("POST", "/v1/jobs", said)
        assert started.status == 202, started.body
        return self.ended(started.json["job"]["job"])

    def ended(self, number: int) -> Any:  # noqa: ANN401
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            job = self.get(f"/v1/jobs/{number}").json["job"]
            if job["state"] not in ("queued", "running"):
                return job
        raise AssertionError(f"job {number} does not end: {job}")

    def ended_after(self, number: int) -> Any:  # noqa: ANN401
        """Wait for the job that follows one to be there, and to end."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if self.get(f"/v1/jobs/{number + 1}").status == 200:
                return self.ended(number + 1)
        raise AssertionError(f"no job follows job {number}")

    def apply(self, state: object = STATE) -> Any:  # noqa: ANN401
        """Bring the host to a state."""
        job = self.job({"kind": "apply", "plan": self.plan(state)})
        assert job["state"] == "done", job
        return job

    def asleep(self) -> list[float]:
        """Wait until something naps, which begins a moment after a job has ended; say how long."""
        deadline = time.monotonic() + PATIENCE_S
        while not self.naps and time.monotonic() < deadline:
            self.get("/v1/jobs")
        return [seconds for seconds, _ in self.naps]

    def wake(self) -> None:
        """Let all naps end."""
        assert self.asleep()
        for _, nap in self.naps:
            self.loop.call_soon_threadsafe(nap.set)

    async def sleep(self, seconds: float) -> None:
        nap = asyncio.Event()
        self.naps.append((seconds, nap))
        await nap.wait()


def exchange(
    connection: HTTPConnection,
    method: str,
    target: str,
    body: object = None,
    headers: Mapping[str, str] | None = None,
) -> Answered:
    """Ask over a connection that may be asked again."""
    sent = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    kind = {} if sent is None else {"Content-Type": "application/json"}
    connection.request(method, target, sent, {**kind, **(headers or {})})
    response = connection.getresponse()
    names = {name.lower(): value for name, value in response.getheaders()}
    return Answered(response.status, names, response.read())


@contextmanager
def rig_on(
    directory: Path,
    *,
    host: SimulatedHost | None = None,
    policy: PeerPolicy = PeerPolicy(others_read=True),  # noqa: B008
    tokens: Mapping[str, StoredToken] | None = None,
    limits: Limits = Limits(),  # noqa: B008
    read_only: str | None = None,
    hears_events: bool = False,
    tcp: bool = False,
    groups: Collection[int] = (),
    more: Sequence[Listener] = (),
    context: Context | None = None,
) -> Iterator[Rig]:
    """Serve a simulated host for as long as the test lasts.

    :param context: the doors to it, where they are to be others than to a host alone.
    """
    host = host or simulated_82576()
    with running_loop() as loop:
        rig = Rig(directory / "s", host, loop)
        listeners = [Listener(open_unix_socket(str(rig.path), mode=0o666, gid=None)), *more]
        if tcp:
            listeners.append(Listener(open_tcp_socket("127.0.0.1", 0)))
            rig.port = listeners[-1].socket.getsockname()[1]

        async def start() -> Serving:
            rig.access = _access(rig, policy, {} if tokens is None else tokens, groups)
            doors = context or context_of(rig.host)
            rig.service = _service(
                rig, rig.access, doors, read_only=read_only, hears_events=hears_events
            )
            serving = Serving(rig.service, limits=limits)
            await serving.start(listeners)
            return serving

        serving = rig.run(start())
        try:
            yield rig
        finally:
            rig.run(serving.stop())
            for one in listeners:
                one.socket.close()
    assert not rig.log, rig.log


def _access(
    rig: Rig, policy: PeerPolicy, tokens: Mapping[str, StoredToken], groups: Collection[int]
) -> Access:
    return Access(
        policy,
        read_tokens=lambda: tokens,
        groups_of=lambda _, gid: frozenset((gid, *groups)),
        now=lambda: rig.now,
    )


def _service(
    rig: Rig, access: Access, context: Context, *, read_only: str | None, hears_events: bool
) -> Service:
    building = Building(
        lambda: nullcontext(context),
        is_shared=True,
        no_guests="no guests",
        read_only=read_only,
        close=context.close,
        state_directory=str(rig.path.parent),
    )
    return Service(
        building,
        access,
        audit=AuditLog(lambda line: rig.audit.append(json.loads(line)["audit"])),
        log=rig.log.append,
        hears_events=hears_events,
        now=lambda: rig.now,
        sleep=rig.sleep,
    )
