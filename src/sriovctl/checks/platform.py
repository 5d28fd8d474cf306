"""Does the machine have an IOMMU, and did its firmware switch it on?"""

from __future__ import annotations

from sriovctl.checks.facts import (
    ACPI_TABLES,
    CPUINFO,
    Platform,
    cpu_flags,
    dmar_of,
    iommu_tables,
    iommu_works,
    iort_of,
    is_virtual_machine,
    ivrs_of,
    kernel_version,
    option_evidence,
    platform_of,
    tables_source,
)
from sriovctl.checks.remedies import REBOOT, iommu_menu
from sriovctl.model.acpi import DMAR_REMAPPING_OPT_OUT
from sriovctl.model.finding import HOST, Evidence, Finding, Severity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sriovctl.model.snapshot import HostSnapshot

GAIN_IOMMU = "VFs can be given to guests, and the DMA of each stays inside its guest"


def check_cpu_virtualization(snapshot: HostSnapshot) -> Iterator[Finding]:
    """Tell when the processor cannot run guests at full speed."""
    flags = cpu_flags(snapshot)
    if flags is None or flags & {"vmx", "svm"}:
        return
    inside = is_virtual_machine(snapshot)
    yield Finding(
        id="cpu-virtualization-off",
        severity=Severity.WARNING,
        subject=HOST,
        evidence=(Evidence(CPUINFO, "flags without vmx and svm"),),
        meaning="KVM cannot run here: guests would be emulated, some ten times slower."
        + (" This host is itself a guest without nested virtualization." if inside else ""),
        fix=("on the machine below: modprobe kvm_intel nested=1 (or kvm_amd), CPU model 'host'",)
        if inside
        else ("firmware: switch on 'Intel Virtualization Technology' (VT-x) or 'SVM Mode'", REBOOT),
        gain="guests run on the processor itself",
    )


def check_firmware_tables(snapshot: HostSnapshot) -> Iterator[Finding]:
    """Tell when the firmware describes no IOMMU."""
    if iommu_works(snapshot) is not False or iommu_tables(snapshot) != ():
        return
    # Power needs no table, and an Arm machine may be described by a device tree.
    if platform_of(snapshot) in (Platform.ARM, Platform.POWER):
        return
    seen = (Evidence(tables_source(snapshot), "no DMAR, IVRS, IORT or VIOT"),)
    yield _missing_in_vm(seen) if is_virtual_machine(snapshot) else _off_in_firmware(snapshot, seen)


def _off_in_firmware(snapshot: HostSnapshot, seen: tuple[Evidence, ...]) -> Finding:
    asked = option_evidence(snapshot, "intel_iommu", "amd_iommu")
    return Finding(
        id="iommu-off-in-firmware",
        severity=Severity.ERROR,
        subject=HOST,
        evidence=seen + asked,
        meaning="The firmware does not tell the kernel of any IOMMU: it is switched off there, or "
        "this machine has none. VFs work on the host, but cannot be given to guests."
        + (" The option on the command line cannot change that." if asked else ""),
        fix=(iommu_menu(platform_of(snapshot)), REBOOT),
        gain=GAIN_IOMMU,
    )


def _missing_in_vm(seen: tuple[Evidence, ...]) -> Finding:
    return Finding(
        id="iommu-missing-in-vm",
        severity=Severity.ERROR,
        subject=HOST,
        evidence=seen,
        meaning="This host is itself a guest, and it was given no virtual IOMMU. VFs work inside "
        "it, but cannot be given on to nested guests.",
        fix=(
            "QEMU: -machine q35,kernel-irqchip=split -device intel-iommu,intremap=on",
            "libvirt: <iommu model='intel'><driver intremap='on'/></iommu> in <devices>, and "
            "<ioapic driver='qemu'/> in <features>",
        ),
        gain="VFs can be given to nested guests",
    )


def check_tables_are_usable(snapshot: HostSnapshot) -> Iterator[Finding]:
    """Tell when there is a table that the kernel cannot use."""
    if iommu_works(snapshot) is True:
        return
    faults = tuple(
        Evidence(f"{ACPI_TABLES}/{signature}", fault)
        for signature, found in _faults(snapshot)
        for fault in found
    )
    if faults:
        yield Finding(
            id="iommu-table-broken",
            severity=Severity.ERROR,
            subject=HOST,
            evidence=faults,
            meaning="The firmware's description of the IOMMU cannot be used, so the kernel leaves "
            "the IOMMU off.",
            fix=("firmware: update it", iommu_menu(platform_of(snapshot))),
            gain=GAIN_IOMMU,
        )


def _faults(snapshot: HostSnapshot) -> Iterator[tuple[str, tuple[str, ...]]]:
    if (dmar := dmar_of(snapshot)) is not None:
        yield "DMAR", _faults_in(dmar.problems, dmar.checksum_ok, len(dmar.units))
    if (ivrs := ivrs_of(snapshot)) is not None:
        yield "IVRS", _faults_in(ivrs.problems, ivrs.checksum_ok, len(ivrs.ivhds))
    if (iort := iort_of(snapshot)) is not None:
        yield "IORT", _faults_in(iort.problems, iort.checksum_ok, iort.smmus)


def _faults_in(problems: tuple[str, ...], checksum_ok: bool, units: int) -> tuple[str, ...]:
    wrong = () if checksum_ok else ("the checksum is wrong",)
    return problems + wrong + (() if units else ("it names no IOMMU",))


def check_firmware_opt_out(snapshot: HostSnapshot) -> Iterator[Finding]:
    """Tell when the firmware forbids DMA remapping, which kernel 7.3 and later obey.

    Source: kernel ``drivers/iommu/intel/dmar.c`` ("Firmware forces DMA remapping off").
    """
    dmar, version = dmar_of(snapshot), kernel_version(snapshot)
    if dmar is None or version is None or version < (7, 3):
        return
    flags = dmar.flags
    if flags & DMAR_REMAPPING_OPT_OUT and iommu_works(snapshot) is not True:
        yield Finding(
            id="iommu-refused-by-firmware",
            severity=Severity.ERROR,
            subject=HOST,
            evidence=(Evidence(f"{ACPI_TABLES}/DMAR", f"flags {flags:#x}, bit 3 set"),),
            meaning="The firmware asks for DMA remapping to stay off, and the kernel obeys "
            "whatever the command line says.",
            fix=(iommu_menu(Platform.INTEL), "firmware: update it", REBOOT),
            gain=GAIN_IOMMU,
        )
