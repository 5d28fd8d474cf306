"""Run all rules on one snapshot."""

from __future__ import annotations

from sriovctl.checks.interrupts import (
    check_interrupt_remapping,
    check_no_iommu_mode,
    check_unsafe_interrupts,
)
from sriovctl.checks.isolation import check_acs_options, check_isolation
from sriovctl.checks.kernel import (
    check_default_domain,
    check_iommu_is_known,
    check_iommu_not_started,
    check_iommu_off_by_option,
    check_kernel_version,
    check_options_without_effect,
)
from sriovctl.checks.lockdown import check_lockdown
from sriovctl.checks.log import check_kernel_log
from sriovctl.checks.platform import (
    check_cpu_virtualization,
    check_firmware_opt_out,
    check_firmware_tables,
    check_tables_are_usable,
)
from sriovctl.checks.sriov import (
    check_ari,
    check_capabilities_are_readable,
    check_capacity,
    check_empty_capability,
    check_hidden_capability,
    check_numbers_are_listed,
    check_pf_has_group,
    check_there_is_a_pf,
)
from sriovctl.checks.vfio import check_groups_are_viable, check_vfio_pci_loaded
from sriovctl.model.finding import HOST, Severity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sriovctl.model.address import PCIAddress
    from sriovctl.model.finding import Finding
    from sriovctl.model.snapshot import HostSnapshot

# In the order of the way from the machine to the guest; the log comes last, so that its lines
# become further evidence of what a rule has already found.
RULES: tuple[Callable[[HostSnapshot], Iterator[Finding]], ...] = (
    check_cpu_virtualization,
    check_firmware_tables,
    check_tables_are_usable,
    check_firmware_opt_out,
    check_iommu_off_by_option,
    check_iommu_not_started,
    check_iommu_is_known,
    check_options_without_effect,
    check_default_domain,
    check_kernel_version,
    check_interrupt_remapping,
    check_unsafe_interrupts,
    check_no_iommu_mode,
    check_lockdown,
    check_vfio_pci_loaded,
    check_capabilities_are_readable,
    check_there_is_a_pf,
    check_numbers_are_listed,
    check_hidden_capability,
    check_empty_capability,
    check_capacity,
    check_pf_has_group,
    check_ari,
    check_isolation,
    check_acs_options,
    check_groups_are_viable,
    check_kernel_log,
)
# Without these facts nobody can say that it works.
_BLIND = frozenset(
    (
        "iommu-unknown",
        "interrupt-remapping-unknown",  # without it VFIO gives no VF away
        "config-space-hidden",
        "sriov-numbers-not-listed",
    )
)
_ORDER = {severity: position for position, severity in enumerate(Severity)}


def run_checks(snapshot: HostSnapshot) -> tuple[Finding, ...]:
    """Return all that was found, the most severe first.  Pure."""
    found: dict[tuple[str, str], Finding] = {}
    for rule in RULES:
        for finding in rule(snapshot):
            key = (finding.id, finding.subject)
            known = found.get(key)
            found[key] = finding if known is None else _joined(known, finding)
    return tuple(sorted(found.values(), key=lambda finding: _ORDER[finding.severity]))


def _joined(first: Finding, second: Finding) -> Finding:
    new = tuple(one for one in second.evidence if one not in first.evidence)
    return first._replace(evidence=first.evidence + new)


def is_ready(findings: Iterable[Finding]) -> bool:
    """Say whether nothing was found that keeps SR-IOV from working.  Pure.

    What decides it must also have been seen: not knowing is not readiness.
    """
    return not any(one.severity is Severity.ERROR or one.id in _BLIND for one in findings)


def about(
    findings: Iterable[Finding], snapshot: HostSnapshot, address: PCIAddress
) -> tuple[Finding, ...]:
    """Pick what concerns one function: itself, its VFs, the bridges above it, and the host."""
    subjects = {HOST, *map(str, _concerned(snapshot, address))}
    return tuple(finding for finding in findings if finding.subject in subjects)


def _concerned(snapshot: HostSnapshot, address: PCIAddress) -> Sequence[PCIAddress]:
    by_address = {one.address: one for one in snapshot.functions}
    function = by_address[address]
    vfs = [one.address for one in snapshot.functions if one.pf_address == address]
    parent = [function.pf_address] if function.pf_address else []
    return [address, *vfs, *parent, *(function.path or ())]
