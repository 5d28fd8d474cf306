"""The PCI tree laid out for a picture: what is below what, isolation, and each PF's VFs."""

from __future__ import annotations

from enum import StrEnum

from sriovctl.model.address import PCIAddress
from sriovctl.model.record import NamedTuple


class NodeKind(StrEnum):
    """What a node of the picture is; the value is what a person calls it."""

    HOST_BRIDGE = "host bridge"
    BUS = "bus"  # of a list that does not tell which bridge leads to it
    ROOT_PORT = "root port"
    UPSTREAM_PORT = "switch, upstream port"
    DOWNSTREAM_PORT = "switch, downstream port"
    BRIDGE = "bridge"
    PF = "PF"
    DEVICE = "device"


class ACSState(StrEnum):
    """Whether a port keeps apart what is below it; the value is its label."""

    ON = "ACS"
    ASSUMED = "ACS on?"  # it has ACS; the bits are not shown, and taken as the kernel sets them
    QUIRK = "ACS quirk"  # the kernel's table of quirks says that it keeps apart all the same
    OVERRIDE = "forced"  # pcie_acs_override= claims it; the hardware does not guarantee it
    OFF = "ACS off"  # it has the capability; the kernel or the user left controls off
    ABSENT = "no ACS"
    NOT_NEEDED = ""  # nothing to keep apart: an upstream port alone in its slot
    UNKNOWN = "ACS ?"


class CellState(StrEnum):
    """What there is of one VF."""

    ON = "on"
    OFF = "off"  # could be switched on
    BEYOND = "beyond the limit"  # the card offers it, but it would not work here


class VFCell(NamedTuple):
    """One VF, or the place of one."""

    vf_index: int
    address: PCIAddress | None  # of one that is off: a forecast
    state: CellState
    group: int | None = None
    driver: str | None = None
    netdev: str | None = None


class PictureNode(NamedTuple):
    """One function, or a host bridge with all that hangs on it."""

    kind: NodeKind
    address: PCIAddress | None  # None: of a host bridge, which is not a function
    label: str  # of a host bridge DDDD:BB, otherwise the address
    name: str | None = None  # from pci.ids, or the class in a word
    class_name: str | None = None
    driver: str | None = None
    netdev: str | None = None
    numa_node: int | None = None
    group: int | None = None
    acs: ACSState = ACSState.NOT_NEEDED
    buses: tuple[int, int] | None = None  # secondary and subordinate bus of a bridge
    total_vfs: int | None = None
    num_vfs: int | None = None
    max_usable_vfs: int | None = None
    at_most_vfs: int | None = None  # by the limits that are known
    limit: str | None = None  # the kind of limit that binds
    vfs: tuple[VFCell, ...] = ()
    children: tuple[PictureNode, ...] = ()

    @property
    def is_pf(self) -> bool:
        """Whether it can have VFs; how many need not be known."""
        return self.kind == NodeKind.PF or self.total_vfs is not None


class GroupSource(StrEnum):
    """Who says which group a function is in."""

    KERNEL = "kernel"
    PREDICTED = "predicted"
    NONE = "none"  # no IOMMU, or nobody knows


class Picture(NamedTuple):
    """All of one host."""

    description: str
    roots: tuple[PictureNode, ...]  # by NUMA node, then address
    group_source: GroupSource
    group_sizes: dict[int, int]  # group -> members
    has_domains: bool  # whether addresses need their domain

    @property
    def shared_groups(self) -> tuple[int, ...]:
        """Groups with more than one member, ascending."""
        return tuple(sorted(group for group, size in self.group_sizes.items() if size > 1))

    def short(self, address: PCIAddress) -> str:
        """Write an address without its domain where there is but one."""
        text = str(address)
        return text if self.has_domains else text.partition(":")[2]
