"""Attach and detach on a simulated host with a simulated libvirt."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sriovctl.engine.guests.attach import attach
from sriovctl.engine.guests.detach import detach, held_vfs
from sriovctl.engine.guests.holders import read_guest, read_guests
from sriovctl.engine.guests.pick import pick_vfs
from sriovctl.engine.vf_attributes import write_link, write_vf_attributes
from sriovctl.errors import (
    BusyError,
    HostError,
    InputError,
    LostError,
    SafetyError,
    UnsupportedError,
    VerifyError,
)
from sriovctl.host.simulated import SimulatedHost, simulate, simulated_82576
from sriovctl.host.simulated.cards import Card, MachineSpec
from sriovctl.host.simulated.tree import constant
from sriovctl.host.simulated_libvirt import SimulatedGuest, SimulatedLibvirt
from sriovctl.model.address import PCIAddress, parse_pci_address
from sriovctl.model.functions import VLAN
from sriovctl.model.guest import NO_VLAN, AttachResult, DeviceKind, Wanted
from sriovctl.model.state import WantedVF

PCI = "/sys/bus/pci/devices"
PF = "0000:01:00.0"
VF0, VF1 = parse_pci_address("0000:01:10.0"), parse_pci_address("0000:01:10.2")
MAC = "52:54:00:6d:90:02"


def make_vfs(host: SimulatedHost, pf: str, num_vfs: int, *, autoprobe: bool = False) -> None:
    host.files.write_text(f"{PCI}/{pf}/sriov_drivers_autoprobe", str(int(autoprobe)))
    host.files.write_text(f"{PCI}/{pf}/sriov_numvfs", str(num_vfs))


def pf_netdev(host: SimulatedHost, pf: str = PF) -> str:
    return host.files.list_dir(f"{PCI}/{pf}/net")[0]


class World:
    """A host with VFs and a libvirt with the running guest ``MyGuest``."""

    def __init__(self) -> None:
        self.host = simulated_82576()
        make_vfs(self.host, PF, 3)
        write_link(self.host.rtnl, pf_netdev(self.host), up=True)
        self.libvirt = SimulatedLibvirt(self.host.clock, set_on_card=self.set_on_card)
        self.guest = self.libvirt.add("MyGuest")

    def attach(
        self, vf: PCIAddress = VF0, *, guest: str = "MyGuest", wanted: Wanted | None = None
    ) -> AttachResult:
        return attach(self.host, self.libvirt, guest=guest, vf=vf, wanted=wanted or Wanted())

    def set_on_card(self, source: str, mac: str, vlan: int) -> None:
        indexes = {str(VF0): 0, str(VF1): 1, "0000:01:10.4": 2}
        change = WantedVF(admin_mac=mac, vlan=VLAN(vlan))
        write_vf_attributes(self.host.rtnl, pf_netdev(self.host), [(indexes[source], change)])

    def refused(self, family: type[Exception], words: str, **options: object) -> Exception:
        """An attach that fails before anything is changed."""
        before = list(self.libvirt.attached)
        with pytest.raises(family, match=words) as caught:
            self.attach(**options)  # type: ignore[arg-type]
        assert self.libvirt.attached == before
        return caught.value


@pytest.fixture
def world() -> World:
    return World()


# --- attach ----------------------------------------------------------------------------------


def test_a_vf_goes_into_the_running_guest_and_its_definition(world: World) -> None:
    result = world.attach(wanted=Wanted(mac=MAC, vlan=42))
    assert (result.mac, result.vlan, result.vf_index) == (MAC, 42, 0)
    assert (result.live, result.config, result.changed) == (True, True, True)
    assert str(result.guest_address) == "0000:01:00.0"
    assert (str(result.pf), result.pf_netdev) == (PF, pf_netdev(world.host))
    (device,) = read_guest(world.libvirt, "MyGuest").devices
    assert (device.live, device.config, device.alias) == (True, True, "ua-sriovctl-0000-01-10-0")


def test_the_second_time_nothing_happens(world: World) -> None:
    world.attach(wanted=Wanted(mac=MAC, vlan=42))
    for wanted in (Wanted(mac=MAC, vlan=42), Wanted(), Wanted(live=True)):
        assert world.attach(wanted=wanted).changed is False
    assert len(world.libvirt.attached) == 1


def test_what_was_live_only_is_added_to_the_config_with_the_same_settings(world: World) -> None:
    first = world.attach(wanted=Wanted(live=True, vlan=42))
    assert first.config is False
    second = world.attach()
    assert (second.changed, second.mac, second.vlan) == (True, first.mac, 42)
    (device,) = read_guest(world.libvirt, "MyGuest").devices
    assert (device.live, device.config) == (True, True)


def test_what_was_set_through_the_pf_is_kept(world: World) -> None:
    change = WantedVF(admin_mac=MAC, vlan=VLAN(42))
    write_vf_attributes(world.host.rtnl, pf_netdev(world.host), [(0, change)])
    result = world.attach()
    assert (result.mac, result.vlan) == (MAC, 42)


def test_no_vlan_can_be_said_on_purpose(world: World) -> None:
    change = WantedVF(vlan=VLAN(42))
    write_vf_attributes(world.host.rtnl, pf_netdev(world.host), [(0, change)])
    assert world.attach(wanted=Wanted(vlan=NO_VLAN)).vlan is None


def test_libvirt_makes_up_a_mac_when_there_is_none(world: World) -> None:
    result = world.attach()
    assert result.mac == "52:54:00:00:00:01"


def test_a_vf_that_is_no_nic_is_a_hostdev(world: World) -> None:
    make_vfs(world.host, "0000:05:00.0", 1)
    vf = parse_pci_address("0000:05:00.1")
    # Its PF sits in a group of its own, so that nothing stands in the way.
    result = world.attach(vf)
    assert (result.kind, result.mac, result.pf_netdev) == (DeviceKind.HOSTDEV, None, None)
    world.refused(UnsupportedError, "no network function", vf=vf, wanted=Wanted(vlan=1))


def test_boot_order_and_teaming_reach_libvirt(world: World) -> None:
    backup = SimulatedGuest("MyGuest", own_mac=MAC, own_alias="ua-backup")
    world.guest = world.libvirt.add("MyGuest", backup)
    wanted = Wanted(boot_order=1, teaming_with="ua-backup")
    result = world.attach(wanted=wanted)
    assert (result.mac, result.warnings) == (MAC, ())
    assert "<boot order='1'/>" in world.libvirt.attached[0]
    assert "<teaming type='transient' persistent='ua-backup'/>" in world.libvirt.attached[0]


# --- attach: scope ---------------------------------------------------------------------------


def test_a_guest_that_is_off_gets_it_at_its_next_boot(world: World) -> None:
    world.guest.shut_off()
    result = world.attach()
    assert (result.live, result.config) == (False, True)
    world.refused(InputError, "shut off", vf=VF1, wanted=Wanted(live=True))


def test_a_transient_guest_gets_it_now(world: World) -> None:
    world.libvirt.add("MyGuest", SimulatedGuest("MyGuest", persistent=False))
    result = world.attach()
    assert (result.live, result.config) == (True, False)
    world.refused(InputError, "transient", vf=VF1, wanted=Wanted(config=True))


# --- attach: refusals ------------------------------------------------------------------------


def test_a_vf_of_another_guest_is_refused_by_name(world: World) -> None:
    world.libvirt.add("Other")
    world.attach()
    error = world.refused(SafetyError, "belongs to guest MyGuest, which has it now", guest="Other")
    assert isinstance(error, SafetyError)
    assert error.hint == "sriovctl detach MyGuest --vf 0000:01:10.0"
    world.guest.shut_off()
    world.refused(SafetyError, "MyGuest, which gets it at its next boot", guest="Other")


@pytest.mark.parametrize("wanted", [Wanted(mac="52:54:00:00:00:99"), Wanted(vlan=43)])
def test_other_settings_are_refused(world: World, wanted: Wanted) -> None:
    world.attach(wanted=Wanted(mac=MAC, vlan=42))
    world.refused(BusyError, f"already in this guest, with MAC {MAC} and VLAN 42", wanted=wanted)


def test_a_mac_that_another_guest_has_is_refused(world: World) -> None:
    world.libvirt.add("Virtio", SimulatedGuest("Virtio", own_mac=MAC))
    world.refused(SafetyError, "device of guest Virtio", wanted=Wanted(mac=MAC))
    del world.libvirt.guests["Virtio"]
    world.attach(wanted=Wanted(mac=MAC))
    world.refused(SafetyError, "device of guest MyGuest", vf=VF1, wanted=Wanted(mac=MAC))


def test_the_same_mac_inside_one_guest_is_a_teaming_pair_or_a_warning(world: World) -> None:
    world.libvirt.add("MyGuest", SimulatedGuest("MyGuest", own_mac=MAC))
    warnings = world.attach(wanted=Wanted(mac=MAC)).warnings
    assert any("another interface with MAC" in warning for warning in warnings)


def test_no_free_root_port_is_found_before_libvirt_is_asked(world: World) -> None:
    world.libvirt.add("MyGuest", SimulatedGuest("MyGuest", root_ports=1))
    world.attach()
    error = world.refused(UnsupportedError, "no free root port.*all 1 are taken", vf=VF1)
    assert isinstance(error, UnsupportedError)
    assert "--add-root-ports" in str(error.hint)


def test_a_group_shared_with_a_host_driver_is_refused(world: World) -> None:
    make_vfs(world.host, "0000:04:00.0", 1)
    vf = parse_pci_address("0000:04:10.0")
    world.refused(UnsupportedError, r"0000:04:00.0 \(igb\)", vf=vf)


def test_without_an_iommu_it_is_refused() -> None:
    world = World()
    world.host = simulate(MachineSpec(cards=(Card(),), iommu=False))
    make_vfs(world.host, PF, 1)
    world.refused(UnsupportedError, "no IOMMU group")


def test_a_vf_that_works_for_the_host_is_refused(world: World) -> None:
    make_vfs(world.host, PF, 0)
    make_vfs(world.host, PF, 1, autoprobe=True)
    netdev = world.host.files.list_dir(f"{PCI}/{VF0}/net")[0]
    real = world.host.files.resolve(f"/sys/class/net/{netdev}")
    world.host.files.add(f"{real}/upper_br0", constant(""))
    world.refused(SafetyError, f"netdev {netdev} carries br0")


def test_a_vf_in_another_network_namespace_is_refused(world: World) -> None:
    real = world.host.files.resolve(f"{PCI}/{VF0}")
    world.host.files.add_directory(f"{real}/net")
    world.refused(SafetyError, "another network namespace")


@pytest.mark.parametrize(
    ("address", "words"), [("0000:01:1f.0", "no such PCI function"), (PF, "is not a VF")]
)
def test_what_is_no_vf_is_refused(world: World, address: str, words: str) -> None:
    world.refused(InputError, words, vf=parse_pci_address(address))


def test_an_unknown_guest_is_refused_with_the_nearest_name(world: World) -> None:
    error = world.refused(InputError, "no such guest", guest="MyGest")
    assert isinstance(error, InputError)
    assert error.hint == "did you mean MyGuest?"


def test_a_guest_without_acpi_is_warned_of(world: World) -> None:
    world.libvirt.add("MyGuest", SimulatedGuest("MyGuest", acpi=False))
    assert any("no ACPI" in warning for warning in world.attach().warnings)


# --- attach: read back -----------------------------------------------------------------------


class Forgetful(SimulatedLibvirt):
    """Changes what it is given before it keeps it."""

    change: Callable[[str], str] = staticmethod(lambda xml: xml)

    def attach_device(self, name: str, xml: str, *, live: bool, config: bool) -> None:
        changed = self.change(xml)
        if changed:
            super().attach_device(name, changed, live=live, config=config)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda xml: xml.replace(MAC, "52:54:00:00:00:99"), "another mac"),
        (lambda xml: xml.replace("id='42'", "id='43'"), "another vlan"),
        (lambda _xml: "", "does not have it"),
    ],
)
def test_a_result_that_reads_back_differently_is_an_error(
    world: World, change: Callable[[str], str], words: str
) -> None:
    libvirt = Forgetful(world.host.clock)
    libvirt.add("MyGuest")
    libvirt.change = change
    world.libvirt = libvirt
    with pytest.raises(VerifyError, match=words):
        world.attach(wanted=Wanted(mac=MAC, vlan=42))


@pytest.mark.parametrize(
    ("mac", "vlan", "words"), [("52:54:00:00:00:99", 42, "another MAC"), (MAC, 0, "another VLAN")]
)
def test_a_card_that_has_other_settings_than_libvirt_says_is_an_error(
    world: World, mac: str, vlan: int, words: str
) -> None:
    truly = world.set_on_card
    world.libvirt = SimulatedLibvirt(
        world.host.clock, set_on_card=lambda source, _mac, _vlan: truly(source, mac, vlan)
    )
    world.libvirt.add("MyGuest")
    with pytest.raises(VerifyError, match=words):
        world.attach(wanted=Wanted(mac=MAC, vlan=42))


# --- pick ------------------------------------------------------------------------------------


def test_the_first_free_vf_is_picked(world: World) -> None:
    netdev = pf_netdev(world.host)
    assert pick_vfs(world.host, world.libvirt, pf=netdev) == (VF0,)
    world.attach(wanted=Wanted(config=True))
    assert pick_vfs(world.host, world.libvirt, pf=PF) == (VF1,)


def test_a_vf_whose_netdev_is_up_is_not_free(world: World) -> None:
    make_vfs(world.host, PF, 0)
    make_vfs(world.host, PF, 1, autoprobe=True)
    assert pick_vfs(world.host, world.libvirt, pf=PF) == (VF0,)
    netdev = world.host.files.list_dir(f"{PCI}/{VF0}/net")[0]
    real = world.host.files.resolve(f"/sys/class/net/{netdev}")
    world.host.files.add(f"{real}/flags", constant("0x1003"))
    with pytest.raises(BusyError) as caught:
        pick_vfs(world.host, world.libvirt, pf=PF)
    assert caught.value.evidence == {str(VF0): f"host netdev {netdev}"}


def test_a_guests_vf_is_not_free(world: World) -> None:
    make_vfs(world.host, PF, 0)
    make_vfs(world.host, PF, 1)
    world.attach()
    with pytest.raises(BusyError) as caught:
        pick_vfs(world.host, world.libvirt, pf=PF)
    assert caught.value.evidence == {str(VF0): "guest MyGuest"}


def test_a_pf_without_vfs_and_what_is_no_pf_are_told(world: World) -> None:
    with pytest.raises(UnsupportedError, match="has no VFs"):
        pick_vfs(world.host, world.libvirt, pf="0000:04:00.0")
    with pytest.raises(UnsupportedError, match="has no SR-IOV"):
        pick_vfs(world.host, world.libvirt, pf="0000:00:1f.0")
    for name in ("nosuch0", "0000:77:00.0"):
        with pytest.raises(InputError, match="no such PF"):
            pick_vfs(world.host, world.libvirt, pf=name)


# --- detach ----------------------------------------------------------------------------------


def test_detach_waits_for_the_guest(world: World) -> None:
    world.guest.consent_s = 5.0
    world.attach()
    result = detach(world.host, world.libvirt, guest="MyGuest", vf=VF0)
    assert (result.live, result.config, result.changed) == (True, True, True)
    assert result.waited_s == pytest.approx(5.0, abs=0.5)
    assert read_guest(world.libvirt, "MyGuest").devices == ()
    again = detach(world.host, world.libvirt, guest="MyGuest", vf=VF0)
    assert again.changed is False


def test_a_guest_that_does_not_answer_is_told_with_what_is_left(world: World) -> None:
    world.guest.consent_s = None
    world.attach()
    for _ in range(2):  # the second request meets the first, which is still open
        with pytest.raises(BusyError, match="has not let go") as caught:
            detach(world.host, world.libvirt, guest="MyGuest", vf=VF0, timeout_s=10)
        assert caught.value.evidence == {"now": "attached", "next boot": "gone"}
    world.guest.shut_off()
    assert detach(world.host, world.libvirt, guest="MyGuest", vf=VF0).changed is False


def test_an_open_request_does_not_keep_the_config(world: World) -> None:
    world.guest.consent_s = None
    world.attach()
    with pytest.raises(BusyError) as caught:
        detach(world.host, world.libvirt, guest="MyGuest", vf=VF0, live=True)
    assert caught.value.evidence["next boot"] == "attached"
    with pytest.raises(BusyError) as caught:
        detach(world.host, world.libvirt, guest="MyGuest", vf=VF0)
    assert caught.value.evidence["next boot"] == "gone"


def test_detach_from_one_definition_leaves_the_other(world: World) -> None:
    world.attach()
    detach(world.host, world.libvirt, guest="MyGuest", vf=VF0, config=True)
    (device,) = read_guest(world.libvirt, "MyGuest").devices
    assert (device.live, device.config) == (True, False)
    assert detach(world.host, world.libvirt, guest="MyGuest", vf=VF0, live=True).live is True


def test_detach_from_the_wrong_guest_names_the_right_one(world: World) -> None:
    world.libvirt.add("Other")
    world.attach()
    with pytest.raises(InputError, match="is in guest MyGuest, not in Other"):
        detach(world.host, world.libvirt, guest="Other", vf=VF0)


def test_a_config_that_keeps_the_vf_is_an_error(world: World) -> None:
    world.attach()
    world.libvirt.detach_device = lambda *_a, **_k: None  # type: ignore[method-assign]
    with pytest.raises(VerifyError, match="still has it"):
        detach(world.host, world.libvirt, guest="MyGuest", vf=VF0, config=True)


def test_a_refusal_of_the_config_alone_is_passed_on(world: World) -> None:
    def refuse(*_args: object, **_options: object) -> None:
        raise BusyError("cannot acquire state change lock")

    world.attach()
    world.libvirt.detach_device = refuse  # type: ignore[method-assign]
    with pytest.raises(BusyError, match="state change lock"):
        detach(world.host, world.libvirt, guest="MyGuest", vf=VF0, config=True)


def test_held_vfs_are_those_of_this_host(world: World) -> None:
    world.attach()
    world.attach(VF1)
    gpu = (
        "<hostdev type='pci'><source><address bus='0x77' slot='0' function='0'/></source></hostdev>"
    )
    world.libvirt.attach_device("MyGuest", gpu, live=False, config=False)
    assert held_vfs(world.host, world.libvirt, guest="MyGuest") == (VF0, VF1)


# --- guests ----------------------------------------------------------------------------------


def test_a_guest_that_goes_away_meanwhile_is_left_out(world: World) -> None:
    world.libvirt.add("Gone")

    def vanish(name: str) -> str:
        if name == "Gone":
            del world.libvirt.guests[name]
            raise LostError("domain is gone", subject=name)
        return "running"

    world.libvirt.state = vanish  # type: ignore[method-assign]
    assert [guest.name for guest in read_guests(world.libvirt)] == ["MyGuest"]


def test_a_libvirtd_that_goes_away_is_told(world: World) -> None:
    def lose(name: str) -> str:
        raise LostError("end of file", subject=name)

    world.libvirt.state = lose  # type: ignore[method-assign]
    with pytest.raises(HostError):
        read_guests(world.libvirt)


def test_a_vlan_that_libvirt_would_cut_short_is_refused(world: World) -> None:
    (netdev,) = world.host.files.list_dir("/sys/bus/pci/devices/0000:01:00.0/net")
    write_vf_attributes(world.host.rtnl, netdev, [(0, WantedVF(vlan=VLAN(43, 3)))])
    with pytest.raises(UnsupportedError, match=r"VLAN 43 with qos 3.*say --vlan 43"):
        world.attach()
    world.attach(wanted=Wanted(vlan=43))
