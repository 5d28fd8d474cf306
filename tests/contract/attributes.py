"""Attributes of VFs over route netlink; part of the contract."""

from __future__ import annotations

import pytest

from sriovctl.codec.rtnl_change import encode_set_vf, encode_set_vfs
from sriovctl.host.api import Host
from sriovctl.host.kernel_errors import errno_name
from sriovctl.model.functions import VLAN, LinkState, VFAttributes
from sriovctl.model.state import WantedVF
from sriovctl.planner.auto_mac import auto_mac
from tests.contract.machine import (
    IGB,
    MAC,
    NO_MAC,
    VF0,
    ask,
    command,
    enable,
    has_carrier,
    link_of,
    netdevs_of,
    set_link_up,
    set_vf,
    vf_of,
    wait_for_carrier,
    write,
)


class AttributesContract:
    @pytest.fixture
    def two_vfs(self, host: Host) -> Host:
        """Two VFs without a driver, on a PF whose netdev is down."""
        enable(host, 2, autoprobe=False)
        return host

    def test_as_the_driver_leaves_them(self, two_vfs: Host) -> None:
        link = link_of(two_vfs, IGB)
        assert (link.num_vfs, len(link.vfs)) == (2, 2)
        assert link.parent_device == IGB
        assert link.vfs[1] == VFAttributes(
            vf_index=1,
            admin_mac=NO_MAC,
            vlan=VLAN(0),
            spoofchk=True,
            trust=False,
            link_state=LinkState.AUTO,
            min_tx_rate_mbps=0,
            max_tx_rate_mbps=0,
        )

    def test_without_vfs_there_are_none(self, host: Host) -> None:
        link = link_of(host, IGB)
        assert (link.num_vfs, link.vfs) == (0, ())

    @pytest.mark.parametrize(
        "wanted",
        [
            WantedVF(admin_mac=MAC),
            WantedVF(admin_mac=auto_mac("permanent_mac 52:54:00:6d:91:01", 1)),
            WantedVF(vlan=VLAN(42, 3)),
            WantedVF(vlan=VLAN(4095)),
            WantedVF(spoofchk=False),
            WantedVF(trust=True),
            WantedVF(admin_mac=MAC, vlan=VLAN(7), spoofchk=False, trust=True),
        ],
    )
    def test_set_and_read_back(self, two_vfs: Host, wanted: WantedVF) -> None:
        other = vf_of(two_vfs, 0)
        assert set_vf(two_vfs, 1, wanted) is None
        for name, value in zip(wanted._fields, wanted, strict=True):
            if value != WantedVF._field_defaults[name]:
                assert getattr(vf_of(two_vfs, 1), name) == value
        assert vf_of(two_vfs, 0) == other

    @pytest.mark.parametrize(
        ("wanted", "name"),
        [
            (WantedVF(link_state=LinkState.ENABLE), "EOPNOTSUPP"),
            (WantedVF(link_state=LinkState.AUTO), "EOPNOTSUPP"),
            (WantedVF(vlan=VLAN(5, 0, "802.1ad")), "EPROTONOSUPPORT"),
            (WantedVF(admin_mac="01:00:5e:00:00:01"), "EINVAL"),
            # While the link is down igb knows no speed to measure a rate against.
            (WantedVF(max_tx_rate_mbps=100), "EINVAL"),
        ],
    )
    def test_what_igb_refuses(self, two_vfs: Host, wanted: WantedVF, name: str) -> None:
        before = vf_of(two_vfs, 1)
        assert set_vf(two_vfs, 1, wanted) == name
        assert vf_of(two_vfs, 1) == before

    @pytest.mark.parametrize(
        "wanted",
        [
            WantedVF(admin_mac=MAC),
            WantedVF(vlan=VLAN(1)),
            WantedVF(spoofchk=True),
            WantedVF(trust=False),
        ],
    )
    def test_a_vf_that_is_not_there(self, two_vfs: Host, wanted: WantedVF) -> None:
        assert set_vf(two_vfs, 2, wanted) == "EINVAL"

    def test_not_supported_comes_before_not_there(self, two_vfs: Host) -> None:
        assert set_vf(two_vfs, 2, WantedVF(link_state=LinkState.AUTO)) == "EOPNOTSUPP"

    def test_what_came_before_a_refusal_stays(self, two_vfs: Host) -> None:
        wanted = WantedVF(admin_mac=MAC, link_state=LinkState.ENABLE, trust=True)
        assert set_vf(two_vfs, 1, wanted) == "EOPNOTSUPP"
        found = vf_of(two_vfs, 1)
        assert (found.admin_mac, found.trust) == (MAC, False)

    def test_one_message_stops_at_the_first_refusal(self, two_vfs: Host) -> None:
        changes = [
            (0, WantedVF(trust=True)),
            (5, WantedVF(trust=True)),
            (1, WantedVF(trust=True)),
        ]
        messages = encode_set_vfs(link_of(two_vfs, IGB).ifindex, changes)
        (answer,) = two_vfs.rtnl.exchange(messages)
        assert errno_name(answer.errno) == "EINVAL"
        assert [vf.trust for vf in link_of(two_vfs, IGB).vfs] == [True, False]

    def test_rates_need_the_link(self, two_vfs: Host) -> None:
        set_link_up(two_vfs, IGB, up=True)
        wait_for_carrier(two_vfs, IGB)
        assert set_vf(two_vfs, 1, WantedVF(max_tx_rate_mbps=500)) is None
        assert vf_of(two_vfs, 1).max_tx_rate_mbps == 500
        assert set_vf(two_vfs, 1, WantedVF(max_tx_rate_mbps=200, min_tx_rate_mbps=0)) is None
        assert set_vf(two_vfs, 1, WantedVF(max_tx_rate_mbps=500, min_tx_rate_mbps=1)) == "EINVAL"
        assert set_vf(two_vfs, 1, WantedVF(max_tx_rate_mbps=1001)) == "EINVAL"
        assert vf_of(two_vfs, 1).max_tx_rate_mbps == 200
        assert set_vf(two_vfs, 1, WantedVF(max_tx_rate_mbps=0)) is None
        assert vf_of(two_vfs, 1).max_tx_rate_mbps == 0

    def test_changing_the_number_drops_the_link_for_a_while(self, host: Host) -> None:
        set_link_up(host, IGB, up=True)
        wait_for_carrier(host, IGB)
        enable(host, 1, autoprobe=False)
        assert not has_carrier(host, IGB)
        wait_for_carrier(host, IGB)

    def test_attributes_go_with_the_vfs(self, two_vfs: Host) -> None:
        assert set_vf(two_vfs, 0, WantedVF(admin_mac=MAC, vlan=VLAN(42), trust=True)) is None
        write(two_vfs, IGB, "sriov_numvfs", "0")
        assert set_vf(two_vfs, 0, WantedVF(trust=True)) == "EINVAL"
        write(two_vfs, IGB, "sriov_numvfs", "2")
        found = vf_of(two_vfs, 0)
        assert (found.admin_mac, found.vlan, found.trust) == (NO_MAC, VLAN(0), False)

    def test_attributes_outlive_the_netdev_going_up_and_down(self, two_vfs: Host) -> None:
        assert set_vf(two_vfs, 0, WantedVF(admin_mac=MAC, vlan=VLAN(42), trust=True)) is None
        before = vf_of(two_vfs, 0)
        set_link_up(two_vfs, IGB, up=True)
        set_link_up(two_vfs, IGB, up=False)
        assert vf_of(two_vfs, 0) == before

    def test_admin_mac_becomes_the_vf_netdev_mac_when_its_driver_starts(
        self, two_vfs: Host
    ) -> None:
        set_link_up(two_vfs, IGB, up=True)
        wait_for_carrier(two_vfs, IGB)
        assert set_vf(two_vfs, 0, WantedVF(admin_mac=MAC)) is None
        write(two_vfs, IGB, "sriov_drivers_autoprobe", "1")
        command(two_vfs, "drivers_probe", VF0)
        (netdev,) = netdevs_of(two_vfs, VF0)
        assert two_vfs.files.read_text(f"/sys/class/net/{netdev}/address") == MAC

    def test_vf_without_admin_mac_reports_one_of_its_own(self, two_vfs: Host) -> None:
        set_link_up(two_vfs, IGB, up=True)
        wait_for_carrier(two_vfs, IGB)
        write(two_vfs, IGB, "sriov_drivers_autoprobe", "1")
        command(two_vfs, "drivers_probe", VF0)
        (netdev,) = netdevs_of(two_vfs, VF0)
        mac = two_vfs.files.read_text(f"/sys/class/net/{netdev}/address")
        assert mac not in (None, NO_MAC)
        assert vf_of(two_vfs, 0).admin_mac == mac
        assert vf_of(two_vfs, 1).admin_mac == NO_MAC
        command(two_vfs, "drivers/igbvf/unbind", VF0)
        assert vf_of(two_vfs, 0).admin_mac == mac

    def test_pf_that_is_down_does_not_hear_of_the_vf_mac(self, host: Host) -> None:
        enable(host, 1)
        (netdev,) = netdevs_of(host, VF0)
        assert host.files.read_text(f"/sys/class/net/{netdev}/address") != NO_MAC
        assert vf_of(host, 0).admin_mac == NO_MAC

    def test_zero_mac_takes_the_admin_mac_back(self, two_vfs: Host) -> None:
        assert set_vf(two_vfs, 0, WantedVF(admin_mac=MAC)) is None
        assert set_vf(two_vfs, 0, WantedVF(admin_mac=NO_MAC)) is None
        assert vf_of(two_vfs, 0).admin_mac == NO_MAC

    def test_netdevs_without_vf_operations_refuse(self, host: Host) -> None:
        enable(host, 1)
        ifindex = link_of(host, VF0).ifindex
        message = encode_set_vf(ifindex, 0, WantedVF(trust=True), current=None)
        assert errno_name(ask(host, message).errno) == "EOPNOTSUPP"
