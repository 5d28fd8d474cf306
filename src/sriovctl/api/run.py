"""Serve: until a signal, as ``sriovctl api serve`` does, or beside a daemon's work."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress

from sriovctl.api.server import Limits, Server
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from sriovctl.api.relay import Relay
    from sriovctl.api.service import Service
    from sriovctl.api.tls import Certificate


class Listener(NamedTuple):
    """A socket that listens, and the certificate that it shows.

    :param path: of a unix socket that ends with us.
    """

    socket: socket.socket
    tls: Certificate | None = None
    path: str | None = None

    def close(self) -> None:
        """Listen no more."""
        self.socket.close()
        if self.path is not None:
            with suppress(FileNotFoundError):
                os.unlink(self.path)


class Serving:
    """A service behind its sockets, on a loop that may do other things as well."""

    def __init__(
        self,
        service: Service | Relay,
        *,
        limits: Limits = Limits(),  # noqa: B008  (immutable)
    ) -> None:
        self._service = service
        self._server = Server(service.handle, limits=limits, on_bug=service.log_bug)

    async def start(self, listeners: Sequence[Listener]) -> None:
        """Take up what was left, and begin to answer.

        :raises SriovctlError: the journal cannot be read.
        """
        await self._service.start()
        for one in listeners:
            await self.listen(one)

    async def listen(self, listener: Listener) -> None:
        """Answer there, too."""
        self._server.listen(listener.socket, listener.tls)

    async def stop(self) -> None:
        """Answer nobody any more, and wait for the job that is under way."""
        await self._server.close()
        await self._service.close()


async def serve_until_signal(
    make_service: Callable[[], Service | Relay],
    listeners: Sequence[Listener],
    *,
    on_ready: Callable[[], None],
    on_hangup: Callable[[], None] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT.

    :param make_service: called on the loop that it then belongs to.
    :param on_hangup: called at SIGHUP; None: that ends it, too.
    :raises SriovctlError: the journal cannot be read.
    """
    serving = Serving(make_service())
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end.set)
    loop.add_signal_handler(signal.SIGHUP, on_hangup or end.set)
    try:
        await serving.start(listeners)
        on_ready()
        await end.wait()
    finally:
        await serving.stop()
