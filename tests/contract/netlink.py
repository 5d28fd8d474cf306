"""Links, addresses and routes over route netlink; part of the contract."""

from __future__ import annotations

import pytest

from sriovctl.codec.rtnl import decode_link, encode_getlink, encode_link_dump
from sriovctl.codec.rtnl_address import decode_address, encode_address_dump
from sriovctl.codec.rtnl_change import LinkChange, encode_set_link
from sriovctl.codec.rtnl_route import (
    decode_route,
    encode_get_route,
    encode_route_dump,
    is_default_route,
)
from sriovctl.host.api import Host
from sriovctl.host.kernel_errors import errno_name
from sriovctl.model.inet import InterfaceAddress
from tests.contract.machine import IGB, ask, enable, link_of, netdevs_of, set_link_up


class NetlinkContract:
    def test_by_index_and_by_name(self, host: Host) -> None:
        link = link_of(host, IGB)
        answer = ask(host, encode_getlink(ifindex=link.ifindex, with_counters=False))
        assert decode_link(answer.payloads[0])._replace(counters=None) == link
        ifindex = host.files.read_text(f"/sys/class/net/{link.ifname}/ifindex")
        assert ifindex == str(link.ifindex)

    def test_dump_has_every_netdev(self, host: Host) -> None:
        answer = ask(host, encode_link_dump(with_vfs=False))
        names = {decode_link(payload).ifname for payload in answer.payloads}
        assert names == set(host.files.list_dir("/sys/class/net"))

    def test_no_such_netdev(self, host: Host) -> None:
        for message in (
            encode_getlink(ifname="nosuchdev0", with_counters=False),
            encode_getlink(ifindex=9999, with_counters=False),
            encode_set_link(LinkChange(9999, up=True)),
        ):
            assert errno_name(ask(host, message).errno) == "ENODEV"

    def test_vfs_only_when_asked(self, host: Host) -> None:
        enable(host, 1, autoprobe=False)
        (netdev,) = netdevs_of(host, IGB)
        message = encode_getlink(ifname=netdev, with_counters=False, with_vfs=False)
        link = decode_link(ask(host, message).payloads[0])
        assert (link.num_vfs, link.vfs) == (None, ())

    def test_up_and_down(self, host: Host) -> None:
        for up in (True, False):
            set_link_up(host, IGB, up=up)
            assert link_of(host, IGB).up is up

    def test_permanent_mac_is_the_cards(self, host: Host) -> None:
        link = link_of(host, IGB)
        assert link.mac == link.permanent_mac == "52:54:00:6d:91:01"

    def test_loopback_has_its_addresses(self, host: Host) -> None:
        answer = ask(host, encode_address_dump())
        found = [decode_address(payload) for payload in answer.payloads]
        assert answer.errno == 0
        assert InterfaceAddress(1, "127.0.0.1", 8) in found
        assert InterfaceAddress(1, "::1", 128) in found

    def test_netdevs_that_are_down_have_no_address(self, host: Host) -> None:
        ifindex = link_of(host, IGB).ifindex
        found = [decode_address(each) for each in ask(host, encode_address_dump()).payloads]
        assert ifindex not in {address.ifindex for address in found if address is not None}

    @pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
    def test_the_way_to_itself_is_the_loopback(self, host: Host, address: str) -> None:
        answer = ask(host, encode_get_route(address))
        (route,) = (decode_route(payload) for payload in answer.payloads)
        assert route is not None
        assert route.out == (1,)

    @pytest.mark.parametrize("address", ["203.0.113.7", "2001:db8::7"])
    def test_without_a_route_there_is_no_way(self, host: Host, address: str) -> None:
        assert errno_name(ask(host, encode_get_route(address)).errno) == "ENETUNREACH"

    def test_without_a_default_route_the_dump_has_none(self, host: Host) -> None:
        answer = ask(host, encode_route_dump())
        found = [decode_route(each) for each in answer.payloads if is_default_route(each)]
        assert answer.errno == 0
        assert [route for route in found if route is not None and route.unicast] == []
