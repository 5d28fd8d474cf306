"""A function's configuration space, decoded: header and capabilities.

Numbers are as in the registers unless the name carries a unit.  An absent capability is ``None``;
so is one that could not be read, hence ask :attr:`ConfigSpace.knows_capabilities` and
:attr:`ConfigSpace.knows_extended` before saying "it has none".
"""

from __future__ import annotations

from sriovctl.errors import InputError
from sriovctl.model.record import NamedTuple

# Access Control Services: names by bit, in the capability and in the control register alike.
# Source: PCIe Base Specification, ACS Extended Capability; include/uapi/linux/pci_regs.h.
ACS_NAMES = ("SV", "TB", "RR", "CR", "UF", "EC", "DT")

# Source: PCIe Base Specification, PCI Express Capabilities Register, Device/Port Type.
EXPRESS_TYPES = {
    0: "Endpoint",
    1: "Legacy Endpoint",
    4: "Root Port",
    5: "Upstream Port of a switch",
    6: "Downstream Port of a switch",
    7: "PCIe-to-PCI bridge",
    8: "PCI-to-PCIe bridge",
    9: "Root Complex Integrated Endpoint",
    10: "Root Complex Event Collector",
}


class BAR(NamedTuple):
    """A base address register, of a function or (in an SR-IOV capability) of its VFs.

    A register that reads all zero is not listed: it is either not implemented, or 32 bits wide
    and without an address, and config space does not say which.
    """

    bar_index: int  # 0 .. 5; the lower half of a 64-bit pair
    address: int | None  # None: no address assigned
    width: int = 32  # bits, 32 or 64
    prefetchable: bool = False
    is_io: bool = False
    size: int | None = None  # bytes; for a VF BAR of one VF.  Config space does not tell


class Bridge(NamedTuple):
    """Bus numbers of a bridge (header type 1)."""

    primary_bus: int
    secondary_bus: int
    subordinate_bus: int


class Header(NamedTuple):
    """The first 64 bytes."""

    vendor_id: int  # ffff for a VF: its ids come from the PF
    device_id: int
    class_code: int  # 24 bits: class, subclass, programming interface
    revision: int
    header_type: int  # without the multifunction bit: 0 endpoint, 1 bridge, 2 CardBus
    multifunction: bool  # the header bit; the kernel also counts functions other than 0
    command: int
    status: int
    bars: tuple[BAR, ...]
    bridge: Bridge | None

    @property
    def has_capability_list(self) -> bool:
        """Whether the function claims to have capabilities (Status bit 4)."""
        return bool(self.status & 0x10)


class CapabilityEntry(NamedTuple):
    """One capability as found in the chain of the normal or of the extended ones."""

    id: int
    offset: int  # bytes from the start of config space
    extended: bool
    version: int | None  # of an extended capability
    name: str


class SRIOVCapability(NamedTuple):
    """Single Root I/O Virtualization: what makes a function a PF.

    ``first_vf_offset`` and ``vf_stride`` are only a forecast while ``num_vfs`` is 0: hardware may
    change both when NumVFs or the ARI Capable Hierarchy bit is written.

    Source: PCIe Base Specification, SR-IOV Extended Capability (id 0010).
    """

    total_vfs: int  # TotalVFs register; the driver may allow fewer (sriov_totalvfs)
    initial_vfs: int
    num_vfs: int
    first_vf_offset: int  # in routing IDs
    vf_stride: int  # in routing IDs
    vf_device_id: int
    supported_page_size_mask: int = 0x553  # bit n: 2**(n+12) bytes
    system_page_size_mask: int = 1  # one bit set
    vf_enable: bool = False
    vf_mse: bool = False  # VF Memory Space Enable
    ari_capable_hierarchy: bool = False
    vf_bars: tuple[BAR, ...] = ()
    dependency_link: int = 0  # function number that must be enabled together with this one
    status: int = 0
    vf_migration_capable: bool = False
    vf_migration_enable: bool = False
    migration_interrupt_enable: bool = False
    migration_interrupt_message: int = 0
    migration_array_bar: int = 0
    migration_array_offset: int = 0  # bytes
    offset: int = 0  # of the capability; 0: not placed yet

    @property
    def supported_page_sizes(self) -> tuple[int, ...]:
        """Page sizes in bytes that VF BARs can be aligned to, ascending."""
        return tuple(1 << (n + 12) for n in range(32) if self.supported_page_size_mask >> n & 1)

    @property
    def system_page_size(self) -> int | None:
        """Page size in bytes that VF BARs are aligned to; None if the register makes no sense."""
        mask = self.system_page_size_mask
        return mask << 12 if mask.bit_count() == 1 else None


class ACSCapability(NamedTuple):
    """Access Control Services: what a function can keep apart, and what it does keep apart."""

    offset: int
    capabilities: int  # bits named by ACS_NAMES
    control: int
    # Intel's Sunrise Point root ports keep the control bits in the 32-bit word at +8 instead
    # (erratum; kernel pci_quirk_intel_spt_pch_acs_match); None if the word is not there.
    word_at_8: int | None = None


class ARICapability(NamedTuple):
    """Alternative Routing-ID Interpretation."""

    offset: int
    next_function: int  # 0 ends the chain
    mfvc_function_groups: bool
    acs_function_groups: bool
    mfvc_function_groups_enable: bool
    acs_function_groups_enable: bool
    function_group: int


class ExpressCapability(NamedTuple):
    """PCI Express: what the function is in the tree, and its link."""

    offset: int
    version: int
    port_type: int
    slot_implemented: bool
    flr: bool  # Function Level Reset
    max_payload_supported_bytes: int | None
    max_payload_bytes: int | None
    ari_forwarding_supported: bool | None  # matters for bridges only
    ari_forwarding_enable: bool | None
    # None for functions inside the root complex, which have no link.
    max_link_speed_gts: float | None  # GT/s
    max_link_width: int | None  # lanes
    link_speed_gts: float | None
    link_width: int | None

    @property
    def type_name(self) -> str:
        """The specification's name of the type, or its number when it has none."""
        return EXPRESS_TYPES.get(self.port_type, f"type {self.port_type}")


class MSIXCapability(NamedTuple):
    """Message-signalled interrupts by table."""

    offset: int
    vectors: int  # 1 .. 2048
    enabled: bool
    masked: bool
    table_bar: int
    table_offset: int
    pba_bar: int
    pba_offset: int


class MSICapability(NamedTuple):
    """Message-signalled interrupts."""

    offset: int
    enabled: bool
    vectors: int  # that the function can use
    vectors_enabled: int  # that it may use now
    is_64bit: bool
    maskable: bool


class ATSCapability(NamedTuple):
    """Address Translation Services: the function keeps IOMMU translations of its own."""

    offset: int
    queue_depth: int  # 1 .. 32 invalidate requests
    page_aligned: bool
    enabled: bool
    smallest_translation_unit: int  # 2**(n+12) bytes


class PRICapability(NamedTuple):
    """Page Request Interface: the function may ask for pages that are not in memory."""

    offset: int
    enabled: bool
    reset: bool
    stopped: bool
    response_failure: bool
    unexpected_response: bool
    capacity: int  # page requests
    allocation: int


class PASIDCapability(NamedTuple):
    """Process Address Space ID: one function works in several address spaces."""

    offset: int
    width: int  # bits of a PASID
    execute_supported: bool
    privileged_supported: bool
    enabled: bool
    execute_enable: bool
    privileged_enable: bool


class ResizableBAR(NamedTuple):
    """One VF BAR whose size can be chosen."""

    bar_index: int
    size: int | None  # bytes now; None if the register makes no sense
    supported_sizes: tuple[int, ...]  # bytes, ascending


_SRIOV_ID = 0x10  # among extended capabilities


class ConfigSpace(NamedTuple):
    """All that was decoded of one function."""

    header: Header | None  # None: fewer than 64 bytes, or the device is gone
    capabilities: tuple[CapabilityEntry, ...] = ()  # normal ones first, each in chain order
    express: ExpressCapability | None = None
    msi: MSICapability | None = None
    msix: MSIXCapability | None = None
    acs: ACSCapability | None = None
    ari: ARICapability | None = None
    ats: ATSCapability | None = None
    pri: PRICapability | None = None
    pasid: PASIDCapability | None = None
    sriov: SRIOVCapability | None = None
    vf_resizable_bars: tuple[ResizableBAR, ...] | None = None  # None: no such capability
    # Of the device, so the same in each of its functions; written as lspci writes it.
    serial_number: str | None = None
    # Bytes after which config space could not be seen: 64 without root, 256 without extended
    # space.  None also when a function that is not PCIe ends at 256, because it has no more.
    truncated_at: int | None = None
    problems: tuple[str, ...] = ()  # what the bytes say that cannot be true

    @property
    def is_gone(self) -> bool:
        """Whether every byte of the header read ff: nobody answers at that address."""
        return self.header is None and self.truncated_at is None

    @property
    def knows_capabilities(self) -> bool:
        """Whether an absent normal capability is really absent."""
        if self.header is None:
            return False
        cut = self.truncated_at is not None and self.truncated_at < 256
        return not cut or not self.header.has_capability_list

    @property
    def knows_extended(self) -> bool:
        """Whether an absent extended capability (SR-IOV, ACS, ARI, ATS, …) is really absent."""
        if self.truncated_at is None:
            return self.header is not None
        # A function that claims no capabilities is not PCIe, so it has no extended space.
        return self.header is not None and not self.header.has_capability_list

    @property
    def names_sriov_only(self) -> bool:
        """Whether SR-IOV is listed without its numbers, as ``lspci -v`` does."""
        return self.sriov is None and any(
            entry.extended and entry.id == _SRIOV_ID for entry in self.capabilities
        )


def serial_number(text: str) -> str | None:
    """Return a Device Serial Number, or None for one that says nothing: all zeros or ones.  Pure.

    :param text: eight octets in lower-case hex with hyphens, the highest first.
    """
    return None if set(text) <= {"0", "-"} or set(text) <= {"f", "-"} else text


def acs_names(mask: int) -> tuple[str, ...]:
    """Name the bits of an ACS register, lowest first.  Pure."""
    return tuple(name for bit, name in enumerate(ACS_NAMES) if mask >> bit & 1)


def acs_mask(names: tuple[str, ...] | list[str]) -> int:
    """Turn names such as ``("SV", "RR")`` into an ACS register.  Pure.

    :raises InputError: a name is none of :data:`ACS_NAMES`.
    """
    unknown = [name for name in names if name not in ACS_NAMES]
    if unknown:
        raise InputError(
            "is not an ACS control", subject=unknown[0], hint=f"there are {' '.join(ACS_NAMES)}"
        )
    return sum(1 << ACS_NAMES.index(name) for name in set(names))
