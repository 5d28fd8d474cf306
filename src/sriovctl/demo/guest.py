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
    console_log: str | None = None,
) -> str:
    """Write the XML of a q35 guest without disk or network.  Pure.

    Without a kernel it sits in its firmware, which is enough for a hot plug.  An unplug needs the
    consent of an operating system.  It runs under emulation, so nobody needs KVM for it.

    :param root_ports: ports for hot-plugged devices; q35 has none by itself.
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
    _add_devices(domain, root_ports, console_log)
    ElementTree.indent(domain)
    return ElementTree.tostring(domain, encoding="unicode")


def _add_devices(domain: Element, root_ports: int, console_log: str | None) -> None:
    devices = ElementTree.SubElement(domain, "devices")
    controller = {"type": "pci", "index": "0", "model": "pcie-root"}
    ElementTree.SubElement(devices, "controller", controller)
    for index in range(1, root_ports + 1):
        controller = {"type": "pci", "index": str(index), "model": "pcie-root-port"}
        ElementTree.SubElement(devices, "controller", controller)
    # libvirt adds these by itself unless told not to.
    ElementTree.SubElement(devices, "controller", {"type": "usb", "model": "none"})
    ElementTree.SubElement(devices, "memballoon", model="none")
    if console_log is not None:
        serial = ElementTree.SubElement(devices, "serial", type="file")
        ElementTree.SubElement(serial, "source", path=console_log)


def _text(parent: Element, tag: str, text: str) -> None:
    ElementTree.SubElement(parent, tag).text = text
