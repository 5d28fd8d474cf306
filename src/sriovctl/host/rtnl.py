"""The live kernel's route netlink socket."""

from __future__ import annotations

import _socket  # the class alone: socket, which dresses it up, takes as long to import as a verb
import errno

from sriovctl.codec.netlink import (
    NLM_F_ACK,
    NLM_F_DUMP_INTR,
    NLM_F_REQUEST,
    NLMSG_DONE,
    NLMSG_ERROR,
    NLMSG_NOOP,
    Header,
    decode_ack,
    is_dump,
    is_question,
    split_messages,
    with_sequence,
)
from sriovctl.errors import HostError, SriovctlError
from sriovctl.host.kernel_errors import kernel_error
from sriovctl.model.netlink import NetlinkAnswer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

_SOL_NETLINK = 270
_NETLINK_CAP_ACK = 10
_NETLINK_EXT_ACK = 11
_NETLINK_ROUTE = 0

# The kernel works through one send() before it returns, and queues every ack meanwhile: with some
# 300 of them the default receive buffer (208 KiB) is full and acks are lost.
_REQUESTS_PER_SEND = 64
_BYTES_PER_SEND = 128 * 1024  # below the default send buffer
_RECEIVE_BUFFER = 4 * 1024 * 1024
# The kernel makes a dump's pieces as large as what it was asked for last, up to this.  Where there
# is one piece, to look at its size takes no more than one byte of it.
_PEEK = 32 * 1024
_ATTEMPTS = 3
_MSG_PEEK = 0x02
_MSG_TRUNC = 0x20
_SEQUENCES = 0xFFFFFFFF


class KernelRouteNetlink:
    """Route netlink of the network namespace in which it is first used.

    Opened at the first :meth:`exchange`.  For one thread at a time.

    :param timeout_s: how long to wait for any single answer.
    """

    def __init__(self, *, timeout_s: float = 30.0) -> None:
        self._timeout_s = timeout_s
        self._socket: _socket.socket | None = None
        self._sequence = 0
        self._buffer = bytearray(_PEEK)

    def __enter__(self) -> KernelRouteNetlink:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def open(self) -> None:
        """Open the socket now, in the network namespace of the calling thread.

        :raises PermissionDenied: it may not be opened.
        :raises HostError: it cannot be opened.
        """
        self._open()

    def close(self) -> None:
        """Close the socket, if it is open; the next exchange opens another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def exchange(self, requests: Sequence[bytes]) -> tuple[NetlinkAnswer, ...]:
        """Send requests and collect one answer for each, in order.

        Requests must be safe to repeat (as "set to this value" is): when the kernel had no room
        for an answer, its request is sent again.

        :raises PermissionDenied: the socket may not be opened or used.
        :raises HostError: the socket failed, or an answer did not come.
        """
        answers: list[NetlinkAnswer] = []
        for batch in _batches(requests):
            first = self._round_trip(batch)
            answers += [
                self._ask_again(request) if answer is None else answer
                for request, answer in zip(batch, first, strict=True)
            ]
        return tuple(answers)

    def _ask_again(self, request: bytes) -> NetlinkAnswer:
        for _ in range(_ATTEMPTS - 1):
            (answer,) = self._round_trip([request])
            if answer is not None:
                return answer
        raise HostError(
            "the kernel's answer was lost, again and again",
            subject="route netlink",
            hint="it has too little buffer for so long an answer, or the host changes too fast",
            evidence={"attempts": _ATTEMPTS},
        )

    # None stands for an answer that was lost or spoiled.
    def _round_trip(self, requests: Sequence[bytes]) -> list[NetlinkAnswer | None]:
        numbers = [self._next_sequence() for _ in requests]
        inbox = _Inbox(numbers)
        try:
            self._send(requests, numbers)
            peek = _PEEK if is_dump(requests[0]) else 1
            while inbox.waits_for:
                inbox.take(self._receive(peek))
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise _socket_error(error, self._timeout_s) from error
            self._drain(inbox)
        return [inbox.answers.get(number) for number in numbers]

    def _next_sequence(self) -> int:
        self._sequence = self._sequence % _SEQUENCES + 1  # never 0: the kernel's own messages
        return self._sequence

    def _send(self, requests: Sequence[bytes], numbers: Sequence[int]) -> None:
        datagram = []
        for request, number in zip(requests, numbers, strict=True):
            datagram.append(with_sequence(request, number, flags=NLM_F_REQUEST | NLM_F_ACK))
            # Messages of link requests are whole multiples of four bytes long, but not all are.
            datagram.append(bytes(-len(request) % 4))
        self._open().send(b"".join(datagram))

    # Size first: an answer about 1000 VFs has 300 kB, one about 4096 has 1.2 MB.
    def _receive(self, peek: int = 1) -> bytes:
        socket = self._open()
        while True:
            size = socket.recv_into(self._buffer, peek, _MSG_PEEK | _MSG_TRUNC)
            datagram, sender = socket.recvfrom(size)
            if sender[0] == 0:  # the kernel; anybody else's message is none of our business
                return datagram

    # ENOBUFS is told once and then forgotten; what did arrive is still in the queue.
    def _drain(self, inbox: _Inbox) -> None:
        socket = self._open()
        socket.settimeout(0)
        try:
            while inbox.waits_for:
                inbox.take(self._receive())
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ENOBUFS):
                raise _socket_error(error, self._timeout_s) from error
        finally:
            socket.settimeout(self._timeout_s)

    def _open(self) -> _socket.socket:
        if self._socket is None:
            self._socket = _open_socket(self._timeout_s)
        return self._socket


def _open_socket(timeout_s: float) -> _socket.socket:
    try:
        opened = _socket.socket(_socket.AF_NETLINK, _socket.SOCK_RAW, _NETLINK_ROUTE)
    except OSError as error:
        raise _socket_error(error, timeout_s) from error
    _set_options(opened)
    opened.settimeout(timeout_s)
    return opened


# Each is an improvement that old kernels or containers may refuse: the kernel's own words in its
# refusals (4.12), refusals without a copy of a 64 KiB request (4.2), room for more answers.
def _set_options(socket: _socket.socket) -> None:
    so_rcvbufforce = 33
    options = [
        (_SOL_NETLINK, _NETLINK_EXT_ACK, 1),
        (_SOL_NETLINK, _NETLINK_CAP_ACK, 1),
        (_socket.SOL_SOCKET, _socket.SO_RCVBUF, _RECEIVE_BUFFER),
        (_socket.SOL_SOCKET, so_rcvbufforce, _RECEIVE_BUFFER),
    ]
    for level, option, value in options:
        try:
            socket.setsockopt(level, option, value)
        except OSError:
            continue


# Answers to a question may be large (two would not fit into the receive buffer), and a socket can
# have one dump at a time only.
def _batches(requests: Sequence[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size, closed = 0, False
    for request in requests:
        asks = is_question(request)
        full = len(batch) >= _REQUESTS_PER_SEND or size + len(request) > _BYTES_PER_SEND
        if batch and (asks or full or closed):
            yield batch
            batch, size = [], 0
        batch.append(request)
        size, closed = size + len(request), asks
    if batch:
        yield batch


class _Inbox:
    # What the kernel has answered so far to the requests with these sequence numbers.

    def __init__(self, numbers: Sequence[int]) -> None:
        self.waits_for: dict[int, list[bytes]] = {number: [] for number in numbers}
        self.answers: dict[int, NetlinkAnswer] = {}
        self._spoiled: set[int] = set()

    def take(self, datagram: bytes) -> None:
        for header, message in split_messages(datagram):
            payloads = self.waits_for.get(header.sequence)
            # Others are late answers to something that was given up.
            if payloads is not None:
                self._take(header, message, payloads)

    def _take(self, header: Header, message: bytes, payloads: list[bytes]) -> None:
        _, kind, flags, number, _ = header
        # A dump during which something changed may miss or repeat netdevs.
        if flags & NLM_F_DUMP_INTR:
            self._spoiled.add(number)
        if kind in (NLMSG_ERROR, NLMSG_DONE):
            ack = decode_ack(message, header)
            if number not in self._spoiled:
                self.answers[number] = NetlinkAnswer(ack.errno, ack.message, tuple(payloads))
            del self.waits_for[number]
        elif kind != NLMSG_NOOP:
            payloads.append(message)


def _socket_error(error: OSError, timeout_s: float) -> SriovctlError:
    if isinstance(error, TimeoutError):
        return HostError(
            f"the kernel did not answer within {timeout_s:g} s",
            subject="route netlink",
            hint="some driver holds the kernel's network lock; see the kernel log",
        )
    return kernel_error(error, subject="route netlink", action="cannot use the socket")
