"""An IOMMU group as VFIO looks at it: may it be given away?

Source: kernel ``drivers/iommu/iommu.c`` (``iommu_device_use_default_domain()``: a driver of the
host claims DMA for itself), ``drivers/pci/pcie/portdrv.c`` and ``drivers/pci/pci-stub.c``
(``driver_managed_dma``: these do not).
"""

from __future__ import annotations

from sriovctl.engine.inventory import PCI_DEVICES
from sriovctl.model.binding import GroupMember, GroupView

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from sriovctl.host.api import FileTree

_CLASS_BRIDGE = "0x0604"


def read_group(files: FileTree, device: str) -> GroupView | None:
    """Read the IOMMU group of a function; None if it is in none."""
    directory = f"{PCI_DEVICES}/{device}/iommu_group"
    number = files.read_link(directory)
    if number is None:
        return None
    members = files.list_dir(f"{directory}/devices")
    return GroupView(number, tuple(_read_member(files, member) for member in members))


def read_groups(files: FileTree, devices: Iterable[str]) -> tuple[GroupView, ...]:
    """Read the groups of some functions, each once, in the order of the functions."""
    found = (read_group(files, device) for device in devices)
    return tuple(dict.fromkeys(group for group in found if group is not None))


def _read_member(files: FileTree, member: str) -> GroupMember:
    # Bridges, and functions without a driver or with one that leaves DMA alone, do no harm.
    path = f"{PCI_DEVICES}/{member}"
    driver = files.read_link(f"{path}/driver")
    harmless = driver is None or "vfio" in driver or driver == "pci-stub"
    is_bridge = (files.read_text(f"{path}/class") or "").startswith(_CLASS_BRIDGE)
    return GroupMember(member, driver, hinders=not (harmless or is_bridge))
