"""One PCI function, described: what ``show`` tells."""

from __future__ import annotations

from sriovctl.model.address import PCIAddress
from sriovctl.model.capabilities import ConfigSpace
from sriovctl.model.record import NamedTuple


class FunctionDescription(NamedTuple):
    """One PCI function, of any class: PF, VF, bridge or plain device."""

    address: PCIAddress
    vendor_id: str | None  # four lower-case hex digits; of a VF as the kernel tells it
    device_id: str | None
    name: str | None  # from pci.ids
    pci_class: str | None  # six lower-case hex digits
    driver: str | None
    netdev: str | None
    numa_node: int | None
    iommu_group: int | None
    config: ConfigSpace  # BAR sizes filled in where the kernel tells them
    pf_address: PCIAddress | None = None  # of a VF
    vf_index: int | None = None  # of a VF
    sriov_total_vfs: int | None = None  # what driver and kernel allow; None: not used as a PF
    bridge_above: PCIAddress | None = None  # None on a root bus
    bridge_forwards_ari: bool | None = None  # None: no bridge above, or not known
    notes: tuple[str, ...] = ()  # what the reader should know about how this was read
