"""VFs in route netlink, written: what is asked of the kernel.  Pure.

What it would answer is in ``rtnl_link_encode.py``.

Source: kernel ``include/uapi/linux/if_link.h``; read by ``do_setvfinfo()`` in
``net/core/rtnetlink.c``.
"""

from __future__ import annotations

from struct import Struct
from struct import error as StructError

from sriovctl.codec.netlink import ATTRIBUTE_HEADER_SIZE, attributes, encode_attribute
from sriovctl.codec.rtnl_vf import (
    ETHERNET_MAC_SIZE,
    GUID,
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
    VLAN_INFO,
    format_mac,
)
from sriovctl.errors import InputError, UnsupportedError
from sriovctl.model.functions import LinkState, VLANProtocol
from sriovctl.model.state import ATTRIBUTES, UNSET

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from sriovctl.model.functions import VLAN, VFAttributes
    from sriovctl.model.state import WantedVF

    Columns = dict[str, Sequence[Any]]  # what is wanted of all VFs, by field of WantedVF

_GUID_SIZE = 8
_LAST_VLAN = 4095
_LAST_PRIORITY = 7
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


# --- one VF ----------------------------------------------------------------------------------


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
        parts.append(encode_mac(vf_index, _ethernet_mac(wanted.admin_mac)))
    if wanted.vlan is not UNSET:
        parts.append(_encode_wanted_vlan(vf_index, wanted.vlan))
    if wanted.min_tx_rate_mbps is not UNSET or wanted.max_tx_rate_mbps is not UNSET:
        parts.append(_encode_wanted_rate(vf_index, wanted, current))
    if wanted.spoofchk is not UNSET:
        parts.append(encode_pair(IFLA_VF_SPOOFCHK, vf_index, wanted.spoofchk))
    if wanted.link_state is not UNSET:
        state = link_state_number(wanted.link_state)
        parts.append(encode_pair(IFLA_VF_LINK_STATE, vf_index, state))
    if wanted.rss_query is not UNSET:
        parts.append(encode_pair(IFLA_VF_RSS_QUERY_EN, vf_index, wanted.rss_query))
    if wanted.trust is not UNSET:
        parts.append(encode_pair(IFLA_VF_TRUST, vf_index, wanted.trust))
    if wanted.node_guid is not UNSET:
        parts.append(encode_guid(IFLA_VF_IB_NODE_GUID, vf_index, wanted.node_guid))
    if wanted.port_guid is not UNSET:
        parts.append(encode_guid(IFLA_VF_IB_PORT_GUID, vf_index, wanted.port_guid))
    return parts


def _ethernet_mac(text: str) -> bytes:
    octets = mac_octets(text)
    if len(octets) != ETHERNET_MAC_SIZE:
        raise UnsupportedError("InfiniBand VFs have GUIDs instead of a MAC to set", subject=text)
    return octets


def encode_mac(vf_index: int, octets: bytes) -> bytes:
    """Encode ``IFLA_VF_MAC``.  Pure; raises :class:`struct.error` like the others of its kind."""
    return _MAC_ATTRIBUTE.pack(_MAC_ATTRIBUTE.size, IFLA_VF_MAC, vf_index, octets)


def encode_guid(kind: int, vf_index: int, text: str) -> bytes:
    """Encode an attribute that carries an InfiniBand GUID.  Pure.

    :raises InputError: *text* is none.
    """
    return encode_attribute(kind, GUID.pack(vf_index, int.from_bytes(guid_octets(text), "big")))


def encode_pair(kind: int, vf_index: int, setting: int) -> bytes:
    """Encode an attribute of one number.  Pure."""
    return _PAIR_ATTRIBUTE.pack(_PAIR_ATTRIBUTE.size, kind, vf_index, setting)


def encode_triple(kind: int, vf_index: int, first: int, second: int) -> bytes:
    """Encode an attribute of two numbers.  Pure."""
    return _TRIPLE_ATTRIBUTE.pack(_TRIPLE_ATTRIBUTE.size, kind, vf_index, first, second)


# IFLA_VF_VLAN cannot say 802.1ad; IFLA_VF_VLAN_LIST can, but came later (79aab093a0b5
# "net: Update API for VF vlan protocol 802.1ad support", Linux 4.9), and the kernel turns the
# former into 802.1q by itself.  So the old form is sent wherever it suffices.
def _encode_wanted_vlan(vf_index: int, vlan: VLAN) -> bytes:
    if not (0 <= vlan.id <= _LAST_VLAN and 0 <= vlan.qos <= _LAST_PRIORITY):
        raise InputError(
            "a VLAN id is 0 to 4095, a priority 0 to 7",
            subject=f"vf {vf_index}",
            evidence={"id": vlan.id, "qos": vlan.qos},
        )
    if vlan.protocol == VLANProtocol.DOT1Q:
        return encode_triple(IFLA_VF_VLAN, vf_index, vlan.id, vlan.qos)
    return encode_vlan_list(vf_index, vlan)


def encode_vlan_list(vf_index: int, vlan: VLAN) -> bytes:
    """Encode ``IFLA_VF_VLAN_LIST``, which can say any protocol.  Pure.

    :raises InputError: the protocol is none.
    """
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
        return encode_pair(IFLA_VF_TX_RATE, vf_index, maximum)
    if maximum is UNSET:
        maximum = _current_maximum(vf_index, current)
    return encode_triple(IFLA_VF_RATE, vf_index, minimum, maximum)


def lacks_maximum(wanted: WantedVF) -> bool:
    """Say whether a minimum rate is wanted alone, so that the current maximum matters.  Pure."""
    return wanted.min_tx_rate_mbps is not UNSET and wanted.max_tx_rate_mbps is UNSET


def _current_maximum(vf_index: int, current: VFAttributes | None) -> int:
    if current is None or current.max_tx_rate_mbps is None:
        raise UnsupportedError(
            "the minimum rate cannot be set alone: the current maximum is not known",
            subject=f"vf {vf_index}",
            hint="give max_tx_rate_mbps too (0 is no limit)",
        )
    return current.max_tx_rate_mbps


def link_state_number(state: str) -> int:
    """Find the kernel's number for a link state.  Pure.

    :raises InputError: it has none.
    """
    if state in LINK_STATES:
        return LINK_STATES.index(LinkState(state))
    if state.isascii() and state.isdigit():
        return int(state)
    raise InputError("is not a link state", subject=state, hint="auto, enable or disable")


# --- many VFs --------------------------------------------------------------------------------

_FEW = 8  # VFs that are encoded sooner one by one
_WORD = 4
_MAC_TEXT_SIZE = 17
_STATES = {str(state): number for number, state in enumerate(LINK_STATES)}


def encode_alike(changes: Sequence[tuple[int, WantedVF]]) -> bytearray | None:
    """Encode what is wanted of many VFs, one ``IFLA_VF_INFO`` after the other, equally long.  Pure.

    None where they are few, where not the same attributes are wanted of all, or where a value is
    not a usual one, if it can be one at all: these are for :func:`encode_wanted_vf`.

    :raises InputError: a value of the first VF does not fit into its field.
    :raises UnsupportedError: the first VF is to get a MAC of InfiniBand.
    """
    if len(changes) < _FEW or lacks_maximum(changes[0][1]):
        return None
    indexes, wanted = zip(*changes, strict=True)
    columns = zip(ATTRIBUTES, wanted[0], zip(*wanted, strict=True), strict=False)
    said: Columns = {}
    for name, first, column in columns:
        if first is not UNSET:
            said[name] = column
        elif column.count(UNSET) < len(column):
            return None
    form = encode_wanted_vf(*changes[0], current=None)
    try:
        return _fill_forms(form, indexes, said)
    except (KeyError, StructError, TypeError, ValueError):
        return None


# The first VF's entry, repeated, is a form that is filled in column by column: a stride through the
# words of all rows is one step in C, where a thousand rows would be some calls for each attribute.
def _fill_forms(form: bytes, indexes: Sequence[int], said: Columns) -> bytearray:
    rows = bytearray(form) * len(indexes)
    words, stride = memoryview(rows).cast("I"), len(form) // _WORD
    numbers = _as_words(indexes)
    for kind, start, _ in attributes(form, ATTRIBUTE_HEADER_SIZE, len(form)):
        # Each structure begins with the VF; in the list of VLANs, there is a header more before it.
        place = start // _WORD + (kind == IFLA_VF_VLAN_LIST)
        for number, column in enumerate((numbers, *_COLUMNS[kind](said)), place):
            words[number::stride] = column
    return rows


def _as_words(numbers: Iterable[int]) -> memoryview:
    listed = tuple(numbers)
    return memoryview(Struct(f"={len(listed)}I").pack(*listed)).cast("I")


def _single(name: str) -> Callable[[Columns], list[memoryview]]:
    return lambda said: [_as_words(said[name])]


# Six octets are a word and a half.  The next two are filler in a field of 32.
def _mac_columns(said: Columns) -> list[memoryview]:
    texts = said["admin_mac"]
    text = ":00:00:".join(texts).lower() + ":00:00"
    octets = bytes.fromhex(text.replace(":", " "))  # which is faster than without the spaces
    if octets.hex(":") != text or set(map(len, texts)) != {_MAC_TEXT_SIZE}:
        raise ValueError(text)
    words = memoryview(octets).cast("I")
    return [words[::2], words[1::2]]


def _vlan_columns(said: Columns) -> list[memoryview]:
    ids, priorities, protocols = zip(*said["vlan"], strict=True)
    usual = (
        0 <= min(ids) <= max(ids) <= _LAST_VLAN
        and 0 <= min(priorities) <= max(priorities) <= _LAST_PRIORITY
    )
    if not usual or len(set(protocols)) > 1:
        raise ValueError(ids)
    return [_as_words(ids), _as_words(priorities)]


def _rate_columns(said: Columns) -> list[memoryview]:
    return [_as_words(said["min_tx_rate_mbps"]), _as_words(said["max_tx_rate_mbps"])]


def _state_columns(said: Columns) -> list[memoryview]:
    return [_as_words(map(_STATES.__getitem__, said["link_state"]))]


_COLUMNS: dict[int, Callable[[Columns], list[memoryview]]] = {
    IFLA_VF_MAC: _mac_columns,
    IFLA_VF_VLAN: _vlan_columns,
    IFLA_VF_VLAN_LIST: _vlan_columns,
    IFLA_VF_RATE: _rate_columns,
    IFLA_VF_TX_RATE: _single("max_tx_rate_mbps"),
    IFLA_VF_SPOOFCHK: _single("spoofchk"),
    IFLA_VF_LINK_STATE: _state_columns,
    IFLA_VF_RSS_QUERY_EN: _single("rss_query"),
    IFLA_VF_TRUST: _single("trust"),
}
