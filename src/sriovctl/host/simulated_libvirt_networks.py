"""The pools of VFs of a libvirt in memory.

They do what the real ones were seen to do in the lab: a pool of a PF names its VFs once it is
started, a VF that comes out of it is the first that no guest has out of it, and a pool that is in
use is stopped all the same.

Source: libvirt ``src/network/bridge_driver.c`` (``networkCreateInterfacePool()``,
``networkAllocatePort()``).
"""

from __future__ import annotations

from xml.etree import ElementTree

from sriovctl.codec.libvirt_xml import parse_vf_pool
from sriovctl.errors import BusyError, HostError, InputError
from sriovctl.host.libvirt_api import NetworkReport
from sriovctl.model.address import parse_pci_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from xml.etree.ElementTree import Element


class SimulatedVFNetwork:
    """One network: its definition, and the addresses of its VFs while it runs."""

    def __init__(self, xml: str) -> None:
        self.config: str | None = xml
        self.live: str | None = None
        self.autostart = False


class SimulatedNetworks:
    """The networks of a simulated libvirt.

    :param vfs_of: addresses of the VFs of a PF, given by its netdev.
    """

    def __init__(self, vfs_of: Callable[[str], tuple[str, ...]]) -> None:
        self._vfs_of = vfs_of
        self._given: set[str] = set()  # addresses of VFs that came out of a pool
        self._networks: dict[str, SimulatedVFNetwork] = {}

    def names(self) -> tuple[str, ...]:
        """Names of all networks, sorted."""
        return tuple(sorted(self._networks))

    def xmls(self) -> tuple[str, ...]:
        """XML of each network."""
        found = (network.live or network.config for network in self._networks.values())
        return tuple(xml for xml in found if xml is not None)

    def report(self, name: str) -> NetworkReport | None:
        """Read one network; None if there is none of that name."""
        network = self._networks.get(name)
        if network is None:
            return None
        return NetworkReport(network.live, network.config, network.autostart)

    def define(self, xml: str) -> None:
        """Write the definition of a network."""
        name = ElementTree.fromstring(xml).findtext("name", "")
        if name in self._networks:
            raise HostError(f"operation failed: network '{name}' already exists with uuid u-1")
        self._networks[name] = SimulatedVFNetwork(xml)

    def start(self, name: str) -> None:
        """Start a network: a PF's VFs are looked up now."""
        network = self._find(name)
        root = ElementTree.fromstring(network.config or "")
        forward = root.find("forward")
        assert forward is not None
        for pf in forward.findall("pf"):
            vfs = self._vfs_of(pf.get("dev", ""))
            if not vfs:
                raise HostError(
                    f"internal error: No usable Vf's present on SRIOV PF {pf.get('dev')}"
                )
            for vf in vfs:
                forward.append(_address(vf))
        network.live = ElementTree.tostring(root, encoding="unicode")

    def autostart(self, name: str) -> None:
        """Have a network started with libvirt."""
        self._find(name).autostart = True

    def stop(self, name: str) -> None:
        """Stop a network, whoever uses it."""
        network = self._find(name)
        network.live = None
        if network.config is None:
            del self._networks[name]

    def undefine(self, name: str) -> None:
        """Forget the definition of a network."""
        network = self._find(name)
        network.config, network.autostart = None, False
        if network.live is None:
            del self._networks[name]

    def allot(self, device: Element, taken: Collection[str]) -> Element:
        """Turn an interface of type network into that of the VF which it gets.

        A pool knows of those that it gave itself, and of no other user of its VFs.

        :param taken: functions that running guests have.
        """
        source = device.find("source")
        name = "" if source is None else source.get("network", "")
        pool = parse_vf_pool(self._find(name).live or "<network/>")
        self._given &= set(taken)
        vfs = [str(vf) for vf in pool.sources] if pool else []
        vf = next((vf for vf in vfs if vf not in self._given), None)
        if vf is None:
            raise HostError(
                f"internal error: network '{name}' requires exclusive access to interfaces, but "
                "none are available"
            )
        if vf in taken:
            raise BusyError(f"Requested operation is not valid: PCI device {vf} is in use")
        self._given.add(vf)
        return _as_hostdev(device, vf)

    def _find(self, name: str) -> SimulatedVFNetwork:
        if name not in self._networks:
            raise InputError("no such network", subject=name, hint="sriovctl network list")
        return self._networks[name]


def _as_hostdev(device: Element, vf: str) -> Element:
    actual = ElementTree.fromstring(ElementTree.tostring(device))
    actual.set("type", "hostdev")
    actual.set("managed", "yes")
    source = actual.find("source")
    assert source is not None
    source.attrib.clear()
    source.append(_address(vf))
    return actual


def _address(text: str) -> Element:
    address = parse_pci_address(text)
    return ElementTree.Element(
        "address",
        type="pci",
        domain=f"0x{address.pci_domain:04x}",
        bus=f"0x{address.bus:02x}",
        slot=f"0x{address.device:02x}",
        function=f"0x{address.function:x}",
    )
