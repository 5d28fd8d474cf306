"""Route netlink link messages: what sriovctl asks, what the kernel answers.  Pure.

What it asks the kernel to change stands in ``rtnl_change.py``.

How many VFs fit.  An attribute's length is 16 bits wide.  The list of VFs outgrows it

- in an answer, beyond 221 VFs with counters and 334 without: the kernel writes the low 16 bits
  of the length and goes on.  All VFs are there, and the length of the *message* (32 bits) is
  right, so :func:`decode_link` walks the VFs themselves and does not believe the list's length.
- in a request, beyond some 650 VFs: the kernel reads the low 16 bits, finds fewer VFs (or none),
  and answers that all went well.  So ``rtnl_change.py`` starts a new message before that.

Source: kernel ``net/core/rtnetlink.c`` (``rtnl_fill_vf()`` and ``nla_nest_end()``,
``do_setlink()``), ``include/uapi/linux/if_link.h``.
"""

from __future__ import annotations

from struct import Struct

from sriovctl.codec.netlink import (
    ATTRIBUTE,
    ATTRIBUTE_HEADER_SIZE,
    HEADER_SIZE,
    MAX_ATTRIBUTE_LENGTH,
    NLM_F_DUMP,
    NLM_F_REQUEST,
    TYPE_MASK,
    attributes,
    decode_header,
    decode_text,
    encode_attribute,
    encode_message,
    malformed,
)
from sriovctl.codec.rtnl_vf import (
    ETHERNET_MAC_SIZE,
    INFINIBAND_MAC_SIZE,
    format_mac,
)
from sriovctl.codec.rtnl_vf_list import decode_vf_list, vf_list_end
from sriovctl.errors import InputError
from sriovctl.model.link import LinkReport, NetdevCounters
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container, Iterator, Sequence

    from sriovctl.codec.rtnl_vf_list import KnownVFs

RTM_NEWLINK = 16
RTM_GETLINK = 18
RTM_SETLINK = 19

IFLA_ADDRESS = 1
IFLA_IFNAME = 3
IFLA_MTU = 4
IFLA_LINK = 5
IFLA_MASTER = 10
IFLA_LINKINFO = 18
IFLA_NUM_VF = 21
IFLA_VFINFO_LIST = 22
IFLA_STATS64 = 23
IFLA_NET_NS_FD = 28
IFLA_EXT_MASK = 29
IFLA_LINK_NETNSID = 37
IFLA_PHYS_PORT_NAME = 38
IFLA_ALT_IFNAME = 53
IFLA_PERM_ADDRESS = 54
IFLA_PARENT_DEV_NAME = 56
IFLA_PARENT_DEV_BUS_NAME = 57

IFLA_INFO_KIND = 1

RTEXT_FILTER_VF = 1
RTEXT_FILTER_SKIP_STATS = 8

IFF_UP = 1
IFF_LOWER_UP = 0x10000

ARPHRD_ETHER = 1
ARPHRD_INFINIBAND = 32
_IFNAME_MAX = 15  # IFNAMSIZ without the NUL
_ALT_IFNAME_MAX = 127  # ALTIFNAMSIZ without the NUL

_IFINFO = Struct("=BxHiII")  # family, hardware type, ifindex, flags, mask of flags to change
LINK_BODY = HEADER_SIZE + _IFINFO.size
U32 = Struct("=I")
# The first nine of struct rtnl_link_stats64, and after six more rx_missed_errors.
COUNTERS = Struct("=9Q48xQ")


class LinkQuery(NamedTuple):
    """An ``RTM_GETLINK`` request, decoded.  Without ifindex and ifname it is a dump of all."""

    ifindex: int | None
    ifname: str | None
    with_vfs: bool
    with_counters: bool


# --- asking ----------------------------------------------------------------------------------


def encode_getlink(
    *,
    ifindex: int | None = None,
    ifname: str | None = None,
    with_counters: bool,
    with_vfs: bool = True,
) -> bytes:
    """Encode the question about one netdev, by index or by (alternative) name.  Pure.

    :param with_counters: ask for the VFs' counters too: half as many bytes again.
    :raises InputError: neither or both are given, or *ifname* cannot be a netdev's name.
    """
    if (ifindex is None) == (ifname is None):
        raise InputError("a netdev is asked for by its index or by its name")
    parts = [_encode_ext_mask(with_vfs=with_vfs, with_counters=with_counters)]
    if ifname is not None:
        parts.append(_encode_any_name(ifname))
    return encode_link_message(RTM_GETLINK, ifindex or 0, parts)


def encode_link_dump(*, with_vfs: bool, with_counters: bool = False) -> bytes:
    """Encode the question about all netdevs.  Pure.

    A dump is for overviews: with many thousands of VFs on one PF its messages outgrow the
    kernel's buffers (ENOBUFS), where :func:`encode_getlink` still works.
    """
    mask = _encode_ext_mask(with_vfs=with_vfs, with_counters=with_counters)
    return encode_link_message(RTM_GETLINK, 0, [mask], message_flags=NLM_F_REQUEST | NLM_F_DUMP)


def decode_getlink(message: bytes) -> LinkQuery:
    """Read what :func:`encode_getlink` and :func:`encode_link_dump` write.  Pure.

    :raises HostError: *message* is malformed, or of another type.
    """
    ifindex, _, _, end = decode_link_body(message, RTM_GETLINK)
    mask, ifname = 0, None
    for kind, first, last in attributes(message, LINK_BODY, end):
        if kind == IFLA_EXT_MASK:
            mask = decode_u32(message, first, last)
        elif kind in (IFLA_IFNAME, IFLA_ALT_IFNAME):
            ifname = decode_text(message, first, last)
    return LinkQuery(
        ifindex=ifindex or None,
        ifname=ifname,
        with_vfs=bool(mask & RTEXT_FILTER_VF),
        with_counters=not mask & RTEXT_FILTER_SKIP_STATS,
    )


def _encode_ext_mask(*, with_vfs: bool, with_counters: bool) -> bytes:
    mask = RTEXT_FILTER_VF if with_vfs else 0
    mask |= 0 if with_counters else RTEXT_FILTER_SKIP_STATS
    return encode_attribute(IFLA_EXT_MASK, U32.pack(mask))


# IFLA_IFNAME finds alternative names too, but is limited to 15 bytes.
def _encode_any_name(ifname: str) -> bytes:
    return encode_ifname(ifname, longest=_ALT_IFNAME_MAX)


def encode_ifname(ifname: str, *, longest: int = _IFNAME_MAX) -> bytes:
    """Encode the name of a netdev.  Pure.

    :param longest: bytes; more than 15 make it an alternative name.
    :raises InputError: it cannot be a netdev's name.
    """
    try:
        raw = ifname.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raw = b""
    if not 0 < len(raw) <= longest or b"\0" in raw:
        raise InputError("is not the name of a netdev", subject=repr(ifname))
    kind = IFLA_IFNAME if len(raw) <= _IFNAME_MAX else IFLA_ALT_IFNAME
    return encode_attribute(kind, raw + b"\0")


# --- answers ---------------------------------------------------------------------------------


def decode_link(
    message: bytes, *, only: Collection[int] | None = None, known: KnownVFs | None = None
) -> LinkReport:
    """Read one ``RTM_NEWLINK``.  Pure, but for *known*.

    :param only: indices of the VFs that matter, of a thousand perhaps; None: all.
    :param known: this netdev's VFs when they were read last, for who reads it again and again; made
        those that are read now.  With *only* it is left alone.
    :raises HostError: *message* is malformed, or of another type.
    """
    ifindex, hardware, flags, end = decode_link_body(message, RTM_NEWLINK)
    mac_size = INFINIBAND_MAC_SIZE if hardware == ARPHRD_INFINIBAND else ETHERNET_MAC_SIZE
    fields: dict[str, object] = {}
    for kind, first, last in link_attributes(message, LINK_BODY, end, _INTERESTING):
        if kind == IFLA_VFINFO_LIST:
            fields["vfs"] = decode_vf_list(
                message, first, last, mac_size=mac_size, only=only, known=known
            )
        else:
            name, decode = _FIELDS[kind]
            fields[name] = decode(message, first, last)
    if "ifname" not in fields:
        raise malformed("a netdev without a name", LINK_BODY)
    fields["carrier"] = bool(flags & IFF_LOWER_UP)
    return LinkReport(ifindex, up=bool(flags & IFF_UP), **fields)  # type: ignore[arg-type]


def link_attributes(
    message: bytes, start: int, end: int, kinds: Container[int]
) -> Iterator[tuple[int, int, int]]:
    """Walk like :func:`attributes`, but find the end of the list of VFs by itself.  Pure.

    :param kinds: the only ones to tell of; a netdev has some forty, most of which nobody asks for.
    :raises HostError: an attribute reaches beyond *end*.
    """
    num_vfs = 0
    unpack = ATTRIBUTE.unpack_from
    while end - start >= ATTRIBUTE_HEADER_SIZE:
        length, kind = unpack(message, start)
        kind &= TYPE_MASK
        first, last = start + ATTRIBUTE_HEADER_SIZE, start + length
        if kind == IFLA_VFINFO_LIST:
            last = vf_list_end(message, first, end, num_vfs)
            if (last - start) & MAX_ATTRIBUTE_LENGTH != length:
                raise malformed(f"a list of VFs of length {length}", start)
        elif not first <= last <= end:
            raise malformed(f"attribute {kind} of length {length}", start)
        elif kind == IFLA_NUM_VF:
            num_vfs = decode_u32(message, first, last)
        if kind in kinds:
            yield kind, first, last
        start += last - start + 3 & ~3


# --- common ----------------------------------------------------------------------------------


def encode_link_message(
    kind: int,
    ifindex: int,
    parts: Sequence[bytes | memoryview],
    *,
    hardware: int = 0,
    flags: int = 0,
    change: int = 0,
    message_flags: int = NLM_F_REQUEST,
) -> bytes:
    """Encode a link message from its attributes.  Pure.

    :raises InputError: *ifindex* is none.
    """
    if not 0 <= ifindex <= 0x7FFFFFFF:
        raise InputError("is not the index of a netdev", subject=ifindex)
    body = _IFINFO.pack(0, hardware, ifindex, flags, change)
    return encode_message(kind, body, *parts, flags=message_flags)


def decode_link_body(message: bytes, kind: int) -> tuple[int, int, int, int]:
    """Read the head of a link message: (ifindex, hardware type, flags, end of the message).  Pure.

    :raises HostError: *message* is malformed, or of another type.
    """
    header = decode_header(message)
    if header.type != kind:
        raise malformed(f"type {header.type} where {kind} is expected", 4)
    if header.length < LINK_BODY:
        raise malformed("a link message without its head", HEADER_SIZE)
    _, hardware, ifindex, flags, _ = _IFINFO.unpack_from(message, HEADER_SIZE)
    return ifindex, hardware, flags, header.length


def decode_u32(message: bytes, first: int, last: int) -> int:
    """Read a number of 32 bits.  Pure.

    :raises HostError: it is cut short.
    """
    if last - first < U32.size:
        raise malformed("a number is cut short", first)
    return int(U32.unpack_from(message, first)[0])


def decode_stats(message: bytes, first: int, last: int) -> NetdevCounters:
    """Read the payload of ``IFLA_STATS64``, which comes whatever was asked for.  Pure.

    :raises HostError: it is cut short.
    """
    if last - first < COUNTERS.size:
        raise malformed("a netdev's counters are cut short", first)
    return NetdevCounters._make(COUNTERS.unpack_from(message, first))


def _decode_address(message: bytes, first: int, last: int) -> str | None:
    return format_mac(message[first:last]) or None


def _decode_kind(message: bytes, start: int, end: int) -> str | None:
    for kind, first, last in attributes(message, start, end):
        if kind == IFLA_INFO_KIND:
            return decode_text(message, first, last)
    return None


def _decode_nsid(message: bytes, first: int, last: int) -> int:
    number = decode_u32(message, first, last)
    return number - (1 << 32) if number >> 31 else number


# By their numbers, fields of LinkReport and what reads them.
_FIELDS: dict[int, tuple[str, Callable[[bytes, int, int], object]]] = {
    IFLA_ADDRESS: ("mac", _decode_address),
    IFLA_IFNAME: ("ifname", decode_text),
    IFLA_MTU: ("mtu", decode_u32),
    IFLA_LINK: ("lower", decode_u32),
    IFLA_MASTER: ("master", decode_u32),
    IFLA_LINKINFO: ("kind", _decode_kind),
    IFLA_NUM_VF: ("num_vfs", decode_u32),
    IFLA_STATS64: ("counters", decode_stats),
    IFLA_LINK_NETNSID: ("lower_nsid", _decode_nsid),
    IFLA_PHYS_PORT_NAME: ("phys_port_name", decode_text),
    IFLA_PERM_ADDRESS: ("permanent_mac", _decode_address),
    IFLA_PARENT_DEV_NAME: ("parent_device", decode_text),
    IFLA_PARENT_DEV_BUS_NAME: ("parent_bus", decode_text),
}
_INTERESTING = {*_FIELDS, IFLA_VFINFO_LIST}
