"""What the firmware tells about IOMMUs in its ACPI tables, decoded."""

from __future__ import annotations

from sriovctl.model.record import NamedTuple

# DMAR flags.  Source: Intel VT-d specification, DMA Remapping Reporting Structure; the last one
# as kernel 7.3 knows it (drivers/iommu/intel/dmar.c).
DMAR_INTERRUPT_REMAPPING = 1
DMAR_X2APIC_OPT_OUT = 2
DMAR_PLATFORM_OPT_IN = 4
DMAR_REMAPPING_OPT_OUT = 8

# Device scope types.  Source: Intel VT-d specification, Device Scope Structure.
SCOPE_ENDPOINT = 1
SCOPE_BRIDGE = 2  # and all that is below it
SCOPE_IO_APIC = 3
SCOPE_HPET = 4
SCOPE_ACPI_DEVICE = 5

# Source: Arm IORT specification, node types.
IORT_ROOT_COMPLEX = 2
IORT_SMMU_V1_V2 = 3
IORT_SMMU_V3 = 4


class DeviceScope(NamedTuple):
    """One device that a structure of the DMAR table speaks of."""

    type: int  # a SCOPE_… number
    enumeration_id: int  # of an I/O APIC, HPET or ACPI device
    start_bus: int
    path: tuple[tuple[int, int], ...]  # device and function, bridge by bridge from the start bus


class RemappingUnit(NamedTuple):
    """One Intel IOMMU (DRHD)."""

    segment: int  # PCI domain
    register: int  # base address of its registers
    include_all: bool  # serves all of its segment that no other unit names
    scopes: tuple[DeviceScope, ...]


class ReservedRegion(NamedTuple):
    """Memory that firmware keeps using for DMA of some devices (RMRR); addresses inclusive."""

    segment: int
    start: int
    end: int
    scopes: tuple[DeviceScope, ...]


class DMARTable(NamedTuple):
    """The table of Intel's VT-d."""

    flags: int
    units: tuple[RemappingUnit, ...]
    reserved_regions: tuple[ReservedRegion, ...] = ()
    checksum_ok: bool = True  # the kernel ignores a table with a wrong one
    problems: tuple[str, ...] = ()  # what the bytes say that cannot be true


class IVHDEntry(NamedTuple):
    """Routing IDs (inclusive) that one AMD IOMMU serves."""

    first_routing_id: int
    last_routing_id: int
    alias: int | None = None  # routing ID under which their DMA arrives; None: their own
    data: int = 0


class IVHD(NamedTuple):
    """One description of one AMD IOMMU; an IOMMU may have several, of different types."""

    type: int  # 10, 11 or 40 (hex); the kernel uses the highest that it finds
    segment: int  # PCI domain
    routing_id: int  # of the IOMMU's own PCI function
    register: int
    entries: tuple[IVHDEntry, ...]

    def covers(self, routing_id: int) -> bool:
        """Say whether the function with this number is served."""
        return any(e.first_routing_id <= routing_id <= e.last_routing_id for e in self.entries)


class IVRSTable(NamedTuple):
    """The table of AMD-Vi."""

    info: int
    ivhds: tuple[IVHD, ...]
    checksum_ok: bool = True
    problems: tuple[str, ...] = ()

    @property
    def effective(self) -> tuple[IVHD, ...]:
        """The descriptions that the kernel uses.

        Source: kernel ``drivers/iommu/amd/init.c``, ``get_highest_supported_ivhd_type``: the
        type is chosen once, by the first IOMMU of the table.
        """
        if not self.ivhds:
            return ()
        first = self.ivhds[0].routing_id
        wanted = max(ivhd.type for ivhd in self.ivhds if ivhd.routing_id == first)
        return tuple(ivhd for ivhd in self.ivhds if ivhd.type == wanted)


class IORTTable(NamedTuple):
    """The table of Arm's SMMUs; only what there is, not how it is wired."""

    node_types: tuple[int, ...]  # IORT_… numbers, one per node
    checksum_ok: bool = True
    problems: tuple[str, ...] = ()

    @property
    def smmus(self) -> int:
        """How many SMMUs the table names."""
        return sum(kind in (IORT_SMMU_V1_V2, IORT_SMMU_V3) for kind in self.node_types)
