"""Everything that reasoning about a host needs, read once: its functions and its surroundings.

A snapshot comes from a live host, a recording, a simulated host, or a dump that somebody pasted;
the less the source could see, the more is ``None``.  ``None`` always means "not known" here;
"known to be absent" is an empty tuple, ``False``, or a value of its own.
"""

from __future__ import annotations

from enum import StrEnum

from sriovctl.model.address import PCIAddress
from sriovctl.model.capabilities import ConfigSpace
from sriovctl.model.record import NamedTuple


class SourceKind(StrEnum):
    """Where a snapshot came from, from the most to the least that can be known."""

    HOST = "host"  # sysfs: live, recorded or simulated
    HEX_DUMP = "hex dump"  # lspci -xxx or -xxxx
    LISTING = "listing"  # lspci -vvv or less, as text


class ResourceLine(NamedTuple):
    """One line of the sysfs file ``resource``: addresses inclusive, all zero when unassigned."""

    start: int
    end: int
    flags: int

    @property
    def size(self) -> int:
        """Length in bytes; 0 when unassigned."""
        return self.end - self.start + 1 if self.flags or self.end else 0


class FunctionSnapshot(NamedTuple):
    """One PCI function."""

    address: PCIAddress
    config: ConfigSpace | None  # None: nothing of it could be read
    vendor_id: int | None = None  # of a VF as the kernel tells it: PF's vendor, VF device id
    device_id: int | None = None
    class_code: int | None = None  # 24 bits
    driver: str | None = None
    netdev: str | None = None
    numa_node: int | None = None
    iommu_group: int | None = None  # the kernel's; None: none, or not known
    pf_address: PCIAddress | None = None  # of a VF
    vf_index: int | None = None  # of a VF
    sriov_total_vfs: int | None = None  # sriov_totalvfs
    sriov_num_vfs: int | None = None
    resources: tuple[ResourceLine, ...] | None = None  # lines of sysfs resource; 7..12 VF BARs
    # Functions above it, from the root bus downwards, as the sysfs path tells (VMD endpoints
    # appear here too); None when the source knows no paths: bus numbers must do.
    path: tuple[PCIAddress, ...] | None = None
    is_vf: bool | None = None  # None: not known
    virtfn_addresses: tuple[PCIAddress, ...] = ()  # of a PF: by vf_index


class RootBus(NamedTuple):
    """A bus that hangs on a host bridge rather than on a PCI bridge."""

    pci_domain: int
    bus: int
    last_bus: int | None = None  # end of the host bridge's range
    windows: tuple[ResourceLine, ...] | None = None  # memory that the host bridge forwards


class HostSnapshot(NamedTuple):
    """One host."""

    source: SourceKind
    description: str  # for headings: "this host", "recording DIR", a file's name
    functions: tuple[FunctionSnapshot, ...]  # in address order
    root_buses: tuple[RootBus, ...] = ()  # where known; otherwise derived from the functions
    cmdline: str | None = None  # the kernel's
    kernel_release: str | None = None  # as uname -r
    machine: str | None = None  # as uname -m, where it can be told
    cpuinfo: str | None = None
    iomem: str | None = None
    acpi_tables: dict[str, bytes] | None = None  # signature -> table; None: not known
    groups_known: bool = False  # whether iommu_group None means "has no group"
    iommus: tuple[str, ...] | None = None  # names below /sys/class/iommu
    modules: tuple[str, ...] | None = None  # loaded
    parameters: dict[str, str] | None = None  # e.g. vfio_iommu_type1.allow_unsafe_interrupts
    interrupts_remapped: bool | None = None  # as the names of the interrupt chips tell (x86)
    lockdown: str | None = None  # none, integrity, confidentiality
    kernel_log: tuple[str, ...] | None = None  # dmesg, one line each, without line ends
    privileged: bool | None = None  # whether it was read as root
    notes: tuple[str, ...] = ()  # what could not be read, in words for the user
