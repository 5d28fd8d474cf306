"""Did the kernel switch the IOMMU on, and what do its options do?"""

from __future__ import annotations

from sriovctl.checks.facts import (
    ACPI_TABLES,
    Platform,
    cmdline_of,
    cmdline_source,
    iommu_tables,
    iommu_works,
    kernel_version,
    log_lines,
    no_groups_evidence,
    option_evidence,
    options,
    platform_of,
    tables_source,
)
from sriovctl.checks.platform import (
    GAIN_IOMMU,
    check_firmware_opt_out,
    check_tables_are_usable,
)
from sriovctl.checks.remedies import add_option, iommu_menu, remove_option
from sriovctl.model.finding import HOST, Evidence, Finding, Severity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sriovctl.model.snapshot import HostSnapshot

_OLDEST = (3, 8)  # brought sriov_numvfs; VFIO came with 3.6
# Options and values that leave the IOMMU off, by the IOMMUs they work on.
_OFF_WORDS = (
    ("iommu", "off", (Platform.INTEL, Platform.AMD)),
    ("intel_iommu", "off", (Platform.INTEL,)),
    ("amd_iommu", "off", (Platform.AMD,)),
)


def check_iommu_off_by_option(snapshot: HostSnapshot) -> Iterator[Finding]:
    """Tell when the command line switches the IOMMU off."""
    if iommu_works(snapshot) is True:
        return
    for name, value in _off_options(snapshot):
        yield Finding(
            id="iommu-off-by-command-line",
            severity=Severity.ERROR,
            subject=HOST,
            evidence=option_evidence(snapshot, name),
            meaning="The kernel was told to leave the IOMMU off. VFs work on the host, but "
            "cannot be given to guests.",
            fix=remove_option(f"{name}={value}"),
            gain=GAIN_IOMMU,
        )


def _off_options(snapshot: HostSnapshot) -> tuple[tuple[str, str], ...]:
    # Without a table there is nothing to switch off, and the firmware is to blame.
    if iommu_tables(snapshot) == ():
        return ()
    platform = platform_of(snapshot)
    return tuple(
        (name, value)
        for name, value, works_on in _OFF_WORDS
        if platform in works_on and _last_switch(options(snapshot, name)) == value
    )


# The kernel reads the words one after the other, and others than on and off leave the switch.
def _last_switch(values: tuple[str, ...]) -> str | None:
    switches = [value for value in values if value in ("on", "off", "force")]
    return switches[-1] if switches else None


def check_iommu_not_started(snapshot: HostSnapshot) -> Iterator[Finding]:
    """Tell when there is an IOMMU, nothing forbids it, and yet it does not work."""
    if iommu_works(snapshot) is not False or _is_explained(snapshot):
        return
    tables = iommu_tables(snapshot)
    if tables is None:
        yield _off_for_unknown_reason(snapshot)
    elif tables == () and platform_of(snapshot) not in (Platform.ARM, Platform.POWER):
        return
    elif "DMAR" in tables and not _is_asked_for(snapshot):
        yield _not_switched_on(snapshot, tables)
    else:
        yield _failed(snapshot, tables)


def _is_explained(snapshot: HostSnapshot) -> bool:
    if _off_options(snapshot):
        return True
    rules = (check_tables_are_usable, check_firmware_opt_out)
    return any(True for rule in rules for _ in rule(snapshot))


def _is_asked_for(snapshot: HostSnapshot) -> bool:
    return _last_switch(options(snapshot, "intel_iommu")) == "on"


def _not_switched_on(snapshot: HostSnapshot, tables: tuple[str, ...]) -> Finding:
    unknown = cmdline_of(snapshot) is None
    return Finding(
        id="iommu-not-switched-on",
        severity=Severity.ERROR,
        subject=HOST,
        evidence=(
            Evidence(tables_source(snapshot), " ".join(tables)),
            no_groups_evidence(snapshot),
            Evidence(cmdline_source(snapshot), "not known" if unknown else "no intel_iommu=on"),
        ),
        meaning="The firmware offers Intel VT-d, and this kernel leaves it off unless asked: it "
        "was built without CONFIG_INTEL_IOMMU_DEFAULT_ON.",
        fix=add_option("intel_iommu=on iommu=pt"),
        gain=GAIN_IOMMU,
    )


def _failed(snapshot: HostSnapshot, tables: tuple[str, ...]) -> Finding:
    log = tuple(log_lines(snapshot, r"DMAR|AMD-Vi|arm-smmu|IOMMU"))[-3:]
    hints = {
        Platform.AMD: add_option("amd_iommu=force_enable"),
        Platform.ARM: ("kernel: CONFIG_ARM_SMMU and CONFIG_ARM_SMMU_V3 must be built in",),
    }
    platform = platform_of(snapshot)
    return Finding(
        id="iommu-failed",
        severity=Severity.ERROR,
        subject=HOST,
        evidence=(
            Evidence(tables_source(snapshot), " ".join(tables) or "none that matters"),
            no_groups_evidence(snapshot),
            *log,
        ),
        meaning="The machine has an IOMMU and nothing switches it off, yet the kernel has no "
        "IOMMU groups: its driver did not start, or is not part of this kernel.",
        fix=(
            "read what it says: dmesg | grep -iE 'dmar|amd-vi|smmu|iommu'",
            *hints.get(platform, ()),
            iommu_menu(platform),
        ),
        gain=GAIN_IOMMU,
    )


def _off_for_unknown_reason(snapshot: HostSnapshot) -> Finding:
    may_be_intel = platform_of(snapshot) in (Platform.INTEL, Platform.UNKNOWN)
    return Finding(
        id="iommu-off",
        severity=Severity.ERROR,
        subject=HOST,
        evidence=(
            no_groups_evidence(snapshot),
            *option_evidence(snapshot, "intel_iommu", "amd_iommu", "iommu"),
        ),
        meaning="No IOMMU works here. Whether the firmware offers one is not known, because its "
        "ACPI tables were not to be seen.",
        fix=(
            f"as root: ls {ACPI_TABLES}   (DMAR: Intel, IVRS: AMD, IORT: Arm)",
            iommu_menu(platform_of(snapshot)),
            # AMD's and Arm's are on by default.
            *(add_option("intel_iommu=on iommu=pt") if may_be_intel else ()),
        ),
        gain=GAIN_IOMMU,
    )


def check_iommu_is_known(snapshot: HostSnapshot) -> Iterator[Finding]:
    """Say so when nothing tells whether an IOMMU works."""
    if iommu_works(snapshot) is None:
        yield Finding(
            id="iommu-unknown",
            severity=Severity.UNKNOWN,
            subject=HOST,
            evidence=(Evidence(snapshot.description, "no IOMMU groups, no kernel log from boot"),),
            meaning="Whether the IOMMU works cannot be told from this source.",
            fix=("on the machine itself: sriovctl doctor", "or: sriovctl record DIR, as root"),
        )


def check_options_without_effect(snapshot: HostSnapshot) -> Iterator[Finding]:
    """Tell of options that many copy and that do nothing here."""
    platform = platform_of(snapshot)
    useless = []
    if "on" in options(snapshot, "amd_iommu"):
        useless.append(("amd_iommu", "on", "AMD-Vi is on by default and knows no option 'on'."))
    if platform is Platform.AMD and "on" in options(snapshot, "intel_iommu"):
        useless.append(("intel_iommu", "on", "This machine has AMD's IOMMU, not Intel's."))
    for name, value, why in useless:
        yield Finding(
            id="option-without-effect",
            severity=Severity.INFO,
            subject=HOST,
            evidence=option_evidence(snapshot, name),
            meaning=f"{name}={value} does nothing here. {why}",
            fix=remove_option(f"{name}={value}"),
        )


def check_default_domain(snapshot: HostSnapshot) -> Iterator[Finding]:
    """Tell when the host's own devices pay for an IOMMU that only guests need."""
    lines = tuple(log_lines(snapshot, r"iommu: Default domain type: Translated"))
    if lines and iommu_works(snapshot) and platform_of(snapshot) in (Platform.INTEL, Platform.AMD):
        yield Finding(
            id="host-dma-translated",
            severity=Severity.INFO,
            subject=HOST,
            evidence=lines[:1],
            meaning="The DMA of the host's own drivers is translated by the IOMMU as well. That "
            "guards the host against its devices, and costs speed on fast cards. Guests and "
            "IOMMU groups are the same either way.",
            fix=add_option("iommu=pt"),
            gain="the host's own drivers do DMA without translation",
        )


def check_kernel_version(snapshot: HostSnapshot) -> Iterator[Finding]:
    """Tell when the kernel is older than sriov_numvfs."""
    version = kernel_version(snapshot)
    if version is not None and version < _OLDEST:
        yield Finding(
            id="kernel-too-old",
            severity=Severity.ERROR,
            subject=HOST,
            evidence=(Evidence("/proc/sys/kernel/osrelease", ".".join(map(str, version))),),
            meaning="sriov_numvfs came with Linux 3.8: VFs can only be asked for by a parameter of "
            "the PF's driver (max_vfs).",
            fix=("run Linux 3.8 or later, better a maintained release",),
            gain="VFs can be switched on and off while the host runs",
        )
