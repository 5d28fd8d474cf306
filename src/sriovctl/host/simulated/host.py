"""The simulated host, and the machines it can be."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from uuid import uuid4

from sriovctl.host.devlink import DevlinkDoor
from sriovctl.host.simulated.cards import (
    INTEL_82576,
    QEMU_NVME,
    Card,
    MachineSpec,
    Place,
    capability_of,
)
from sriovctl.host.simulated.clock import SimulatedClock
from sriovctl.host.simulated.drivers import ALL_DRIVERS
from sriovctl.host.simulated.eswitch import SimulatedDevlinkMessages
from sriovctl.host.simulated.functions import (
    BRIDGE_RESOURCES,
    NO_RESOURCE,
    PCI_RESOURCES,
    RESOURCE_MEMORY,
    Function,
    Resource,
    SRIOVState,
    bar_flags,
)
from sriovctl.host.simulated.kernel import SimulatedKernel
from sriovctl.host.simulated.layout import RELEASE
from sriovctl.host.simulated.mounts import SimulatedMounts
from sriovctl.host.simulated.namespaces import SimulatedNamespaces
from sriovctl.host.simulated.netlink import SimulatedRouteNetlink
from sriovctl.host.simulated.network import SimulatedNetwork
from sriovctl.host.simulated.processes import SimulatedProcesses
from sriovctl.host.simulated.storage import SimulatedStorage
from sriovctl.host.simulated.traffic import SimulatedTraffic
from sriovctl.host.simulated.tree import VirtualTree, constant
from sriovctl.model.address import PCIAddress, parse_pci_address

_FIRST_SLOT = 6
_BRIDGE_CLASS = 0x060400
_ACS_ALL = 0x5F  # what QEMU's root port offers: all but egress control
_ACS_KERNEL = 0x1D  # what the kernel switches on: SV, RR, CR, UF
_MMIO_BASE = 0x38_0000_0000
_MIB = 1 << 20
_PREFETCHABLE_WINDOW = 15  # line of ``resource``, from 0


class SimulatedHost:
    """A :class:`sriovctl.host.api.Host` in memory, with the kernel's semantics.

    ``files.fail()``, ``files.before()`` and ``rtnl.fail()`` let a test make things go wrong, and
    ``vanish()`` pulls a card.  ``network``, ``namespaces``, ``processes``,
    ``storage`` and ``mounts`` set up what uses its functions, and ``traffic`` lets them send.

    :param spec: what the machine consists of.
    """

    def __init__(self, spec: MachineSpec) -> None:
        self.files = VirtualTree()
        self.clock = SimulatedClock()
        self.kernel = SimulatedKernel(self.files, self.clock, drivers=ALL_DRIVERS, iommu=spec.iommu)
        self.network = SimulatedNetwork(self.kernel)
        self.traffic = SimulatedTraffic(self.kernel)
        self.mounts = SimulatedMounts(self.files)
        self.storage = SimulatedStorage(self.kernel)
        self.rtnl = SimulatedRouteNetlink(self.kernel, self.network)
        self.namespaces = SimulatedNamespaces(self.kernel, self.mounts, self.rtnl, self.network)
        self.processes = SimulatedProcesses(self.kernel, own_namespace=self.namespaces.own)
        self.devlink = DevlinkDoor(lambda: SimulatedDevlinkMessages(self.kernel))
        self.description = "a simulated host"
        _publish_proc(self.files, spec)
        _Builder(self.kernel).build(spec.cards)

    def vanish(self, address: str) -> None:
        """Remove a function and all below it without notice, as if the card were pulled."""
        function = self.kernel.functions.get(parse_pci_address(address))
        if function is None:
            return
        for below in [f for f in self.kernel.functions.values() if f.parent is function]:
            self.vanish(below.name)
        if function.address in self.kernel.functions:
            self.kernel.remove_function(function)


def simulate(spec: MachineSpec) -> SimulatedHost:
    """Make a simulated host with any number of cards."""
    return SimulatedHost(spec)


def simulated_82576() -> SimulatedHost:
    """Make the like of the lab's machine ``82576``, with the same addresses.

    ``0000:01:00.0`` is a 82576 behind a root port with ACS, ``0000:04:00.0`` one behind a switch
    without, ``0000:05:00.0`` an NVMe controller with 4 VFs.
    """
    return simulate(
        MachineSpec(
            cards=(
                Card(INTEL_82576, mac="52:54:00:6d:91:01"),
                Card(INTEL_82576, place=Place.SWITCH, mac="52:54:00:6d:91:02"),
                Card(QEMU_NVME, serial="lab3"),
            )
        )
    )


def _publish_proc(tree: VirtualTree, spec: MachineSpec) -> None:
    tree.add(
        "/proc/cmdline", constant("console=ttyS0 quiet" + " intel_iommu=on iommu=pt" * spec.iommu)
    )
    tree.add("/proc/sys/kernel/random/boot_id", constant(str(uuid4())))
    tree.add("/proc/version", constant(f"Linux version {RELEASE} (simulated)"))
    tree.add(
        "/proc/cpuinfo",
        constant("processor\t: 0\nvendor_id\t: GenuineIntel\nflags\t\t: fpu vmx\n"),
    )
    tree.add("/proc/modules", constant("igb 385024 0 - Live 0x0\nvfio_pci 16384 0 - Live 0x0"))
    tree.add("/proc/iomem", constant("00000000-7fffffff : System RAM"))
    chip = "IR-IO-APIC" if spec.iommu else "IO-APIC"
    tree.add(
        "/proc/interrupts", constant(f"            CPU0\n   4:        190   {chip}    4-edge ttyS0")
    )
    if spec.iommu:
        tree.add("/sys/firmware/acpi/tables/DMAR", constant(_dmar()))


# One remapping unit for everything, interrupt remapping on.
# Source: Intel VT-d Architecture Specification, chapter "BIOS Considerations".
def _dmar() -> bytes:
    unit = b"\0\0\x10\0\x01\0\0\0" + (0xFED90000).to_bytes(8, "little")
    body = bytes((38, 1)) + bytes(10) + unit
    head = b"DMAR" + (36 + len(body)).to_bytes(4, "little") + b"\x01\0"
    head += b"SRIOV " + b"SIMULATE" + b"\x01\0\0\0" + b"SRVC" + b"\x01\0\0\0"
    table = bytearray(head + body)
    table[9] = -sum(table) & 0xFF  # all bytes add up to 0
    return bytes(table)


class _Builder:
    # Numbers buses as firmware does: depth first, in the order of the slots.

    def __init__(self, kernel: SimulatedKernel) -> None:
        self._kernel = kernel
        self._buses = count(1)
        self._cards = count(1)
        self._mmio = _MMIO_BASE

    def build(self, cards: Iterable[Card]) -> None:
        self._add_chipset()
        for slot, card in enumerate(cards, start=_FIRST_SLOT):
            # Eight ports to a slot beyond the thirty-second.
            address = PCIAddress(0, 0, slot % 25 + _FIRST_SLOT if slot > 30 else slot, slot // 31)
            self._add_card(address, card)

    def _add_chipset(self) -> None:
        for name, device_id, class_code in (
            ("00:00.0", 0x29C0, 0x060000),
            ("00:1f.0", 0x2918, 0x060100),
            ("00:1f.2", 0x2922, 0x010601),
            ("00:1f.3", 0x2930, 0x0C0500),
        ):
            self._kernel.add_function(
                Function(
                    address=parse_pci_address(name),
                    vendor_id=0x8086,
                    device_id=device_id,
                    class_code=class_code,
                    revision=2,
                    isolated=False,  # conventional functions have no ACS
                    resources=[NO_RESOURCE] * PCI_RESOURCES,
                    config_options={
                        "express_type": None,
                        "multifunction": name.startswith("00:1f"),
                    },
                )
            )

    def _add_card(self, port_address: PCIAddress, card: Card) -> None:
        on_switch = card.place == Place.SWITCH
        port_bus = next(self._buses)
        upstream_bus = next(self._buses) if on_switch else port_bus
        card_bus = next(self._buses) if on_switch else port_bus
        last_bus = self._last_bus(card, card_bus)
        pf = self._make_pf(card, PCIAddress(0, card_bus, 0, 0))
        windows = self._window_of(pf)
        bridge = self._add_bridge(
            port_address,
            None,
            (port_bus, last_bus),
            windows,
            kind=4,
            acs=card.place != Place.PLAIN_PORT,
        )
        if on_switch:
            upstream = PCIAddress(0, port_bus, 0, 0)
            bridge = self._add_bridge(
                upstream, bridge, (upstream_bus, last_bus), windows, kind=5, acs=False
            )
            downstream = PCIAddress(0, upstream_bus, 0, 0)
            bridge = self._add_bridge(
                downstream, bridge, (card_bus, last_bus), windows, kind=6, acs=False
            )
        pf.parent = bridge
        self._kernel.add_function(pf)

    def _last_bus(self, card: Card, bus: int) -> int:
        total = card.total_vfs or card.model.total_vfs
        last = card.model.first_vf_offset + card.model.vf_stride * (total - 1)
        for _ in range(last >> 8):
            bus = next(self._buses)
        return bus

    def _add_bridge(
        self,
        address: PCIAddress,
        parent: Function | None,
        buses: tuple[int, int],
        window: Resource,
        *,
        kind: int,
        acs: bool,
    ) -> Function:
        resources = [NO_RESOURCE] * BRIDGE_RESOURCES
        resources[_PREFETCHABLE_WINDOW] = window
        vendor_id, device_id, revision = _BRIDGE_IDS[kind]
        bridge = Function(
            address=address,
            vendor_id=vendor_id,
            device_id=device_id,
            class_code=_BRIDGE_CLASS,
            revision=revision,
            parent=parent,
            # A single-function upstream port counts as isolated without ACS (pci_acs_enabled()).
            isolated=acs or kind == 5,
            is_bridge=True,
            buses=buses,
            resources=resources,
            config_options={
                "express_type": kind,
                "slot": kind != 5,
                "bridge": (address.bus, *buses),
                "ari_forwarding_supported": kind != 5,
                "ari_forwarding_enable": kind != 5,
                "acs_capabilities": _ACS_ALL if acs else None,
                "acs_control": _ACS_KERNEL if acs else 0,
            },
        )
        self._kernel.add_function(bridge)
        return bridge

    def _make_pf(self, card: Card, address: PCIAddress) -> Function:
        number = next(self._cards)
        model = card.model
        capability = capability_of(card, base=self._mmio)
        resources = [NO_RESOURCE] * PCI_RESOURCES
        for bar in capability.vf_bars:
            assert bar.address is not None  # capability_of() gave it both
            assert bar.size is not None
            last = bar.address + bar.size * capability.total_vfs - 1
            resources[7 + bar.bar_index] = (bar.address, last, bar_flags(bar))
            self._mmio = max(self._mmio, last + 1)
        resources[0] = (self._mmio, self._mmio + 0x1FFFF, RESOURCE_MEMORY)
        self._mmio = (self._mmio + 0x20000 + _MIB - 1) // _MIB * _MIB
        return Function(
            address=address,
            vendor_id=model.vendor_id,
            device_id=model.device_id,
            class_code=model.class_code,
            revision=model.revision,
            numa_node=card.numa_node,
            resources=resources,
            config_options={
                "ari": True,
                "flr": True,
                "msix_vectors": 10,
                "serial_number": card.serial_number,
            },
            serial=card.serial,
            mac=(card.mac or f"52:54:00:6d:92:{number:02x}") if model.has_mac else None,
            sriov=SRIOVState(capability),
        )

    def _window_of(self, pf: Function) -> Resource:
        used = [line for line in pf.resources if line != NO_RESOURCE]
        first = min(start for start, _, _ in used) // _MIB * _MIB
        last = max(end for _, end, _ in used)
        return (first, (last // _MIB + 1) * _MIB - 1, 0x0010_2201)


_BRIDGE_IDS = {4: (0x1B36, 0x000C, 0), 5: (0x104C, 0x8232, 2), 6: (0x104C, 0x8233, 1)}
