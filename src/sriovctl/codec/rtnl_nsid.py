"""By which number one network namespace knows another.  Pure.

Source: kernel ``include/uapi/linux/net_namespace.h``, ``net/core/net_namespace.c``
(``rtnl_net_getid()``).
"""

from __future__ import annotations

from struct import Struct

from sriovctl.codec.netlink import (
    HEADER_SIZE,
    attributes,
    decode_header,
    encode_attribute,
    encode_message,
    malformed,
)

RTM_NEWNSID = 88
RTM_GETNSID = 90

_NETNSA_NSID = 1
_NETNSA_PID = 2

_BODY = HEADER_SIZE + 4  # struct rtgenmsg: one byte, padded
_I32 = Struct("=i")


def encode_get_nsid(pid: int) -> bytes:
    """Encode the question which number the namespace of process *pid* has in this one.  Pure."""
    return encode_message(RTM_GETNSID, bytes(4) + encode_attribute(_NETNSA_PID, _I32.pack(pid)))


def decode_nsid(message: bytes) -> int | None:
    """Read the answer; None where the namespace has no number yet.  Pure.

    :raises HostError: *message* is malformed, or of another type.
    """
    header = decode_header(message)
    if header.type != RTM_NEWNSID:
        raise malformed(f"type {header.type} where a namespace's number is expected", 4)
    for kind, first, last in attributes(message, _BODY, header.length):
        if kind == _NETNSA_NSID and last - first >= _I32.size:
            number = int(_I32.unpack_from(message, first)[0])
            return number if number >= 0 else None
    return None


def encode_nsid(number: int | None) -> bytes:
    """Encode the answer that a kernel would send.  Pure."""
    payload = _I32.pack(-1 if number is None else number)
    return encode_message(RTM_NEWNSID, bytes(4) + encode_attribute(_NETNSA_NSID, payload), flags=0)
