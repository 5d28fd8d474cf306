"""A staged host behind a port of the loopback, on a loop in a thread of its own.

Who tests the page from the outside holds the host in hand all the same: what the browser did is
read from the simulated kernel, and what others do is done there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from playwright.sync_api import BrowserContext

from sriovctl.api.access import Access, PeerPolicy
from sriovctl.api.audit import AuditLog
from sriovctl.api.contract.messages import Caller, Role
from sriovctl.api.contract.tokens import StoredToken, format_token, store_token
from sriovctl.api.doors import Building
from sriovctl.api.run import Listener, Serving
from sriovctl.api.server import open_tcp_socket
from sriovctl.api.service import Service
from sriovctl.api.sessions import OneTimeKeys
from tests.loops import PATIENCE_S, running_loop
from tests.page.hosts import StagedHost

T = TypeVar("T")
HOSTNAME = "kvm-07"
_TOKENS = {role: format_token(f"{role}-token", bytes(32)) for role in Role}
_STORED: dict[str, StoredToken] = {
    f"{role}-token": store_token(token, role, bytes(16)) for role, token in _TOKENS.items()
}


class Served:
    """The interface and the page of one host."""

    def __init__(self, staged: StagedHost, loop: asyncio.AbstractEventLoop) -> None:
        self.staged = staged
        self.log: list[str] = []
        self.audit: list[str] = []
        self._loop = loop
        self._naps: list[asyncio.Event] = []
        keys = OneTimeKeys(Caller("somebody at the console", Role.ADMIN))
        self._access = Access(PeerPolicy(), read_tokens=lambda: _STORED, keys=keys)
        self._port = 0
        self._serving: Serving | None = None
        self._listener: Listener | None = None

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self._port}/"

    def start(self) -> None:
        """Listen, the second time where one listened before."""
        self._serving = self._run(self._start())

    def stop(self) -> None:
        """Answer nobody any more; who is signed in will still be."""
        if self._serving is not None and self._listener is not None:
            self._run(self._serving.stop())
            self._listener.close()
        self._serving = None

    def wake(self) -> None:
        """Let all the time pass that something waits for."""
        for nap in self._naps:
            self._loop.call_soon_threadsafe(nap.set)

    def sign_in(self, context: BrowserContext, role: Role = Role.ADMIN) -> None:
        """Sign a browser in, as its form does."""
        said = context.request.post(f"{self.url}v1/session", data={"token": _TOKENS[role]})
        assert said.status == 201, said.text()

    def link(self) -> str:
        """An address that lets one browser in, once."""
        return f"{self.url}#key={self._access.keys.make()}"

    def token(self, role: Role) -> str:
        """A bearer token of a role."""
        return _TOKENS[role]

    async def _start(self) -> Serving:
        self._listener = Listener(open_tcp_socket("127.0.0.1", self._port))
        self._port = self._listener.socket.getsockname()[1]
        serving = Serving(self._service())
        await serving.start([self._listener])
        return serving

    def _service(self) -> Service:
        doors = self.staged.doors.opened_anew()
        building = Building(
            lambda: nullcontext(doors),
            is_shared=True,
            close=doors.close,
            hostname=HOSTNAME,
            is_simulated=True,
        )
        audit = AuditLog(self.audit.append)
        return Service(building, self._access, audit=audit, log=self.log.append, sleep=self._sleep)

    async def _sleep(self, _seconds: float) -> None:
        nap = asyncio.Event()
        self._naps.append(nap)
        await nap.wait()

    def _run(self, work: Coroutine[object, object, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)


@contextmanager
def serving(stage: Callable[[Path], StagedHost]) -> Iterator[Served]:
    """Serve a host for as long as somebody looks at it."""
    with TemporaryDirectory() as name, running_loop() as loop:
        staged = stage(Path(name))
        served = Served(staged, loop)
        served.start()
        try:
            yield served
        finally:
            served.stop()
            staged.close()
    assert not served.log, served.log
