"""HTTP/1.1 over a unix socket or TLS: h11 reads and writes it, asyncio moves the bytes.

Theory of operation.  Each connection is one task, from before TLS is agreed on until the last byte
has left, and does one request after the other.  Whatever it waits for has an end: TLS, a head, a
body, and a client that does not take what it is sent.  What a client can make us keep has one too:
the size of heads and bodies, and the number of connections.  So a slow or a greedy client costs its
own connection, and nobody else's.

A client that has gone away is noticed by its next read or write.  What it asked for goes on: a
change of the host must not depend on who still listens.
"""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import struct
from contextlib import aclosing, suppress

import h11

from sriovctl.api.contract.messages import Peer, Request, Response
from sriovctl.api.contract.problems import Refusal, response_to, response_to_bug
from sriovctl.errors import HostError, InputError
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from sriovctl.api.tls import Certificate

    Handle = Callable[[Request], Awaitable[Response]]

_PEER = struct.Struct("3i")  # struct ucred: pid, uid, gid
_READ_BYTES = 65536
_LINGER_S = 1.0
_NO_ROOM_S = 0.1  # until there may be a file descriptor again
_BACKLOG = 128


class Limits(NamedTuple):
    """What one client may take."""

    connections: int = 128
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
        tasks = (*self._accepting, *self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # asyncio's own servers count nobody before TLS is agreed on, and daemons share descriptors.
    async def _accept(self, listener: socket.socket, certificate: Certificate | None) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, _ = await loop.sock_accept(listener)
            except OSError:
                await asyncio.sleep(_NO_ROOM_S)
                continue
            if len(self._tasks) >= self._limits.connections:
                client.close()
                continue
            task = loop.create_task(self._serve(client, certificate))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self, client: socket.socket, certificate: Certificate | None) -> None:
        with suppress(OSError, TimeoutError, asyncio.CancelledError, h11.LocalProtocolError):
            peer = _peer_of(client)
            reader, writer = await self._open(client, certificate)
            try:
                await self._talk(_Connection(reader, writer, peer, self._limits))
                async with asyncio.timeout(self._limits.send_s):
                    writer.close()
                    await writer.wait_closed()
            finally:
                writer.transport.abort() if writer.transport.is_closing() else writer.close()

    async def _open(
        self, client: socket.socket, certificate: Certificate | None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await loop.connect_accepted_socket(
            lambda: protocol,
            client,
            ssl=None if certificate is None else certificate.context,
            ssl_handshake_timeout=None if certificate is None else self._limits.head_s,
        )
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)

    async def _talk(self, connection: _Connection) -> None:
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


class _Connection:
    # One client, from its first byte to its last.

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        peer: Peer | None,
        limits: Limits,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._limits = limits
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.head_bytes)
        self._peer = peer
        self._tls = writer.get_extra_info("ssl_object") is not None
        self._remote = None if peer else _remote_of(writer)
        self._is_first = True

    async def receive(self) -> Request | None:
        """Read one request; None: the client went away, or says nothing."""
        if not self._is_first and not await self._hears_something():
            return None
        self._is_first = False
        try:
            async with asyncio.timeout(self._limits.head_s):
                head = await self._next()
            if not isinstance(head, h11.Request):
                return None
            async with asyncio.timeout(self._limits.body_s):
                return self._request(head, await self._body(head))
        except TimeoutError:
            raise Refusal(408, "request-timeout", "the request took too long to come") from None
        except h11.RemoteProtocolError as error:
            status = error.error_status_hint
            if status == 431:
                raise Refusal(
                    431, "head-too-large", "the head of the request is too large"
                ) from None
            raise Refusal(400, "bad-request", "this is not HTTP as it should be") from None

    async def _hears_something(self) -> bool:
        if self._http.trailing_data[0]:
            return True
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.idle_s):
                data = await self._reader.read(_READ_BYTES)
            self._http.receive_data(data)
            return bool(data)
        return False

    async def _next(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        while True:
            event = self._http.next_event()
            if event is not h11.NEED_DATA:
                return event
            if self._http.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[])
                await self._write(self._http.send(go_on))
            self._http.receive_data(await self._reader.read(_READ_BYTES))

    async def _body(self, head: h11.Request) -> bytes:
        said = next((int(v) for k, v in head.headers if k == b"content-length"), 0)
        parts: list[bytes] = []
        size = said
        while size <= self._limits.body_bytes:
            event = await self._next()
            if not isinstance(event, h11.Data):
                return b"".join(parts)
            parts.append(bytes(event.data))
            size = max(said, sum(map(len, parts)))
        raise Refusal(
            413,
            "body-too-large",
            f"the body is larger than {self._limits.body_bytes} bytes",
            subject="body",
        )

    def _request(self, head: h11.Request, body: bytes) -> Request:
        # ASCII: h11 lets nothing else through in a target.
        path, _, query = head.target.decode("ascii").partition("?")
        headers: dict[str, str] = {}
        for raw_name, raw_value in head.headers:
            name, value = raw_name.decode("ascii"), raw_value.decode("latin-1")
            if name in headers and name == "authorization":
                raise Refusal(400, "bad-request", "is said twice", subject=name)
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        method = head.method.decode("ascii")
        return Request(method, path, query, headers, body, self._peer, self._tls, self._remote)

    async def send(self, method: str, response: Response, *, closing: bool = False) -> None:
        """Send one response."""
        headers = _headers(response)
        if closing or response.stream is not None:
            headers.append(("connection", "close"))
        head = self._http.send(h11.Response(status_code=response.status, headers=headers))
        if response.stream is not None and method != "HEAD":
            await self._write(head)
            await self._stream(response)
            return
        body = b"" if method == "HEAD" or response.status == 304 else response.body
        data = self._http.send(h11.Data(data=body)) if body else b""
        end = self._http.send(h11.EndOfMessage())
        await self._write(b"".join(part for part in (head, data, end) if part))

    async def _stream(self, response: Response) -> None:
        assert response.stream is not None
        gone = asyncio.ensure_future(self._reader.read(1))
        try:
            async with aclosing(_until(gone, response.stream)) as parts:
                async for part in parts:
                    await self._write(self._http.send(h11.Data(data=part)))
        finally:
            gone.cancel()

    async def _write(self, data: bytes | None) -> None:
        if not data:
            return
        self._writer.write(data)
        try:
            async with asyncio.timeout(self._limits.send_s):
                await self._writer.drain()
        except TimeoutError:
            self._writer.transport.abort()
            raise

    async def linger(self) -> None:
        """Let the client read why it was refused: the kernel drops that with what we leave."""
        if self._writer.can_write_eof():
            self._writer.write_eof()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LINGER_S):
                while await self._reader.read(_READ_BYTES):
                    pass

    def begin_again(self) -> bool:
        """Make ready for the next request; say whether there can be one."""
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
            return True
        return False


async def _until(
    gone: asyncio.Future[bytes], stream: AsyncGenerator[bytes, None]
) -> AsyncGenerator[bytes, None]:
    # A client that goes away while nothing happens would hold its place for ever.
    async with aclosing(stream):
        while not gone.done():
            part = asyncio.ensure_future(anext(stream))
            await asyncio.wait((part, gone), return_when=asyncio.FIRST_COMPLETED)
            if not part.done():
                part.cancel()
                with suppress(asyncio.CancelledError, StopAsyncIteration):
                    await part
                return
            try:
                yield part.result()
            except StopAsyncIteration:
                return


def _headers(response: Response) -> list[tuple[str, str]]:
    own = {name.lower() for name, _ in response.headers}
    usual = [("cache-control", "no-cache"), ("x-content-type-options", "nosniff")]
    if response.status != 304:
        usual.append(("content-type", response.content_type))
    if response.stream is None:
        usual.append(("content-length", str(len(response.body))))
    return [*(one for one in usual if one[0] not in own), *response.headers]


def _peer_of(client: socket.socket) -> Peer | None:
    if client.family != socket.AF_UNIX:
        return None
    return Peer(*_PEER.unpack(client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)))


def _remote_of(writer: asyncio.StreamWriter) -> str | None:
    address = writer.get_extra_info("peername")
    return str(address[0]) if isinstance(address, tuple) else None


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
