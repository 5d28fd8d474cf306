"""Addresses and routes in route netlink: round trips, real messages, and input that lies."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriovctl.codec.inet import format_ip
from sriovctl.codec.netlink import HEADER_SIZE, decode_header, encode_attribute, encode_message
from sriovctl.codec.rtnl_address import decode_address, encode_address, encode_address_dump
from sriovctl.codec.rtnl_nsid import decode_nsid, encode_get_nsid, encode_nsid
from sriovctl.codec.rtnl_route import (
    RTM_NEWROUTE,
    RouteQuery,
    decode_get_route,
    decode_route,
    encode_get_route,
    encode_route,
    encode_route_dump,
    is_default_route,
)
from sriovctl.errors import HostError
from sriovctl.model.inet import InterfaceAddress, Route

IPV4 = st.binary(min_size=4, max_size=4).map(format_ip)
IPV6 = (
    st.binary(min_size=16, max_size=16)
    .filter(lambda octets: not octets.startswith(bytes(10) + b"\xff\xff"))
    .map(format_ip)
)
IFINDEX = st.integers(1, 2**31 - 1)
U32 = st.integers(0, 2**32 - 1)
IPV4_ADDRESSES = st.builds(
    InterfaceAddress, IFINDEX, IPV4, st.integers(0, 32), link_local=st.just(False)
)
IPV6_ADDRESSES = st.builds(
    InterfaceAddress, IFINDEX, IPV6, st.integers(0, 128), link_local=st.booleans()
)


def routes(version: int, addresses: st.SearchStrategy[str]) -> st.SearchStrategy[Route]:
    return st.builds(
        Route,
        version=st.just(version),
        prefix_length=st.just(0),
        out=st.lists(IFINDEX, max_size=3).map(tuple),
        gateway=st.none() | addresses,
        table=U32.filter(bool),
        metric=st.none() | U32,
        nexthop_id=st.none() | U32,
        unicast=st.booleans(),
    )


# As Linux 6.12 sends it: 192.0.2.1 with 192.0.2.9 at the other end.
PEER_ADDRESS = bytes.fromhex(
    "30000000140002000000000000000000"
    "0218800007000000"
    "08000100c0000209"  # IFA_ADDRESS: the other end
    "08000200c0000201"  # IFA_LOCAL
    "0800080080000000"
)


@given(IPV4_ADDRESSES | IPV6_ADDRESSES)
def test_addresses_round_trip(address: InterfaceAddress) -> None:
    assert decode_address(encode_address(address)) == address


@given(routes(4, IPV4) | routes(6, IPV6))
def test_default_routes_round_trip(route: Route) -> None:
    message = encode_route(route)
    assert is_default_route(message)
    assert decode_route(message) == route


@given(IPV4 | IPV6)
def test_questions_round_trip(address: str) -> None:
    assert decode_get_route(encode_get_route(address)) == RouteQuery(address)


def test_a_dump_asks_for_no_address() -> None:
    assert decode_get_route(encode_route_dump()) == RouteQuery(None)
    assert decode_header(encode_address_dump()).type == 22


def test_the_address_of_this_end_counts() -> None:
    assert decode_address(PEER_ADDRESS) == InterfaceAddress(7, "192.0.2.1", 24)


def test_a_route_of_several_ways_has_all_their_netdevs() -> None:
    first = (16).to_bytes(2, "little") + b"\0\0" + (5).to_bytes(4, "little")
    first += encode_attribute(5, bytes((192, 0, 2, 254)))
    second = (8).to_bytes(2, "little") + b"\0\0" + (6).to_bytes(4, "little")
    head = bytes((2, 0, 0, 0, 254, 3, 0, 1)) + bytes(4)
    message = encode_message(RTM_NEWROUTE, head + encode_attribute(9, first + second), flags=0)
    assert decode_route(message) == Route(4, 0, (5, 6))


def test_a_gateway_of_the_other_family_is_read() -> None:
    via = b"\x0a\0" + bytes.fromhex("fe80" + "00" * 13 + "01")
    head = bytes((2, 0, 0, 0, 254, 3, 0, 1)) + bytes(4)
    body = head + encode_attribute(18, via) + encode_attribute(4, (3).to_bytes(4, "little"))
    assert decode_route(encode_message(RTM_NEWROUTE, body, flags=0)) == Route(
        4, 0, (3,), gateway="fe80::1"
    )


def test_a_route_to_a_network_is_no_default_route() -> None:
    message = encode_route(Route(4, 24, (3,)))
    assert not is_default_route(message)
    assert not is_default_route(b"")


def test_what_is_not_ip_is_passed_over() -> None:
    mpls = encode_message(RTM_NEWROUTE, bytes((28, 20)) + bytes(10), flags=0)
    assert decode_route(mpls) is None
    bridge = bytearray(encode_address(InterfaceAddress(1, "192.0.2.1", 24)))
    bridge[HEADER_SIZE] = 7
    assert decode_address(bytes(bridge)) is None


@pytest.mark.parametrize("decode", [decode_address, decode_route, decode_get_route])
@given(data=st.binary(max_size=80))
def test_nonsense_is_refused_in_our_own_words(decode: object, data: bytes) -> None:
    assert callable(decode)
    with contextlib.suppress(HostError):
        decode(data)


@given(
    st.sampled_from([encode_route(Route(4, 0, (3, 4), gateway="192.0.2.1")), PEER_ADDRESS]),
    st.integers(HEADER_SIZE, 60),
    st.integers(0, 255),
)
def test_a_damaged_message_is_refused_or_read(message: bytes, position: int, octet: int) -> None:
    damaged = bytearray(message)
    damaged[position % len(damaged)] = octet
    decode = decode_route if message is not PEER_ADDRESS else decode_address
    with contextlib.suppress(HostError):
        decode(bytes(damaged))


def test_lengths_that_lie_are_refused() -> None:
    head = bytes((2, 0, 0, 0, 254, 3, 0, 1)) + bytes(4)
    hop = (200).to_bytes(2, "little") + bytes(6)
    with pytest.raises(HostError, match="next hop of length 200"):
        decode_route(encode_message(RTM_NEWROUTE, head + encode_attribute(9, hop), flags=0))
    with pytest.raises(HostError, match="wrong size"):
        decode_address(encode_message(20, bytes((2, 24, 0, 0)) + bytes(4), flags=0))


@given(st.none() | st.integers(0, 2**31 - 1))
def test_numbers_of_namespaces_round_trip(number: int | None) -> None:
    assert decode_nsid(encode_nsid(number)) == number


def test_a_namespace_without_an_answer_has_no_number() -> None:
    assert decode_nsid(encode_message(88, bytes(4), flags=0)) is None
    with pytest.raises(HostError, match="type 90"):
        decode_nsid(encode_get_nsid(1))
