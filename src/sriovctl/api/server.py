"""Clients on a unix socket or with TLS: who is let in, and for how long.

Theory of operation.  Each connection is one task, from before TLS is agreed on until the last byte
has left, and does one request after the other.  Whatever it waits for has an end: TLS, a head, a
body, and a client that does not take what it is sent.  What a client can make us keep has one too:
the size of heads and bodies, and the number of connections to each socket: who fills that of TCP
leaves the unix socket to root.  So a slow or a greedy client costs its own connection, and nobody
else's.

A client that has gone away is noticed by its next read or write.  What it asked for goes on: a
change of the host must not depend on who still listens.
"""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from contextlib import suppress

import h11

from sriovctl.api.connection import Connection
from sriovctl.api.contract.messages import Request, Response
from sriovctl.api.contract.problems import Refusal, response_to, response_to_bug
from sriovctl.api.peers import peer_of
from sriovctl.errors import HostError, InputError
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from sriovctl.api.tls import Certificate

    Handle = Callable[[Request], Awaitable[Response]]

_NO_ROOM_S = 0.1  # until there may be a file descriptor again
_BACKLOG = 128


class Limits(NamedTuple):
    """What one client may take."""

    connections: int = 128  # to each socket
    head_bytes: int = 16384
    body_bytes: int = 1 << 20
    head_s: float = 10.0  # from the first byte, or from the connection
    idle_s: float = 75.0  # between two requests
    body_s: float = 30.0
    send_s: float = 30.0  # for a client that does not take what it is sent


class Server:
    """Answers on as many sockets as it is given.

    :param handle: answers one request; it raises nothing.
    :param on_bug: told of what ``handle`` raised all the same.
    """

    def __init__(
        self,
        handle: Handle,
        *,
        limits: Limits = Limits(),  # noqa: B008  (immutable)
        on_bug: Callable[[Exception], None] = lambda _: None,
    ) -> None:
        self._handle = handle
        self._limits = limits
        self._on_bug = on_bug
        self._accepting: list[asyncio.Task[None]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def listen(self, listener: socket.socket, certificate: Certificate | None = None) -> None:
        """Serve a socket that listens already; of a unix socket the kernel names the peers."""
        self._accepting.append(asyncio.create_task(self._accept(listener, certificate)))

    async def close(self) -> None:
        """Take no new connections, and end those that there are."""
        await _cancel(self._accepting)
        await asyncio.sleep(0)  # whoever was let in just now: a task lets go only what it holds
        await _cancel(self._tasks)

    # asyncio's own servers count nobody before TLS is agreed on, and daemons share descriptors.
    async def _accept(self, listener: socket.socket, certificate: Certificate | None) -> None:
        loop = asyncio.get_running_loop()
        here: set[asyncio.Task[None]] = set()
        while True:
            try:
                client, _ = await loop.sock_accept(listener)
            except OSError:
                await asyncio.sleep(_NO_ROOM_S)
                continue
            if len(here) >= self._limits.connections:
                client.close()
                continue
            task = loop.create_task(self._serve(client, certificate))
            for tasks in (here, self._tasks):
                tasks.add(task)
                task.add_done_callback(tasks.discard)

    async def _serve(self, client: socket.socket, certificate: Certificate | None) -> None:
        with suppress(OSError, TimeoutError, asyncio.CancelledError, h11.LocalProtocolError):
            peer = peer_of(client) if client.family == socket.AF_UNIX else None
            reader, writer = await self._open(client, certificate)
            try:
                await self._talk(Connection(reader, writer, peer, self._limits))
                async with asyncio.timeout(self._limits.send_s):
                    writer.close()
                    await writer.wait_closed()
            finally:
                writer.transport.abort()

    async def _open(
        self, client: socket.socket, certificate: Certificate | None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            transport, _ = await loop.connect_accepted_socket(
                lambda: protocol,
                client,
                ssl=None if certificate is None else certificate.context,
                ssl_handshake_timeout=None if certificate is None else self._limits.head_s,
            )
        except BaseException:
            client.close()
            raise
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)

    async def _talk(self, connection: Connection) -> None:
        goes_on = True
        while goes_on:
            try:
                request = await connection.receive()
            except Refusal as refusal:
                await connection.send("GET", response_to(refusal), closing=True)
                await connection.linger()
                return
            if request is None:
                return
            await connection.send(request.method, await self._answer(request))
            goes_on = connection.begin_again()

    async def _answer(self, request: Request) -> Response:
        try:
            return await self._handle(request)
        except Exception as bug:  # a client must hear something, and the others go on
            self._on_bug(bug)
            return response_to_bug()


async def _cancel(tasks: Iterable[asyncio.Task[None]]) -> None:
    ending = tuple(tasks)
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)


# --- sockets ---------------------------------------------------------------------------------


def open_unix_socket(path: str, *, mode: int, gid: int | None) -> socket.socket:
    """Listen on a path; a socket that nobody listens on any more is replaced.

    :raises InputError: something else is there, or somebody listens.
    :raises HostError: it cannot be made.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _make_way(path)
        _bind(listener, path, mode, gid)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise HostError(f"cannot be listened on: {error.strerror or error}", subject=path) from None
    except InputError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


# Nobody may connect before mode and group are as they should be.
def _bind(listener: socket.socket, path: str, mode: int, gid: int | None) -> None:
    before = os.umask(0o177)
    try:
        listener.bind(path)
    finally:
        os.umask(before)
    if gid is not None:
        os.chown(path, -1, gid)
    os.chmod(path, mode)


def _make_way(path: str) -> None:
    if not os.path.lexists(path):
        return
    if not stat.S_ISSOCK(os.lstat(path).st_mode):
        raise InputError("is there already, and no socket", subject=path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)  # left by a daemon that was killed
            return
    raise InputError(
        "another daemon listens there",
        subject=path,
        hint="sriovctld may serve the interface already; use that, or name another socket",
    )


def open_tcp_socket(host: str, port: int) -> socket.socket:
    """Listen on an address.

    :raises HostError: it is not one of this host, or taken.
    """
    try:
        listener = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        )
    except OSError as error:
        raise HostError(
            f"cannot be listened on: {error.strerror or error}", subject=f"{host}:{port}"
        ) from error
    listener.setblocking(False)
    return listener
