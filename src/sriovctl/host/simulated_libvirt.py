"""A libvirt in memory, for tests and for trying things out without one.

It does what the real one was seen to do in the lab: live and config definitions apart, a root
port for each hot-plugged device, a made-up MAC, an alias for live devices, and a running guest
that keeps an unplugged device until its system agrees.
"""

from __future__ import annotations

from difflib import get_close_matches
from xml.etree import ElementTree

from sriovctl.codec.libvirt_xml import parse_definition
from sriovctl.errors import BusyError, HostError, InputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from xml.etree.ElementTree import Element

    from sriovctl.host.api import Clock

_MADE_UP_MAC = "52:54:00:00:00:{:02x}"
_NEVER = float("inf")


class SimulatedGuest:
    """One guest.

    :param root_ports: how many ports there are for hot-plugged devices.
    :param consent_s: how long the guest's system takes to let a device go; None: forever.
    :param own_mac: of a virtio interface, if the guest is to have one.
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
        acpi: bool = True,
    ) -> None:
        xml = _definition(name, root_ports, own_mac, acpi=acpi)
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
    """

    def __init__(
        self, clock: Clock, *, set_on_card: Callable[[str, str, int], None] | None = None
    ) -> None:
        self._clock = clock
        self._set_on_card = set_on_card
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

    def domain_xml(self, name: str, *, inactive: bool) -> str:
        """XML of the running guest, or with *inactive* that of its next boot."""
        guest = self._guest(name)
        self._let_go(guest)
        definition = guest.config if inactive else guest.live or guest.config
        if definition is None:
            raise HostError("domain is not persistent", subject=name)
        return ElementTree.tostring(definition, encoding="unicode")

    def network_xmls(self) -> tuple[str, ...]:
        """XML of each virtual network."""
        return tuple(self.networks)

    def attach_device(self, name: str, xml: str, *, live: bool, config: bool) -> None:
        """Give a device to the running guest, to its definition, or to both at once."""
        guest = self._guest(name)
        self.attached.append(xml)
        device = ElementTree.fromstring(xml)
        if device.tag == "interface" and device.find("mac") is None:
            self._made_up += 1
            mac = _MADE_UP_MAC.format(self._made_up)
            device.insert(0, ElementTree.Element("mac", address=mac))
        for definition in _definitions(guest, live=live, config=config):
            copy = ElementTree.fromstring(ElementTree.tostring(device))
            _plug(definition, copy, name)
        if live and device.tag == "interface" and self._set_on_card is not None:
            (attached,) = parse_definition(
                f"<domain><devices>{ElementTree.tostring(device, encoding='unicode')}"
                "</devices></domain>",
                live=True,
            ).devices
            self._set_on_card(str(attached.source), attached.mac or "", attached.vlan or 0)

    def detach_device(self, name: str, xml: str, *, live: bool, config: bool) -> None:
        """Ask for a device back; a running guest may still hold it on return."""
        guest = self._guest(name)
        source = _source(ElementTree.fromstring(xml))
        if live and source in guest.leaving:
            raise BusyError("is already in the process of unplug", subject=name)
        for definition in _definitions(guest, live=False, config=config):
            _unplug(definition, source)
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


def _definition(name: str, root_ports: int, own_mac: str | None, *, acpi: bool) -> str:
    ports = "".join(
        f"<controller type='pci' index='{index}' model='pcie-root-port'/>"
        for index in range(1, root_ports + 1)
    )
    own = f"<interface type='network'><mac address='{own_mac}'/></interface>" if own_mac else ""
    return (
        f"<domain type='qemu'><name>{name}</name><uuid>simulated-{name}</uuid>"
        "<os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>"
        f"<features>{'<acpi/>' if acpi else ''}</features>"
        f"<devices><controller type='pci' index='0' model='pcie-root'/>{ports}{own}</devices>"
        "</domain>"
    )


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


def _plug(definition: Element, device: Element, name: str) -> None:
    devices = _devices(definition)
    ports = devices.findall("controller[@model='pcie-root-port']")
    taken = {address.get("bus") for address in devices.findall("*/address")}
    free = [bus for port in ports if (bus := f"0x{int(port.get('index', '0')):02x}") not in taken]
    if not free:
        raise HostError("internal error: No more available PCI slots", subject=name)
    where = {"type": "pci", "domain": "0x0000", "bus": free[0], "slot": "0x00", "function": "0x0"}
    ElementTree.SubElement(device, "address", where)
    devices.append(device)


def _unplug(definition: Element, source: str) -> None:
    devices = _devices(definition)
    for device in [*devices.findall("interface"), *devices.findall("hostdev")]:
        if _source(device) == source:
            devices.remove(device)


def _source(device: Element) -> str:
    address = device.find("source/address")
    if address is None:
        return ""
    return " ".join(address.get(key, "") for key in ("domain", "bus", "slot", "function"))
