"""What moving netdevs between network namespaces relies on of a kernel.

Bound like the contract beside it, with a fixture ``maker`` that makes named namespaces.
"""

from __future__ import annotations

from typing import Protocol

import pytest

from sriovctl.codec.rtnl import decode_link, encode_link_dump
from sriovctl.codec.rtnl_change import LinkChange, encode_set_link
from sriovctl.errors import LostError
from sriovctl.host.api import Host
from sriovctl.host.kernel_errors import errno_name
from sriovctl.model.functions import VLAN
from sriovctl.model.link import LinkReport
from sriovctl.model.state import WantedVF
from tests.contract.machine import (
    IGB,
    MAC,
    VF0,
    VF1,
    command,
    enable,
    link_of,
    netdevs_of,
    read,
    set_link_up,
    set_vf,
    vf_of,
    write,
)

BOX = "/run/netns/sriovctl-contract"
_PATIENCE_S = 20.0


class Maker(Protocol):
    """``ip netns``."""

    def add(self, path: str, /) -> object: ...

    def delete(self, path: str, /) -> object: ...


def links_in(host: Host, path: str = BOX) -> dict[str, LinkReport]:
    (answer,) = host.namespaces.exchange(path, [encode_link_dump(with_vfs=False)])
    return {link.ifname: link for link in map(decode_link, answer.payloads)}


def move(
    host: Host, link: LinkReport, name: str | None = None, *, home: bool = False
) -> str | None:
    """Move a netdev into the box, or home; the errno's name if the kernel refuses."""
    source, target = (BOX, None) if home else (None, BOX)
    answer = host.namespaces.move_netdev(link.ifindex, source=source, target=target, name=name)
    return errno_name(answer.errno) if answer.errno else None


def wait_for_netdev(host: Host, device: str) -> str:
    end = host.clock.now() + _PATIENCE_S
    while not netdevs_of(host, device):
        assert host.clock.now() < end, "the netdev did not come"
        host.clock.sleep(0.1)
    (netdev,) = netdevs_of(host, device)
    return netdev


class NamespacesContract:
    @pytest.fixture(autouse=True)
    def box(self, host: Host, maker: Maker) -> None:
        set_link_up(host, IGB, up=True)
        enable(host, 2)
        maker.add(BOX)

    def test_a_netdev_that_moves_is_down_and_seen_there_alone(self, host: Host) -> None:
        set_vf(host, 0, WantedVF(vlan=VLAN(42)))
        before = link_of(host, VF0)
        set_link_up(host, VF0, up=True)
        assert move(host, before) is None
        assert netdevs_of(host, VF0) == ()
        assert host.files.exists(f"/sys/bus/pci/devices/{VF0}/net")
        assert read(host, VF0, f"net/{before.ifname}/ifindex") is None
        there = links_in(host)[before.ifname]
        assert (there.parent_device, there.up, there.mac) == (VF0, False, before.mac)
        assert vf_of(host, 0).vlan == VLAN(42)
        up = encode_set_link(LinkChange(there.ifindex, up=True))
        (answer,) = host.namespaces.exchange(BOX, [up])
        assert answer.errno == 0
        assert links_in(host)[before.ifname].up
        assert move(host, there, home=True) is None
        assert netdevs_of(host, VF0) == (before.ifname,)
        assert not link_of(host, VF0).up
        # It can be renamed on the way.
        assert move(host, before, "data0") is None
        assert "data0" in links_in(host)
        assert move(host, links_in(host)["data0"], before.ifname, home=True) is None
        assert netdevs_of(host, VF0) == (before.ifname,)

    def test_a_name_that_is_taken_there_is_refused_early_or_late(self, host: Host) -> None:
        first, second = link_of(host, VF0), link_of(host, VF1)
        assert move(host, first, "data0") is None
        assert move(host, second, "data0") == "EEXIST"
        assert links_in(host)[second.ifname].parent_device == VF1  # it went, and kept its name
        assert move(host, links_in(host)[second.ifname], home=True) is None
        pf = link_of(host, IGB)
        assert move(host, links_in(host)["data0"], pf.ifname, home=True) == "EEXIST"
        assert netdevs_of(host, VF0) == ("data0",)
        assert move(host, link_of(host, VF0), second.ifname) is None
        assert move(host, second) == "EEXIST"
        assert netdevs_of(host, VF1) == (second.ifname,)  # it did not go
        assert move(host, second, "data1") is None
        assert {second.ifname, "data1"} <= links_in(host).keys()
        # What is not there cannot be moved, nor to where nothing is.
        assert move(host, second) == "ENODEV"
        with pytest.raises(LostError):
            host.namespaces.move_netdev(
                pf.ifindex, source=None, target="/run/netns/no-such-name", name=None
            )
        assert netdevs_of(host, IGB) == (pf.ifname,)

    def test_a_namespace_that_ends_gives_the_netdevs_of_cards_back(
        self, host: Host, maker: Maker
    ) -> None:
        first, second = link_of(host, VF0), link_of(host, VF1)
        pf = link_of(host, IGB)
        assert move(host, first, "data0") is None
        assert move(host, second, pf.ifname) is None
        number = links_in(host)[pf.ifname].ifindex
        maker.delete(BOX)
        with pytest.raises(LostError):
            links_in(host)
        assert wait_for_netdev(host, VF0) == "data0"
        assert wait_for_netdev(host, VF1) == f"dev{number}"
        assert not link_of(host, VF0).up

    def test_without_driver_or_vf_a_netdev_is_gone_there_and_a_new_one_comes_here(
        self, host: Host
    ) -> None:
        assert move(host, link_of(host, VF0), "data0") is None
        command(host, "drivers/igbvf/unbind", VF0)
        assert "data0" not in links_in(host)
        assert set_vf(host, 0, WantedVF(admin_mac=MAC)) is None
        command(host, "drivers_probe", VF0)
        assert len(netdevs_of(host, VF0)) == 1
        assert link_of(host, VF0).mac == MAC
        assert move(host, link_of(host, VF0), "data0") is None
        write(host, IGB, "sriov_numvfs", "0")
        assert "data0" not in links_in(host)
