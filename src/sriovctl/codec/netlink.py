"""Netlink framing: messages, attributes and acks.  Pure.

All integers are in the byte order of the host that speaks (a recording must be read on a machine
of the same byte order).  No length found in a message is trusted: every reader here checks it
against what is really there, and raises :class:`~sriovctl.errors.HostError` where it lies.

Source: kernel ``include/uapi/linux/netlink.h``, ``include/net/netlink.h``.
"""

from __future__ import annotations

from struct import Struct

from sriovctl.errors import HostError
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

NLMSG_NOOP = 1
NLMSG_ERROR = 2
NLMSG_DONE = 3
NLMSG_OVERRUN = 4

NLM_F_REQUEST = 0x001
NLM_F_MULTI = 0x002
NLM_F_ACK = 0x004
NLM_F_DUMP_INTR = 0x010
NLM_F_CAPPED = 0x100  # in an ack: the request is not repeated behind its header
NLM_F_ACK_TLVS = 0x200  # in an ack: attributes follow
NLM_F_DUMP = 0x300  # in a request

NLMSGERR_ATTR_MSG = 1

HEADER_SIZE = 16
ATTRIBUTE_HEADER_SIZE = 4
MAX_ATTRIBUTE_LENGTH = 0xFFFF  # nla_len is 16 bits wide and counts its own header

_HEADER = Struct("=IHHII")  # length, type, flags, sequence, port
ATTRIBUTE = Struct("=HH")  # the head of one: length, type
_ERROR = Struct("=i")
TYPE_MASK = 0x3FFF  # without NLA_F_NESTED and NLA_F_NET_BYTEORDER


class Header(NamedTuple):
    """What stands at the head of a netlink message."""

    length: int  # bytes, this header included
    type: int
    flags: int
    sequence: int
    port: int


class Ack(NamedTuple):
    """End of an answer: ``NLMSG_ERROR`` (also the good one) or ``NLMSG_DONE``."""

    errno: int  # positive; 0 is success
    message: str | None  # the kernel's own words


def malformed(what: str, offset: int) -> HostError:
    """Make the error for a message that contradicts itself.  Pure."""
    return HostError(
        f"a netlink message is malformed: {what}",
        hint="this is not what a Linux kernel sends; a recording may be damaged",
        evidence={"at byte": offset},
    )


def encode_message(kind: int, *parts: bytes | memoryview, flags: int = NLM_F_REQUEST) -> bytes:
    """Put a header before the parts of a body; sequence and port are left 0.  Pure."""
    size = HEADER_SIZE + sum(map(len, parts))
    return b"".join((_HEADER.pack(size, kind, flags, 0, 0), *parts))


def with_sequence(message: bytes, sequence: int, *, flags: int) -> bytes:
    """Return *message* with its sequence number set and *flags* added.  Pure.

    :raises HostError: *message* is shorter than a header.
    """
    _, kind, others, _, _ = decode_header(message)
    head = _HEADER.pack(len(message), kind, others | flags, sequence, 0)
    return b"".join((head, memoryview(message)[HEADER_SIZE:]))


def attribute_head(kind: int, size: int) -> bytes:
    """Encode the head of an attribute whose payload, of so many bytes, is to follow.  Pure."""
    return ATTRIBUTE.pack(ATTRIBUTE_HEADER_SIZE + size, kind)


def encode_attribute(kind: int, payload: bytes) -> bytes:
    """Encode one attribute, padded to four bytes.  Pure; *payload* is at most 65531 bytes."""
    length = ATTRIBUTE_HEADER_SIZE + len(payload)
    return ATTRIBUTE.pack(length, kind) + payload + bytes(-length % 4)


def encode_wrapping_nest(kind: int, payload: bytes) -> bytes:
    """Encode a nest as the kernel does when it is too long: only the low 16 bits of its length.

    Pure.  Source: ``nla_nest_end()`` in ``include/net/netlink.h``, which stores the distance
    into the 16-bit ``nla_len`` without a check.
    """
    length = ATTRIBUTE_HEADER_SIZE + len(payload)
    return ATTRIBUTE.pack(length & MAX_ATTRIBUTE_LENGTH, kind) + payload


def decode_header(message: bytes, offset: int = 0) -> Header:
    """Read the header at *offset*.  Pure.

    :raises HostError: there is no room for it, or for the message whose length it gives.
    """
    room = len(message) - offset
    if room < HEADER_SIZE:
        raise malformed("no room for a header", offset)
    header = Header(*_HEADER.unpack_from(message, offset))
    if not HEADER_SIZE <= header.length <= room:
        raise malformed(f"its length says {header.length}, {room} bytes are there", offset)
    return header


def is_question(message: bytes) -> bool:
    """Say whether a route netlink request only asks.  Pure.

    Route netlink's types come in fours: NEW, DEL, GET, SET.

    :raises HostError: *message* is shorter than a header.
    """
    return decode_header(message).type % 4 == 2


def is_dump(message: bytes) -> bool:
    """Say whether a request asks for all that there is of its kind.  Pure.

    :raises HostError: *message* is shorter than a header.
    """
    return decode_header(message).flags & NLM_F_DUMP == NLM_F_DUMP


def split_messages(datagram: bytes) -> Iterator[tuple[Header, bytes]]:
    """Take one received datagram apart into whole messages.  Pure.

    :raises HostError: the datagram is cut short.
    """
    offset = 0
    while offset < len(datagram):
        header = decode_header(datagram, offset)
        yield header, datagram[offset : offset + header.length]
        offset += header.length + 3 & ~3


def attribute_header(message: bytes, offset: int, end: int) -> tuple[int, int]:
    """Return (type, length) of the attribute at *offset*; the length is as written.  Pure.

    :raises HostError: there is no room for the header before *end*.
    """
    if end - offset < ATTRIBUTE_HEADER_SIZE:
        raise malformed("no room for an attribute", offset)
    length, kind = ATTRIBUTE.unpack_from(message, offset)
    return kind & TYPE_MASK, length


def attributes(message: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Walk attributes between two offsets: (type, start of the payload, end of it).  Pure.

    :param end: at most ``len(message)``.
    :raises HostError: an attribute reaches beyond *end*.
    """
    unpack = ATTRIBUTE.unpack_from  # this loop runs a dozen times per VF
    while end - start >= ATTRIBUTE_HEADER_SIZE:  # less is padding, as for the kernel's nla_ok()
        length, kind = unpack(message, start)
        if length < ATTRIBUTE_HEADER_SIZE or start + length > end:
            raise malformed(f"attribute {kind & TYPE_MASK} of length {length}", start)
        yield kind & TYPE_MASK, start + ATTRIBUTE_HEADER_SIZE, start + length
        start += length + 3 & ~3


def decode_text(message: bytes, start: int, end: int) -> str:
    """Read a NUL-terminated string; bytes that are not UTF-8 survive as surrogates.  Pure."""
    return message[start:end].split(b"\0", 1)[0].decode("utf-8", "surrogateescape")


def decode_ack(message: bytes, header: Header | None = None) -> Ack:
    """Read an ``NLMSG_ERROR`` or ``NLMSG_DONE`` message.  Pure.

    :param header: its own, where it has been read before.
    :raises HostError: it is cut short.
    """
    header = header or decode_header(message)
    if header.length < HEADER_SIZE + _ERROR.size:
        # The kernel ends some dumps with a bare NLMSG_DONE: all went well.
        if header.type == NLMSG_DONE:
            return Ack(0, None)
        raise malformed("an ack without an error number", HEADER_SIZE)
    (error,) = _ERROR.unpack_from(message, HEADER_SIZE)
    return Ack(abs(error), _extended_ack_text(message, header))


def _extended_ack_text(message: bytes, header: Header) -> str | None:
    if not header.flags & NLM_F_ACK_TLVS:
        return None
    start = HEADER_SIZE + _ERROR.size
    if header.type == NLMSG_ERROR:
        start += _repeated_request_size(message, header, start)
    for kind, first, last in attributes(message, start, header.length):
        if kind == NLMSGERR_ATTR_MSG:
            return decode_text(message, first, last)
    return None


# An ack repeats the request, or with NETLINK_CAP_ACK only the request's header.
def _repeated_request_size(message: bytes, header: Header, start: int) -> int:
    if header.flags & NLM_F_CAPPED or header.length - start < HEADER_SIZE:
        return HEADER_SIZE
    length = int(_HEADER.unpack_from(message, start)[0])
    return length + 3 & ~3
