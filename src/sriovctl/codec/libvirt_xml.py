"""libvirt's domain XML -> guests and the PCI functions they hold.

Two elements give a PCI function away: ``<interface type='hostdev'>`` and ``<hostdev type='pci'>``.
An ``<interface type='network'>`` whose network is a pool of VFs shows up as the former in the
live XML, because libvirt prints what it really used there.

Source: https://libvirt.org/formatdomain.html and its schema ``domaincommon.rng``.
"""

from __future__ import annotations

from xml.etree import ElementTree

from sriovctl.errors import HostError
from sriovctl.model.address import PCIAddress
from sriovctl.model.guest import DeviceKind, Guest, GuestDevice, HotplugRoom, VFPool
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from xml.etree.ElementTree import Element

# A port takes exactly one hot-plugged device; its index is the bus number behind it.
_PORT_MODELS = frozenset({"pcie-root-port", "pcie-switch-downstream-port"})
_SLOTS_OF_A_CONVENTIONAL_BUS = range(1, 32)  # slot 0 belongs to the host bridge


class Definition(NamedTuple):
    """One of the two definitions of a guest, as its XML says."""

    name: str
    uuid: str
    machine: str | None
    acpi: bool
    devices: tuple[GuestDevice, ...]
    own_macs: tuple[str, ...]
    room: HotplugRoom | None
    networks: tuple[str, ...]


def parse_definition(xml: str, *, live: bool) -> Definition:
    """Read one domain XML.  Pure.

    :param live: whether this is the running guest's XML or that of the next boot.
    :raises HostError: this is not a domain's XML.
    """
    domain = _parse_root(xml, "domain")
    devices = _child(domain, "devices")
    return Definition(
        name=domain.findtext("name", ""),
        uuid=domain.findtext("uuid", ""),
        machine=_child(_child(domain, "os"), "type").get("machine"),
        acpi=domain.find("features/acpi") is not None,
        devices=tuple(_parse_devices(devices, live=live)),
        own_macs=tuple(_own_macs(devices)),
        room=_hotplug_room(devices),
        networks=tuple(_networks(devices)),
    )


def parse_guest(*, state: str, live_xml: str | None, config_xml: str | None) -> Guest:
    """Join a guest's live and config XML; at least one of them must be given.  Pure.

    :raises HostError: one of them is not a domain's XML.
    """
    live = parse_definition(live_xml, live=True) if live_xml is not None else None
    config = parse_definition(config_xml, live=False) if config_xml is not None else None
    known = [definition for definition in (live, config) if definition is not None]
    if not known:
        raise HostError("libvirt gave no XML for a guest", evidence={"state": state})
    return Guest(
        name=known[0].name,
        uuid=known[0].uuid,
        state=state,
        active=live is not None,
        persistent=config is not None,
        machine=known[0].machine,
        acpi=known[0].acpi,
        devices=_join(live.devices if live else (), config.devices if config else ()),
        own_macs=tuple(dict.fromkeys(mac for each in known for mac in each.own_macs)),
        room=live.room if live else None,
        networks=config.networks if config else (),
    )


def parse_vf_pool(xml: str) -> VFPool | None:
    """Read a virtual network's XML; None if it does not give VFs away.  Pure.

    A running network names the VFs that it found behind its PF as well.

    :raises HostError: this is not a network's XML.
    """
    network = _parse_root(xml, "network")
    forward = network.find("forward[@mode='hostdev']")
    if forward is None:
        return None
    addresses = (_read_address(element) for element in forward.iterfind("address"))
    return VFPool(
        name=network.findtext("name", ""),
        pf_netdevs=tuple(pf.get("dev", "") for pf in forward.iterfind("pf")),
        sources=tuple(address for address in addresses if address is not None),
    )


def _parse_root(xml: str, tag: str) -> Element:
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError as error:
        raise HostError("libvirt's XML cannot be read", evidence={"parser": error}) from error
    if root.tag != tag:
        raise HostError(f"libvirt's XML is not a {tag}'s", evidence={"element": root.tag})
    return root


def _child(element: Element, tag: str) -> Element:
    found = element.find(tag)
    return ElementTree.Element(tag) if found is None else found


def _parse_devices(devices: Element, *, live: bool) -> Iterable[GuestDevice]:
    for element in devices:
        kind = _passthrough_kind(element)
        # A USB interface, or a VF that the network pool has yet to choose, has no PCI source.
        source = _read_address(element.find("source/address")) if kind else None
        if kind and source:
            yield _parse_device(element, kind, source, live=live)


def _passthrough_kind(element: Element) -> DeviceKind | None:
    if element.tag == "interface" and element.get("type") == "hostdev":
        return DeviceKind.INTERFACE
    if element.tag == "hostdev" and element.get("type") == "pci":
        return DeviceKind.HOSTDEV
    return None


def _parse_device(
    element: Element, kind: DeviceKind, source: PCIAddress, *, live: bool
) -> GuestDevice:
    return GuestDevice(
        kind=kind,
        source=source,
        mac=_read_mac(element),
        vlan=_read_vlan(element),
        alias=_child(element, "alias").get("name"),
        guest_address=_read_address(element.find("address")),
        live=live,
        config=not live,
    )


def _read_mac(element: Element) -> str | None:
    mac = _child(element, "mac").get("address")
    return mac.lower() if mac else None


def _read_vlan(element: Element) -> int | None:
    # Several tags (a trunk) cannot be had with a VF: libvirt refuses them at start.
    tag = element.find("vlan/tag")
    return None if tag is None else _number(tag.get("id", "0"))


def _read_address(element: Element | None) -> PCIAddress | None:
    # <hostdev> leaves type='pci' out of its source address; a USB source has no slot.
    if element is None or element.get("type", "pci") != "pci" or element.get("slot") is None:
        return None
    domain, bus, slot, function = (
        _number(element.get(name, "0")) for name in ("domain", "bus", "slot", "function")
    )
    return PCIAddress(domain, bus, slot, function)


def _number(text: str) -> int:
    # libvirt writes 0x0a, and takes 10 from users; both mean ten.
    try:
        return int(text, 0)
    except ValueError as error:
        raise HostError("libvirt's XML has no number here", evidence={"value": text}) from error


def _networks(devices: Element) -> Iterable[str]:
    for interface in devices.iterfind("interface[@type='network']"):
        name = _child(interface, "source").get("network")
        if name:
            yield name


def _own_macs(devices: Element) -> Iterable[str]:
    for interface in devices.iterfind("interface"):
        mac = _read_mac(interface)
        if interface.get("type") != "hostdev" and mac:
            yield mac


def _hotplug_room(devices: Element) -> HotplugRoom | None:
    controllers = devices.findall("controller[@type='pci']")
    models = {controller.get("model") for controller in controllers}
    taken = [address for each in devices if (address := _read_address(each.find("address")))]
    if "pcie-root" in models:
        return _free_ports(controllers, {address.bus for address in taken})
    if "pci-root" in models:
        return _free_slots({address.device for address in taken if address.bus == 0})
    return None


def _free_ports(controllers: list[Element], taken_buses: set[int]) -> HotplugRoom:
    ports = {
        _number(controller.get("index", "-1"))
        for controller in controllers
        if controller.get("model") in _PORT_MODELS
        and _child(controller, "target").get("hotplug") != "off"
    }
    return HotplugRoom("root ports", len(ports), len(ports - taken_buses))


def _free_slots(taken: set[int]) -> HotplugRoom:
    slots = _SLOTS_OF_A_CONVENTIONAL_BUS
    return HotplugRoom("slots", len(slots), len(set(slots) - taken))


def _join(live: Iterable[GuestDevice], config: Iterable[GuestDevice]) -> tuple[GuestDevice, ...]:
    # Same function, same settings: one device in both.  Anything else stays two rows, so that
    # the difference is seen.  libvirt makes up an alias for live devices; it does not count.
    later = {_settings(device): device for device in config}
    joined = [
        device._replace(config=later.pop(_settings(device), None) is not None) for device in live
    ]
    return (*joined, *later.values())


def _settings(device: GuestDevice) -> tuple[object, ...]:
    return device.kind, device.source, device.mac, device.vlan
