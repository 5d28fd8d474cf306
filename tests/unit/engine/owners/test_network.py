"""Addresses, what stands on a netdev, and routes."""

from __future__ import annotations

import errno

import pytest
from tests.unit.engine.owners.world import PCI, PF, PF_BELOW_SWITCH, VF0, World

from sriovctl.codec.rtnl import decode_link, encode_link_dump
from sriovctl.engine.inventory import read_inventory
from sriovctl.engine.owners import read_owners
from sriovctl.host.simulated import simulate, simulated_82576
from sriovctl.host.simulated.cards import CONNECTX_6_DX, Card, MachineSpec
from sriovctl.model.functions import EswitchMode
from sriovctl.model.owner import Owner, OwnerKind


def test_an_address_on_the_pf_or_on_a_vf(world: World) -> None:
    world.bind(VF0, "igbvf")
    netdev = world.host.files.list_dir(f"{PCI}/{VF0}/net")[0]
    world.host.network.add_address("eth0", "192.0.2.1/24")
    world.host.network.add_address("eth0", "2001:db8::1/64")
    world.host.network.add_address(netdev, "198.51.100.1/24")
    assert world.tokens() == {
        PF: ["address:192.0.2.1", "address:2001:db8::1"],
        VF0: ["address:198.51.100.1"],
    }


def test_link_local_addresses_alone_are_no_use(world: World) -> None:
    world.host.network.add_address("eth0", "fe80::1/64", link_local=True)
    assert world.tokens() == {}


def test_a_port_of_a_bridge_on_which_the_host_has_its_address(world: World) -> None:
    world.host.network.add_link("br0", "bridge")
    world.host.network.set_master("eth0", "br0")
    world.host.network.add_address("br0", "192.0.2.1/24")
    assert world.report().owners[PF] == (
        Owner(
            OwnerKind.ADDRESS,
            "192.0.2.1",
            "address 192.0.2.1/24 on br0, of which eth0 is a port",
        ),
        Owner(OwnerKind.BRIDGE, "br0", "eth0 is a port of the bridge br0"),
    )


def test_any_number_of_levels(world: World) -> None:
    network = world.host.network
    network.add_link("bond0", "bond")
    network.add_link("br0", "bridge")
    network.set_master("eth0", "bond0")
    network.set_master("eth1", "bond0")
    network.set_master("bond0", "br0")
    network.add_link("br0.42", "vlan", lower="br0")
    network.add_address("br0.42", "192.0.2.1/24")
    assert world.tokens() == {
        pf: ["address:192.0.2.1", "bond:bond0"] for pf in (PF, PF_BELOW_SWITCH)
    }
    assert world.report().owners[PF][0].evidence == (
        "address 192.0.2.1/24 on br0.42 on br0, of which bond0 is a port, of which eth0 is a port"
    )


@pytest.mark.parametrize(
    ("kind", "token"),
    [
        ("bridge", "bridge:top"),
        ("bond", "bond:top"),
        ("team", "bond:top"),
        ("openvswitch", "ovs:top"),
        ("vrf", "stacked:top"),
    ],
)
def test_what_a_netdev_is_a_port_of(world: World, kind: str, token: str) -> None:
    world.host.network.add_link("top", kind)
    world.host.network.set_master("eth0", "top")
    assert world.tokens() == {PF: [token]}
    assert f"a port of the {kind} top" in world.only_owner(PF).evidence


@pytest.mark.parametrize("kind", ["vlan", "macvlan", "macvtap", "ipvlan", "macsec", "bridge"])
def test_what_stands_on_a_netdev(world: World, kind: str) -> None:
    world.host.network.add_link("top", kind, lower="eth0")
    assert world.only_owner(PF) == Owner(OwnerKind.STACKED, "top", f"the {kind} top stands on eth0")


def test_a_netdev_that_cannot_be_told_is_a_note(world: World) -> None:
    for number in (errno.ENOBUFS, errno.EPERM):
        world.host.rtnl.fail(number)
    world.host.network.add_address("eth0", "192.0.2.1/24")
    pfs = read_inventory(simulated_82576(), name_of=lambda *_: None)
    report = read_owners(world.host, pfs, open_libvirt=None, progress=lambda _: None)
    assert report.owners == {}
    assert report.notes == ("netdevs could not be read: No buffer space available",)


def test_default_routes_of_both_families_and_all_tables(world: World) -> None:
    network = world.host.network
    network.add_default_route("eth0", gateway="192.0.2.254")
    network.add_default_route("eth0", gateway="fe80::1", version=6)
    network.add_default_route("eth1", gateway="198.51.100.254", table=1000)
    assert world.report().owners == {
        PF: (
            Owner(
                OwnerKind.DEFAULT_ROUTE,
                "eth0",
                "IPv4 default route to 192.0.2.254 through eth0; "
                "IPv6 default route to fe80::1 through eth0",
            ),
        ),
        PF_BELOW_SWITCH: (
            Owner(
                OwnerKind.DEFAULT_ROUTE,
                "eth1",
                "IPv4 default route of table 1000 to 198.51.100.254 through eth1",
            ),
        ),
    }


def test_a_default_route_of_several_ways(world: World) -> None:
    world.host.network.add_default_route("eth0", "eth1")
    tokens = world.tokens()
    assert tokens == {PF: ["default-route:eth0"], PF_BELOW_SWITCH: ["default-route:eth1"]}
    assert "one of 2 ways" in world.only_owner(PF).evidence


def test_a_route_through_a_nexthop_object_is_a_note(world: World) -> None:
    world.host.network.add_default_route(nexthop_id=7)
    (note,) = world.report().notes
    assert "nexthop object 7" in note


def test_an_address_on_open_vswitch(world: World) -> None:
    network = world.host.network
    network.add_link("ovs-system", "openvswitch")
    network.add_link("br-ex", "openvswitch")
    network.set_master("eth0", "ovs-system")
    network.add_address("br-ex", "192.0.2.1/24")
    assert world.tokens() == {PF: ["address:192.0.2.1", "ovs:ovs-system"]}


def test_a_representor_stands_for_its_vf() -> None:
    host = simulate(MachineSpec(cards=(Card(CONNECTX_6_DX),)))
    host.files.write_text("/sys/bus/pci/devices/0000:01:00.0/sriov_drivers_autoprobe", "0")
    host.files.write_text("/sys/bus/pci/devices/0000:01:00.0/sriov_numvfs", "2")
    host.devlink.write_eswitch("pci", "0000:01:00.0", EswitchMode.SWITCHDEV)
    pfs = read_inventory(host, name_of=lambda *_: None)
    (representor,) = (
        link.ifname
        for link in map(decode_link, host.rtnl.exchange([encode_link_dump(with_vfs=False)])[0][2])
        if link.phys_port_name == "pf0vf1"
    )
    host.network.add_link("br0", "bridge")
    host.network.set_master(representor, "br0")
    found = read_owners(host, pfs, open_libvirt=None, progress=lambda _: None).owners
    assert {device: [owner.token for owner in owners] for device, owners in found.items()} == {
        str(pfs[0].vfs[1].address): ["bridge:br0"]
    }
