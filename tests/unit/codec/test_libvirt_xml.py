"""Reading domain XML."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriovctl.codec.libvirt_xml import parse_definition, parse_guest
from sriovctl.errors import HostError
from sriovctl.model.address import parse_pci_address
from sriovctl.model.guest import DeviceKind, HotplugRoom

# Domain XML from libvirt's own test suite, where it has been laid out beside the checkout.
LIBVIRT_TESTS = Path(__file__).parents[4] / "shared/data/libvirt/domain"

INTERFACE = """
<interface type='hostdev' managed='yes'>
  <mac address='52:54:00:6D:90:02'/>
  <source><address type='pci' domain='0x0000' bus='0x01' slot='0x10' function='0x2'/></source>
  <vlan><tag id='42'/></vlan>
  <alias name='{alias}'/>
  <address type='pci' domain='0x0000' bus='0x{bus}' slot='0x00' function='0x0'/>
</interface>"""
HOSTDEV = """
<hostdev mode='subsystem' type='pci' managed='yes'>
  <source><address domain='0x10000' bus='5' slot='0x00' function='0x1'/></source>
</hostdev>"""
PORTS = """
<controller type='pci' index='0' model='pcie-root'/>
<controller type='pci' index='1' model='pcie-root-port'>
  <address type='pci' domain='0x0000' bus='0x00' slot='0x02' function='0x0'/></controller>
<controller type='pci' index='2' model='pcie-root-port'/>
<controller type='pci' index='3' model='pcie-switch-downstream-port'/>
<controller type='pci' index='4' model='pcie-root-port'><target hotplug='off'/></controller>
<controller type='usb' index='0' model='qemu-xhci'>
  <address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></controller>"""


def domain(devices: str, *, machine: str = "pc-q35-7.2") -> str:
    return (
        "<domain type='kvm'><name>g</name><uuid>u-1</uuid>"
        f"<os><type arch='x86_64' machine='{machine}'>hvm</type></os>"
        f"<features><acpi/></features><devices>{devices}</devices></domain>"
    )


def test_names_and_machine_are_read() -> None:
    found = parse_definition(domain(""), live=True)
    assert (found.name, found.uuid, found.machine, found.acpi) == ("g", "u-1", "pc-q35-7.2", True)
    assert found.room is None


def test_both_kinds_of_passthrough_are_read() -> None:
    devices = INTERFACE.format(alias="hostdev0", bus="02") + HOSTDEV
    interface, hostdev = parse_definition(domain(devices), live=True).devices
    assert interface.kind is DeviceKind.INTERFACE
    assert str(interface.source) == "0000:01:10.2"
    assert (interface.mac, interface.vlan) == ("52:54:00:6d:90:02", 42)
    assert str(interface.guest_address) == "0000:02:00.0"
    assert (interface.live, interface.config) == (True, False)
    assert hostdev.kind is DeviceKind.HOSTDEV
    assert str(hostdev.source) == "10000:05:00.1"
    assert (hostdev.mac, hostdev.vlan, hostdev.guest_address) == (None, None, None)


@pytest.mark.parametrize(
    "device",
    [
        "<hostdev mode='subsystem' type='usb'><source><address bus='1' device='2'/></source>"
        "</hostdev>",
        "<interface type='hostdev'><source><address type='usb' bus='1' device='2'/></source>"
        "</interface>",
        "<interface type='network'><source network='pool'/></interface>",
        "<hostdev mode='subsystem' type='mdev'><source><address uuid='x'/></source></hostdev>",
    ],
)
def test_what_is_no_pci_function_of_the_host_is_left_out(device: str) -> None:
    assert parse_definition(domain(device), live=True).devices == ()


def test_own_interfaces_are_told_from_passed_through_ones() -> None:
    own = "<interface type='network'><mac address='52:54:00:00:00:0A'/></interface>"
    devices = own + INTERFACE.format(alias="ua-x", bus="02")
    assert [own.mac for own in parse_definition(domain(devices), live=True).own_interfaces] == [
        "52:54:00:00:00:0a"
    ]


def test_free_root_ports_are_counted() -> None:
    room = parse_definition(domain(PORTS), live=True).room
    assert room == HotplugRoom("root ports", total=3, free=2)
    devices = PORTS + INTERFACE.format(alias="x", bus="02")
    room = parse_definition(domain(devices), live=True).room
    assert room == HotplugRoom("root ports", total=3, free=1)


def test_free_slots_of_a_conventional_machine_are_counted() -> None:
    devices = """
    <controller type='pci' index='0' model='pci-root'/>
    <controller type='ide' index='0'>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x01' function='0x1'/></controller>
    <controller type='usb' index='0'>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x01' function='0x2'/></controller>"""
    room = parse_definition(domain(devices, machine="pc-i440fx-7.2"), live=True).room
    assert room == HotplugRoom("slots", total=31, free=30)


def test_the_same_device_in_both_definitions_is_one() -> None:
    guest = parse_guest(
        state="running",
        live_xml=domain(INTERFACE.format(alias="hostdev0", bus="02")),
        config_xml=domain(INTERFACE.format(alias="ua-x", bus="03")),
    )
    (device,) = guest.devices
    assert (device.live, device.config) == (True, True)
    assert str(device.guest_address) == "0000:02:00.0"
    assert guest.holds(parse_pci_address("0000:01:10.2")) == (device,)
    assert (guest.active, guest.persistent) == (True, True)


def test_the_same_function_with_other_settings_is_two_rows() -> None:
    xml = INTERFACE.format(alias="x", bus="02")
    guest = parse_guest(
        state="running",
        live_xml=domain(xml),
        config_xml=domain(xml.replace("id='42'", "id='43'") + HOSTDEV),
    )
    assert [(d.vlan, d.live, d.config) for d in guest.devices] == [
        (42, True, False),
        (43, False, True),
        (None, False, True),
    ]


@pytest.mark.parametrize(
    "xml",
    ["", "<domain>", "<network/>", domain(HOSTDEV.replace("bus='5'", "bus='five'"))],
)
def test_what_is_no_domain_is_a_host_error(xml: str) -> None:
    with pytest.raises(HostError):
        parse_definition(xml, live=True)


def test_a_guest_needs_at_least_one_definition() -> None:
    with pytest.raises(HostError):
        parse_guest(state="shut off", live_xml=None, config_xml=None)


@given(st.text())
def test_no_text_raises_anything_else(text: str) -> None:
    with suppress(HostError):
        parse_definition(text, live=True)


@pytest.mark.skipif(not LIBVIRT_TESTS.exists(), reason="libvirt's test data is not laid out")
def test_libvirts_own_test_files_are_read() -> None:
    found = {}
    for path in LIBVIRT_TESTS.glob("*.xml"):
        found[path.name] = parse_definition(path.read_text(), live=False)
    (nic,) = found["net-hostdev-vfio.xml"].devices
    assert (str(nic.source), nic.mac, nic.vlan) == ("0000:06:12.1", "00:11:22:33:44:55", 42)
    (far,) = found["hostdev-vfio-multidomain.xml"].devices
    assert str(far.source) == "0021:de:1f.1"
    assert len(found["hostdev-pci-multifunction.xml"].devices) == 7
    assert found["hostdev-pci-multifunction.x86_64-latest.xml"].room == HotplugRoom(
        "slots", total=31, free=22
    )
