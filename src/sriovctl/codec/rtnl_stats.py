"""Traffic counters of a netdev in route netlink: ``IFLA_STATS64``.  Pure.

Source: kernel ``include/uapi/linux/if_link.h``, ``struct rtnl_link_stats64``; written by
``rtnl_fill_stats()`` in ``net/core/rtnetlink.c``, whatever was asked for.
"""

from __future__ import annotations

from struct import Struct
from struct import error as StructError

from sriovctl.codec.netlink import encode_attribute, malformed
from sriovctl.errors import InputError
from sriovctl.model.link import NetdevCounters

IFLA_STATS64 = 23

# The first nine counters, and after six more rx_missed_errors.  What follows has grown since.
_COUNTERS = Struct("=9Q48xQ")
_SIZE = 200


def decode_stats(message: bytes, first: int, last: int) -> NetdevCounters:
    """Read the payload of ``IFLA_STATS64``.  Pure.

    :raises HostError: it is cut short.
    """
    if last - first < _COUNTERS.size:
        raise malformed("a netdev's counters are cut short", first)
    return NetdevCounters._make(_COUNTERS.unpack_from(message, first))


def encode_stats(counters: NetdevCounters) -> bytes:
    """Encode ``IFLA_STATS64`` as the kernel sends it, what is not kept here as 0.  Pure.

    :raises InputError: a counter does not fit into 64 bits.
    """
    try:
        known = _COUNTERS.pack(*counters)
    except StructError:
        raise InputError("a counter does not fit into 64 bits") from None
    return encode_attribute(IFLA_STATS64, known.ljust(_SIZE, b"\0"))
