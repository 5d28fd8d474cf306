"""A small guest to give VFs to, on any machine that has libvirt and QEMU.  Pure."""

from __future__ import annotations

from xml.etree import ElementTree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


def demo_guest_xml(
    name: str,
    kernel: str | None = None,
    initrd: str | None = None,
    *,
    cmdline: str = "console=ttyS0 quiet panic=-1",
    memory_mib: int = 128,
    root_ports: int = 2,
    disk: str | None = None,
    console_log: str | None = None,
) -> str:
    """Write the XML of a q35 guest without network.  Pure.

    With neither kernel nor disk it sits in its firmware, which is enough for a hot plug.  An
    unplug needs the consent of a system: :func:`demo_disk` is the smallest that gives it.  The
    guest runs under emulation, so nobody needs KVM for it.

    :param root_ports: ports for hot-plugged devices; q35 has none by itself.
    :param disk: absolute path of a raw disk image.
    :param console_log: absolute path of a file that gets the serial console.
    """
    domain = ElementTree.Element("domain", type="qemu")
    _text(domain, "name", name)
    ElementTree.SubElement(domain, "memory", unit="MiB").text = str(memory_mib)
    _text(domain, "vcpu", "1")
    system = ElementTree.SubElement(domain, "os")
    ElementTree.SubElement(system, "type", arch="x86_64", machine="q35").text = "hvm"
    if kernel is not None:
        _text(system, "kernel", kernel)
        _text(system, "cmdline", cmdline)
    if initrd is not None:
        _text(system, "initrd", initrd)
    # Hot plug goes through ACPI; and libvirt 9 starts no guest without it on QEMU 9 and later:
    # it says -no-acpi, an option that is gone.
    ElementTree.SubElement(ElementTree.SubElement(domain, "features"), "acpi")
    cpu = ElementTree.SubElement(domain, "cpu", mode="custom", match="exact")
    ElementTree.SubElement(cpu, "model", fallback="allow").text = "qemu64"
    devices = _add_devices(domain, root_ports)
    _add_files(devices, disk, console_log)
    ElementTree.indent(domain)
    return ElementTree.tostring(domain, encoding="unicode")


def demo_disk() -> bytes:
    """Build a disk with a whole operating system for the demo guest.  Pure.

    All it does is say "up" on the serial port and answer each unplug request, through the same
    registers as the guest's ACPI tables would: 18 times a second it reads each bus's "down"
    register and writes what it finds into "eject".

    Source: QEMU ``docs/specs/acpi_pci_hotplug.rst``; the registers of a q35 begin at 0xcc0.
    """
    return _BOOT_SECTOR.ljust(510, b"\0") + b"\x55\xaa" + bytes(_DISK_SIZE - 512)


_DISK_SIZE = 1 << 20
_BOOT_SECTOR = (
    bytes.fromhex(
        # 16-bit code at 0x7c00.
        "31c0 8ed8"  # xor ax, ax; mov ds, ax
        "be367c baf803"  # mov si, text; mov dx, 0x3f8
        "ac 84c0 7403 ee ebf8"  # say: lodsb; test al, al; jz done; out dx, al; jmp say
        "6631db"  # done: xor ebx, ebx
        "6689d8 bad00c 66ef"  # bus: mov eax, ebx; mov dx, 0xcd0 (bus selector); out dx, eax
        "bac40c 66ed"  # mov dx, 0xcc4 (down); in eax, dx
        "6685c0 7405"  # test eax, eax; jz next
        "bac80c 66ef"  # mov dx, 0xcc8 (eject); out dx, eax
        "43 80e31f 75e3"  # next: inc bx; and bl, 31; jnz bus
        "fb f4 ebdf"  # sti; hlt (until the next timer tick); jmp bus
    )
    + b"up\r\n\0"
)  # text


def _add_devices(domain: Element, root_ports: int) -> Element:
    devices = ElementTree.SubElement(domain, "devices")
    controller = {"type": "pci", "index": "0", "model": "pcie-root"}
    ElementTree.SubElement(devices, "controller", controller)
    for index in range(1, root_ports + 1):
        controller = {"type": "pci", "index": str(index), "model": "pcie-root-port"}
        ElementTree.SubElement(devices, "controller", controller)
    # libvirt adds these by itself unless told not to.
    ElementTree.SubElement(devices, "controller", {"type": "usb", "model": "none"})
    ElementTree.SubElement(devices, "memballoon", model="none")
    return devices


def _add_files(devices: Element, disk: str | None, console_log: str | None) -> None:
    if disk is not None:
        element = ElementTree.SubElement(devices, "disk", type="file", device="disk")
        ElementTree.SubElement(element, "driver", name="qemu", type="raw")
        ElementTree.SubElement(element, "source", file=disk)
        ElementTree.SubElement(element, "target", dev="sda", bus="sata")
    if console_log is not None:
        serial = ElementTree.SubElement(devices, "serial", type="file")
        ElementTree.SubElement(serial, "source", path=console_log)


def _text(parent: Element, tag: str, text: str) -> None:
    ElementTree.SubElement(parent, tag).text = text
