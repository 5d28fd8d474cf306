"""What stands on a netdev, at any height."""

from __future__ import annotations

from sriovctl.model.link import LinkReport
from sriovctl.topology.stacking import climb, find_uppers, stands_on_lower

PF = LinkReport(2, "ens1", master=4)
OTHER = LinkReport(3, "ens2", master=4)
BOND = LinkReport(4, "bond0", kind="bond", master=5)
BRIDGE = LinkReport(5, "br0", kind="bridge")
VLAN = LinkReport(6, "br0.42", kind="vlan", lower=5)
TAP = LinkReport(7, "vnet0", kind="tun", master=5)
MACVTAP = LinkReport(8, "macvtap0", kind="macvtap", lower=2)
ALL = (VLAN, TAP, PF, OTHER, BOND, BRIDGE, MACVTAP)


def ways(start: LinkReport, *links: LinkReport) -> list[str]:
    return [perch.way for perch in climb(start, find_uppers(links)).values()]


def test_a_chain_is_followed_to_its_top() -> None:
    assert ways(PF, *ALL) == [
        "ens1",
        "bond0, of which ens1 is a port",
        "macvtap0 on ens1",
        "br0, of which bond0 is a port, of which ens1 is a port",
        "br0.42 on br0, of which bond0 is a port, of which ens1 is a port",
    ]


def test_a_sibling_is_not_above() -> None:
    above = climb(TAP, find_uppers(ALL))
    assert set(above) == {TAP.ifindex, BRIDGE.ifindex, VLAN.ifindex}
    assert ways(OTHER, *ALL)[0] == "ens2"


def test_twins_do_not_stand_on_each_other() -> None:
    one = LinkReport(10, "veth0", kind="veth", lower=11)
    other = LinkReport(11, "veth1", kind="veth", lower=10)
    assert ways(one, one, other) == ["veth0"]
    assert not stands_on_lower(one)


def test_a_lower_in_another_namespace_has_another_number_space() -> None:
    moved = LinkReport(9, "mv0", kind="macvlan", lower=2, lower_nsid=0)
    assert ways(PF, PF, moved) == ["ens1"]


def test_a_netdev_that_names_itself_stands_on_nothing() -> None:
    for lower in (None, 0, 12):
        assert not stands_on_lower(LinkReport(12, "sit0", kind="sit", lower=lower))


def test_a_master_that_is_not_known_is_not_followed() -> None:
    assert ways(PF, PF) == ["ens1"]


def test_a_circle_ends() -> None:
    one, two = LinkReport(20, "a", lower=21), LinkReport(21, "b", lower=20)
    assert ways(one, one, two) == ["a", "b on a"]


def test_a_bridge_of_open_vswitch_may_reach_any_port_of_its_datapath() -> None:
    datapath = LinkReport(30, "ovs-system", kind="openvswitch")
    internal = LinkReport(31, "br-ex", kind="openvswitch")
    port = LinkReport(32, "ens1", master=30)
    alone = LinkReport(33, "ens2")
    assert ways(port, datapath, internal, port, alone) == [
        "ens1",
        "ovs-system, of which ens1 is a port",
        "br-ex on ovs-system, of which ens1 is a port",
    ]
    assert ways(alone, datapath, internal, port, alone) == ["ens2"]


def test_an_open_vswitch_without_ports_is_above_nothing() -> None:
    switched = [LinkReport(n, f"ovs{n}", kind="openvswitch") for n in (30, 31)]
    assert find_uppers(switched) == {}
