"""One VF in route netlink, written: what is asked of the kernel, and what it would answer.  Pure.

Source: kernel ``include/uapi/linux/if_link.h``; read by ``do_setvfinfo()`` and written by
``rtnl_fill_vfinfo()`` in ``net/core/rtnetlink.c``.
"""

from __future__ import annotations

from struct import Struct
from struct import error as StructError

from sriovctl.codec.netlink import encode_attribute
from sriovctl.codec.rtnl_vf import (
    COUNTER,
    ETHERNET_MAC_SIZE,
    GUID,
    IFLA_VF_BROADCAST,
    IFLA_VF_IB_NODE_GUID,
    IFLA_VF_IB_PORT_GUID,
    IFLA_VF_INFO,
    IFLA_VF_LINK_STATE,
    IFLA_VF_MAC,
    IFLA_VF_RATE,
    IFLA_VF_RSS_QUERY_EN,
    IFLA_VF_SPOOFCHK,
    IFLA_VF_TRUST,
    IFLA_VF_TX_RATE,
    IFLA_VF_VLAN,
    IFLA_VF_VLAN_INFO,
    IFLA_VF_VLAN_LIST,
    INFINIBAND_MAC_SIZE,
    LINK_STATES,
    UNKNOWN,
    VLAN_INFO,
    format_mac,
)
from sriovctl.codec.rtnl_vf_stats import FIELD_NUMBERS, IFLA_VF_STATS
from sriovctl.errors import InputError, UnsupportedError
from sriovctl.model.functions import LinkState, VLANProtocol
from sriovctl.model.state import UNSET

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.model.functions import VLAN, VFAttributes, VFCounters
    from sriovctl.model.state import WantedVF

_GUID_SIZE = 8
_MAC_FIELD_SIZE = 32  # MAX_ADDR_LEN
_ETHERTYPES = {VLANProtocol.DOT1Q: 0x8100, VLANProtocol.DOT1AD: 0x88A8}

# Structures with an attribute header before them.  Their sizes are multiples of four: no padding.
_MAC_ATTRIBUTE = Struct("=HHI32s")
_PAIR_ATTRIBUTE = Struct("=HHII")
_TRIPLE_ATTRIBUTE = Struct("=HHIII")


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
    return encode_attribute(kind, GUID.pack(vf_index, int.from_bytes(guid_octets(text), "big")))


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
    info = VLAN_INFO.pack(vf_index, vlan.id, vlan.qos, ethertype)
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
    if state in LINK_STATES:
        return LINK_STATES.index(LinkState(state))
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
    return UNKNOWN if setting is None else int(setting)


def _encode_counters(counters: VFCounters) -> bytes:
    return encode_attribute(
        IFLA_VF_STATS,
        b"".join(
            encode_attribute(FIELD_NUMBERS[name], COUNTER.pack(value))
            for name, value in zip(counters._fields, counters, strict=True)
            if value is not None
        ),
    )
