"""libvirt's domain XML -> guests and the PCI functions they hold.

Two elements give a PCI function away: ``<interface type='hostdev'>`` and ``<hostdev type='pci'>``.
An ``<interface type='network'>`` whose network is a pool of VFs shows up as the former in the
live XML, because libvirt prints what it really used there.

Source: https://libvirt.org/formatdomain.html and its schema ``domaincommon.rng``.
"""

from __future__ import annotations

from xml.etree import ElementTree

from sriovctl.codec.libvirt_placement import parse_placement
from sriovctl.errors import HostError
from sriovctl.model.address import PCIAddress
from sriovctl.model.guest import (
    DeviceKind,
    Guest,
    GuestDevice,
    GuestPlacement,
    HotplugRoom,
    OwnInterface,
)
from sriovctl.model.guest_network import (
    NativeMode,
    NetworkInterface,
    VFPool,
    VirtualPort,
    VirtualPortKind,
    VLANTrunk,
)
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
    own_interfaces: tuple[OwnInterface, ...]
    room: HotplugRoom | None
    network_interfaces: tuple[NetworkInterface, ...]
    aliases: tuple[str, ...]
    placement: GuestPlacement
    boot_orders: tuple[int, ...]
    boots_by_class: bool


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
        own_interfaces=tuple(_own_interfaces(devices)),
        room=_hotplug_room(devices),
        network_interfaces=tuple(_network_interfaces(devices)),
        aliases=tuple(name for each in devices.iterfind("*/alias") if (name := each.get("name"))),
        placement=parse_placement(domain),
        boot_orders=tuple(
            _number(boot.get("order", "0")) for boot in devices.iterfind("*/boot[@order]")
        ),
        boots_by_class=domain.find("os/boot") is not None,
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
        devices=_name_networks(
            _join(live.devices if live else (), config.devices if config else ()),
            config.network_interfaces if config else (),
        ),
        own_interfaces=tuple(dict.fromkeys(own for each in known for own in each.own_interfaces)),
        room=live.room if live else None,
        network_interfaces=config.network_interfaces if config else (),
        aliases=tuple(dict.fromkeys(alias for each in known for alias in each.aliases)),
        placement=known[0].placement,
        config_room=config.room if config else None,
        boot_orders=tuple(order for each in known for order in each.boot_orders),
        boots_by_class=any(each.boots_by_class for each in known),
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
        vlan=_read_vlan(network),
        managed=forward.get("managed") == "yes",
    )


def parse_connections(xml: str) -> int:
    """Read how many interfaces of running guests came out of a network.  Pure.

    :raises HostError: this is not a network's XML.
    """
    return _number(_parse_root(xml, "network").get("connections", "0"))


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
    order = _child(element, "boot").get("order")
    return GuestDevice(
        kind=kind,
        source=source,
        mac=_read_mac(element),
        vlan=_read_vlan(element),
        alias=_child(element, "alias").get("name"),
        guest_address=_read_address(element.find("address")),
        live=live,
        config=not live,
        trunk=_read_trunk(element),
        virtual_port=_read_virtual_port(element),
        boot_order=None if order is None else _number(order),
        teaming_with=_child(element, "teaming").get("persistent"),
    )


def _read_mac(element: Element) -> str | None:
    mac = _child(element, "mac").get("address")
    return mac.lower() if mac else None


def _read_vlan(element: Element) -> int | None:
    vlan = _child(element, "vlan")
    tag = vlan.find("tag")
    return None if tag is None or _is_trunk(vlan) else _number(tag.get("id", "0"))


def _read_trunk(element: Element) -> VLANTrunk | None:
    vlan = _child(element, "vlan")
    if not _is_trunk(vlan):
        return None
    tags = vlan.findall("tag")
    ids = sorted({_number(tag.get("id", "0")) for tag in tags})
    native = next((tag for tag in tags if tag.get("nativeMode")), None)
    if native is None:
        return VLANTrunk(tuple(ids))
    mode = NativeMode(native.get("nativeMode", ""))
    return VLANTrunk(tuple(ids), _number(native.get("id", "0")), mode)


# Source: libvirt src/conf/netdev_vlan_conf.c, virNetDevVlanParse(): several tags are a trunk.
def _is_trunk(vlan: Element) -> bool:
    return vlan.get("trunk") == "yes" or len(vlan.findall("tag")) > 1


def _read_virtual_port(element: Element) -> VirtualPort | None:
    port = element.find("virtualport")
    kind = "" if port is None else port.get("type", "")
    if port is None or kind not in tuple(VirtualPortKind):
        return None
    given = _child(port, "parameters")
    numbers = {
        field: None if (text := given.get(name)) is None else _number(text)
        for field, name in (
            ("manager_id", "managerid"),
            ("type_id", "typeid"),
            ("type_id_version", "typeidversion"),
        )
    }
    return VirtualPort(
        VirtualPortKind(kind),
        profile_id=given.get("profileid"),
        instance_id=given.get("instanceid"),
        **numbers,
    )


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


def _network_interfaces(devices: Element) -> Iterable[NetworkInterface]:
    for interface in devices.iterfind("interface[@type='network']"):
        name = _child(interface, "source").get("network")
        if name:
            alias = _child(interface, "alias").get("name")
            yield NetworkInterface(name, _read_mac(interface), _read_vlan(interface), alias)


def _own_interfaces(devices: Element) -> Iterable[OwnInterface]:
    for interface in devices.iterfind("interface"):
        if interface.get("type") != "hostdev":
            yield OwnInterface(
                mac=_read_mac(interface),
                alias=_child(interface, "alias").get("name"),
                model=_child(interface, "model").get("type"),
                persistent=_child(interface, "teaming").get("type") == "persistent",
            )


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


# The live XML says what the VF is, and not which network it came out of; the config says the
# latter.  Both have the same MAC.
def _name_networks(
    devices: tuple[GuestDevice, ...], interfaces: Iterable[NetworkInterface]
) -> tuple[GuestDevice, ...]:
    networks = {each.mac: each.network for each in interfaces if each.mac}
    return tuple(
        device
        if device.config or device.mac is None
        else device._replace(network=networks.get(device.mac))
        for device in devices
    )


def _settings(device: GuestDevice) -> tuple[object, ...]:
    trunk, port = device.trunk, device.virtual_port
    return device.kind, device.source, device.mac, device.vlan, trunk, port
