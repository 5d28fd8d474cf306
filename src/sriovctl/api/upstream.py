"""Ask a daemon on this host over its unix socket, without blocking: h11 over asyncio."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from weakref import finalize

import h11

from sriovctl.api.contract.messages import EVENTS, JSON, Response
from sriovctl.errors import LostError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from sriovctl.api.contract.messages import Request

PATIENCE_S = 600.0  # as long as a change may take that is waited for
MOST_BYTES = 1 << 28
_READ_BYTES = 65536
# What was said to us, and not to the daemon, stays here: cookies, tokens, origins.
_PASSED_ON = (
    *("accept", "accept-encoding", "content-type"),
    *("if-match", "if-none-match", "last-event-id"),
)
# What our own server says of each response by itself.
_OURS = (
    *("cache-control", "connection", "content-length", "content-type", "date", "keep-alive"),
    *("server", "transfer-encoding", "x-content-type-options"),
)


class Upstream:
    """A daemon, asked over a connection of its own each time.

    :param path: of its socket.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    async def ask(self, request: Request) -> Response:
        """Pass a request on, and return what the daemon answers.

        :raises LostError: it does not answer.
        """
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._ask(request)
        except (OSError, TimeoutError, h11.RemoteProtocolError) as error:
            raise self._lost(error) from error

    def _lost(self, error: Exception) -> LostError:
        return LostError(
            "the daemon does not answer",
            subject=self._path,
            hint="systemctl status sriovctld",
            evidence={"error": str(error) or type(error).__name__},
        )

    async def _ask(self, request: Request) -> Response:
        reader, writer = await asyncio.open_unix_connection(self._path)
        talk = _Talk(reader, writer)
        is_followed = False
        try:
            await talk.send(request)
            head = await talk.head()
            response = _response(head)
            is_followed = response.content_type == EVENTS and request.method != "HEAD"
            if is_followed:
                stream = talk.follow()
                # One that nobody began to read has no end of its own.
                finalize(stream, talk.close).atexit = False
                return response._replace(stream=stream)
            return response._replace(body=await talk.body())
        finally:
            if not is_followed:
                talk.close()


class _Talk:
    # One request and its response.

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.CLIENT)

    async def send(self, request: Request) -> None:
        target = f"{request.path}?{request.query}" if request.query else request.path
        headers = [("host", "localhost"), ("connection", "close")]
        headers += [(name, request.headers[name]) for name in _PASSED_ON if name in request.headers]
        if request.body:
            headers.append(("content-length", str(len(request.body))))
        head = h11.Request(method=request.method, target=target, headers=headers)
        for event in (head, h11.Data(data=request.body), h11.EndOfMessage()):
            self._writer.write(self._http.send(event) or b"")
        await self._writer.drain()

    async def head(self) -> h11.Response:
        while True:
            event = await self._next()
            if isinstance(event, h11.Response):
                return event
            if not isinstance(event, h11.InformationalResponse):
                raise ConnectionResetError("it ended before it answered")

    async def body(self) -> bytes:
        parts: list[bytes] = []
        size = 0
        while isinstance(event := await self._next(), h11.Data):
            parts.append(bytes(event.data))
            size += len(event.data)
            if size > MOST_BYTES:
                raise OSError(f"the answer is larger than {MOST_BYTES} bytes")
        return b"".join(parts)

    async def follow(self) -> AsyncGenerator[bytes, None]:
        """Yield what comes, until the daemon ends it or goes away."""
        try:
            with suppress(OSError, h11.RemoteProtocolError):
                while isinstance(event := await self._next(), h11.Data):
                    yield bytes(event.data)
        finally:
            self.close()

    async def _next(self) -> object:
        while True:
            event = self._http.next_event()
            if event is not h11.NEED_DATA:
                return event
            self._http.receive_data(await self._reader.read(_READ_BYTES))

    def close(self) -> None:
        self._writer.transport.abort()


def _response(head: h11.Response) -> Response:
    told = [(name.decode("ascii"), value.decode("latin-1")) for name, value in head.headers]
    content_type = next((value for name, value in told if name == "content-type"), JSON)
    headers = tuple((name, value) for name, value in told if name not in _OURS)
    return Response(head.status_code, content_type=content_type, headers=headers)
