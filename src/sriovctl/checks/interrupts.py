"""Can a guest's device be kept from raising other people's interrupts?

Without interrupt remapping a device may write any interrupt message it likes, so VFIO refuses to
give it away unless told otherwise.

Source: kernel ``drivers/vfio/vfio_iommu_type1.c``, ``allow_unsafe_interrupts``.
"""

from __future__ import annotations

from sriovctl.checks.facts import (
    ACPI_TABLES,
    KERNEL_LOG,
    Platform,
    dmar_of,
    iommu_tables,
    iommu_works,
    is_on,
    log_from_boot,
    log_lines,
    no_iommu_mode,
    option_evidence,
    options,
    parameter,
    parameter_path,
    platform_of,
    tables_source,
)
from sriovctl.checks.remedies import REBOOT, iommu_menu, remove_option
from sriovctl.model.acpi import DMAR_INTERRUPT_REMAPPING
from sriovctl.model.finding import HOST, Evidence, Finding, Severity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sriovctl.model.snapshot import HostSnapshot

UNSAFE = "vfio_iommu_type1.allow_unsafe_interrupts"
NO_IOMMU = "vfio.enable_unsafe_noiommu_mode"

_LOG_SAYS_ON = r"DMAR-IR: Enabled IRQ remapping|AMD-Vi: Interrupt remapping enabled"
_LOG_SAYS_OFF = (
    r"[Ii]nterrupt remapping (?:is being )?disabled|Not enabling interrupt remapping"
    r"|Failed to enable (?:irq|interrupt) remapping|No interrupt remapping support"
    r"|Disabling interrupt remapping"
)
_X86 = ("x86_64", "i686", "i586")
_OTHER_PLATFORMS = dict.fromkeys(Platform, "") | {
    Platform.UNKNOWN: " Nor does this source say what processor the machine has; only x86 needs it."
}
_GAIN = "VFs can be given to guests without trusting these guests"


def check_interrupt_remapping(snapshot: HostSnapshot) -> Iterator[Finding]:
    """Tell when interrupts are not remapped, or when that cannot be told."""
    # Without an IOMMU all this is moot.
    if not _may_be_x86(snapshot) or iommu_works(snapshot) is not True:
        return
    why_off = _why_off(snapshot)
    if why_off:
        yield _off(snapshot, why_off)
    elif not _says_on(snapshot):
        yield Finding(
            id="interrupt-remapping-unknown",
            severity=Severity.UNKNOWN,
            subject=HOST,
            evidence=(Evidence(KERNEL_LOG, "does not reach back to the boot, or is not known"),),
            meaning="Whether interrupts are remapped is written to the kernel log at boot, and "
            "that part is not there." + _OTHER_PLATFORMS[platform_of(snapshot)],
            fix=(
                "journalctl -k -b | grep -iE 'remapping'",
                "a dump: give the log from the boot on beside it, with --dmesg FILE",
            ),
        )


# Arm and Power isolate interrupts by other means.  Where nothing tells the platform, a log from
# the boot on would have: then it is none that has VT-d or AMD-Vi.
def _may_be_x86(snapshot: HostSnapshot) -> bool:
    platform = platform_of(snapshot)
    if platform is not Platform.UNKNOWN:
        return platform in (Platform.INTEL, Platform.AMD)
    return snapshot.machine in (None, *_X86) and not log_from_boot(snapshot)


def _says_on(snapshot: HostSnapshot) -> bool:
    return snapshot.interrupts_remapped is True or any(
        True for _ in log_lines(snapshot, _LOG_SAYS_ON)
    )


def _why_off(snapshot: HostSnapshot) -> tuple[Evidence, ...]:
    return (
        _off_by_option(snapshot)
        or _off_by_table(snapshot)
        or tuple(log_lines(snapshot, _LOG_SAYS_OFF))[:1]
        or _off_by_chips(snapshot)
        or _off_by_silence(snapshot)
    )


def _off_by_option(snapshot: HostSnapshot) -> tuple[Evidence, ...]:
    if "off" in options(snapshot, "intremap"):
        return option_evidence(snapshot, "intremap")
    return option_evidence(snapshot, "nointremap")


def _off_by_table(snapshot: HostSnapshot) -> tuple[Evidence, ...]:
    dmar = dmar_of(snapshot)
    if dmar is not None and not dmar.flags & DMAR_INTERRUPT_REMAPPING:
        return (Evidence(f"{ACPI_TABLES}/DMAR", "flags without bit 0 (INTR_REMAP)"),)
    tables = iommu_tables(snapshot)
    if tables == ("VIOT",):
        return (
            Evidence(tables_source(snapshot, "VIOT"), "virtio-iommu, which remaps no interrupts"),
        )
    return ()


def _off_by_chips(snapshot: HostSnapshot) -> tuple[Evidence, ...]:
    if snapshot.interrupts_remapped is not False:
        return ()
    return (Evidence("/proc/interrupts", "interrupt chips without the prefix IR-"),)


# The kernel says so when it starts remapping; a log from the boot on without it is an answer.
def _off_by_silence(snapshot: HostSnapshot) -> tuple[Evidence, ...]:
    if not log_from_boot(snapshot) or _says_on(snapshot):
        return ()
    return (Evidence(KERNEL_LOG, "reaches back to the boot, without a word of remapping"),)


def _off(snapshot: HostSnapshot, why: tuple[Evidence, ...]) -> Finding:
    by_option = _off_by_option(snapshot)
    permitted = is_on(parameter(snapshot, UNSAFE))
    return Finding(
        id="interrupt-remapping-off",
        severity=Severity.WARNING if permitted else Severity.ERROR,
        subject=HOST,
        evidence=why,
        meaning="Interrupts are not remapped, so a guest with a VF could send interrupts to any "
        "processor. "
        + (
            "VFIO was told to accept that."
            if permitted
            else "VFIO therefore refuses: 'No interrupt remapping support', EPERM."
        ),
        fix=(
            *(remove_option(by_option[0].value) if by_option else ()),
            iommu_menu(platform_of(snapshot)),
            "firmware: switch on 'Interrupt Remapping' (also 'x2APIC') where there is such a "
            "line, and update it",
            "QEMU, when this host is a guest: -device intel-iommu,intremap=on and "
            "-machine q35,kernel-irqchip=split",
            "only if every guest is trusted: modprobe vfio_iommu_type1 allow_unsafe_interrupts=1",
        ),
        gain=_GAIN,
    )


def check_unsafe_interrupts(snapshot: HostSnapshot) -> Iterator[Finding]:
    """Tell when VFIO was told to do without interrupt remapping."""
    if is_on(parameter(snapshot, UNSAFE)):
        yield Finding(
            id="unsafe-interrupts-allowed",
            severity=Severity.WARNING,
            subject=HOST,
            evidence=(Evidence(parameter_path(UNSAFE), parameter(snapshot, UNSAFE) or ""),),
            meaning="VFIO gives devices away even where interrupts are not remapped. A guest "
            "could then disturb the host by forged interrupts.",
            fix=(
                f"echo 0 > {parameter_path(UNSAFE)}",
                "and take allow_unsafe_interrupts out of /etc/modprobe.d and the command line",
            ),
            gain=_GAIN,
        )


def check_no_iommu_mode(snapshot: HostSnapshot) -> Iterator[Finding]:
    """Tell when VFIO was told to do without an IOMMU."""
    if no_iommu_mode(snapshot):
        yield Finding(
            id="no-iommu-mode",
            severity=Severity.WARNING,
            subject=HOST,
            evidence=(Evidence(parameter_path(NO_IOMMU), parameter(snapshot, NO_IOMMU) or ""),),
            meaning="VFIO opens devices without an IOMMU: good enough for DPDK on the host, but "
            "the device reaches all memory, and QEMU cannot give it to a guest.",
            fix=(
                "switch the IOMMU on (see the findings about it), then",
                f"echo 0 > {parameter_path(NO_IOMMU)}",
                REBOOT,
            ),
            gain="DMA is kept inside the process or guest that uses the device",
        )
