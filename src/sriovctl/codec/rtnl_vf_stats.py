"""Counters of one VF, as kernels usually lay them out: ``IFLA_VF_STATS``.  Pure.

Source: kernel ``net/core/rtnetlink.c``, ``rtnl_fill_vfinfo()``.
"""

from __future__ import annotations

from struct import Struct

from sriovctl.model.functions import VFCounters

IFLA_VF_STATS = 8

# Numbers of VFCounters' fields in the kernel's enum, in the order in which it writes them; 6 is
# padding, which only machines write that cannot read a number at any address.
FIELD_NUMBERS = {
    "rx_packets": 0,
    "tx_packets": 1,
    "rx_bytes": 2,
    "tx_bytes": 3,
    "broadcast": 4,
    "multicast": 5,
    "rx_dropped": 7,
    "tx_dropped": 8,
}

_USUAL = Struct("=4s" + "4sQ" * len(FIELD_NUMBERS))
USUAL_SIZE = _USUAL.size
_HEADER = Struct("=HH")
USUAL_STATS_HEADERS = (
    _HEADER.pack(USUAL_SIZE, IFLA_VF_STATS),
    *(_HEADER.pack(12, number) for number in FIELD_NUMBERS.values()),
)


def decode_usual_counters(message: bytes, start: int) -> VFCounters | None:
    """Read the whole ``IFLA_VF_STATS`` at *start*, of which :data:`USUAL_SIZE` bytes are there.

    None if it is laid out in another way.  Much faster than attribute by attribute.
    """
    # fmt: off
    (
        nest, h0, rx_packets, h1, tx_packets, h2, rx_bytes, h3, tx_bytes,
        h4, broadcast, h5, multicast, h7, rx_dropped, h8, tx_dropped,
    ) = _USUAL.unpack_from(message, start)
    # fmt: on
    if (nest, h0, h1, h2, h3, h4, h5, h7, h8) != USUAL_STATS_HEADERS:
        return None
    return VFCounters(
        rx_packets, tx_packets, rx_bytes, tx_bytes, broadcast, multicast, rx_dropped, tx_dropped
    )
