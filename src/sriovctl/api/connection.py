"""HTTP/1.1 over one connection: h11 reads and writes it, asyncio moves the bytes."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress

import h11

from sriovctl.api.contract.messages import Request, Response
from sriovctl.api.contract.problems import Refusal
from sriovctl.api.loopback import user_over_loopback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from sriovctl.api.contract.messages import Peer
    from sriovctl.api.server import Limits

_READ_BYTES = 65536
_LINGER_S = 1.0


class Connection:
    """One client, from its first byte to its last."""

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
        self._user = None if peer or self._tls else _user_of(writer)
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
        told = (self._peer, self._tls, self._remote, self._user)
        return Request(method, path, query, headers, body, *told)

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
            try:
                await asyncio.wait((part, gone), return_when=asyncio.FIRST_COMPLETED)
            finally:  # also when this server ends: a stream that is at work cannot be closed
                await _stop(part)
            if part.cancelled():
                return
            try:
                yield part.result()
            except StopAsyncIteration:
                return


async def _stop(part: asyncio.Future[bytes]) -> None:
    if not part.done():
        part.cancel()
        with suppress(asyncio.CancelledError, StopAsyncIteration):
            await part


def _headers(response: Response) -> list[tuple[str, str]]:
    own = {name.lower() for name, _ in response.headers}
    usual = [("cache-control", "no-cache"), ("x-content-type-options", "nosniff")]
    if response.status != 304:
        usual.append(("content-type", response.content_type))
    if response.stream is None:
        usual.append(("content-length", str(len(response.body))))
    return [*(one for one in usual if one[0] not in own), *response.headers]


def _remote_of(writer: asyncio.StreamWriter) -> str | None:
    address = writer.get_extra_info("peername")
    return str(address[0]) if isinstance(address, tuple) else None


def _user_of(writer: asyncio.StreamWriter) -> int | None:
    ends = (writer.get_extra_info(name) for name in ("peername", "sockname"))
    return user_over_loopback(*ends)
