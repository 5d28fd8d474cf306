"""What libvirt wants to be told to give a VF to a guest: device and network XML.

All of it is the same for libvirt 9 and 11, whose schemas agree on what is used here.

Source: https://libvirt.org/formatdomain.html ("Network interfaces", "Host device assignment"),
https://libvirt.org/formatnetwork.html ("hostdev").
"""

from __future__ import annotations

from xml.etree import ElementTree

from sriovctl.errors import HostError
from sriovctl.model.guest import DeviceKind, NetworkAttachment, VFAttachment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from sriovctl.model.address import PCIAddress
    from sriovctl.model.guest_network import VFPool, VirtualPort, VLANTrunk

_END_OF_DEVICES = "\n  </devices>"
_ROOT_PORT = "\n    <controller type='pci' model='pcie-root-port'/>"


def format_attachment(attachment: VFAttachment) -> str:
    """Write the device element for ``virsh attach-device`` or a domain's XML.  Pure.

    Network VFs become ``<interface type='hostdev'>``, for which libvirt sets MAC and VLAN through
    the PF; anything else (NVMe, GPU, crypto) becomes ``<hostdev>``.
    """
    if attachment.kind is DeviceKind.INTERFACE:
        element = _interface(attachment)
    else:
        element = _hostdev(attachment)
    _add_common(element, attachment)
    return _to_text(element)


def format_network_attachment(attachment: NetworkAttachment) -> str:
    """Write the interface that takes a VF out of a pool.  Pure."""
    element = ElementTree.Element("interface", type="network")
    _add_mac(element, attachment.mac)
    ElementTree.SubElement(element, "source", network=attachment.network)
    _add_vlan(element, attachment.vlan)
    _add_common(element, attachment)
    return _to_text(element)


def format_vf_pool(pool: VFPool) -> str:
    """Write the virtual network for ``virsh net-define`` that gives VFs to guests.  Pure."""
    network = ElementTree.Element("network")
    ElementTree.SubElement(network, "name").text = pool.name
    forward = ElementTree.SubElement(network, "forward", mode="hostdev", managed=_yes(pool.managed))
    for netdev in pool.pf_netdevs:
        ElementTree.SubElement(forward, "pf", dev=netdev)
    for source in pool.sources:
        ElementTree.SubElement(forward, "address", {"type": "pci", **_address(source)})
    _add_vlan(network, pool.vlan)
    return _to_text(network)


def add_root_ports(domain_xml: str, count: int) -> str:
    """Add root ports to a domain's XML as libvirt wrote it, which numbers them by itself.  Pure.

    The text is kept as it is: a parser would lose the prefixes of foreign namespaces.

    :raises HostError: this is not how libvirt writes a domain.
    """
    head, end, tail = domain_xml.rpartition(_END_OF_DEVICES)
    if not end:
        raise HostError("libvirt's XML has no devices", evidence={"expected": "</devices>"})
    return head + _ROOT_PORT * count + end + tail


def _interface(attachment: VFAttachment) -> Element:
    element = ElementTree.Element("interface", type="hostdev", managed=_yes(attachment.managed))
    _add_mac(element, attachment.mac)
    source = ElementTree.SubElement(element, "source")
    ElementTree.SubElement(source, "address", {"type": "pci", **_address(attachment.source)})
    _add_vlan(element, attachment.vlan)
    if attachment.trunk is not None:
        _add_trunk(element, attachment.trunk)
    if attachment.virtual_port is not None:
        _add_virtual_port(element, attachment.virtual_port)
    return element


def _hostdev(attachment: VFAttachment) -> Element:
    element = ElementTree.Element(
        "hostdev", mode="subsystem", type="pci", managed=_yes(attachment.managed)
    )
    source = ElementTree.SubElement(element, "source")
    ElementTree.SubElement(source, "address", _address(attachment.source))
    return element


def _add_common(element: Element, attachment: VFAttachment | NetworkAttachment) -> None:
    if attachment.teaming_with is not None:
        ElementTree.SubElement(
            element, "teaming", type="transient", persistent=attachment.teaming_with
        )
    if attachment.boot_order is not None:
        ElementTree.SubElement(element, "boot", order=str(attachment.boot_order))
    if attachment.alias is not None:
        ElementTree.SubElement(element, "alias", name=attachment.alias)


def _add_mac(element: Element, mac: str | None) -> None:
    if mac is not None:
        ElementTree.SubElement(element, "mac", address=mac)


def _add_vlan(element: Element, vlan_id: int | None) -> None:
    if vlan_id is not None:
        vlan = ElementTree.SubElement(element, "vlan")
        ElementTree.SubElement(vlan, "tag", id=str(vlan_id))


def _add_trunk(element: Element, trunk: VLANTrunk) -> None:
    vlan = ElementTree.SubElement(element, "vlan", trunk="yes")
    for vlan_id in trunk.ids:
        tag = ElementTree.SubElement(vlan, "tag", id=str(vlan_id))
        if vlan_id == trunk.native and trunk.native_mode is not None:
            tag.set("nativeMode", trunk.native_mode)


def _add_virtual_port(element: Element, port: VirtualPort) -> None:
    given = {
        "profileid": port.profile_id,
        "managerid": port.manager_id,
        "typeid": port.type_id,
        "typeidversion": port.type_id_version,
        "instanceid": port.instance_id,
    }
    virtual_port = ElementTree.SubElement(element, "virtualport", type=port.kind)
    texts = {name: str(value) for name, value in given.items() if value is not None}
    ElementTree.SubElement(virtual_port, "parameters", texts)


def _to_text(element: Element) -> str:
    ElementTree.indent(element)
    # libvirt's own documents quote with ', and so do everybody's how-tos.
    text = ElementTree.tostring(element, encoding="unicode")
    return text.replace("'", "&apos;").replace('"', "'").replace(" />", "/>")


def _yes(flag: bool) -> str:
    return "yes" if flag else "no"


def _address(address: PCIAddress) -> dict[str, str]:
    return {
        "domain": f"0x{address.pci_domain:04x}",
        "bus": f"0x{address.bus:02x}",
        "slot": f"0x{address.device:02x}",
        "function": f"0x{address.function:x}",
    }
