"""What sriovctl relies on of an eswitch, as tests for a real kernel and for the simulation.

A module that binds it gives a fixture ``switch``: a PF without VFs, in mode legacy.  What drivers
do differently (mode changes with VFs, attributes refused in mode switchdev) is not in here.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest

from sriovctl.codec.rtnl import decode_link, encode_getlink
from sriovctl.codec.rtnl_change import encode_set_vf
from sriovctl.engine.vf_attributes import write_link
from sriovctl.errors import UnsupportedError
from sriovctl.host.api import Host
from sriovctl.host.kernel_errors import errno_name
from sriovctl.model.eswitch import VF_FLAVOUR, DevlinkPort, represented_vf
from sriovctl.model.functions import EswitchMode
from sriovctl.model.link import LinkReport
from sriovctl.model.state import WantedVF

NUM_VFS = 3


class Switch(NamedTuple):
    host: Host
    bus: str
    device: str
    netdev: str  # the PF's own

    @property
    def mode(self) -> str | None:
        return self.host.devlink.read_eswitch(self.bus, self.device)

    def set_mode(self, mode: EswitchMode) -> None:
        self.host.devlink.write_eswitch(self.bus, self.device, mode)

    def set_num_vfs(self, number: int) -> None:
        path = f"/sys/bus/{self.bus}/devices/{self.device}/sriov_numvfs"
        self.host.files.write_text(path, str(number))

    def vf_ports(self) -> list[DevlinkPort]:
        ports = self.host.devlink.list_ports(self.bus, self.device)
        return [port for port in ports if port.flavour == VF_FLAVOUR]

    def netdevs(self) -> tuple[str, ...]:
        return self.host.files.list_dir(f"/sys/bus/{self.bus}/devices/{self.device}/net")

    def of_netdev(self, netdev: str, attribute: str) -> str | None:
        return self.host.files.read_text(f"/sys/class/net/{netdev}/{attribute}")

    def representors(self) -> dict[int, str]:
        found = {represented_vf(self.of_netdev(n, "phys_port_name")): n for n in self.netdevs()}
        return {index: netdev for index, netdev in found.items() if index is not None}

    def link(self, netdev: str) -> LinkReport:
        (answer,) = self.host.rtnl.exchange([encode_getlink(ifname=netdev, with_counters=False)])
        return decode_link(answer.payloads[0])


class EswitchContract:
    @pytest.fixture
    def with_vfs(self, switch: Switch) -> Switch:
        switch.set_mode(EswitchMode.SWITCHDEV)
        switch.set_num_vfs(NUM_VFS)
        return switch

    def test_mode_is_legacy_until_somebody_sets_it(self, switch: Switch) -> None:
        assert switch.mode == "legacy"
        switch.set_num_vfs(NUM_VFS)
        assert switch.mode == "legacy"
        assert (switch.vf_ports(), switch.representors()) == ([], {})
        assert switch.netdevs() == (switch.netdev,)

    def test_mode_can_be_set_without_vfs_and_waits_for_them(self, switch: Switch) -> None:
        switch.set_mode(EswitchMode.SWITCHDEV)
        assert (switch.mode, switch.vf_ports()) == ("switchdev", [])
        switch.set_num_vfs(NUM_VFS)
        assert switch.mode == "switchdev"
        assert sorted(switch.representors()) == list(range(NUM_VFS))

    def test_setting_the_mode_that_is_set_changes_nothing(self, with_vfs: Switch) -> None:
        before = with_vfs.representors()
        with_vfs.set_mode(EswitchMode.SWITCHDEV)
        assert with_vfs.representors() == before

    def test_representors_appear_with_the_mode_and_go_with_it(self, switch: Switch) -> None:
        switch.set_num_vfs(NUM_VFS)
        switch.set_mode(EswitchMode.SWITCHDEV)
        assert sorted(switch.representors()) == list(range(NUM_VFS))
        switch.set_mode(EswitchMode.LEGACY)
        assert (switch.mode, switch.vf_ports(), switch.representors()) == ("legacy", [], {})

    def test_representors_go_with_the_vfs(self, with_vfs: Switch) -> None:
        with_vfs.set_num_vfs(0)
        assert (with_vfs.vf_ports(), with_vfs.netdevs()) == ([], (with_vfs.netdev,))

    def test_devlink_and_sysfs_name_the_same_representors(self, with_vfs: Switch) -> None:
        ports = {port.vf_number: port.netdev for port in with_vfs.vf_ports()}
        assert ports == with_vfs.representors()
        assert {(port.pf_number, port.external) for port in with_vfs.vf_ports()} == {(0, False)}

    def test_pf_keeps_its_netdev_beside_the_representors(self, with_vfs: Switch) -> None:
        assert set(with_vfs.netdevs()) == {with_vfs.netdev, *with_vfs.representors().values()}
        own = with_vfs.of_netdev(with_vfs.netdev, "phys_port_name")
        assert own is not None
        assert represented_vf(own) is None

    def test_all_ports_of_an_eswitch_share_its_id(self, with_vfs: Switch) -> None:
        ids = {with_vfs.of_netdev(netdev, "phys_switch_id") for netdev in with_vfs.netdevs()}
        assert len(ids) == 1
        assert None not in ids

    def test_route_netlink_names_port_and_parent(self, with_vfs: Switch) -> None:
        link = with_vfs.link(with_vfs.representors()[1])
        assert link.phys_port_name == "pf0vf1"
        assert (link.parent_bus, link.parent_device) == (with_vfs.bus, with_vfs.device)

    def test_representor_tells_the_number_of_vfs_and_nothing_of_them(
        self, with_vfs: Switch
    ) -> None:
        link = with_vfs.link(with_vfs.representors()[0])
        assert (link.num_vfs, link.vfs) == (NUM_VFS, ())
        message = encode_set_vf(link.ifindex, 0, WantedVF(trust=True), current=None)
        (answer,) = with_vfs.host.rtnl.exchange([message])
        assert errno_name(answer.errno) == "EOPNOTSUPP"

    def test_representor_is_brought_up_like_any_netdev(self, with_vfs: Switch) -> None:
        netdev = with_vfs.representors()[0]
        for up in (True, False):
            write_link(with_vfs.host.rtnl, netdev, up=up)
            assert with_vfs.link(netdev).up is up

    def test_admin_mac_is_set_through_the_pf_in_switchdev_too(self, with_vfs: Switch) -> None:
        link = with_vfs.link(with_vfs.netdev)
        wanted = WantedVF(admin_mac="52:54:00:6d:90:02")
        message = encode_set_vf(link.ifindex, 2, wanted, current=None)
        (answer,) = with_vfs.host.rtnl.exchange([message])
        assert answer.errno == 0
        macs = [vf.admin_mac for vf in with_vfs.link(with_vfs.netdev).vfs]
        assert macs[2] == wanted.admin_mac

    @pytest.mark.parametrize(("bus", "device"), [("pci", "0000:ff:1f.7"), ("platform", "none")])
    def test_device_that_devlink_does_not_know(self, switch: Switch, bus: str, device: str) -> None:
        devlink = switch.host.devlink
        assert (devlink.read_eswitch(bus, device), devlink.list_ports(bus, device)) == (None, ())
        with pytest.raises(UnsupportedError, match="devlink does not know it") as caught:
            devlink.write_eswitch(bus, device, EswitchMode.SWITCHDEV)
        assert caught.value.evidence["errno"] == "ENODEV"
