"""What a lab machine consists of, and the machines that have a name.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from sriovctl.errors import InputError


class IOMMU(StrEnum):
    """Which IOMMU the machine has."""

    NONE = "none"
    INTEL = "intel"
    AMD = "amd"


class Service(StrEnum):
    """What can run inside a machine before the command does."""

    UDEV = "udev"
    LIBVIRT = "libvirt"
    SYSTEMD = "systemd"  # as PID 1: it starts the others as its units


@dataclass(frozen=True, slots=True)
class IGB:
    """An Intel 82576: 8086:10c9, its VFs 8086:10ca.  QEMU gives it 7 VFs, no more, no less."""


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk that is empty at each start and gone afterwards.

    :param name: unique within the machine; letters and digits.
    """

    name: str
    size_mib: int = 64


@dataclass(frozen=True, slots=True)
class NVMe:
    """An NVMe controller whose VFs stay offline until they are given queues.

    :param total_vfs: 1 .. 255; QEMU runs out of controller ids beyond.
    :param disk: what its one namespace is on; None: it has no namespace.
    """

    total_vfs: int
    disk: Disk | None = None


class PlainModel(StrEnum):
    """Functions without VFs, by QEMU's names for them."""

    E1000 = "e1000"  # conventional, wherever they sit
    RTL8139 = "rtl8139"
    EDU = "edu"
    E1000E = "e1000e"  # PCIe; integrated into the root complex when on a root bus
    XHCI = "qemu-xhci"
    VIRTIO_RNG = "virtio-rng-pci"  # PCIe below a port, conventional elsewhere


CONVENTIONAL = (
    PlainModel.E1000,
    PlainModel.RTL8139,
    PlainModel.EDU,
    PlainModel.VIRTIO_RNG,
)


@dataclass(frozen=True, slots=True)
class Plain:
    """A function that is there for its place alone."""

    model: PlainModel


@dataclass(frozen=True, slots=True)
class MultiFunction:
    """One slot and its functions, from number 0 up.

    Only function 0 has the multifunction bit, and has it even when alone.
    """

    functions: tuple[IGB | NVMe | Plain | Switch | RootPort, ...]


@dataclass(frozen=True, slots=True)
class Switch:
    """A PCIe switch without ACS (x3130 upstream, xio3130 downstream ports).

    :param devices: one per downstream port.
    :param one_slot: the downstream ports are functions of one slot, not a slot each.
    """

    devices: tuple[BelowPort, ...]
    one_slot: bool = False


class BridgeModel(StrEnum):
    """Bridges to a conventional bus, by QEMU's names for them."""

    PCIE_TO_PCI = "pcie-pci-bridge"
    PCI_TO_PCI = "pci-bridge"
    DMI_TO_PCI = "i82801b11-bridge"  # on a root bus; no PCIe capability either


@dataclass(frozen=True, slots=True)
class Bridge:
    """A bridge and what sits on the conventional bus below it.

    :param devices: a slot each; conventional functions only.
    """

    model: BridgeModel
    devices: tuple[Plain | Bridge, ...]


@dataclass(frozen=True, slots=True)
class RootPort:
    """One root port and what is plugged into it.

    :param acs: whether the port has the ACS capability.
    :param mem_reserve_mib: MMIO window kept by the firmware, for VF BARs; None: its default.
    """

    below: BelowPort
    acs: bool = True
    mem_reserve_mib: int | None = None


@dataclass(frozen=True, slots=True)
class HostBridge:
    """Another root bus (pxb-pcie).

    :param devices: a slot each from 0 up; QEMU allows ports and bridges only.
    """

    devices: tuple[RootPort | MultiFunction | Bridge, ...]


BelowPort: TypeAlias = IGB | NVMe | Plain | MultiFunction | Switch | Bridge | None
RootBusDevice: TypeAlias = IGB | NVMe | Plain | MultiFunction | Bridge | RootPort | HostBridge
Device: TypeAlias = RootBusDevice | Switch


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine, completely.

    :param root_bus: what sits there, a slot each; a switch needs a port above it.
    :param memory_mib: at most 2048.  With RAM above 4 GiB the firmware places the 82576's
        VF BARs there, and QEMU 10.0 maps them with the low 32 bits of the address only.
    :param kernel_args: beyond those that the IOMMU needs.
    :param modules: loaded, in this order, before the command runs.
    """

    name: str
    summary: str
    root_bus: tuple[RootBusDevice, ...] = ()
    iommu: IOMMU = IOMMU.NONE
    memory_mib: int = 1024
    cpus: int = 1  # more than one under emulation brings RCU stalls on a loaded host
    kernel_args: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()


_PORTS_OF_82576 = (
    RootPort(IGB()),
    RootPort(Switch((IGB(),))),
    RootPort(NVMe(total_vfs=4)),
)
_MODULES_OF_82576 = ("igb", "igbvf", "nvme", "vfio-pci", "8021q")

MACHINES = (
    Machine(
        name="82576",
        summary="82576 behind a root port with ACS, another behind a switch without, "
        "NVMe with 4 VFs; Intel IOMMU with interrupt remapping",
        root_bus=_PORTS_OF_82576,
        iommu=IOMMU.INTEL,
        memory_mib=2048,
        modules=_MODULES_OF_82576,
    ),
    Machine(
        name="82576-amd",
        summary="the same cards under an AMD IOMMU without interrupt remapping",
        root_bus=_PORTS_OF_82576,
        iommu=IOMMU.AMD,
        memory_mib=2048,
        modules=_MODULES_OF_82576,
    ),
    Machine(
        name="no-iommu",
        summary="the same cards and no IOMMU: VFs work on the host, not in guests",
        root_bus=_PORTS_OF_82576,
        modules=_MODULES_OF_82576,
    ),
    Machine(
        name="nvme-disk",
        summary="NVMe with 4 VFs and a disk of 64 MiB, which the kernel shows through multipath",
        root_bus=(RootPort(NVMe(total_vfs=4, disk=Disk("data"))),),
        memory_mib=768,
        modules=("nvme",),
    ),
    # As little hardware as can have the trouble that they are there for.
    Machine(
        name="82576-iommu-unused",
        summary="one 82576 and an Intel IOMMU that the kernel was told to leave off",
        root_bus=(RootPort(IGB()),),
        iommu=IOMMU.INTEL,
        memory_mib=768,
        kernel_args=("intel_iommu=off",),
        modules=("igb", "vfio-pci"),
    ),
    Machine(
        name="82576-no-intremap",
        summary="one 82576 and an Intel IOMMU that remaps no interrupts",
        root_bus=(RootPort(IGB()),),
        iommu=IOMMU.INTEL,
        memory_mib=768,
        kernel_args=("intremap=off",),
        modules=("igb", "vfio-pci"),
    ),
    Machine(
        name="scale",
        summary="4 NVMe controllers of 255 VFs each and two 82576: 1034 VFs, no IOMMU",
        # A vIOMMU costs memory that grows with the square of the VFs: not with this many.
        root_bus=(
            RootPort(IGB()),
            RootPort(IGB()),
            *(RootPort(NVMe(total_vfs=255), mem_reserve_mib=8) for _ in range(4)),
        ),
        memory_mib=1024,
        modules=("igb", "nvme"),
    ),
    # Made too small on purpose, each for another limit.  Bus numbers are missing here: QEMU
    # refuses VFs that would cross a bus ("VF addr overflows", 10.0).
    Machine(
        name="few-mmio",
        summary="NVMe with 255 VFs below a port whose window has no memory for them",
        # SeaBIOS gives a port 2 MiB, the VFs need 4; the kernel must not make up for it.
        root_bus=(RootPort(NVMe(total_vfs=255)),),
        memory_mib=768,
        kernel_args=("pci=realloc=off",),
        modules=("nvme",),
    ),
    Machine(
        name="few-vfs",
        summary="82576 whose driver allows 7 of its 8 VFs, and an NVMe with only 2",
        root_bus=(RootPort(IGB()), RootPort(NVMe(total_vfs=2))),
        memory_mib=768,
        modules=("igb", "nvme"),
    ),
    Machine(
        name="no-driver",
        summary="82576 without its driver; vfio-pci is loaded, and told nothing of SR-IOV",
        root_bus=(RootPort(IGB()),),
        iommu=IOMMU.INTEL,
        memory_mib=768,
        modules=("vfio-pci",),
    ),
    Machine(
        name="netdevsim",
        summary="no card at all, but the kernel's simulated network device: any number of VFs",
        memory_mib=1024,
        modules=("netdevsim",),
    ),
)


def disks_of(machine: Machine) -> tuple[Disk, ...]:
    """All disks of a machine.  Pure."""
    return tuple(_disks_of(machine.root_bus))


def _disks_of(devices: Iterable[Device | None]) -> Iterator[Disk]:
    for device in devices:
        match device:
            case NVMe(disk=Disk() as disk):
                yield disk
            case RootPort(below=below):
                yield from _disks_of((below,))
            case MultiFunction(functions=below):
                yield from _disks_of(below)
            case Switch(devices=below) | Bridge(devices=below) | HostBridge(devices=below):
                yield from _disks_of(below)


def find_machine(name: str) -> Machine:
    """Look one of the named machines up.  Pure.

    :raises InputError: there is none of that name.
    """
    for machine in MACHINES:
        if machine.name == name:
            return machine
    known = ", ".join(machine.name for machine in MACHINES)
    raise InputError("no such lab machine", subject=name, hint=f"there are: {known}")
