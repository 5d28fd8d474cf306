"""The state of simulated PCI functions and netdevs."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from sriovctl.codec.pciconfig_build import build_config
from sriovctl.host.simulated.drivers import Driver
from sriovctl.model.address import PCIAddress
from sriovctl.model.capabilities import BAR, SRIOVCapability
from sriovctl.model.functions import EswitchMode, VFAttributes, VFCounters
from sriovctl.model.link import NetdevCounters

# linux/ioport.h: memory, 64 bits wide; and prefetchable as well.
RESOURCE_MEMORY = 0x00140204
RESOURCE_PREFETCHABLE = 0x0014220C
PCI_RESOURCES = 13  # lines of ``resource`` of a function that is no bridge: 6 BARs, ROM, 6 VF BARs
BRIDGE_RESOURCES = 17  # 4 windows more

Resource = tuple[int, int, int]  # first byte, last byte, flags
NO_RESOURCE: Resource = (0, 0, 0)
_NOTHING_PASSED = NetdevCounters()
_NOTHING_COUNTED = VFCounters(*[0] * 8)


@dataclass(eq=False, slots=True)
class Netdev:
    """A network device; its ``function`` is its parent in sysfs.

    :param port_name: ``phys_port_name``; None if its driver gives it none.
    :param represents: index of the VF of ``function`` that it stands for.
    """

    name: str
    ifindex: int
    mac: str
    function: Function
    is_up: bool = False
    mtu: int = 1500
    carrier_at: float = 0.0  # when the link will be up, if the netdev is
    random_mac: bool = False
    namespace: str | None = None  # handle of the network namespace that has it; None: the host's
    port_name: str | None = None
    represents: int | None = None
    counters: NetdevCounters = _NOTHING_PASSED


@dataclass(eq=False, slots=True)
class VFRecord:
    """What the PF's driver holds for one VF."""

    attributes: VFAttributes
    admin_mac_set: bool = False  # by the administrator, not by the VF itself
    ready_at: float = 0.0  # when the VF is out of reset
    counters: VFCounters = _NOTHING_COUNTED


@dataclass(eq=False, slots=True)
class SRIOVState:
    """The SR-IOV side of a PF."""

    capability: SRIOVCapability
    driver_limit: int | None = None
    drivers_autoprobe: bool = True
    vfs: list[Function] = field(default_factory=list)
    records: list[VFRecord] = field(default_factory=list)
    eswitch_mode: EswitchMode = EswitchMode.LEGACY
    representors: list[Netdev] = field(default_factory=list)

    @property
    def total_vfs(self) -> int:
        """What ``sriov_totalvfs`` shows (pci_sriov_get_totalvfs)."""
        total = self.capability.total_vfs
        return total if self.driver_limit is None else self.driver_limit


@dataclass(eq=False, slots=True)
class Function:
    """One PCI function.

    :param make_config: makes its configuration space; called with ``sriov`` and, for bridges,
        with the keyword arguments it was made with.
    :param isolated: its ACS controls are effective, as far as IOMMU groups care.
    :param is_bridge: there is a bus behind it.
    """

    address: PCIAddress
    vendor_id: int
    device_id: int
    class_code: int
    revision: int = 0
    subsystem: tuple[int, int] = (0x1AF4, 0x1100)
    parent: Function | None = None
    isolated: bool = True
    is_bridge: bool = False
    buses: tuple[int, int] | None = None  # secondary, subordinate
    numa_node: int = -1
    resources: list[Resource] = field(default_factory=list)
    config_options: dict[str, object] = field(default_factory=dict)
    serial: str | None = None  # as the NVMe controller tells it
    controller: str | None = None  # name of the NVMe controller that a driver made of it
    mac: str | None = None  # that the card was born with
    driver: Driver | None = None
    driver_override: str | None = None
    iommu_group: int | None = None
    netdev: Netdev | None = None
    sriov: SRIOVState | None = None
    physfn: Function | None = None
    vf_index: int | None = None
    times_open: int = 0  # through VFIO

    @property
    def name(self) -> str:
        """Its name in sysfs."""
        return str(self.address)

    @property
    def path(self) -> str:
        """Its directory in sysfs."""
        if self.parent is not None:
            return f"{self.parent.path}/{self.name}"
        # Further host bridges have a bus number of their own.
        root_bus = f"pci{self.address.pci_domain:04x}:{self.address.bus:02x}"
        return f"/sys/devices/{root_bus}/{self.name}"

    @property
    def enable_count(self) -> int:
        """What ``enable`` shows: VFIO drivers enable a function only while it is open."""
        if self.driver is None or "vfio" not in self.driver.name:
            return int(self.driver is not None)
        return self.times_open

    @property
    def can_probe(self) -> bool:
        """Whether drivers may bind to it (``pci_device_can_probe()``, pci-driver.c).

        A VF of a PF with ``sriov_drivers_autoprobe`` off is bound to the driver in its
        ``driver_override`` only, even if somebody writes to a driver's ``bind``.
        """
        if self.physfn is None or self.physfn.sriov is None:
            return True
        return self.physfn.sriov.drivers_autoprobe or self.driver_override is not None

    def read_config(self) -> bytes:
        """Configuration space, as the registers stand now."""
        if self.physfn is not None:  # a VF's own ids read ffff (PCIe, VF configuration space)
            ids = partial(build_config, vendor_id=0xFFFF, device_id=0xFFFF)
        else:
            ids = partial(build_config, vendor_id=self.vendor_id, device_id=self.device_id)
        return ids(
            class_code=self.class_code,
            revision=self.revision,
            sriov=None if self.sriov is None else self.sriov.capability,
            **self.config_options,  # type: ignore[arg-type]  # options of build_config
        )


def vf_bar_resources(vf_bars: tuple[BAR, ...], vf_index: int) -> list[Resource]:
    """Where the BARs of one VF are: each VF has its slice of the PF's VF BAR.  Pure."""
    lines = [NO_RESOURCE] * PCI_RESOURCES
    for bar in vf_bars:
        if bar.address is not None and bar.size:
            start = bar.address + bar.size * vf_index
            lines[bar.bar_index] = (start, start + bar.size - 1, bar_flags(bar))
    return lines


def bar_flags(bar: BAR) -> int:
    """Flags of a BAR's line in ``resource``.  Pure."""
    return RESOURCE_PREFETCHABLE if bar.prefetchable else RESOURCE_MEMORY
