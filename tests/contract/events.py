"""What sriovctl relies on of the kernel's own events, as tests for both kinds of host."""

from __future__ import annotations

import pytest

from sriovctl.codec.link_event import decode_link_event
from sriovctl.codec.rtnl_change import LinkChange, encode_set_link
from sriovctl.codec.uevent import event_of, parse_uevent
from sriovctl.host.api import Host
from sriovctl.host.events_api import EventSource
from sriovctl.model.event import HostEvent
from sriovctl.model.functions import VLAN
from sriovctl.model.state import WantedVF
from tests.contract.machine import IGB, VF0, VF1, ask, enable, link_of, set_link_up, set_vf, write

_PATIENCE_S = 5.0
_PAUSE_S = 0.05


def events_until(source: EventSource, host: Host, wanted: set[tuple[str, str]]) -> list[HostEvent]:
    """Take events until all of (what, device) have come."""
    deadline = host.clock.now() + _PATIENCE_S
    found: list[HostEvent] = []
    while not wanted <= {(one.what, one.device) for one in found}:
        assert host.clock.now() < deadline, f"{wanted} did not all come: {found}"
        found += _take(source)
        host.clock.sleep(_PAUSE_S)
    return found


def _take(source: EventSource) -> list[HostEvent]:
    received = source.receive()
    assert not received.lost
    links = [decode_link_event(message) for message in received.link_messages]
    devices = [event_of(parse_uevent(datagram)) for datagram in received.uevents]
    return [one for one in (*links, *devices) if one is not None]


def quiet(source: EventSource, host: Host) -> None:
    """Let all that is on its way come, and forget it."""
    calm = 0
    while calm < 10:
        calm = 0 if _take(source) else calm + 1
        host.clock.sleep(_PAUSE_S)


class EventContract:
    def test_vfs_that_come_and_go_are_told(self, host: Host, events: EventSource) -> None:
        enable(host, 2, autoprobe=False)
        come = {("pci add", VF0), ("pci add", VF1), ("pci change", IGB)}
        events_until(events, host, come)
        write(host, IGB, "sriov_numvfs", "0")
        events_until(events, host, {("pci remove", VF0), ("pci remove", VF1)})

    def test_a_driver_that_leaves_and_comes_back_is_told(
        self, host: Host, events: EventSource
    ) -> None:
        for word in ("unbind", "bind"):
            host.files.write_text(f"/sys/bus/pci/drivers/igb/{word}", IGB)
            netdev = {"unbind": "net remove", "bind": "net add"}[word]
            events_until(events, host, {(f"pci {word}", IGB), (netdev, IGB)})

    @pytest.mark.parametrize(
        "wanted", [WantedVF(vlan=VLAN(42)), WantedVF(admin_mac="52:54:00:6d:90:02")]
    )
    def test_what_is_set_of_a_vf_is_told_of_its_pf(
        self, host: Host, events: EventSource, wanted: WantedVF
    ) -> None:
        set_link_up(host, IGB, up=True)
        enable(host, 1, autoprobe=False)
        quiet(events, host)
        assert set_vf(host, 0, wanted) is None
        found = events_until(events, host, {("link change", IGB)})
        assert {one.ifindex for one in found} == {link_of(host, IGB).ifindex}

    def test_nothing_is_told_of_it_while_the_pf_is_down(
        self, host: Host, events: EventSource
    ) -> None:
        enable(host, 1, autoprobe=False)
        quiet(events, host)
        assert set_vf(host, 0, WantedVF(vlan=VLAN(42))) is None
        host.clock.sleep(4 * _PAUSE_S)
        assert _take(events) == []

    def test_a_netdev_that_goes_up_or_gets_another_mtu_is_told(
        self, host: Host, events: EventSource
    ) -> None:
        set_link_up(host, IGB, up=True)
        events_until(events, host, {("link change", IGB)})
        quiet(events, host)
        mtu = LinkChange(link_of(host, IGB).ifindex, mtu=4000)
        assert ask(host, encode_set_link(mtu)).errno == 0
        events_until(events, host, {("link change", IGB)})
        assert ask(host, encode_set_link(mtu._replace(mtu=1500))).errno == 0
