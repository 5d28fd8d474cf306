"""From a machine to the command line of QEMU.  Pure.

Slots on the root bus are explicit.  ``amd-iommu`` takes the first free one for itself, and
the addresses that tests name must not move when a device of the lab's own is added:

    1         left to QEMU (amd-iommu)
    2, 3, 4   virtio-serial, 9p of the host's root, 9p of the run directory
    5         a network card of the lab's own, where ports are forwarded
    6 ..      what the machine has on its root bus, in that order
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from sriovctl.lab.machines import (
    IGB,
    IOMMU,
    Bridge,
    BridgeModel,
    Device,
    HostBridge,
    Machine,
    MultiFunction,
    NVMe,
    Plain,
    PlainModel,
    RootPort,
    Switch,
    disks_of,
)
from sriovctl.model.record import NamedTuple

FORWARDING_SLOT = 5
FIRST_ROOT_BUS_SLOT = 6
_ROOT_BUS = "pcie.0"

# Names of the virtio-serial ports, in order: the guest finds the n-th as /dev/vport0pN.
PORTS = ("control", "stdout", "stderr")

_IOMMU_DEVICE = {
    IOMMU.NONE: (),
    IOMMU.INTEL: ("-device", "intel-iommu,intremap=on,device-iotlb=on"),
    # With interrupt remapping the kernel panics at boot under emulation: "timer doesn't
    # work through Interrupt-remapped IO-APIC" (QEMU 10.0, Linux 6.12).
    IOMMU.AMD: ("-device", "amd-iommu,intremap=off"),
}
_IOMMU_KERNEL_ARGS = {
    IOMMU.NONE: (),
    IOMMU.INTEL: ("intel_iommu=on", "iommu=pt"),
    IOMMU.AMD: ("amd_iommu=on", "iommu=pt", "intremap=off"),
}
_WITH_ROM = (PlainModel.E1000, PlainModel.E1000E, PlainModel.RTL8139)
# no_timer_check: the kernel counts ticks in a busy loop to see whether the timer works,
# and panics when a loaded host does not deliver them in time.
# The rest saves seconds of boot under emulation.
_KERNEL_ARGS = (
    "console=ttyS0",
    "quiet",
    "panic=-1",
    "oops=panic",
    "no_timer_check",
    "nokaslr",
    "mitigations=off",
    "apparmor=0",
    "audit=0",
    "cryptomgr.notests",
)


class Forward(NamedTuple):
    """A TCP port of this host's loopback, and the guest's that answers there."""

    here: int
    inside: int


@dataclass(frozen=True, slots=True)
class Boot:
    """What one start of a machine needs beyond the machine itself.

    :param port_paths: where each port of PORTS writes to.
    :param disk_dir: where the machine's disks are, each in the file NAME.raw.
    :param share: directory that the guest may write, seen there as /run/sriovctl-lab.
    :param interactive: give the guest a console on QEMU's own standard input and output.
    """

    kernel: Path
    initramfs: Path
    share: Path
    disk_dir: Path
    console_log: Path
    port_paths: tuple[Path, ...]
    kvm: bool = False
    interactive: bool = False
    extra_kernel_args: tuple[str, ...] = ()
    forwards: tuple[Forward, ...] = ()


class _Place(NamedTuple):
    # Where a function goes, as QEMU writes it.
    bus: str
    slot: int = 0
    function: int | None = None  # in a slot of several

    def __str__(self) -> str:
        address = f"bus={self.bus},addr={self.slot:#x}"
        if self.function is None:
            return address
        # Only function 0 gets the bit: the kernel needs it nowhere else, and must not.
        return f"{address}.{self.function}" + ("" if self.function else ",multifunction=on")


@dataclass(slots=True)
class _Numbers:
    # Chassis and slot numbers must be unique over all ports; MACs and serials over all cards.
    ports: Iterator[int] = field(default_factory=lambda: count(1))
    cards: Iterator[int] = field(default_factory=lambda: count(1))
    # Bus numbers of further host bridges: each takes what is left up to the next.
    root_buses: Iterator[int] = field(default_factory=lambda: count(0x40, 0x20))


def qemu_argv(machine: Machine, boot: Boot) -> list[str]:
    """Build the command line that starts one machine.  Pure."""
    return [
        *("qemu-system-x86_64", "-name", f"sriovctl-lab-{machine.name}"),
        *("-M", "q35,kernel-irqchip=split", "-nodefaults", "-no-user-config"),
        *("-accel", "kvm" if boot.kvm else "tcg", "-cpu", "host" if boot.kvm else "max"),
        *("-smp", str(machine.cpus), "-m", f"{machine.memory_mib}M"),
        *("-display", "none", "-no-reboot"),
        # Without this, and with an IOMMU and many PFs, the firmware builds broken ACPI tables.
        *("-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"),
        *_IOMMU_DEVICE[machine.iommu],
        *_boot_args(machine, boot),
        *_port_args(boot),
        *_share_args("hostroot", "/", slot=3, readonly=True),
        *_share_args("lab", str(boot.share), slot=4, readonly=False),
        *_forward_args(boot.forwards),
        *_hardware_args(machine, boot),
    ]


def _forward_args(forwards: Sequence[Forward]) -> list[str]:
    if not forwards:
        return []
    # Restricted: the guest answers, and reaches nobody.
    network = "user,id=forwards,restrict=on" + "".join(
        f",hostfwd=tcp:127.0.0.1:{here}-:{inside}" for here, inside in forwards
    )
    card = f"virtio-net-pci,addr={FORWARDING_SLOT},netdev=forwards,rombar=0"
    return ["-netdev", network, "-device", card]


def _boot_args(machine: Machine, boot: Boot) -> list[str]:
    words = (
        *_KERNEL_ARGS,
        *_IOMMU_KERNEL_ARGS[machine.iommu],
        *machine.kernel_args,
        *boot.extra_kernel_args,
    )
    return [
        *("-kernel", str(boot.kernel), "-initrd", str(boot.initramfs), "-append", " ".join(words)),
        *("-chardev", f"file,id=console,append=on,path={_escape(boot.console_log)}"),
        *("-serial", "chardev:console"),
    ]


def _port_args(boot: Boot) -> list[str]:
    args = ["-device", "virtio-serial-pci,addr=2,max_ports=8"]
    if boot.interactive:
        args += ["-chardev", "stdio,id=tty,signal=off", "-device", "virtconsole,nr=7,chardev=tty"]
    for number, (name, path) in enumerate(zip(PORTS, boot.port_paths, strict=True), start=1):
        args += ["-chardev", f"file,id={name},append=on,path={_escape(path)}"]
        args += ["-device", f"virtserialport,nr={number},chardev={name},name={name}"]
    return args


def _share_args(tag: str, path: str, *, slot: int, readonly: bool) -> list[str]:
    options = f"local,id={tag},path={_escape(path)},security_model=none,multidevs=remap"
    return [
        *("-fsdev", options + (",readonly=on" if readonly else "")),
        *("-device", f"virtio-9p-pci,addr={slot},fsdev={tag},mount_tag={tag}"),
    ]


def _hardware_args(machine: Machine, boot: Boot) -> list[str]:
    numbers = _Numbers()
    return [
        *_disk_args(machine, boot),
        *_slots_args(machine.root_bus, _ROOT_BUS, FIRST_ROOT_BUS_SLOT, numbers),
    ]


def _disk_args(machine: Machine, boot: Boot) -> list[str]:
    paths = ((disk, boot.disk_dir / f"{disk.name}.raw") for disk in disks_of(machine))
    return [
        arg
        for disk, path in paths
        for arg in ("-drive", f"if=none,id={disk.name},format=raw,file={_escape(path)}")
    ]


def _slots_args(
    devices: Sequence[Device | None], bus: str, first: int, numbers: _Numbers
) -> list[str]:
    return [
        arg
        for slot, device in enumerate(devices, start=first)
        for arg in _device_args(device, _Place(bus, slot), numbers)
    ]


def _device_args(device: Device | None, place: _Place, numbers: _Numbers) -> list[str]:
    args: list[str] = []
    match device:
        case IGB():
            args = _igb_args(place, next(numbers.cards))
        case NVMe():
            args = _nvme_args(device, place, next(numbers.cards))
        case Plain():
            args = _plain_args(device, place)
        case MultiFunction():
            args = _functions_args(device, place, numbers)
        case Switch():
            args = _switch_args(device, place, numbers)
        case Bridge():
            args = _bridge_args(device, place, numbers)
        case RootPort():
            args = _root_port_args(device, place, numbers)
        case HostBridge():
            args = _host_bridge_args(device, place, numbers)
    return args


def _functions_args(slot: MultiFunction, place: _Place, numbers: _Numbers) -> list[str]:
    return [
        arg
        for function, device in enumerate(slot.functions)
        for arg in _device_args(device, place._replace(function=function), numbers)
    ]


def _root_port_args(port: RootPort, place: _Place, numbers: _Numbers) -> list[str]:
    number = next(numbers.ports)
    device = f"pcie-root-port,id=rp{number},{place},chassis={number},slot={number}"
    device += "" if port.acs else ",disable-acs=on"
    device += f",mem-reserve={port.mem_reserve_mib}M" if port.mem_reserve_mib else ""
    return ["-device", device, *_device_args(port.below, _Place(f"rp{number}"), numbers)]


def _switch_args(switch: Switch, place: _Place, numbers: _Numbers) -> list[str]:
    upstream = f"up-{place.bus}" + (f".{place.function}" if place.function else "")
    args = ["-device", f"x3130-upstream,id={upstream},{place}"]
    for index, device in enumerate(switch.devices):
        number = next(numbers.ports)
        where = _Place(upstream, 0, index) if switch.one_slot else _Place(upstream, index)
        args += [
            "-device",
            f"xio3130-downstream,id=dn{number},{where},chassis={number},slot={number}",
            *_device_args(device, _Place(f"dn{number}"), numbers),
        ]
    return args


def _bridge_args(bridge: Bridge, place: _Place, numbers: _Numbers) -> list[str]:
    number = next(numbers.ports)
    device = f"{bridge.model},id=br{number},{place}"
    if bridge.model is BridgeModel.PCI_TO_PCI:
        device += f",chassis_nr={number}"
    # The first slot may be taken by the bridge's own hot-plug controller.
    return ["-device", device, *_slots_args(bridge.devices, f"br{number}", 1, numbers)]


def _host_bridge_args(bridge: HostBridge, place: _Place, numbers: _Numbers) -> list[str]:
    first_bus = next(numbers.root_buses)
    bus = f"pxb{first_bus}"
    return [
        *("-device", f"pxb-pcie,id={bus},{place},bus_nr={first_bus}"),
        *_slots_args(bridge.devices, bus, 0, numbers),
    ]


def _plain_args(plain: Plain, place: _Place) -> list[str]:
    # Reading boot ROMs takes seconds; rombar=0 would leave each under the same name, once only.
    rom = ",romfile=" if plain.model in _WITH_ROM else ""
    return ["-device", f"{plain.model},{place}{rom}"]


def _igb_args(place: _Place, card: int) -> list[str]:
    # All cards sit on one hub, so that frames get from one to the other.
    return [
        *("-netdev", f"hubport,id=net{card},hubid=0"),
        *("-device", f"igb,{place},netdev=net{card},mac=52:54:00:6d:91:{card:02x},rombar=0"),
    ]


def _nvme_args(nvme: NVMe, place: _Place, card: int) -> list[str]:
    vfs = nvme.total_vfs
    return [
        *("-device", f"nvme-subsys,id=subsys{card},nqn=subsys{card}"),
        "-device",
        f"nvme,id=nvme{card},{place},serial=lab{card},subsys=subsys{card},sriov_max_vfs={vfs}"
        f",sriov_vq_flexible={2 * vfs},sriov_vi_flexible={vfs}"
        f",max_ioqpairs={2 * vfs + 2},msix_qsize={vfs + 2}",
        *_namespace_args(nvme, card),
    ]


def _namespace_args(nvme: NVMe, card: int) -> list[str]:
    if nvme.disk is None:
        return []
    return ["-device", f"nvme-ns,bus=nvme{card},drive={nvme.disk.name}"]


def _escape(path: Path | str) -> str:
    # QEMU's option syntax: a comma inside a value is doubled.
    return str(path).replace(",", ",,")
