"""What a snapshot tells of the kernel and the firmware, as far as groups depend on it."""

from __future__ import annotations

import re

from sriovctl.model.address import PCIAddress, is_pci_address, parse_pci_address
from sriovctl.model.record import NamedTuple
from sriovctl.topology.acs_parameters import ACSParameters, parse_acs_parameters
from sriovctl.topology.tree import class_and_subclass, vendor_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sriovctl.model.snapshot import FunctionSnapshot, HostSnapshot

_AMD_VENDORS = (0x1022, 0x1D94)  # AMD and Hygon
_X86_VENDORS = (0x8086, *_AMD_VENDORS, 0x1106, 0x1D17)  # Intel, AMD, VIA and Zhaoxin
_HOST_BRIDGE_CLASS = 0x0600
_ARM = ("aarch64", "arm64")
IOMMU_CLASS = 0x0806
_OVERRIDE_ACTIVE = "PCIe ACS overrides enabled"
_WORKAROUND = "root port ACS workaround enabled"
_NO_WORKAROUND = "Failed to enable Intel PCH ACS quirk"
_ADDRESS_IN_LINE = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7](?=: )")


class Surroundings(NamedTuple):
    """Kernel and firmware; ``None`` where the snapshot does not tell."""

    release: tuple[int, int] | None  # of the kernel
    machine: str | None
    parameters: ACSParameters
    override_active: bool  # pcie_acs_override has an effect, or nothing says that it has not
    iommu_is_on: bool | None  # an IOMMU driver is at work now
    has_ivrs: bool | None
    enabled_pch_ports: frozenset[PCIAddress]  # the log says that the Intel work-around worked
    failed_pch_ports: frozenset[PCIAddress]

    def is_older_than(self, release: tuple[int, int]) -> bool:
        """Say whether the kernel is known to be older; an unknown one counts as the newest."""
        return self.release is not None and self.release < release


def read_surroundings(snapshot: HostSnapshot) -> Surroundings:
    """Pick what groups depend on out of a snapshot.  Pure."""
    log = snapshot.kernel_log or ()
    parameters = parse_acs_parameters(snapshot.cmdline)
    return Surroundings(
        release=parse_release(snapshot.kernel_release),
        machine=snapshot.machine,
        parameters=parameters,
        override_active=parameters.override is not None and _override_may_be_active(log),
        iommu_is_on=_iommu_is_on(snapshot),
        has_ivrs=_has_ivrs(snapshot),
        enabled_pch_ports=_ports_with(log, _WORKAROUND),
        failed_pch_ports=_ports_with(log, _NO_WORKAROUND),
    )


def may_be_arm(snapshot: HostSnapshot) -> bool:
    """Say whether it is an Arm machine, as far as a dump's host bridges tell.  Pure."""
    if snapshot.machine is not None:
        return snapshot.machine in _ARM
    return not any(
        class_and_subclass(f) == _HOST_BRIDGE_CLASS and vendor_of(f) in _X86_VENDORS
        for f in snapshot.functions
    )


def parse_release(release: str | None) -> tuple[int, int] | None:
    """Read major and minor number of a kernel release such as ``6.12.117+deb13-amd64``.  Pure."""
    match = re.match(r"(\d{1,4})\.(\d{1,4})", release or "")
    return (int(match[1]), int(match[2])) if match else None


def is_amd_iommu(function: FunctionSnapshot) -> bool:
    """Say whether a function is an AMD (or Hygon) IOMMU itself.  Pure."""
    return class_and_subclass(function) == IOMMU_CLASS and vendor_of(function) in _AMD_VENDORS


def _override_may_be_active(log: Sequence[str]) -> bool:
    # A stock kernel ignores the parameter.  A patched one says so early in its log; a log that
    # does not reach back to the start proves nothing.
    if any(_OVERRIDE_ACTIVE in line for line in log):
        return True
    return not any(line.startswith("Linux version ") for line in log)


def _iommu_is_on(snapshot: HostSnapshot) -> bool | None:
    if any(f.iommu_group is not None for f in snapshot.functions):
        return True
    # Groups without an IOMMU class device exist (Power), an IOMMU at work without groups does not.
    return False if snapshot.groups_known or snapshot.iommus == () else None


def _has_ivrs(snapshot: HostSnapshot) -> bool | None:
    if snapshot.acpi_tables is not None:
        return "IVRS" in snapshot.acpi_tables
    return True if any(is_amd_iommu(f) for f in snapshot.functions) else None


def _ports_with(log: Sequence[str], message: str) -> frozenset[PCIAddress]:
    matches = (_ADDRESS_IN_LINE.search(line) for line in log if message in line)
    return frozenset(
        parse_pci_address(match[0]) for match in matches if match and is_pci_address(match[0])
    )
