"""The demo guest."""

from __future__ import annotations

from sriovctl.codec.libvirt_xml import parse_definition
from sriovctl.demo.guest import demo_disk, demo_guest_xml
from sriovctl.model.guest import HotplugRoom


def test_it_has_acpi_and_free_root_ports() -> None:
    found = parse_definition(demo_guest_xml("MyGuest", root_ports=3), live=False)
    assert (found.name, found.machine, found.acpi) == ("MyGuest", "q35", True)
    assert found.room == HotplugRoom("root ports", total=3, free=3)


def test_the_disk_boots() -> None:
    disk = demo_disk()
    assert disk[510:512] == b"\x55\xaa"
    assert disk[0x36:0x3B] == b"up\r\n\0"  # where the code looks for it
