"""Is the driver there that hands devices to guests, and can it?"""

from __future__ import annotations

from sriovctl.checks.facts import PCI_DEVICES, iommu_works, is_live
from sriovctl.model.finding import HOST, Evidence, Finding, Severity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sriovctl.model.snapshot import FunctionSnapshot, HostSnapshot

# Drivers that let a group be used: they do no DMA of their own, or VFIO manages it.
# Source: kernel drivers/vfio/vfio.c ("viable") before 5.19, and driver_managed_dma since.
_HARMLESS = frozenset({None, "vfio-pci", "pci-stub", "pcieport"})
_VFIO_PREFIX = ("vfio", "mlx5_vfio", "nvgrace_gpu_vfio", "virtio_vfio", "xe-vfio", "hisi_acc_vfio")


def check_vfio_pci_loaded(snapshot: HostSnapshot) -> Iterator[Finding]:
    """Tell when vfio-pci is not loaded yet."""
    if not is_live(snapshot) or snapshot.modules is None or _has_vfio_pci(snapshot):
        return
    yield Finding(
        id="vfio-pci-not-loaded",
        severity=Severity.INFO,
        subject=HOST,
        evidence=(Evidence("/proc/modules", "no vfio_pci"),),
        meaning="vfio-pci hands devices to guests. libvirt loads it when it is needed; by hand "
        "and for QEMU without libvirt it must be there first. It may also be built in.",
        fix=("modprobe vfio-pci", "echo vfio-pci > /etc/modules-load.d/vfio-pci.conf"),
        gain="devices can be bound to vfio-pci",
    )


def _has_vfio_pci(snapshot: HostSnapshot) -> bool:
    if {"vfio_pci", "vfio_pci_core"} & set(snapshot.modules or ()):
        return True
    built_in = any(name.startswith("vfio_pci.") for name in snapshot.parameters or {})
    return built_in or any(one.driver == "vfio-pci" for one in snapshot.functions)


def check_groups_are_viable(snapshot: HostSnapshot) -> Iterator[Finding]:
    """Tell when a function waits at vfio-pci while the host still uses another of its group."""
    if not is_live(snapshot) or not iommu_works(snapshot):
        return
    groups: dict[int, list[FunctionSnapshot]] = {}
    for one in snapshot.functions:
        if one.iommu_group is not None:
            groups.setdefault(one.iommu_group, []).append(one)
    for members in groups.values():
        waiting = [one for one in members if _is_vfio(one)]
        in_use = [one for one in members if one.driver not in _HARMLESS and not _is_vfio(one)]
        for one in waiting if in_use else ():
            yield _not_viable(one, in_use)


def _is_vfio(function: FunctionSnapshot) -> bool:
    return function.driver is not None and function.driver.startswith(_VFIO_PREFIX)


def _not_viable(function: FunctionSnapshot, in_use: list[FunctionSnapshot]) -> Finding:
    return Finding(
        id="group-not-viable",
        severity=Severity.ERROR,
        subject=str(function.address),
        evidence=tuple(
            Evidence(f"{PCI_DEVICES}/{one.address}/driver", str(one.driver)) for one in in_use
        ),
        meaning=f"IOMMU group {function.iommu_group} also holds functions that the host itself "
        "uses, so no guest can open it: 'group is not viable', EPERM or EINVAL.",
        fix=(
            *(
                f"give it away as well: echo vfio-pci > {PCI_DEVICES}/{one.address}"
                f"/driver_override; echo {one.address} > {PCI_DEVICES}/{one.address}"
                f"/driver/unbind; echo {one.address} > /sys/bus/pci/drivers_probe"
                for one in in_use
            ),
            "or put the card into a slot with a group of its own (see acs-missing)",
        ),
        gain="a guest can open the group",
    )
