"""VFs that libvirt was giving away when its daemon was killed."""

from __future__ import annotations

import json

import pytest

from sriovctl.engine.binding import read_binding
from sriovctl.engine.guests.attach import attach
from sriovctl.engine.guests.detach import detach
from sriovctl.engine.guests.vf_place import read_attributes, read_vf_place
from sriovctl.engine.vf_attributes import write_link, write_vf_attributes
from sriovctl.errors import BusyError, LostError, SafetyError
from sriovctl.host.simulated import simulated_82576
from sriovctl.host.simulated.tree import constant
from sriovctl.host.simulated_libvirt import SimulatedLibvirt
from sriovctl.model.address import parse_pci_address
from sriovctl.model.functions import VLAN
from sriovctl.model.guest import Wanted
from sriovctl.model.state import WantedVF
from sriovctl.render.guests import format_detach

PCI = "/sys/bus/pci/devices"
PF = "0000:01:00.0"
VF0 = parse_pci_address("0000:01:10.0")
BEFORE, MEANWHILE = ("52:54:00:6d:90:0a", 7), ("52:54:00:6d:90:02", 42)


class MonitoredLibvirt(SimulatedLibvirt):
    """A libvirt whose guest's QEMU has one VF, until it has been asked back so often."""

    asked = 0
    lets_go_after = 1000

    def hmp(self, name: str, command: str) -> str:
        assert name == "G"
        if command.startswith("device_del "):
            assert command == "device_del ua-x"
            self.asked += 1
            return ""
        assert command == "info qtree"
        if self.asked >= self.lets_go_after:
            self.let_go()
            return ""
        return f'dev: vfio-pci, id "ua-x"\n  host = "{VF0}"\n'

    def let_go(self) -> None:
        """What the guest's QEMU does; a test says how."""


class World:
    """VF 0 on vfio-pci with a guest's MAC and VLAN, as libvirt left it."""

    def __init__(self, *, saved: bool = True) -> None:
        self.host = simulated_82576()
        files = self.host.files
        files.write_text(f"{PCI}/{PF}/sriov_drivers_autoprobe", "0")
        files.write_text(f"{PCI}/{PF}/sriov_numvfs", "2")
        files.write_text(f"{PCI}/{VF0}/driver_override", "vfio-pci")
        files.write_text("/sys/bus/pci/drivers_probe", str(VF0))
        self.netdev = files.list_dir(f"{PCI}/{PF}/net")[0]
        write_link(self.host.rtnl, self.netdev, up=True)
        self.set(*MEANWHILE)
        if saved:
            text = json.dumps({"adminMac": BEFORE[0], "vlanTag": BEFORE[1]})
            files.add(f"/run/libvirt/hostdevmgr/{self.netdev}_vf0", constant(text))
        self.libvirt = MonitoredLibvirt(self.host.clock, set_on_card=self.set_on_card)
        self.guest = self.libvirt.add("G")

    def set(self, mac: str, vlan: int) -> None:
        change = WantedVF(admin_mac=mac, vlan=VLAN(vlan))
        write_vf_attributes(self.host.rtnl, self.netdev, [(0, change)])

    def set_on_card(self, _source: str, mac: str, vlan: int) -> None:
        self.set(mac, vlan)

    def open(self) -> None:
        qemu = self.host.processes.start("qemu")
        self.host.processes.open_vfio_group(qemu, str(VF0))
        self.host.processes.open_vfio_device(qemu, str(VF0))
        self.libvirt.let_go = lambda: self.host.processes.end(qemu)  # type: ignore[method-assign]

    @property
    def now(self) -> tuple[object, object, str | None]:
        attributes = read_attributes(self.host, read_vf_place(self.host.files, VF0))
        assert attributes is not None
        assert attributes.vlan is not None
        driver = read_binding(self.host.files, str(VF0)).driver
        return attributes.admin_mac, attributes.vlan.id, driver


def test_a_guest_that_has_it_unknown_to_libvirt_gives_it_back() -> None:
    world = World()
    world.open()
    world.libvirt.lets_go_after = 1
    said = detach(world.host, world.libvirt, guest="G", vf=VF0)
    assert (said.live, said.config, said.changed) == (True, False, True)
    assert world.now == (*BEFORE, None)
    assert not detach(world.host, world.libvirt, guest="G", vf=VF0).changed


def test_a_guest_that_does_not_let_go_keeps_its_mac_until_it_is_shut_off() -> None:
    world = World()
    world.open()
    for _ in range(2):
        with pytest.raises(BusyError, match="has not let go of a VF that libvirt does not know"):
            detach(world.host, world.libvirt, guest="G", vf=VF0, timeout_s=2)
        assert world.now == (*MEANWHILE, "vfio-pci")
    world.guest.shut_off()
    world.libvirt.let_go()
    said = detach(world.host, world.libvirt, guest="G", vf=VF0)
    assert "put back as it was before libvirt was cut short" in format_detach(said)
    assert world.now == (*BEFORE, None)


def test_attach_says_that_the_guest_has_it() -> None:
    world = World()
    world.open()
    with pytest.raises(BusyError, match="is in the guest, and libvirt does not know it") as caught:
        attach(world.host, world.libvirt, guest="G", vf=VF0, wanted=Wanted())
    assert f"sriovctl detach G --vf {VF0}" in str(caught.value)
    assert world.libvirt.attached == []


def test_what_another_program_has_open_is_refused() -> None:
    world = World(saved=False)
    world.open()
    world.guest.shut_off()
    with pytest.raises(SafetyError, match="some program has it open through VFIO"):
        attach(world.host, world.libvirt, guest="G", vf=VF0, wanted=Wanted())
    assert not detach(world.host, world.libvirt, guest="G", vf=VF0).changed
    assert world.now == (*MEANWHILE, "vfio-pci")


def test_attach_starts_from_what_the_vf_had_before() -> None:
    world = World()
    said = attach(world.host, world.libvirt, guest="G", vf=VF0, wanted=Wanted())
    assert (said.mac, said.vlan) == BEFORE


def test_a_vf_that_libvirt_had_nothing_to_do_with_stays_bound() -> None:
    world = World(saved=False)
    assert not detach(world.host, world.libvirt, guest="G", vf=VF0).changed
    assert world.now == (*MEANWHILE, "vfio-pci")


def test_the_wait_for_a_guest_outlasts_a_restart_of_the_daemon() -> None:
    world = World(saved=False)
    attach(world.host, world.libvirt, guest="G", vf=VF0, wanted=Wanted())
    world.guest.consent_s = 5.0
    is_active, lost = world.libvirt.is_active, list[str]()

    def restarting(name: str) -> bool:
        if 1.0 < world.host.clock.now() - began < 3.0:
            lost.append(name)
            raise LostError("went away")
        return is_active(name)

    began = world.host.clock.now()
    world.libvirt.is_active = restarting  # type: ignore[method-assign]
    assert detach(world.host, world.libvirt, guest="G", vf=VF0).waited_s >= 5.0
    assert lost
