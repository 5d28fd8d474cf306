"""What libvirt wants to be told to give a VF to a guest: device XML.

Source: https://libvirt.org/formatdomain.html, "PCI Passthrough" and "Host device assignment".
"""

from __future__ import annotations

from xml.etree import ElementTree

from sriovctl.model.guest import DeviceKind, VFAttachment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from sriovctl.model.address import PCIAddress


def format_attachment(attachment: VFAttachment) -> str:
    """Write the device element for ``virsh attach-device`` or a domain's XML.  Pure.

    Network VFs become ``<interface type='hostdev'>``, for which libvirt sets MAC and VLAN through
    the PF; anything else (NVMe, GPU, crypto) becomes ``<hostdev>``.
    """
    if attachment.kind is DeviceKind.INTERFACE:
        element = _interface(attachment)
    else:
        element = _hostdev(attachment)
    if attachment.boot_order is not None:
        ElementTree.SubElement(element, "boot", order=str(attachment.boot_order))
    if attachment.alias is not None:
        ElementTree.SubElement(element, "alias", name=attachment.alias)
    ElementTree.indent(element)
    # libvirt's own documents quote with ', and so do everybody's how-tos.
    text = ElementTree.tostring(element, encoding="unicode")
    return text.replace("'", "&apos;").replace('"', "'").replace(" />", "/>")


def _interface(attachment: VFAttachment) -> Element:
    element = ElementTree.Element("interface", type="hostdev", managed=_yes(attachment.managed))
    if attachment.mac is not None:
        ElementTree.SubElement(element, "mac", address=attachment.mac)
    source = ElementTree.SubElement(element, "source")
    ElementTree.SubElement(source, "address", {"type": "pci", **_address(attachment.source)})
    if attachment.vlan is not None:
        vlan = ElementTree.SubElement(element, "vlan")
        ElementTree.SubElement(vlan, "tag", id=str(attachment.vlan))
    if attachment.teaming_with is not None:
        ElementTree.SubElement(
            element, "teaming", type="transient", persistent=attachment.teaming_with
        )
    return element


def _hostdev(attachment: VFAttachment) -> Element:
    element = ElementTree.Element(
        "hostdev", mode="subsystem", type="pci", managed=_yes(attachment.managed)
    )
    source = ElementTree.SubElement(element, "source")
    ElementTree.SubElement(source, "address", _address(attachment.source))
    return element


def _yes(flag: bool) -> str:
    return "yes" if flag else "no"


def _address(address: PCIAddress) -> dict[str, str]:
    return {
        "domain": f"0x{address.pci_domain:04x}",
        "bus": f"0x{address.bus:02x}",
        "slot": f"0x{address.device:02x}",
        "function": f"0x{address.function:x}",
    }
