"""What counters rely on of a kernel; bound like the contract beside it."""

from __future__ import annotations

from sriovctl.codec.rtnl import decode_link, encode_getlink, encode_link_dump
from sriovctl.host.api import Host
from sriovctl.model.functions import VFCounters
from tests.contract.machine import IGB, VF0, ask, enable, link_of, set_link_up, wait_for_carrier


class CountersContract:
    def test_a_driver_that_counts_nothing_for_its_vfs_shows_zeros(self, host: Host) -> None:
        set_link_up(host, IGB, up=True)
        enable(host, 2, autoprobe=True)  # igbvf has sent at least what tells its PF of its MAC
        ifindex = link_of(host, IGB).ifindex
        answer = ask(host, encode_getlink(ifindex=ifindex, with_counters=True))
        vfs = decode_link(answer.payloads[0]).vfs
        assert [vf.counters for vf in vfs] == [VFCounters(*[0] * 8)] * 2
        assert [vf.counters for vf in link_of(host, IGB).vfs] == [None, None]

    def test_each_netdev_has_counters_in_a_dump_too(self, host: Host) -> None:
        enable(host, 2, autoprobe=True)
        answer = ask(host, encode_link_dump(with_vfs=False))
        links = [decode_link(payload) for payload in answer.payloads]
        assert all(link.counters is not None for link in links)
        (of_vf,) = (link for link in links if link.parent_device == VF0)
        assert (of_vf.vfs, of_vf.num_vfs) == ((), None)

    def test_a_carrier_comes_after_up_and_goes_with_it(self, host: Host) -> None:
        assert not link_of(host, IGB).carrier
        set_link_up(host, IGB, up=True)
        wait_for_carrier(host, IGB)
        assert link_of(host, IGB).carrier
        set_link_up(host, IGB, up=False)
        assert not link_of(host, IGB).carrier
