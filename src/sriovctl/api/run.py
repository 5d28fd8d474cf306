"""Serve until a signal: what ``sriovctl api serve`` does, and a daemon beside its work."""

from __future__ import annotations

import asyncio
import signal

from sriovctl.api.server import Limits, Server
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable, Sequence

    from sriovctl.api.service import Service


class Listener(NamedTuple):
    """A socket that listens, and the certificate that it shows."""

    socket: socket.socket
    tls: ssl.SSLContext | None = None


class Serving:
    """A service behind its sockets, on a loop that may do other things as well."""

    def __init__(
        self,
        service: Service,
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
            await self._server.listen(one.socket, one.tls)

    async def stop(self) -> None:
        """Answer nobody any more, and wait for the job that is under way."""
        await self._server.close()
        await self._service.close()


async def serve_until_signal(
    make_service: Callable[[], Service],
    listeners: Sequence[Listener],
    *,
    on_ready: Callable[[], None],
) -> None:
    """Serve until SIGTERM or SIGINT.

    :param make_service: called on the loop that it then belongs to.
    :raises SriovctlError: the journal cannot be read.
    """
    serving = Serving(make_service())
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end.set)
    try:
        await serving.start(listeners)
        on_ready()
        await end.wait()
    finally:
        await serving.stop()
