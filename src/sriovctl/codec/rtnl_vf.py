"""One VF in route netlink: ``IFLA_VF_INFO`` and what is nested in it.  Pure.

A VF is written by an administrator and read back in the same structures, so that one set of
decoders serves both directions; what encodes them is in ``rtnl_vf_encode.py``.

Source: kernel ``include/uapi/linux/if_link.h``; written by ``rtnl_fill_vfinfo()`` in
``net/core/rtnetlink.c``.
"""

from __future__ import annotations

from struct import Struct

from sriovctl.codec.netlink import attributes, malformed
from sriovctl.model.functions import VLAN, LinkState, VFAttributes, VFCounters, VLANProtocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Fields = dict[str, object]
    Decoder = Callable[[bytes, int, int, Fields], None]

IFLA_VF_INFO = 1

IFLA_VF_MAC = 1
IFLA_VF_VLAN = 2
IFLA_VF_TX_RATE = 3
IFLA_VF_SPOOFCHK = 4
IFLA_VF_LINK_STATE = 5
IFLA_VF_RATE = 6
IFLA_VF_RSS_QUERY_EN = 7
IFLA_VF_STATS = 8
IFLA_VF_TRUST = 9
IFLA_VF_IB_NODE_GUID = 10
IFLA_VF_IB_PORT_GUID = 11
IFLA_VF_VLAN_LIST = 12
IFLA_VF_BROADCAST = 13

IFLA_VF_VLAN_INFO = 1

ETHERNET_MAC_SIZE = 6
INFINIBAND_MAC_SIZE = 20

UNKNOWN = 0xFFFFFFFF  # -1: preset by the kernel where a driver may say nothing
LINK_STATES = (LinkState.AUTO, LinkState.ENABLE, LinkState.DISABLE)
SWITCHES = {0: False, 1: True, UNKNOWN: None}
# 0 is no ethertype: the driver overwrote the kernel's 802.1q with what it never set (netdevsim).
PROTOCOLS = {
    b"\x81\x00": VLANProtocol.DOT1Q,
    b"\x88\xa8": VLANProtocol.DOT1AD,
    b"\x00\x00": VLANProtocol.DOT1Q,
}

# Every structure but ifla_vf_broadcast begins with the index of the VF.
_MAC_FIRST = Struct("=4sI32x")  # how the kernel begins
_PAIR = Struct("=II")  # vf, setting
_TRIPLE = Struct("=III")  # vf, vlan, qos; or vf, min, max
_MAC = Struct("=I32s")
GUID = Struct("=IxxxxQ")
VLAN_INFO = Struct("=III2sxx")  # the ethertype in network byte order
COUNTER = Struct("=Q")

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
_COUNTERS = {number: name for name, number in FIELD_NUMBERS.items()}


def format_mac(octets: bytes) -> str:
    """Write a MAC address or GUID in lower-case hex with colons.  Pure."""
    return octets.hex(":")


def decode_vf_attributes(message: bytes, start: int, end: int, *, mac_size: int) -> VFAttributes:
    """Read the payload of one ``IFLA_VF_INFO``.  Pure.

    :param mac_size: octets in use of the 32 that every MAC field has.
    :raises HostError: it is cut short, or does not say which VF it is about.
    """
    usual = _decode_usual_layout(message, start, end, mac_size)
    if usual is not None:
        return usual
    fields = _decode_fields(message, start, end)
    mac = fields.get("admin_mac")
    if isinstance(mac, bytes):
        fields["admin_mac"] = format_mac(mac[:mac_size])
    return VFAttributes(**fields)  # type: ignore[arg-type]  # the decoders are keyed by field


def vf_index_in(message: bytes, start: int, end: int) -> int:
    """Read no more of one ``IFLA_VF_INFO`` than which VF it is about.  Pure.

    :raises HostError: it is cut short, or does not say.
    """
    if end - start >= _MAC_FIRST.size:
        header, index = _MAC_FIRST.unpack_from(message, start)
        if header == USUAL_HEADERS[0]:
            return int(index)
    vf_index = _decode_fields(message, start, end)["vf_index"]
    assert isinstance(vf_index, int)
    return vf_index


def _decode_usual_layout(
    message: bytes, start: int, end: int, mac_size: int
) -> VFAttributes | None:
    if end - start == USUAL.size:
        return _decode_usual(message, start, mac_size, None)
    if end - start != USUAL.size + USUAL_STATS.size:
        return None
    counters = _decode_usual_counters(message, start + USUAL.size)
    return None if counters is None else _decode_usual(message, start, mac_size, counters)


# The whole payload as every kernel from 5.3 to (at least) 6.12 writes it for an Ethernet VF
# without counters: two to four times as fast as attribute by attribute, which is felt with many
# VFs; rtnl_vf_columns.py reads them together.  Left out: the broadcast address, the index after
# the first, and what IFLA_VF_VLAN and IFLA_VF_TX_RATE repeat.  Anything else that a kernel may
# write takes the general way.
USUAL = Struct("=4sI32s 4s32x 4s12x 4s4xII 4s8x 4s4xI 4s4xI 4s4xI 4s4xI 4s4s4xII2sxx")
_HEADER = Struct("=HH")
USUAL_HEADERS = tuple(
    _HEADER.pack(length, kind)
    for length, kind in (
        (40, IFLA_VF_MAC),
        (36, IFLA_VF_BROADCAST),
        (16, IFLA_VF_VLAN),
        (16, IFLA_VF_RATE),
        (12, IFLA_VF_TX_RATE),
        (12, IFLA_VF_SPOOFCHK),
        (12, IFLA_VF_LINK_STATE),
        (12, IFLA_VF_RSS_QUERY_EN),
        (12, IFLA_VF_TRUST),
        (24, IFLA_VF_VLAN_LIST),
        (20, IFLA_VF_VLAN_INFO),
    )
)
# And what follows with counters.
USUAL_STATS = Struct("=4s" + "4sQ" * len(FIELD_NUMBERS))
USUAL_STATS_HEADERS = (
    _HEADER.pack(USUAL_STATS.size, IFLA_VF_STATS),
    *(_HEADER.pack(12, number) for number in FIELD_NUMBERS.values()),
)


def _decode_usual(
    message: bytes, start: int, mac_size: int, counters: VFCounters | None
) -> VFAttributes | None:
    # fmt: off
    (
        h_mac, index, mac, h_broadcast, h_vlan, h_rate, minimum, maximum, h_tx_rate,
        h_spoofchk, spoofchk, h_state, state, h_rss, rss, h_trust, trust,
        h_list, h_info, vlan_id, qos, ethertype,
    ) = USUAL.unpack_from(message, start)
    # fmt: on
    headers = (h_mac, h_broadcast, h_vlan, h_rate, h_tx_rate, h_spoofchk, h_state, h_rss, h_trust)
    if (*headers, h_list, h_info) != USUAL_HEADERS:
        return None
    return VFAttributes(
        index,
        format_mac(mac[:mac_size]),
        VLAN(vlan_id, qos, PROTOCOLS.get(ethertype) or _format_ethertype(ethertype)),
        SWITCHES.get(spoofchk, True),
        SWITCHES.get(trust, True),
        LINK_STATES[state] if state < 3 else str(state),
        minimum,
        maximum,
        SWITCHES.get(rss, True),
        None,
        None,
        counters,
    )


def _decode_usual_counters(message: bytes, start: int) -> VFCounters | None:
    # fmt: off
    (
        nest, h0, rx_packets, h1, tx_packets, h2, rx_bytes, h3, tx_bytes,
        h4, broadcast, h5, multicast, h7, rx_dropped, h8, tx_dropped,
    ) = USUAL_STATS.unpack_from(message, start)
    # fmt: on
    if (nest, h0, h1, h2, h3, h4, h5, h7, h8) != USUAL_STATS_HEADERS:
        return None
    return VFCounters(
        rx_packets, tx_packets, rx_bytes, tx_bytes, broadcast, multicast, rx_dropped, tx_dropped
    )


def _decode_fields(message: bytes, start: int, end: int) -> Fields:
    fields: Fields = {}
    for kind, first, last in attributes(message, start, end):
        decode = _DECODERS.get(kind)
        if decode is not None:
            decode(message, first, last, fields)
    if "vf_index" not in fields:
        raise malformed("a VF without its index", start)
    return fields


def _unpack(structure: Struct, message: bytes, first: int, last: int) -> tuple[int, ...]:
    if last - first < structure.size:
        raise malformed("a VF attribute is cut short", first)
    return structure.unpack_from(message, first)


def _decode_mac(message: bytes, first: int, last: int, fields: Fields) -> None:
    fields["vf_index"], fields["admin_mac"] = _unpack(_MAC, message, first, last)


def _decode_vlan(message: bytes, first: int, last: int, fields: Fields) -> None:
    fields["vf_index"], vlan_id, qos = _unpack(_TRIPLE, message, first, last)
    # IFLA_VF_VLAN_LIST says the same, and the protocol too.
    fields.setdefault("vlan", VLAN(vlan_id, qos))


def _decode_vlan_list(message: bytes, start: int, end: int, fields: Fields) -> None:
    for kind, first, last in attributes(message, start, end):
        if kind == IFLA_VF_VLAN_INFO:
            index, vlan_id, qos, ethertype = _unpack(VLAN_INFO, message, first, last)
            fields["vf_index"] = index
            fields["vlan"] = VLAN(vlan_id, qos, _format_ethertype(ethertype))  # type: ignore[arg-type]
            return  # MAX_VLAN_LIST_LEN is 1


def _format_ethertype(raw: bytes) -> str:
    return PROTOCOLS.get(raw) or f"0x{raw.hex()}"


def _decode_rate(message: bytes, first: int, last: int, fields: Fields) -> None:
    index, minimum, maximum = _unpack(_TRIPLE, message, first, last)
    fields["vf_index"] = index
    fields["min_tx_rate_mbps"] = minimum
    fields["max_tx_rate_mbps"] = maximum


def _decode_tx_rate(message: bytes, first: int, last: int, fields: Fields) -> None:
    fields["vf_index"], maximum = _unpack(_PAIR, message, first, last)
    fields.setdefault("max_tx_rate_mbps", maximum)


def _decode_link_state(message: bytes, first: int, last: int, fields: Fields) -> None:
    fields["vf_index"], state = _unpack(_PAIR, message, first, last)
    fields["link_state"] = _format_link_state(state)


def _format_link_state(state: int) -> str:
    return LINK_STATES[state] if state < len(LINK_STATES) else str(state)


def _switch_decoder(field: str) -> Decoder:
    def decode(message: bytes, first: int, last: int, fields: Fields) -> None:
        fields["vf_index"], setting = _unpack(_PAIR, message, first, last)
        fields[field] = SWITCHES.get(setting, True)

    return decode


def _guid_decoder(field: str) -> Decoder:
    def decode(message: bytes, first: int, last: int, fields: Fields) -> None:
        fields["vf_index"], guid = _unpack(GUID, message, first, last)
        fields[field] = format_mac(guid.to_bytes(8, "big"))

    return decode


def _decode_counters(message: bytes, start: int, end: int, fields: Fields) -> None:
    counters = {
        _COUNTERS[kind]: _unpack(COUNTER, message, first, last)[0]
        for kind, first, last in attributes(message, start, end)
        if kind in _COUNTERS
    }
    if counters.keys() >= {"rx_packets", "tx_packets", "rx_bytes", "tx_bytes"}:
        fields["counters"] = VFCounters(**counters)


_DECODERS: dict[int, Decoder] = {
    IFLA_VF_MAC: _decode_mac,
    IFLA_VF_VLAN: _decode_vlan,
    IFLA_VF_TX_RATE: _decode_tx_rate,
    IFLA_VF_SPOOFCHK: _switch_decoder("spoofchk"),
    IFLA_VF_LINK_STATE: _decode_link_state,
    IFLA_VF_RATE: _decode_rate,
    IFLA_VF_RSS_QUERY_EN: _switch_decoder("rss_query"),
    IFLA_VF_STATS: _decode_counters,
    IFLA_VF_TRUST: _switch_decoder("trust"),
    IFLA_VF_IB_NODE_GUID: _guid_decoder("node_guid"),
    IFLA_VF_IB_PORT_GUID: _guid_decoder("port_guid"),
    IFLA_VF_VLAN_LIST: _decode_vlan_list,
}
