"""A libvirt in memory, for tests and for trying things out without one.

It does what the real one was seen to do in the lab: live and config definitions apart, a root
port for each hot-plugged device, a made-up MAC, an alias for live devices, and a running guest
that keeps an unplugged device until its system agrees.
"""

from __future__ import annotations

from difflib import get_close_matches
from xml.etree import ElementTree

from sriovctl.codec.libvirt_xml import parse_definition
from sriovctl.errors import BusyError, HostError, InputError, UnsupportedError
from sriovctl.host.simulated_libvirt_networks import SimulatedNetworks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from xml.etree.ElementTree import Element

    from sriovctl.host.api import Clock
    from sriovctl.host.libvirt_api import NetworkReport

_MADE_UP_MAC = "52:54:00:00:00:{:02x}"
_NEVER = float("inf")


class SimulatedGuest:
    """One guest.

    :param root_ports: how many ports there are for hot-plugged devices.
    :param consent_s: how long the guest's system takes to let a device go; None: forever.
    :param own_mac: of a virtio interface, if the guest is to have one.
    :param own_alias: of that interface, which then is the lasting half of a teaming pair.
    :param extra: more of the domain's XML, such as ``<memtune>``.
    """

    def __init__(
        self,
        name: str,
        *,
        active: bool = True,
        persistent: bool = True,
        root_ports: int = 2,
        consent_s: float | None = 1.0,
        own_mac: str | None = None,
        own_alias: str | None = None,
        acpi: bool = True,
        extra: str = "",
    ) -> None:
        own = _own_interface(own_mac, own_alias)
        xml = _definition(name, root_ports, own, acpi=acpi, extra=extra)
        self.live = ElementTree.fromstring(xml) if active else None
        self.config = ElementTree.fromstring(xml) if persistent else None
        self.consent_s = consent_s
        self.leaving: dict[str, float] = {}  # source address of a device -> when it is gone

    def shut_off(self) -> None:
        """End the guest's run."""
        self.live = None
        self.leaving.clear()


class SimulatedLibvirt:
    """A :class:`sriovctl.host.libvirt_api.Libvirt` in memory.

    :param clock: the one of the host, so that waiting for a guest costs nothing.
    :param set_on_card: called with (source address, MAC, VLAN id or 0) when a running guest gets
        a VF, as libvirt then sets both through the PF.
    :param card_of: MAC and VLAN id that the card has for a source address; they are put back when
        the guest lets go of it.  None: the card keeps what was set.
    :param vfs_of: addresses of the VFs of a PF, given by its netdev, for pools.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        set_on_card: Callable[[str, str, int], None] | None = None,
        card_of: Callable[[str], tuple[str, int]] | None = None,
        vfs_of: Callable[[str], tuple[str, ...]] = lambda _netdev: (),
    ) -> None:
        self.pools = SimulatedNetworks(vfs_of)
        self._clock = clock
        self._set_on_card = set_on_card
        self._card_of = card_of
        # By the source address of a device, as its XML has it: VF, MAC and VLAN id from before.
        self._saved: dict[str, tuple[str, str, int]] = {}
        self._made_up = 0
        self.guests: dict[str, SimulatedGuest] = {}
        self.networks: list[str] = []  # each as its XML
        self.attached: list[str] = []  # each XML that was handed over, for tests
        self.closed = False

    def add(self, name: str, guest: SimulatedGuest | None = None) -> SimulatedGuest:
        """Define a guest; a running q35 with two free root ports unless one is given."""
        self.guests[name] = guest or SimulatedGuest(name)
        return self.guests[name]

    def names(self) -> tuple[str, ...]:
        """Names of all guests, sorted."""
        return tuple(sorted(self.guests))

    def state(self, name: str) -> str:
        """State in the words of ``virsh list``."""
        return "running" if self.is_active(name) else "shut off"

    def is_active(self, name: str) -> bool:
        """Say whether the guest runs."""
        return self._guest(name).live is not None

    def is_persistent(self, name: str) -> bool:
        """Say whether the guest is defined beyond its present run."""
        return self._guest(name).config is not None

    def domain_xml(self, name: str, *, inactive: bool, secure: bool = False) -> str:
        """XML of the running guest, or with *inactive* that of its next boot."""
        del secure  # simulated guests have no passwords
        guest = self._guest(name)
        self._let_go(guest)
        definition = guest.config if inactive else guest.live or guest.config
        if definition is None:
            raise HostError("domain is not persistent", subject=name)
        ElementTree.indent(definition)
        return ElementTree.tostring(definition, encoding="unicode")

    def define_domain(self, xml: str) -> None:
        """Write the definition that counts from a guest's next boot."""
        domain = ElementTree.fromstring(xml)
        _number_root_ports(domain)
        self._guest(domain.findtext("name", "")).config = domain

    def network_xmls(self) -> tuple[str, ...]:
        """XML of each virtual network."""
        return (*self.networks, *self.pools.xmls())

    def network_names(self) -> tuple[str, ...]:
        """Names of the networks that were defined."""
        return self.pools.names()

    def network(self, name: str) -> NetworkReport | None:
        """Read one network; None if there is none of that name."""
        return self.pools.report(name)

    def define_network(self, xml: str) -> None:
        """Write the definition of a network."""
        self.pools.define(xml)

    def start_network(self, name: str) -> None:
        """Start a network."""
        self.pools.start(name)

    def autostart_network(self, name: str) -> None:
        """Have a network started with libvirt."""
        self.pools.autostart(name)

    def stop_network(self, name: str) -> None:
        """Stop a network, whoever uses it."""
        self.pools.stop(name)

    def undefine_network(self, name: str) -> None:
        """Forget the definition of a network."""
        self.pools.undefine(name)

    def attach_device(self, name: str, xml: str, *, live: bool, config: bool) -> None:
        """Give a device to the running guest, to its definition, or to both at once."""
        guest = self._guest(name)
        self.attached.append(xml)
        device = ElementTree.fromstring(xml)
        if device.tag == "interface" and device.find("mac") is None:
            self._made_up += 1
            mac = _MADE_UP_MAC.format(self._made_up)
            device.insert(0, ElementTree.Element("mac", address=mac))
        actual = self._actual(device) if live else device
        if live:
            self._set_up(actual, name)
        for definition in _definitions(guest, live=live, config=config):
            which = actual if definition is guest.live else device
            if definition is guest.config:
                _make_room(definition)
            _plug(definition, ElementTree.fromstring(ElementTree.tostring(which)), name)

    # What a pool gives is an interface of type hostdev in the live definition.
    def _actual(self, device: Element) -> Element:
        if device.get("type") != "network":
            return device
        taken = {
            str(held.source)
            for guest in self.guests.values()
            if guest.live is not None
            for held in parse_definition(_text(guest.live), live=True).devices
        }
        return self.pools.allot(device, taken)

    # As the real one, it sets the VF up before it plugs it.
    def _set_up(self, device: Element, guest: str) -> None:
        wrapped = f"<domain><devices>{_text(device)}</devices></domain>"
        (wanted,) = parse_definition(wrapped, live=True).devices
        if wanted.trunk is not None:
            raise UnsupportedError(
                "unsupported configuration: vlan trunking is not supported by SR-IOV network "
                "devices",
                subject=guest,
            )
        if device.tag == "interface" and self._set_on_card is not None:
            if self._card_of is not None and wanted.virtual_port is None:
                vf = str(wanted.source)
                self._saved[_source(device)] = (vf, *self._card_of(vf))
            self._set_on_card(str(wanted.source), wanted.mac or "", wanted.vlan or 0)
        if wanted.virtual_port is not None:  # after the MAC, which then stays
            raise HostError("internal error: sending of PortProfileRequest failed", subject=guest)

    def detach_device(self, name: str, xml: str, *, live: bool, config: bool) -> None:
        """Ask for a device back; a running guest may still hold it on return."""
        guest = self._guest(name)
        device = ElementTree.fromstring(xml)
        source = _source(device)
        if live and source in guest.leaving:
            raise BusyError("is already in the process of unplug", subject=name)
        for definition in _definitions(guest, live=False, config=config):
            _unplug(definition, source if source else _mac(device))
        if live:
            delay = _NEVER if guest.consent_s is None else guest.consent_s
            guest.leaving[source] = self._clock.now() + delay

    def hmp(self, name: str, command: str) -> str:
        """QEMU's human monitor is not simulated."""
        raise HostError(f"no monitor to answer {command!r}", subject=name)

    def close(self) -> None:
        """End the connection."""
        self.closed = True

    def _guest(self, name: str) -> SimulatedGuest:
        if name not in self.guests:
            near = get_close_matches(name, self.guests)
            hint = f"did you mean {', '.join(near)}?" if near else None
            raise InputError("no such guest", subject=name, hint=hint)
        return self.guests[name]

    def _let_go(self, guest: SimulatedGuest) -> None:
        for source, gone_at in tuple(guest.leaving.items()):
            if guest.live is not None and gone_at <= self._clock.now():
                _unplug(guest.live, source)
                del guest.leaving[source]
                self._put_back(source)

    def _put_back(self, source: str) -> None:
        if source in self._saved and self._set_on_card is not None:
            vf, mac, vlan = self._saved.pop(source)
            self._set_on_card(vf, mac, vlan)


def _own_interface(mac: str | None, alias: str | None) -> str:
    if mac is None:
        return ""
    teaming = f"<teaming type='persistent'/><alias name='{alias}'/>" if alias else ""
    return (
        f"<interface type='bridge'><mac address='{mac}'/><source bridge='br0'/>"
        f"<model type='virtio'/>{teaming}</interface>"
    )


def _definition(name: str, root_ports: int, own: str, *, acpi: bool, extra: str) -> str:
    ports = "".join(
        f"<controller type='pci' index='{index}' model='pcie-root-port'/>"
        for index in range(1, root_ports + 1)
    )
    return (
        f"<domain type='qemu'><name>{name}</name><uuid>simulated-{name}</uuid>"
        f"<memory unit='KiB'>131072</memory>{extra}"
        "<os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>"
        f"<features>{'<acpi/>' if acpi else ''}</features>"
        f"<devices><controller type='pci' index='0' model='pcie-root'/>{ports}{own}</devices>"
        "</domain>"
    )


def _number_root_ports(domain: Element) -> None:
    controllers = domain.findall("devices/controller[@type='pci']")
    used = {int(each.get("index", "-1")) for each in controllers}
    for controller in controllers:
        if controller.get("index") is None:
            controller.set("index", str(max(used) + 1))
            used.add(max(used) + 1)


def _text(element: Element) -> str:
    return ElementTree.tostring(element, encoding="unicode")


def _definitions(guest: SimulatedGuest, *, live: bool, config: bool) -> Iterable[Element]:
    # Config first, as libvirt does: should the live half fail, the config is not saved.
    if config and guest.config is not None:
        yield guest.config
    if live and guest.live is not None:
        yield guest.live


def _devices(definition: Element) -> Element:
    devices = definition.find("devices")
    assert devices is not None  # _definition() wrote it
    return devices


# libvirt adds a root port to a definition that has none free; a running guest takes none.
def _make_room(definition: Element) -> None:
    if not _free_buses(definition):
        port = {"type": "pci", "model": "pcie-root-port"}
        ElementTree.SubElement(_devices(definition), "controller", port)
        _number_root_ports(definition)


def _free_buses(definition: Element) -> list[str]:
    devices = _devices(definition)
    ports = devices.findall("controller[@model='pcie-root-port']")
    taken = {address.get("bus") for address in devices.findall("*/address")}
    return [bus for port in ports if (bus := f"0x{int(port.get('index', '0')):02x}") not in taken]


def _plug(definition: Element, device: Element, name: str) -> None:
    devices = _devices(definition)
    free = _free_buses(definition)
    if not free:
        raise HostError("internal error: No more available PCI slots", subject=name)
    where = {"type": "pci", "domain": "0x0000", "bus": free[0], "slot": "0x00", "function": "0x0"}
    ElementTree.SubElement(device, "address", where)
    devices.append(device)


def _unplug(definition: Element, which: str) -> None:
    devices = _devices(definition)
    for device in [*devices.findall("interface"), *devices.findall("hostdev")]:
        if which in (_source(device), _mac(device)):
            devices.remove(device)


def _mac(device: Element) -> str:
    mac = device.find("mac")
    return "no MAC" if mac is None else mac.get("address", "")


def _source(device: Element) -> str:
    address = device.find("source/address")
    if address is None:
        return ""
    return " ".join(address.get(key, "") for key in ("domain", "bus", "slot", "function"))
