"""Route netlink route messages: default routes, and the way to one address.  Pure.

Source: kernel ``include/uapi/linux/rtnetlink.h``, ``net/ipv4/fib_semantics.c``
(``fib_dump_info()``), ``net/ipv6/route.c`` (``rt6_fill_node()``).
"""

from __future__ import annotations

from struct import Struct

from sriovctl.codec.inet import IPV4_SIZE, format_ip, parse_ip
from sriovctl.codec.netlink import (
    HEADER_SIZE,
    NLM_F_DUMP,
    NLM_F_REQUEST,
    attributes,
    decode_header,
    encode_attribute,
    encode_message,
    malformed,
)
from sriovctl.codec.rtnl import decode_u32
from sriovctl.codec.rtnl_address import AF_INET, AF_INET6
from sriovctl.model.inet import Route
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

RTM_NEWROUTE = 24
RTM_GETROUTE = 26

_RTA_DST = 1
_RTA_OIF = 4
_RTA_GATEWAY = 5
_RTA_PRIORITY = 6
_RTA_MULTIPATH = 9
_RTA_TABLE = 15
_RTA_VIA = 18
_RTA_NH_ID = 30

_RTN_UNICAST = 1
_RTN_UNREACHABLE = 7

# family, prefix length of the destination, of the source, TOS, table, protocol, scope, type, flags
_RTMSG = Struct("=BBBBBBBBI")
_BODY = HEADER_SIZE + _RTMSG.size
_NEXT_HOP = Struct("=HBBi")  # length, flags, hops, ifindex
_U32 = Struct("=I")
_VERSIONS = {AF_INET: 4, AF_INET6: 6}
_FAMILIES = {4: AF_INET, 6: AF_INET6}
_BITS = {4: 32, 16: 128}
_COMPAT_TABLE = 252  # RT_TABLE_COMPAT: the number does not fit, RTA_TABLE has it


class RouteQuery(NamedTuple):
    """An ``RTM_GETROUTE`` request, decoded.  Without a destination it is a dump of all."""

    destination: str | None


def encode_route_dump() -> bytes:
    """Encode the question about all routes, IPv4 and IPv6, of all tables.  Pure."""
    body = _RTMSG.pack(0, 0, 0, 0, 0, 0, 0, 0, 0)
    return encode_message(RTM_GETROUTE, body, flags=NLM_F_REQUEST | NLM_F_DUMP)


def encode_get_route(destination: str) -> bytes:
    """Encode the question which way packets take to an address.  Pure.

    :raises InputError: *destination* is no IP address.
    """
    octets = parse_ip(destination)
    family = AF_INET if len(octets) == IPV4_SIZE else AF_INET6
    body = _RTMSG.pack(family, _BITS[len(octets)], 0, 0, 0, 0, 0, 0, 0)
    return encode_message(RTM_GETROUTE, body + encode_attribute(_RTA_DST, octets))


def decode_get_route(message: bytes) -> RouteQuery:
    """Read what :func:`encode_get_route` and :func:`encode_route_dump` write.  Pure.

    :raises HostError: *message* is malformed, or of another type.
    """
    _, end = _head(message, RTM_GETROUTE)
    for kind, first, last in attributes(message, _BODY, end):
        if kind == _RTA_DST:
            return RouteQuery(format_ip(message[first:last]))
    return RouteQuery(None)


def is_default_route(message: bytes) -> bool:
    """Say whether an ``RTM_NEWROUTE`` is a default route, before it is decoded.  Pure.

    A router may have a million routes, of which hardly any is.
    """
    return len(message) >= _BODY and message[HEADER_SIZE + 1] == 0


def decode_route(message: bytes) -> Route | None:
    """Read one ``RTM_NEWROUTE``; None for one that is not IP.  Pure.

    :raises HostError: *message* is malformed, or of another type.
    """
    (family, prefix_length, _, _, table, _, _, kind, _), end = _head(message, RTM_NEWROUTE)
    if family not in _VERSIONS:
        return None
    fields: dict[str, object] = {"table": table}
    out: list[int] = []
    for attribute, first, last in attributes(message, _BODY, end):
        if attribute == _RTA_OIF:
            out.append(decode_u32(message, first, last))
        elif attribute == _RTA_MULTIPATH:
            out += _next_hops(message, first, last)
        elif attribute in _NUMBERS:
            fields[_NUMBERS[attribute]] = decode_u32(message, first, last)
        elif attribute in (_RTA_GATEWAY, _RTA_VIA):
            fields["gateway"] = _gateway(message[first:last])
    fields["out"] = tuple(out)
    unicast = kind == _RTN_UNICAST
    return Route(_VERSIONS[family], prefix_length, unicast=unicast, **fields)  # type: ignore[arg-type]


_NUMBERS = {_RTA_PRIORITY: "metric", _RTA_TABLE: "table", _RTA_NH_ID: "nexthop_id"}


def _next_hops(message: bytes, start: int, end: int) -> Iterator[int]:
    while end - start >= _NEXT_HOP.size:
        length, _, _, ifindex = _NEXT_HOP.unpack_from(message, start)
        if length < _NEXT_HOP.size or start + length > end:
            raise malformed(f"a next hop of length {length}", start)
        yield int(ifindex)
        start += length + 3 & ~3


def _gateway(payload: bytes) -> str | None:
    # RTA_VIA, a gateway of the other family, has that family before the address.
    octets = payload if len(payload) in _BITS else payload[2:]
    return format_ip(octets) if len(octets) in _BITS else None


def encode_route(route: Route) -> bytes:
    """Encode the ``RTM_NEWROUTE`` of a default route, or of the way to one address.  Pure."""
    table = route.table if route.table <= 0xFF else _COMPAT_TABLE
    kind = _RTN_UNICAST if route.unicast else _RTN_UNREACHABLE
    head = (_FAMILIES[route.version], route.prefix_length, 0, 0, table, 0, 0, kind, 0)
    parts = [encode_attribute(_RTA_TABLE, _U32.pack(route.table))]
    if route.metric is not None:
        parts.append(encode_attribute(_RTA_PRIORITY, _U32.pack(route.metric)))
    if route.nexthop_id is not None:
        parts.append(encode_attribute(_RTA_NH_ID, _U32.pack(route.nexthop_id)))
    if route.gateway is not None:
        parts.append(encode_attribute(_RTA_GATEWAY, parse_ip(route.gateway)))
    if len(route.out) == 1:
        parts.append(encode_attribute(_RTA_OIF, _U32.pack(route.out[0])))
    elif route.out:
        hops = (_NEXT_HOP.pack(_NEXT_HOP.size, 0, 0, ifindex) for ifindex in route.out)
        parts.append(encode_attribute(_RTA_MULTIPATH, b"".join(hops)))
    return encode_message(RTM_NEWROUTE, _RTMSG.pack(*head) + b"".join(parts), flags=0)


def _head(message: bytes, kind: int) -> tuple[tuple[int, ...], int]:
    header = decode_header(message)
    if header.type != kind or header.length < _BODY:
        raise malformed(f"type {header.type} where a route is expected", 4)
    return _RTMSG.unpack_from(message, HEADER_SIZE), header.length
