"""One VF in route netlink: ``IFLA_VF_INFO`` and what is nested in it.  Pure.

A VF is written by an administrator and read back in the same structures, so that one set of
decoders serves both directions.

Source: kernel ``include/uapi/linux/if_link.h``; written by ``rtnl_fill_vfinfo()`` and read by
``do_setvfinfo()`` in ``net/core/rtnetlink.c``.
"""

from __future__ import annotations

from struct import Struct
from struct import error as StructError

from sriovctl.codec.netlink import attributes, encode_attribute, malformed
from sriovctl.codec.rtnl_vf_stats import (
    FIELD_NUMBERS,
    IFLA_VF_STATS,
    USUAL_SIZE,
    decode_usual_counters,
)
from sriovctl.errors import InputError, UnsupportedError
from sriovctl.model.functions import VLAN, LinkState, VFAttributes, VFCounters, VLANProtocol
from sriovctl.model.state import UNSET, WantedVF

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
IFLA_VF_TRUST = 9
IFLA_VF_IB_NODE_GUID = 10
IFLA_VF_IB_PORT_GUID = 11
IFLA_VF_VLAN_LIST = 12
IFLA_VF_BROADCAST = 13

IFLA_VF_VLAN_INFO = 1

ETHERNET_MAC_SIZE = 6
INFINIBAND_MAC_SIZE = 20

_GUID_SIZE = 8
_MAC_FIELD_SIZE = 32  # MAX_ADDR_LEN
_UNKNOWN = 0xFFFFFFFF  # -1: preset by the kernel where a driver may say nothing
_LINK_STATES = (LinkState.AUTO, LinkState.ENABLE, LinkState.DISABLE)
_SWITCHES = {0: False, 1: True, _UNKNOWN: None}
_ETHERTYPES = {VLANProtocol.DOT1Q: 0x8100, VLANProtocol.DOT1AD: 0x88A8}
# 0 is no ethertype: the driver overwrote the kernel's 802.1q with what it never set (netdevsim).
_PROTOCOLS = {
    b"\x81\x00": VLANProtocol.DOT1Q,
    b"\x88\xa8": VLANProtocol.DOT1AD,
    b"\x00\x00": VLANProtocol.DOT1Q,
}

# Every structure but ifla_vf_broadcast begins with the index of the VF.
_INDEX = Struct("=I")
_PAIR = Struct("=II")  # vf, setting
_TRIPLE = Struct("=III")  # vf, vlan, qos; or vf, min, max
_MAC = Struct("=I32s")
_GUID = Struct("=IxxxxQ")
_VLAN_INFO = Struct("=III2sxx")  # the ethertype in network byte order
_COUNTER = Struct("=Q")

# The same with an attribute header before them.  Their sizes are multiples of four: no padding.
_MAC_ATTRIBUTE = Struct("=HHI32s")
_PAIR_ATTRIBUTE = Struct("=HHII")
_TRIPLE_ATTRIBUTE = Struct("=HHIII")

_COUNTERS = {number: name for name, number in FIELD_NUMBERS.items()}


def format_mac(octets: bytes) -> str:
    """Write a MAC address or GUID in lower-case hex with colons.  Pure."""
    return octets.hex(":")


def mac_octets(text: str) -> bytes:
    """Read a MAC address of 6 octets (Ethernet) or 20 (InfiniBand).  Pure.

    :raises InputError: *text* is something else.
    """
    try:
        octets = bytes.fromhex(text.replace(":", ""))
    except ValueError:
        octets = b""
    if len(octets) not in (ETHERNET_MAC_SIZE, INFINIBAND_MAC_SIZE) or (
        text.lower() != format_mac(octets)
    ):
        raise InputError("is not a MAC address", subject=text, hint="write it as 52:54:00:6d:90:02")
    return octets


def guid_octets(text: str) -> bytes:
    """Read an InfiniBand GUID of 8 octets, written as ``00:11:22:33:44:55:66:77``.  Pure.

    :raises InputError: *text* is something else.
    """
    try:
        octets = bytes.fromhex(text.replace(":", ""))
    except ValueError:
        octets = b""
    if len(octets) != _GUID_SIZE or text.lower() != format_mac(octets):
        raise InputError("is not a GUID", subject=text, hint="write it as 00:11:22:33:44:55:66:77")
    return octets


# --- reading ---------------------------------------------------------------------------------


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


def _decode_usual_layout(
    message: bytes, start: int, end: int, mac_size: int
) -> VFAttributes | None:
    if end - start == _USUAL.size:
        return _decode_usual(message, start, mac_size, None)
    if end - start != _USUAL.size + USUAL_SIZE:
        return None
    counters = decode_usual_counters(message, start + _USUAL.size)
    return None if counters is None else _decode_usual(message, start, mac_size, counters)


# The whole payload as every kernel from 5.3 to (at least) 6.12 writes it for an Ethernet VF
# without counters: two to four times as fast as attribute by attribute, which is felt with a
# thousand VFs.  Left out: the broadcast address, the index after the first, and what IFLA_VF_VLAN
# and IFLA_VF_TX_RATE repeat.  Anything else that a kernel may write takes the general way.
_USUAL = Struct("=4sI32s 4s32x 4s12x 4s4xII 4s8x 4s4xI 4s4xI 4s4xI 4s4xI 4s4s4xII2sxx")
_USUAL_HEADERS = tuple(
    Struct("=HH").pack(length, kind)
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


def _decode_usual(
    message: bytes, start: int, mac_size: int, counters: VFCounters | None
) -> VFAttributes | None:
    # fmt: off
    (
        h_mac, index, mac, h_broadcast, h_vlan, h_rate, minimum, maximum, h_tx_rate,
        h_spoofchk, spoofchk, h_state, state, h_rss, rss, h_trust, trust,
        h_list, h_info, vlan_id, qos, ethertype,
    ) = _USUAL.unpack_from(message, start)
    # fmt: on
    headers = (h_mac, h_broadcast, h_vlan, h_rate, h_tx_rate, h_spoofchk, h_state, h_rss, h_trust)
    if (*headers, h_list, h_info) != _USUAL_HEADERS:
        return None
    return VFAttributes(
        index,
        format_mac(mac[:mac_size]),
        VLAN(vlan_id, qos, _PROTOCOLS.get(ethertype) or _format_ethertype(ethertype)),
        _SWITCHES.get(spoofchk, True),
        _SWITCHES.get(trust, True),
        _LINK_STATES[state] if state < 3 else str(state),
        minimum,
        maximum,
        _SWITCHES.get(rss, True),
        None,
        None,
        counters,
    )


def decode_wanted_vf(message: bytes, start: int, end: int) -> tuple[int, WantedVF]:
    """Read the payload of one ``IFLA_VF_INFO`` of a request: (vf_index, what is wanted).  Pure.

    :raises HostError: it is cut short, or does not say which VF it is about.
    """
    asked = decode_vf_attributes(message, start, end, mac_size=ETHERNET_MAC_SIZE)
    wanted = {
        name: value
        for name, value in zip(asked._fields, asked, strict=True)
        if value is not None and name in WantedVF._fields
    }
    # The fields that both types have are of one type in both.
    return asked.vf_index, WantedVF(**wanted)  # type: ignore[arg-type]


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
            index, vlan_id, qos, ethertype = _unpack(_VLAN_INFO, message, first, last)
            fields["vf_index"] = index
            fields["vlan"] = VLAN(vlan_id, qos, _format_ethertype(ethertype))  # type: ignore[arg-type]
            return  # MAX_VLAN_LIST_LEN is 1


def _format_ethertype(raw: bytes) -> str:
    return _PROTOCOLS.get(raw) or f"0x{raw.hex()}"


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
    return _LINK_STATES[state] if state < len(_LINK_STATES) else str(state)


def _switch_decoder(field: str) -> Decoder:
    def decode(message: bytes, first: int, last: int, fields: Fields) -> None:
        fields["vf_index"], setting = _unpack(_PAIR, message, first, last)
        fields[field] = _SWITCHES.get(setting, True)

    return decode


def _guid_decoder(field: str) -> Decoder:
    def decode(message: bytes, first: int, last: int, fields: Fields) -> None:
        fields["vf_index"], guid = _unpack(_GUID, message, first, last)
        fields[field] = format_mac(guid.to_bytes(8, "big"))

    return decode


def _decode_counters(message: bytes, start: int, end: int, fields: Fields) -> None:
    counters = {
        _COUNTERS[kind]: _unpack(_COUNTER, message, first, last)[0]
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


# --- writing: a request ----------------------------------------------------------------------


def encode_wanted_vf(vf_index: int, wanted: WantedVF, *, current: VFAttributes | None) -> bytes:
    """Encode one ``IFLA_VF_INFO`` that asks for what is wanted; empty if nothing is.  Pure.

    :param current: needed when ``min_tx_rate_mbps`` is wanted alone: ``IFLA_VF_RATE`` always
        carries both rates, and a 0 in the other would lift the VF's limit.
    :raises InputError: a value does not fit into its field.
    :raises UnsupportedError: a minimum rate alone, and no current maximum to keep.
    """
    try:
        payload = b"".join(_wanted_parts(vf_index, wanted, current))
    except StructError:
        raise InputError(
            "a value is negative or does not fit into 32 bits",
            subject=f"vf {vf_index}",
            evidence={"wanted": wanted},
        ) from None
    return encode_attribute(IFLA_VF_INFO, payload) if payload else b""


# In the order in which do_setvfinfo() applies them; the first that fails ends the VF's turn.
def _wanted_parts(vf_index: int, wanted: WantedVF, current: VFAttributes | None) -> list[bytes]:
    parts = []
    if wanted.admin_mac is not UNSET:
        parts.append(_encode_mac(vf_index, _ethernet_mac(wanted.admin_mac)))
    if wanted.vlan is not UNSET:
        parts.append(_encode_wanted_vlan(vf_index, wanted.vlan))
    if wanted.min_tx_rate_mbps is not UNSET or wanted.max_tx_rate_mbps is not UNSET:
        parts.append(_encode_wanted_rate(vf_index, wanted, current))
    if wanted.spoofchk is not UNSET:
        parts.append(_encode_pair(IFLA_VF_SPOOFCHK, vf_index, wanted.spoofchk))
    if wanted.link_state is not UNSET:
        state = _link_state_number(wanted.link_state)
        parts.append(_encode_pair(IFLA_VF_LINK_STATE, vf_index, state))
    if wanted.rss_query is not UNSET:
        parts.append(_encode_pair(IFLA_VF_RSS_QUERY_EN, vf_index, wanted.rss_query))
    if wanted.trust is not UNSET:
        parts.append(_encode_pair(IFLA_VF_TRUST, vf_index, wanted.trust))
    if wanted.node_guid is not UNSET:
        parts.append(_encode_guid(IFLA_VF_IB_NODE_GUID, vf_index, wanted.node_guid))
    if wanted.port_guid is not UNSET:
        parts.append(_encode_guid(IFLA_VF_IB_PORT_GUID, vf_index, wanted.port_guid))
    return parts


def _ethernet_mac(text: str) -> bytes:
    octets = mac_octets(text)
    if len(octets) != ETHERNET_MAC_SIZE:
        raise UnsupportedError("InfiniBand VFs have GUIDs instead of a MAC to set", subject=text)
    return octets


def _encode_mac(vf_index: int, octets: bytes) -> bytes:
    return _MAC_ATTRIBUTE.pack(_MAC_ATTRIBUTE.size, IFLA_VF_MAC, vf_index, octets)


def _encode_guid(kind: int, vf_index: int, text: str) -> bytes:
    return encode_attribute(kind, _GUID.pack(vf_index, int.from_bytes(guid_octets(text), "big")))


def _encode_pair(kind: int, vf_index: int, setting: int) -> bytes:
    return _PAIR_ATTRIBUTE.pack(_PAIR_ATTRIBUTE.size, kind, vf_index, setting)


def _encode_triple(kind: int, vf_index: int, first: int, second: int) -> bytes:
    return _TRIPLE_ATTRIBUTE.pack(_TRIPLE_ATTRIBUTE.size, kind, vf_index, first, second)


# IFLA_VF_VLAN cannot say 802.1ad; IFLA_VF_VLAN_LIST can, but came later (79aab093a0b5
# "net: Update API for VF vlan protocol 802.1ad support", Linux 4.9), and the kernel turns the
# former into 802.1q by itself.  So the old form is sent wherever it suffices.
def _encode_wanted_vlan(vf_index: int, vlan: VLAN) -> bytes:
    if not (0 <= vlan.id <= 4095 and 0 <= vlan.qos <= 7):
        raise InputError(
            "a VLAN id is 0 to 4095, a priority 0 to 7",
            subject=f"vf {vf_index}",
            evidence={"id": vlan.id, "qos": vlan.qos},
        )
    if vlan.protocol == VLANProtocol.DOT1Q:
        return _encode_triple(IFLA_VF_VLAN, vf_index, vlan.id, vlan.qos)
    return _encode_vlan_list(vf_index, vlan)


def _encode_vlan_list(vf_index: int, vlan: VLAN) -> bytes:
    ethertype = _ethertype(vlan.protocol).to_bytes(2, "big")
    info = _VLAN_INFO.pack(vf_index, vlan.id, vlan.qos, ethertype)
    return encode_attribute(IFLA_VF_VLAN_LIST, encode_attribute(IFLA_VF_VLAN_INFO, info))


def _ethertype(protocol: str) -> int:
    number = _ETHERTYPES.get(protocol)  # type: ignore[call-overload]  # a StrEnum's keys are texts
    if number is not None:
        return int(number)
    try:
        number = int(protocol, 16)
    except ValueError:
        number = -1
    if not 0 <= number <= 0xFFFF:
        raise InputError("is not a VLAN protocol", subject=protocol, hint="802.1q or 802.1ad")
    return number


# IFLA_VF_TX_RATE is the maximum alone: the kernel keeps the minimum itself, under its own lock.
# There is no such attribute for the minimum.
def _encode_wanted_rate(vf_index: int, wanted: WantedVF, current: VFAttributes | None) -> bytes:
    minimum, maximum = wanted.min_tx_rate_mbps, wanted.max_tx_rate_mbps
    if minimum is UNSET:
        assert maximum is not UNSET  # the caller has looked
        return _encode_pair(IFLA_VF_TX_RATE, vf_index, maximum)
    if maximum is UNSET:
        maximum = _current_maximum(vf_index, current)
    return _encode_triple(IFLA_VF_RATE, vf_index, minimum, maximum)


def _current_maximum(vf_index: int, current: VFAttributes | None) -> int:
    if current is None or current.max_tx_rate_mbps is None:
        raise UnsupportedError(
            "the minimum rate cannot be set alone: the current maximum is not known",
            subject=f"vf {vf_index}",
            hint="give max_tx_rate_mbps too (0 is no limit)",
        )
    return current.max_tx_rate_mbps


def _link_state_number(state: str) -> int:
    if state in _LINK_STATES:
        return _LINK_STATES.index(LinkState(state))
    if state.isascii() and state.isdigit():
        return int(state)
    raise InputError("is not a link state", subject=state, hint="auto, enable or disable")


# --- writing: what the kernel would answer ---------------------------------------------------


def encode_vf_attributes(vf: VFAttributes) -> bytes:
    """Encode one ``IFLA_VF_INFO`` as the kernel reports it, in its order and size.  Pure.

    A known ``min_tx_rate_mbps`` needs a known ``max_tx_rate_mbps``.

    :raises InputError: a value does not fit into its field.
    """
    try:
        return encode_attribute(IFLA_VF_INFO, b"".join(_reported_parts(vf)))
    except StructError:
        raise InputError("a value does not fit", subject=f"vf {vf.vf_index}") from None


def _reported_parts(vf: VFAttributes) -> list[bytes]:
    index = vf.vf_index
    parts = []
    if vf.admin_mac is not None:
        parts.append(_encode_mac(index, mac_octets(vf.admin_mac)))
    parts.append(encode_attribute(IFLA_VF_BROADCAST, b"\xff" * 6 + bytes(_MAC_FIELD_SIZE - 6)))
    if vf.vlan is not None:
        parts.append(_encode_triple(IFLA_VF_VLAN, index, vf.vlan.id, vf.vlan.qos))
    parts += _reported_rates(vf)
    parts.append(_encode_pair(IFLA_VF_SPOOFCHK, index, _switch(vf.spoofchk)))
    if vf.link_state is not None:
        state = _link_state_number(vf.link_state)
        parts.append(_encode_pair(IFLA_VF_LINK_STATE, index, state))
    parts.append(_encode_pair(IFLA_VF_RSS_QUERY_EN, index, _switch(vf.rss_query)))
    parts.append(_encode_pair(IFLA_VF_TRUST, index, _switch(vf.trust)))
    for kind, guid in (
        (IFLA_VF_IB_NODE_GUID, vf.node_guid),
        (IFLA_VF_IB_PORT_GUID, vf.port_guid),
    ):
        if guid is not None:
            parts.append(_encode_guid(kind, index, guid))
    if vf.vlan is not None:
        parts.append(_encode_vlan_list(index, vf.vlan))
    if vf.counters is not None:
        parts.append(_encode_counters(vf.counters))
    return parts


def _reported_rates(vf: VFAttributes) -> list[bytes]:
    if vf.max_tx_rate_mbps is None:
        return []
    maximum = _encode_pair(IFLA_VF_TX_RATE, vf.vf_index, vf.max_tx_rate_mbps)
    if vf.min_tx_rate_mbps is None:
        return [maximum]
    both = _encode_triple(IFLA_VF_RATE, vf.vf_index, vf.min_tx_rate_mbps, vf.max_tx_rate_mbps)
    return [both, maximum]


def _switch(setting: bool | None) -> int:
    return _UNKNOWN if setting is None else int(setting)


def _encode_counters(counters: VFCounters) -> bytes:
    return encode_attribute(
        IFLA_VF_STATS,
        b"".join(
            encode_attribute(FIELD_NUMBERS[name], _COUNTER.pack(value))
            for name, value in zip(counters._fields, counters, strict=True)
            if value is not None
        ),
    )
