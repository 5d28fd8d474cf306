"""Several VFs at once, trunks, port profiles, teaming, root ports and what suits a guest badly."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.engine.test_attach import MAC, PCI, VF0, VF1, World, pf_netdev

from sriovctl.codec.rtnl import RTM_GETLINK, decode_getlink
from sriovctl.engine.guests.attach import attach_all
from sriovctl.engine.guests.holders import read_guest
from sriovctl.engine.guests.root_ports import ensure_free_root_ports
from sriovctl.engine.guests.vf_place import read_attributes, read_vf_place
from sriovctl.engine.vf_attributes import write_link, write_vf_attributes
from sriovctl.errors import (
    BusyError,
    HostError,
    InputError,
    SafetyError,
    SriovctlError,
    UnsupportedError,
)
from sriovctl.host.simulated import SimulatedHost
from sriovctl.host.simulated.tree import constant
from sriovctl.host.simulated_libvirt import SimulatedGuest, SimulatedLibvirt
from sriovctl.model.address import PCIAddress, parse_pci_address
from sriovctl.model.guest import AttachResult, Wanted
from sriovctl.model.guest_network import parse_qbg, parse_qbh, parse_vlan_trunk
from sriovctl.model.netlink import NetlinkAnswer
from sriovctl.model.state import WantedVF

OTHER_MAC = "52:54:00:6d:90:03"
VF2 = PCIAddress(0, 1, 0x10, 4)
TRUNK = parse_vlan_trunk("10,20", native="10")
QBH = parse_qbh("finance")
QBG = parse_qbg("managerid=11,typeid=1193047,typeidversion=2")


@pytest.fixture
def world() -> World:
    return World()


def several(
    world: World, *wanted: tuple[PCIAddress, Wanted], timeout_s: float = 5
) -> tuple[AttachResult, ...]:
    return attach_all(
        world.host, world.libvirt, guest="MyGuest", wanted=wanted, timeout_s=timeout_s
    )


def sources(world: World) -> list[str]:
    return sorted(str(device.source) for device in read_guest(world.libvirt, "MyGuest").devices)


def card(host: SimulatedHost, vf: PCIAddress) -> tuple[str, int]:
    attributes = read_attributes(host, read_vf_place(host.files, vf))
    assert attributes is not None
    assert attributes.vlan is not None
    assert attributes.admin_mac is not None
    return attributes.admin_mac, attributes.vlan.id


# --- several ---------------------------------------------------------------------------------


def test_several_are_attached_and_again_nothing_happens(world: World) -> None:
    wanted = [(VF0, Wanted(mac=MAC, vlan=42)), (VF1, Wanted(mac=OTHER_MAC, vlan=43))]
    results = several(world, *wanted)
    assert [(each.vf, each.mac, each.vlan, each.changed) for each in results] == [
        (VF0, MAC, 42, True),
        (VF1, OTHER_MAC, 43, True),
    ]
    assert not any(each.changed for each in several(world, *wanted))
    assert len(world.libvirt.attached) == 2


class Failing(SimulatedLibvirt):
    """Fails at the device of one VF."""

    fails_at = "function='0x2'"
    error: SriovctlError | KeyboardInterrupt = HostError("QEMU has had enough")

    def attach_device(self, name: str, xml: str, *, live: bool, config: bool) -> None:
        if self.fails_at in xml:
            raise self.error
        super().attach_device(name, xml, live=live, config=config)


@pytest.fixture
def failing(world: World) -> World:
    world.libvirt = Failing(world.host.clock, set_on_card=world.set_on_card)
    world.guest = world.libvirt.add("MyGuest")
    return world


def test_when_one_fails_those_before_it_are_taken_back(failing: World) -> None:
    with pytest.raises(HostError, match="had enough") as caught:
        several(failing, (VF0, Wanted()), (VF1, Wanted()))
    assert caught.value.evidence["taken back"] == str(VF0)
    assert sources(failing) == []


def test_what_was_there_before_stays(failing: World) -> None:
    failing.attach(VF0, wanted=Wanted(live=True))
    with pytest.raises(HostError) as caught:
        several(failing, (VF0, Wanted()), (VF1, Wanted()))
    assert caught.value.evidence["taken back"] == str(VF0)
    (device,) = read_guest(failing.libvirt, "MyGuest").devices
    assert (device.source, device.live, device.config) == (VF0, True, False)


def test_a_guest_that_does_not_let_go_is_told_beside_the_cause(failing: World) -> None:
    failing.guest.consent_s = None
    with pytest.raises(HostError, match="had enough") as caught:
        several(failing, (VF0, Wanted()), (VF1, Wanted()))
    assert "has not let go" in str(caught.value.evidence["not taken back"])
    assert failing.host.clock.now() == pytest.approx(5, abs=1)


def test_an_interrupt_takes_back_as_well(failing: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Failing, "error", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        several(failing, (VF0, Wanted()), (VF1, Wanted()))
    assert sources(failing) == []


@settings(max_examples=40, deadline=None)
@given(
    vfs=st.lists(st.sampled_from([VF0, VF1, VF2]), min_size=1, unique=True),
    failing_at=st.integers(0, 2),
    before=st.dictionaries(
        st.sampled_from([VF0, VF1, VF2]),
        st.sampled_from([Wanted(live=True), Wanted(config=True), Wanted()]),
    ),
    vlan=st.none() | st.integers(1, 4094),
)
def test_all_of_them_or_none(
    vfs: list[PCIAddress], failing_at: int, before: dict[PCIAddress, Wanted], vlan: int | None
) -> None:
    world = World()
    world.libvirt = Failing(
        world.host.clock,
        set_on_card=world.set_on_card,
        card_of=lambda vf: card(world.host, parse_pci_address(vf)),
    )
    world.guest = world.libvirt.add("MyGuest", SimulatedGuest("MyGuest", root_ports=4))
    world.libvirt.fails_at = "nobody"
    for vf, wanted in before.items():
        world.attach(vf, wanted=wanted)
    devices = read_guest(world.libvirt, "MyGuest").devices
    cards = [card(world.host, vf) for vf in (VF0, VF1, VF2)]
    if failing_at < len(vfs):
        world.libvirt.fails_at = f"function='0x{vfs[failing_at].function}'"
    wants = [(vf, Wanted(vlan=None if vf in before else vlan)) for vf in vfs]
    try:
        several(world, *wants)
    except HostError:
        after = read_guest(world.libvirt, "MyGuest").devices
        assert {each._replace(guest_address=None) for each in after} == {
            each._replace(guest_address=None) for each in devices
        }
        assert [card(world.host, vf) for vf in (VF0, VF1, VF2)] == cards
    else:
        after = read_guest(world.libvirt, "MyGuest").devices
        assert {each.source for each in after} >= {*vfs, *before}
        assert all(each.live and each.config for each in after if each.source in vfs)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ([(VF0, Wanted()), (VF0, Wanted())], "0000:01:10.0: is named for two VFs"),
        ([(VF0, Wanted(mac=MAC)), (VF1, Wanted(mac=MAC))], f"{MAC}: is named for two VFs"),
        ([(VF0, Wanted(alias="ua-a")), (VF1, Wanted(alias="ua-a"))], "ua-a: is named for two"),
    ],
)
def test_what_two_vfs_cannot_share_is_refused(
    world: World, wanted: list[tuple[PCIAddress, Wanted]], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        several(world, *wanted)
    assert world.libvirt.attached == []


def test_ports_are_counted_for_all_of_them(world: World) -> None:
    wanted = [(vf, Wanted()) for vf in (VF0, VF1, VF2)]
    with pytest.raises(UnsupportedError, match="has 2 free root ports for a hot plug, and 3 are"):
        several(world, *wanted)
    assert world.libvirt.attached == []


# --- trunks and port profiles ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (Wanted(trunk=TRUNK), "one VLAN tag on a VF, and no trunk"),
        (Wanted(virtual_port=QBG), "802.1Qbg for macvtap interfaces"),
    ],
)
def test_what_libvirt_refuses_at_start_is_refused_live_and_defined_with_a_warning(
    world: World, wanted: Wanted, words: str
) -> None:
    world.refused(UnsupportedError, words, wanted=wanted)
    result = world.attach(wanted=wanted._replace(config=True))
    assert (result.trunk, result.virtual_port) == (wanted.trunk, wanted.virtual_port)
    (warning,) = result.warnings
    assert "the guest will not start" in warning
    assert words in warning
    again = world.attach(wanted=wanted._replace(config=True))
    assert (again.changed, again.warnings) == (False, ())
    assert world.attach(wanted=Wanted(config=True)).trunk == wanted.trunk


def test_another_boot_order_or_pair_is_refused_by_name(world: World) -> None:
    world.libvirt.add("MyGuest", SimulatedGuest("MyGuest", own_mac=MAC, own_alias="ua-backup"))
    world.attach(wanted=Wanted(boot_order=1, teaming_with="ua-backup"))
    assert world.attach(wanted=Wanted(boot_order=1)).changed is False
    error = world.refused(BusyError, "is already in this guest", wanted=Wanted(boot_order=2))
    assert isinstance(error, BusyError)
    assert error.evidence == {"boot order": 1}


def test_a_vf_with_another_tagging_is_refused_by_name(world: World) -> None:
    world.attach(VF0, wanted=Wanted(config=True, trunk=TRUNK))
    world.attach(VF1, wanted=Wanted(config=True, virtual_port=QBH))
    for vf, words in ((VF0, "VLAN trunk 10,20"), (VF1, "802.1Qbh profile finance")):
        with pytest.raises(BusyError, match=words):
            world.attach(vf, wanted=Wanted(config=True, vlan=42))


def test_a_refused_profile_is_explained_and_leaves_no_mac_behind(world: World) -> None:
    with pytest.raises(HostError, match="PortProfileRequest") as caught:
        world.attach(wanted=Wanted(mac=MAC, virtual_port=QBH))
    assert "driver (igb) has to know 802.1Qbh" in str(caught.value.hint)
    assert card(world.host, VF0) == ("00:00:00:00:00:00", 0)
    assert sources(world) == []


def test_a_driver_that_is_not_known_for_profiles_is_warned_of(world: World) -> None:
    result = world.attach(wanted=Wanted(config=True, virtual_port=QBH))
    assert any("which igb is not known to do" in warning for warning in result.warnings)


def test_a_profile_takes_no_vlan_along(world: World) -> None:
    world.refused(
        InputError, "--vlan: goes without --qbh", wanted=Wanted(vlan=42, virtual_port=QBH)
    )
    world.set_on_card(str(VF0), MAC, 42)
    result = world.attach(wanted=Wanted(config=True, virtual_port=QBH))
    assert (result.mac, result.vlan) == (MAC, None)


def test_a_vf_that_is_no_nic_has_no_tagging(world: World) -> None:
    nvme = "0000:05:00.0"
    world.host.files.write_text(f"{PCI}/{nvme}/sriov_numvfs", "1")
    vf = PCIAddress(0, 5, 0, 1)
    world.refused(UnsupportedError, "no network function", vf=vf, wanted=Wanted(trunk=TRUNK))


# --- MACs, PF, teaming, aliases --------------------------------------------------------------


def test_a_mac_of_another_vf_or_of_a_netdev_is_refused(world: World) -> None:
    netdev = pf_netdev(world.host)
    write_vf_attributes(world.host.rtnl, netdev, [(2, WantedVF(admin_mac=MAC))])
    error = world.refused(
        SafetyError, f"already the MAC of VF 2 of {netdev}", wanted=Wanted(mac=MAC)
    )
    assert isinstance(error, SafetyError)
    assert f"ip link set {netdev} vf 2 mac" in str(error.hint)
    own = world.host.files.read_text(f"/sys/class/net/{netdev}/address")
    assert own is not None
    world.refused(SafetyError, f"the MAC of the netdev {netdev}", wanted=Wanted(mac=own))


def test_vfs_that_are_too_many_to_compare_are_a_warning(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    truly = world.host.rtnl.exchange

    def narrow(requests: Sequence[bytes]) -> tuple[NetlinkAnswer, ...]:
        asked = [decode_getlink(each) for each in requests if each[4] == RTM_GETLINK]
        if any((query.ifindex or query.ifname) is None for query in asked):
            raise HostError("no buffer space available")
        return truly(requests)

    monkeypatch.setattr(world.host.rtnl, "exchange", narrow)
    (warning,) = world.attach(wanted=Wanted(mac=MAC, config=True)).warnings
    assert f"whether another VF has MAC {MAC} could not be seen" in warning


def test_a_pf_that_is_down_is_refused_live_and_warned_of_for_later(world: World) -> None:
    netdev = pf_netdev(world.host)
    write_link(world.host.rtnl, netdev, up=False)
    error = world.refused(UnsupportedError, f"its PF {netdev} is down, and libvirt sets MAC")
    assert isinstance(error, UnsupportedError)
    assert str(error.hint).startswith(f"ip link set {netdev} up")
    (warning,) = world.attach(wanted=Wanted(config=True)).warnings
    assert warning.startswith(f"PF {netdev} is down")


def test_both_halves_of_a_pair_have_one_mac(world: World) -> None:
    world.libvirt.add("MyGuest", SimulatedGuest("MyGuest", own_mac=MAC, own_alias="ua-backup"))
    wanted = Wanted(teaming_with="ua-backup")
    world.refused(InputError, "is not the MAC of ua-backup", wanted=wanted._replace(mac=OTHER_MAC))
    world.refused(
        InputError, "ua-none: is no interface of MyGuest", wanted=Wanted(teaming_with="ua-none")
    )
    assert world.attach(wanted=wanted).mac == MAC
    assert world.attach(wanted=wanted).changed is False


def test_an_interface_that_is_no_lasting_half_is_refused(world: World) -> None:
    guest = world.libvirt.add(
        "MyGuest", SimulatedGuest("MyGuest", own_mac=MAC, own_alias="ua-backup")
    )
    for definition in (guest.live, guest.config):
        assert definition is not None
        interface = definition.find("devices/interface")
        assert interface is not None
        teaming = interface.find("teaming")
        assert teaming is not None
        interface.remove(teaming)
    world.refused(
        InputError, "is no lasting half of a pair", wanted=Wanted(teaming_with="ua-backup")
    )


def test_an_alias_is_for_one_device(world: World) -> None:
    assert world.attach(VF0, wanted=Wanted(alias="ua-uplink")).changed
    assert world.attach(VF0, wanted=Wanted(alias="ua-uplink")).changed is False
    world.refused(
        InputError, "ua-uplink: is the alias of another", vf=VF1, wanted=Wanted(alias="ua-uplink")
    )


def test_a_place_in_the_boot_order_is_for_one_device(world: World) -> None:
    world.attach(VF0, wanted=Wanted(boot_order=2))
    world.refused(InputError, "--boot-order 2: is taken", vf=VF1, wanted=Wanted(boot_order=2))
    world.refused(InputError, "no place in an order", vf=VF1, wanted=Wanted(boot_order=0))
    system = world.guest.config.find("os") if world.guest.config is not None else None
    assert system is not None
    system.append(system.makeelement("boot", {"dev": "hd"}))
    error = world.refused(
        UnsupportedError, "boots by classes of devices", vf=VF1, wanted=Wanted(boot_order=3)
    )
    assert "<boot order=" in str(error)


# --- memory and NUMA -------------------------------------------------------------------------


def warnings_with(world: World, extra: str) -> tuple[str, ...]:
    world.libvirt.add("MyGuest", SimulatedGuest("MyGuest", extra=extra))
    return world.attach().warnings


def test_a_hard_limit_below_the_guests_memory_is_warned_of(world: World) -> None:
    limit = "<memtune><hard_limit unit='MiB'>{}</hard_limit></memtune>"
    (warning,) = warnings_with(world, limit.format(64))
    assert "may lock 64 MiB (<hard_limit>), and VFIO locks all of its 128 MiB:" in warning
    world.libvirt.guests.clear()
    assert warnings_with(world, limit.format(200)) == ()


def test_a_qemu_that_may_lock_all_is_not_warned_of(world: World) -> None:
    world.host.files.add("/run/libvirt/qemu/MyGuest.pid", constant("4711"))
    world.host.files.add("/proc/4711/status", constant("CapEff:\t0000000000004000"))
    limit = "<memtune><hard_limit unit='MiB'>64</hard_limit></memtune>"
    assert warnings_with(world, limit) == ()


def give_an_iommu_and_a_limit(world: World) -> None:
    limit = "<memtune><hard_limit unit='MiB'>200</hard_limit></memtune>"
    world.libvirt.add("MyGuest", SimulatedGuest("MyGuest", extra=limit))
    guest = world.libvirt.guests["MyGuest"]
    for definition in (guest.live, guest.config):
        assert definition is not None
        devices = definition.find("devices")
        assert devices is not None
        devices.append(definition.makeelement("iommu", {"model": "intel"}))


def test_an_iommu_of_the_guests_own_counts_each_function(world: World) -> None:
    give_an_iommu_and_a_limit(world)
    assert world.attach(VF0).warnings == ()
    (warning,) = world.attach(VF1).warnings
    assert "128 MiB, 2 times with an IOMMU of its own" in warning


def test_and_those_that_come_together(world: World) -> None:
    give_an_iommu_and_a_limit(world)
    for result in several(world, (VF0, Wanted()), (VF1, Wanted())):
        (warning,) = result.warnings
        assert "128 MiB, 2 times with an IOMMU of its own" in warning
    assert [one.warnings for one in several(world, (VF0, Wanted()), (VF1, Wanted()))] == [(), ()]


def test_memory_and_cpus_of_another_node_are_warned_of(world: World) -> None:
    files = world.host.files
    real = files.resolve(f"{PCI}/{VF0}")
    files.add(f"{real}/numa_node", constant("1"))
    files.add("/sys/devices/system/node/node0/cpulist", constant("0-3"))
    files.add("/sys/devices/system/node/node1/cpulist", constant("4-7"))
    pinned = "<vcpu cpuset='2'>1</vcpu><numatune><memory mode='strict' nodeset='0'/></numatune>"
    memory, cpus = warnings_with(world, pinned)
    assert f"{VF0} is on NUMA node 1, and the guest's memory is pinned to node 0" in memory
    assert "the guest's CPUs are pinned to node 0" in cpus
    world.libvirt.guests.clear()
    near = pinned.replace("'2'", "'2-5'").replace("'0'", "'0-1'")
    assert warnings_with(world, near) == ()


# --- groups and root ports -------------------------------------------------------------------


def test_a_group_that_is_not_viable_is_shown_with_its_members(world: World) -> None:
    world.host.files.write_text(f"{PCI}/0000:04:00.0/sriov_drivers_autoprobe", "0")
    world.host.files.write_text(f"{PCI}/0000:04:00.0/sriov_numvfs", "1")
    error = world.refused(UnsupportedError, "given away as a whole", vf=PCIAddress(0, 4, 0x10, 0))
    assert isinstance(error, UnsupportedError)
    assert error.evidence["0000:04:00.0"] == "igb"
    assert error.evidence["0000:04:10.0"] == "no driver"


def test_root_ports_are_added_until_so_many_are_free(world: World) -> None:
    assert ensure_free_root_ports(world.libvirt, "MyGuest", 2) == 0
    world.attach()
    assert ensure_free_root_ports(world.libvirt, "MyGuest", 4) == 3
    assert ensure_free_root_ports(world.libvirt, "MyGuest", 4) == 0
    guest = read_guest(world.libvirt, "MyGuest")
    assert guest.config_room is not None
    assert guest.config_room.free == 4
    assert guest.room is not None
    assert guest.room.free == 1  # the running guest has what it had


def test_a_transient_guest_gets_no_root_ports(world: World) -> None:
    world.libvirt.add("MyGuest", SimulatedGuest("MyGuest", persistent=False))
    with pytest.raises(InputError, match="is transient"):
        ensure_free_root_ports(world.libvirt, "MyGuest", 1)


def test_a_machine_without_root_ports_gets_none(world: World) -> None:
    guest = world.libvirt.guests["MyGuest"]
    assert guest.config is not None
    for controller in guest.config.findall("devices/controller"):
        controller.set("model", "pci-root")
    with pytest.raises(UnsupportedError, match="has no root ports"):
        ensure_free_root_ports(world.libvirt, "MyGuest", 1)
