"""VF attributes on a real kernel, compared with what others read there."""

from __future__ import annotations

import errno
import json
import os
import socket
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from sriovctl.codec.netlink import encode_message, encode_wrapping_nest
from sriovctl.codec.rtnl import decode_link, encode_getlink, encode_link_dump
from sriovctl.codec.rtnl_change import decode_set_vfs, encode_set_vf, encode_set_vfs
from sriovctl.codec.rtnl_vf_encode import encode_wanted_vf
from sriovctl.codec.rtnl_vf_list import KnownVFs
from sriovctl.engine.link import read_link
from sriovctl.engine.vf_attributes import (
    Mismatch,
    find_mismatches,
    write_link,
    write_vf_attributes,
)
from sriovctl.errors import HostError, LostError, PermissionDenied, UnsupportedError
from sriovctl.host.rtnl import KernelRouteNetlink
from sriovctl.model.functions import VLAN, VFAttributes, VFCounters
from sriovctl.model.state import WantedVF
from tests.lab.fixed_offsets import seen_by_fixed_offsets
from tests.lab.netdevsim import new_netdevsim

pytestmark = pytest.mark.lab("netdevsim")

ID = 31

Changes = list[tuple[int, WantedVF]]
WithVFs = Callable[[int], str]


@pytest.fixture
def with_vfs() -> Iterator[WithVFs]:
    """Make a netdevsim PF with so many VFs; return the name of its netdev."""
    with ExitStack() as stack:

        def make(num_vfs: int) -> str:
            device = new_netdevsim(ID, max_vfs=num_vfs, num_vfs=num_vfs)
            return stack.enter_context(device)

        yield make


@pytest.fixture
def rtnl() -> Iterator[KernelRouteNetlink]:
    with KernelRouteNetlink() as door:
        yield door


def five_for(vf_index: int) -> WantedVF:
    return WantedVF(
        admin_mac=f"52:54:00:6d:{vf_index >> 8:02x}:{vf_index & 255:02x}",
        vlan=VLAN(vf_index % 4094 + 1, vf_index % 8),
        spoofchk=vf_index % 2 == 0,
        trust=vf_index % 3 == 0,
        min_tx_rate_mbps=vf_index,
        max_tx_rate_mbps=vf_index + 10,
    )


def five_for_all(num_vfs: int) -> Changes:
    return [(index, five_for(index)) for index in range(num_vfs)]


# --- second sources --------------------------------------------------------------------------


def seen_by_ip(netdev: str) -> dict[int, WantedVF]:
    done = subprocess.run(
        ["ip", "-j", "-d", "link", "show", "dev", netdev], check=True, capture_output=True
    )
    (link,) = json.loads(done.stdout)
    return {
        vf["vf"]: WantedVF(
            admin_mac=vf["address"],
            vlan=VLAN(vf["vlan_list"][0]["vlan"], vf["vlan_list"][0].get("qos", 0)),
            spoofchk=vf["spoofchk"],
            trust=vf["trust"],
            min_tx_rate_mbps=vf["rate"]["min_tx"],
            max_tx_rate_mbps=vf["rate"]["max_tx"],
        )
        for vf in link.get("vfinfo_list", ())
    }


def seen_by_pyroute2(netdev: str) -> dict[int, WantedVF]:
    from pyroute2 import IPRoute

    with IPRoute() as ip:
        # 1 and 8: VFs, without statistics
        (link,) = ip.link("get", ifname=netdev, ext_mask=9)
    return dict(
        as_pyroute2_has_it(vf) for vf in link.get("IFLA_VFINFO_LIST").get_attrs("IFLA_VF_INFO")
    )


def as_pyroute2_has_it(vf: object) -> tuple[int, WantedVF]:
    def value(attribute: str, field: str) -> object:
        return vf.get_attr(f"IFLA_VF_{attribute}")[field]  # type: ignore[attr-defined]

    return value("MAC", "vf"), WantedVF(  # type: ignore[return-value]
        admin_mac=value("MAC", "mac"),  # type: ignore[arg-type]
        vlan=VLAN(value("VLAN", "vlan"), value("VLAN", "qos")),  # type: ignore[arg-type]
        spoofchk=value("SPOOFCHK", "spoofchk") == 1,
        trust=value("TRUST", "trust") == 1,
        min_tx_rate_mbps=value("RATE", "min_tx_rate"),  # type: ignore[arg-type]
        max_tx_rate_mbps=value("RATE", "max_tx_rate"),  # type: ignore[arg-type]
    )


# --- many VFs --------------------------------------------------------------------------------


@pytest.mark.parametrize("num_vfs", [8, 256, 656, 1000])
def test_five_attributes_of_all_vfs(
    with_vfs: WithVFs, rtnl: KernelRouteNetlink, num_vfs: int
) -> None:
    netdev = with_vfs(num_vfs)
    changes = five_for_all(num_vfs)
    assert len(find_mismatches(read_link(rtnl, netdev), changes)) > num_vfs
    write_vf_attributes(rtnl, netdev, changes)
    link = read_link(rtnl, netdev)
    assert find_mismatches(link, changes) == ()
    assert [vf.vf_index for vf in link.vfs] == list(range(num_vfs))
    assert seen_by_fixed_offsets(netdev, num_vfs) == dict(changes)


def test_what_is_read_again_is_what_ip_sees(with_vfs: WithVFs, rtnl: KernelRouteNetlink) -> None:
    netdev = with_vfs(200)
    known = KnownVFs()

    def read_again() -> tuple[VFAttributes, ...]:
        link = read_link(rtnl, netdev, known=known)
        assert link == read_link(rtnl, netdev)
        seen = list(seen_by_ip(netdev).items())
        assert len(seen) == len(link.vfs)
        assert find_mismatches(link, seen) == ()
        return link.vfs

    write_vf_attributes(rtnl, netdev, five_for_all(200))
    first = read_again()
    assert read_again() is first
    by_ip = ["ip", "link", "set", "dev", netdev]
    subprocess.run([*by_ip, "vf", "77", "vlan", "4000"], check=True)
    second = read_again()
    assert [n for n in range(200) if second[n] is not first[n]] == [77]
    subprocess.run([*by_ip, "mtu", "1400"], check=True)
    assert read_again() is second
    for number in (0, 50):
        Path(f"/sys/bus/netdevsim/devices/netdevsim{ID}/sriov_numvfs").write_text(str(number))
        assert len(read_again()) == number
    link = read_link(rtnl, netdev, with_counters=True, known=known)
    assert link == read_link(rtnl, netdev, with_counters=True)
    assert {type(vf.counters) for vf in link.vfs} == {VFCounters}
    read_again()


@pytest.mark.parametrize("with_counters", [False, True])
def test_what_stands_behind_a_list_of_1000_vfs_is_read(
    with_vfs: WithVFs, rtnl: KernelRouteNetlink, with_counters: bool
) -> None:
    netdev = with_vfs(1000)
    link = read_link(rtnl, netdev, with_counters=with_counters)
    assert len(link.vfs) == link.num_vfs == 1000
    assert link.parent_device == f"netdevsim{ID}"
    assert link.parent_bus == "netdevsim"
    assert link.mac == Path(f"/sys/class/net/{netdev}/address").read_text().strip()


def test_ip_sees_what_was_set(with_vfs: WithVFs, rtnl: KernelRouteNetlink) -> None:
    netdev = with_vfs(8)
    write_vf_attributes(rtnl, netdev, five_for_all(8))
    assert seen_by_ip(netdev) == dict(five_for_all(8))


def test_pyroute2_sees_what_was_set(with_vfs: WithVFs, rtnl: KernelRouteNetlink) -> None:
    netdev = with_vfs(256)
    write_vf_attributes(rtnl, netdev, five_for_all(256))
    assert seen_by_pyroute2(netdev) == dict(five_for_all(256))


def test_list_one_too_long_would_be_acknowledged_and_lost(
    with_vfs: WithVFs, rtnl: KernelRouteNetlink
) -> None:
    # Why encode_set_vfs() counts bytes, and why a write is verified.
    netdev = with_vfs(656)
    changes = five_for_all(656)
    entries = b"".join(encode_wanted_vf(index, w, current=None) for index, w in changes)
    head = struct.pack("=BxHiII", 0, 0, socket.if_nametoindex(netdev), 0, 0)
    (answer,) = rtnl.exchange([encode_message(19, head + encode_wrapping_nest(22, entries))])
    assert answer.errno == 0
    first = find_mismatches(read_link(rtnl, netdev), changes)[0]
    assert first == Mismatch(0, "admin_mac", changes[0][1].admin_mac, "00:00:00:00:00:00")


def test_dump_has_all_vfs_too(with_vfs: WithVFs, rtnl: KernelRouteNetlink) -> None:
    netdev = with_vfs(1000)
    (answer,) = rtnl.exchange([encode_link_dump(with_vfs=True)])
    links = {link.ifname: link for link in map(decode_link, answer.payloads)}
    assert {"lo", netdev} <= links.keys()
    assert links[netdev] == read_link(rtnl, netdev)


def test_many_large_answers_to_one_exchange(with_vfs: WithVFs, rtnl: KernelRouteNetlink) -> None:
    netdev = with_vfs(1000)
    question = encode_getlink(ifname=netdev, with_counters=True)
    answers = rtnl.exchange([question] * 20)
    assert {len(decode_link(answer.payloads[0]).vfs) for answer in answers} == {1000}


def test_a_thousand_single_messages_get_a_thousand_answers(
    with_vfs: WithVFs, rtnl: KernelRouteNetlink
) -> None:
    netdev = with_vfs(10)
    ifindex = socket.if_nametoindex(netdev)
    requests = [
        encode_set_vf(ifindex, index, WantedVF(trust=True), current=None) for index in range(1000)
    ]
    errors = [answer.errno for answer in rtnl.exchange(requests)]
    assert errors == [0] * 10 + [errno.EINVAL] * 990


# --- refusals --------------------------------------------------------------------------------


def test_refused_vf_is_named_and_the_others_are_set(
    with_vfs: WithVFs, rtnl: KernelRouteNetlink
) -> None:
    netdev = with_vfs(10)
    changes = five_for_all(10)
    changes[5] = (5, five_for(5)._replace(admin_mac="01:00:5e:00:00:01"))
    with pytest.raises(HostError, match="refused admin_mac 01:00:5e:00:00:01: Invalid") as caught:
        write_vf_attributes(rtnl, netdev, changes)
    assert caught.value.subject == f"{netdev} vf 5"
    assert caught.value.evidence == {
        "errno": "EINVAL",
        "applied to vfs": "0-4,6-9",
        "not to": "5",
    }
    seen = seen_by_fixed_offsets(netdev, 10)
    assert {i for i, wanted in five_for_all(10) if seen[i] == wanted} == set(range(10)) - {5}


def test_last_attribute_of_a_vf_can_be_the_refused_one(
    with_vfs: WithVFs, rtnl: KernelRouteNetlink
) -> None:
    netdev = with_vfs(2)
    wanted = five_for(1)._replace(link_state="7")
    with pytest.raises(HostError, match="link_state 7") as caught:
        write_vf_attributes(rtnl, netdev, [(0, five_for(0)), (1, wanted)])
    assert caught.value.subject == f"{netdev} vf 1"
    assert seen_by_fixed_offsets(netdev, 2)[0] == five_for(0)


def test_vf_that_is_not_there(with_vfs: WithVFs, rtnl: KernelRouteNetlink) -> None:
    netdev = with_vfs(8)
    with pytest.raises(HostError, match="has 8 VFs now") as caught:
        write_vf_attributes(rtnl, netdev, five_for_all(9))
    assert caught.value.subject == f"{netdev} vf 8"
    assert caught.value.evidence["not to"] == "8"


def test_netdev_without_vfs(rtnl: KernelRouteNetlink) -> None:
    with pytest.raises(UnsupportedError, match="Operation not supported"):
        write_vf_attributes(rtnl, "lo", five_for_all(1))
    assert read_link(rtnl, "lo").vfs == ()


@pytest.mark.parametrize("netdev", ["no-such-netdev", "no-such-netdev-with-a-long-name", 999999])
def test_netdev_that_is_not_there(rtnl: KernelRouteNetlink, netdev: str | int) -> None:
    with pytest.raises(LostError, match="no such netdev"):
        read_link(rtnl, netdev)
    with pytest.raises(LostError):
        write_vf_attributes(rtnl, netdev, five_for_all(1))


def test_user_without_the_capability_is_told_so(with_vfs: WithVFs) -> None:
    netdev = with_vfs(1)
    os.seteuid(65534)
    try:
        with KernelRouteNetlink() as rtnl:
            assert len(read_link(rtnl, netdev).vfs) == 1
            with pytest.raises(PermissionDenied, match=r"EPERM.*run as root"):
                write_vf_attributes(rtnl, netdev, [(0, WantedVF(trust=True))])
    finally:
        os.seteuid(0)


# --- single attributes -----------------------------------------------------------------------


def only_vf(rtnl: KernelRouteNetlink, netdev: str) -> VFAttributes:
    (vf,) = read_link(rtnl, netdev).vfs
    return vf


def test_each_vlan_protocol(with_vfs: WithVFs, rtnl: KernelRouteNetlink) -> None:
    netdev = with_vfs(1)
    for vlan in (VLAN(5, 1, "802.1ad"), VLAN(6, 2), VLAN(0), VLAN(4095, 7, "802.1ad")):
        write_vf_attributes(rtnl, netdev, [(0, WantedVF(vlan=vlan))])
        assert find_mismatches(read_link(rtnl, netdev), [(0, WantedVF(vlan=vlan))]) == ()
        assert only_vf(rtnl, netdev).vlan == vlan


def test_one_rate_keeps_the_other(with_vfs: WithVFs, rtnl: KernelRouteNetlink) -> None:
    netdev = with_vfs(1)

    def set_and_read(wanted: WantedVF) -> tuple[int | None, int | None]:
        write_vf_attributes(rtnl, netdev, [(0, wanted)])
        vf = only_vf(rtnl, netdev)
        return vf.min_tx_rate_mbps, vf.max_tx_rate_mbps

    assert set_and_read(WantedVF(min_tx_rate_mbps=10, max_tx_rate_mbps=100)) == (10, 100)
    assert set_and_read(WantedVF(max_tx_rate_mbps=200)) == (10, 200)
    assert set_and_read(WantedVF(min_tx_rate_mbps=20)) == (20, 200)


def test_switches_and_link_state(with_vfs: WithVFs, rtnl: KernelRouteNetlink) -> None:
    netdev = with_vfs(1)
    for state in ("enable", "disable", "auto"):
        for setting in (True, False):
            wanted = WantedVF(spoofchk=setting, trust=not setting, link_state=state)
            write_vf_attributes(rtnl, netdev, [(0, wanted)])
            assert find_mismatches(read_link(rtnl, netdev), [(0, wanted)]) == ()


def test_counters_are_read_when_asked_for(with_vfs: WithVFs, rtnl: KernelRouteNetlink) -> None:
    netdev = with_vfs(2)
    with_counters = read_link(rtnl, netdev, with_counters=True)
    # netdevsim keeps none: the kernel says 0.
    assert [vf.counters for vf in with_counters.vfs] == [VFCounters(*[0] * 8)] * 2
    assert [vf.counters for vf in read_link(rtnl, netdev).vfs] == [None] * 2


def test_link_goes_up_and_down(with_vfs: WithVFs, rtnl: KernelRouteNetlink) -> None:
    netdev = with_vfs(1)
    flags = Path(f"/sys/class/net/{netdev}/flags")
    for up in (True, False):
        write_link(rtnl, netdev, up=up)
        assert read_link(rtnl, netdev).up is up
        assert int(flags.read_text(), 16) & 1 == up


def test_our_messages_are_read_by_the_kernel_as_by_us(
    with_vfs: WithVFs, rtnl: KernelRouteNetlink
) -> None:
    netdev = with_vfs(3)
    ifindex = socket.if_nametoindex(netdev)
    (message,) = encode_set_vfs(ifindex, five_for_all(3))
    (answer,) = rtnl.exchange([message])
    assert answer.errno == 0
    assert decode_set_vfs(message) == (ifindex, tuple(five_for_all(3)))
    assert seen_by_fixed_offsets(netdev, 3) == dict(five_for_all(3))
