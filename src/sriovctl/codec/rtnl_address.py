"""Route netlink address messages.  Pure.

Source: kernel ``include/uapi/linux/if_addr.h``, ``net/ipv4/devinet.c`` (``inet_fill_ifaddr()``),
``net/ipv6/addrconf.c`` (``inet6_fill_ifaddr()``).
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
from sriovctl.model.inet import InterfaceAddress

RTM_NEWADDR = 20
RTM_GETADDR = 22

AF_INET = 2
AF_INET6 = 10

_IFA_ADDRESS = 1
_IFA_LOCAL = 2
_RT_SCOPE_UNIVERSE = 0
_RT_SCOPE_LINK = 253

_IFADDR = Struct("=BBBBI")  # family, prefix length, flags, scope, ifindex
_BODY = HEADER_SIZE + _IFADDR.size
_SIZES = {AF_INET: 4, AF_INET6: 16}


def encode_address_dump() -> bytes:
    """Encode the question about all addresses, IPv4 and IPv6.  Pure."""
    return encode_message(
        RTM_GETADDR, _IFADDR.pack(0, 0, 0, 0, 0), flags=NLM_F_REQUEST | NLM_F_DUMP
    )


def decode_address(message: bytes) -> InterfaceAddress | None:
    """Read one ``RTM_NEWADDR``; None for an address that is not IP.  Pure.

    :raises HostError: *message* is malformed, or of another type.
    """
    header = decode_header(message)
    if header.type != RTM_NEWADDR or header.length < _BODY:
        raise malformed(f"type {header.type} where an address is expected", 4)
    family, prefix_length, _, scope, ifindex = _IFADDR.unpack_from(message, HEADER_SIZE)
    if family not in _SIZES:
        return None
    # IFA_ADDRESS is the other end's on a point-to-point link; then IFA_LOCAL is ours.
    found = {
        kind: message[first:last] for kind, first, last in attributes(message, _BODY, header.length)
    }
    octets = found.get(_IFA_LOCAL) or found.get(_IFA_ADDRESS) or b""
    if len(octets) != _SIZES[family]:
        raise malformed("an address of the wrong size", _BODY)
    link_local = family == AF_INET6 and scope == _RT_SCOPE_LINK
    return InterfaceAddress(ifindex, format_ip(octets), prefix_length, link_local=link_local)


def encode_address(address: InterfaceAddress) -> bytes:
    """Encode the ``RTM_NEWADDR`` that a kernel would send.  Pure.

    :raises InputError: it holds something else than an address.
    """
    octets = parse_ip(address.address)
    family = AF_INET if len(octets) == IPV4_SIZE else AF_INET6
    scope = _RT_SCOPE_LINK if address.link_local else _RT_SCOPE_UNIVERSE
    body = _IFADDR.pack(family, address.prefix_length, 0, scope, address.ifindex)
    body += encode_attribute(_IFA_ADDRESS, octets)
    if family == AF_INET:
        body += encode_attribute(_IFA_LOCAL, octets)
    return encode_message(RTM_NEWADDR, body, flags=0)
