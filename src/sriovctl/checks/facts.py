"""What several rules want to know of a snapshot, from whichever source knows it.  Pure."""

from __future__ import annotations

import re
from enum import StrEnum

from sriovctl.codec.acpi import parse_dmar, parse_iort, parse_ivrs
from sriovctl.model.finding import Evidence
from sriovctl.model.snapshot import SourceKind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sriovctl.model.acpi import DMARTable, IORTTable, IVRSTable
    from sriovctl.model.address import PCIAddress
    from sriovctl.model.snapshot import FunctionSnapshot, HostSnapshot

KERNEL_LOG = "kernel log"
CMDLINE = "/proc/cmdline"
CPUINFO = "/proc/cpuinfo"
ACPI_TABLES = "/sys/firmware/acpi/tables"
IOMMU_GROUPS = "/sys/kernel/iommu_groups"
PCI_DEVICES = "/sys/bus/pci/devices"

# Before 5.3 the kernel said "Adding device 0000:01:00.0 to group 3".
_GROUP_LINE = re.compile(r"Adding to iommu group \d+|iommu: Adding device \S+ to group \d+")
_TABLE_LINE = re.compile(r"ACPI: ([A-Z]{4})\s+(?:0x)?[0-9A-Fa-f]{8,}\b")
_CMDLINE_LINE = re.compile(r"\b(?:Kernel c|C)ommand line: (.*)")
_IOMMU_TABLES = ("DMAR", "IVRS", "IORT", "VIOT", "RIMT")


class Platform(StrEnum):
    """Whose IOMMU a host has, or would have."""

    INTEL = "intel"  # VT-d, also in Zhaoxin's processors
    AMD = "amd"
    ARM = "arm"
    POWER = "power"
    UNKNOWN = "unknown"


# What names a maker in /proc/cpuinfo.
_CPU_WORDS = {
    "GenuineIntel": Platform.INTEL,
    "CentaurHauls": Platform.INTEL,
    "Shanghai": Platform.INTEL,
    "AuthenticAMD": Platform.AMD,
    "HygonGenuine": Platform.AMD,
    "CPU implementer": Platform.ARM,
    "POWER": Platform.POWER,
}
_MACHINES = {"aarch64": Platform.ARM, "ppc64le": Platform.POWER, "ppc64": Platform.POWER}


def platform_of(snapshot: HostSnapshot) -> Platform:
    """Tell whose IOMMU to speak of.

    The machine and the firmware's tables decide before the processor does: an emulated machine
    may well combine an AMD processor with Intel's IOMMU.
    """
    if snapshot.machine in _MACHINES:
        return _MACHINES[snapshot.machine]
    tables = firmware_tables(snapshot) or frozenset()
    for signature, platform in (("DMAR", Platform.INTEL), ("IVRS", Platform.AMD)):
        if signature in tables:
            return platform
    for word, platform in _CPU_WORDS.items():
        if word in (snapshot.cpuinfo or ""):
            return platform
    return Platform.ARM if "IORT" in tables else Platform.UNKNOWN


def cpu_flags(snapshot: HostSnapshot) -> frozenset[str] | None:
    """Read the flags of an x86 processor; None when they are not known or it is no x86."""
    match = re.search(r"^flags\s*:(.*)$", snapshot.cpuinfo or "", re.MULTILINE)
    return frozenset(match[1].split()) if match else None


def is_virtual_machine(snapshot: HostSnapshot) -> bool:
    """Say whether the "host" is itself a guest, as far as can be told."""
    flags = cpu_flags(snapshot)
    if flags is not None and "hypervisor" in flags:
        return True
    return any("DMI: QEMU" in line or "Hypervisor detected" in line for line in log_of(snapshot))


def log_of(snapshot: HostSnapshot) -> tuple[str, ...]:
    """Return the kernel log, empty when it is not known."""
    return snapshot.kernel_log or ()


def log_from_boot(snapshot: HostSnapshot) -> bool:
    """Say whether the log begins with the boot, so that a missing line is really missing.

    Who pastes a log often picks lines from it; the list of root buses shows that those of the PCI
    core were kept.
    """
    begins = any("Linux version " in line for line in log_of(snapshot)[:20])
    return begins and any("root bus resource [bus" in line for line in log_of(snapshot))


def log_lines(snapshot: HostSnapshot, pattern: str) -> Iterator[Evidence]:
    """Find the lines of the log that match."""
    wanted = re.compile(pattern)
    return (Evidence(KERNEL_LOG, line) for line in log_of(snapshot) if wanted.search(line))


def cmdline_of(snapshot: HostSnapshot) -> str | None:
    """Return the kernel's command line, from the log if need be."""
    if snapshot.cmdline is not None:
        return snapshot.cmdline
    matches = (_CMDLINE_LINE.search(line) for line in log_of(snapshot))
    return next((match[1] for match in matches if match), None)


def options(snapshot: HostSnapshot, name: str) -> tuple[str, ...]:
    """Return the values given for one kernel option, split at commas, in order.

    ``("",)`` stands for an option without a value.
    """
    values: list[str] = []
    for word in (cmdline_of(snapshot) or "").split():
        key, _, value = word.partition("=")
        if key == name:
            values += value.split(",")
    return tuple(values)


def option_evidence(snapshot: HostSnapshot, *names: str) -> tuple[Evidence, ...]:
    """Quote the words of the command line that begin with one of *names*."""
    words = (cmdline_of(snapshot) or "").split()
    found = [word for word in words if word.partition("=")[0] in names]
    return (Evidence(cmdline_source(snapshot), " ".join(found)),) if found else ()


def cmdline_source(snapshot: HostSnapshot) -> str:
    """Say where the command line was read."""
    return KERNEL_LOG if snapshot.cmdline is None else CMDLINE


def tables_source(snapshot: HostSnapshot, signature: str = "") -> str:
    """Say where the ACPI tables were seen."""
    if snapshot.acpi_tables is None:
        return KERNEL_LOG
    return f"{ACPI_TABLES}/{signature}" if signature else ACPI_TABLES


def no_groups_evidence(snapshot: HostSnapshot) -> Evidence:
    """Say where it was seen that there are no IOMMU groups."""
    if snapshot.groups_known:
        return Evidence(IOMMU_GROUPS, "empty")
    return Evidence(KERNEL_LOG, "begins with the boot, and puts no device into an IOMMU group")


def firmware_tables(snapshot: HostSnapshot) -> frozenset[str] | None:
    """Return the signatures of the ACPI tables; None when they are not known."""
    if snapshot.acpi_tables is not None:
        return frozenset(snapshot.acpi_tables)
    matches = (_TABLE_LINE.search(line) for line in log_of(snapshot))
    seen = frozenset(match[1] for match in matches if match)
    # The listing begins with these two; without them lines were picked from the log.
    return seen if seen >= {"RSDP", "FACP"} or seen & set(_IOMMU_TABLES) else None


def iommu_tables(snapshot: HostSnapshot) -> tuple[str, ...] | None:
    """Return the ACPI tables that describe IOMMUs; None when it is not known which there are."""
    tables = firmware_tables(snapshot)
    return None if tables is None else tuple(t for t in _IOMMU_TABLES if t in tables)


def dmar_of(snapshot: HostSnapshot) -> DMARTable | None:
    """Decode Intel's table; None when it is not there or not known."""
    data = (snapshot.acpi_tables or {}).get("DMAR")
    return None if data is None else parse_dmar(data)


def ivrs_of(snapshot: HostSnapshot) -> IVRSTable | None:
    """Decode AMD's table; None when it is not there or not known."""
    data = (snapshot.acpi_tables or {}).get("IVRS")
    return None if data is None else parse_ivrs(data)


def iort_of(snapshot: HostSnapshot) -> IORTTable | None:
    """Decode Arm's table; None when it is not there or not known."""
    data = (snapshot.acpi_tables or {}).get("IORT")
    return None if data is None else parse_iort(data)


def iommu_works(snapshot: HostSnapshot) -> bool | None:
    """Say whether an IOMMU keeps devices apart now; None when nothing tells.

    Groups are the proof.  "DMAR: IOMMU enabled" is none: it only repeats the command line.
    """
    if no_iommu_mode(snapshot) and not snapshot.iommus:
        return False  # the groups that there may be are make-believe
    if any(function.iommu_group is not None for function in snapshot.functions):
        return True
    if snapshot.groups_known:
        return False
    if any(_GROUP_LINE.search(line) for line in log_of(snapshot)):
        return True
    return False if log_from_boot(snapshot) else None


def no_iommu_mode(snapshot: HostSnapshot) -> bool:
    """Say whether VFIO was told to do without an IOMMU."""
    return is_on(parameter(snapshot, "vfio.enable_unsafe_noiommu_mode"))


def parameter(snapshot: HostSnapshot, name: str) -> str | None:
    """Return a module's parameter; None when it is not known."""
    return (snapshot.parameters or {}).get(name)


def parameter_path(name: str) -> str:
    """Say where a module's parameter stands."""
    module, _, key = name.partition(".")
    return f"/sys/module/{module}/parameters/{key}"


def is_on(value: str | None) -> bool:
    """Say whether a boolean parameter is on."""
    return value in ("Y", "1")


def kernel_version(snapshot: HostSnapshot) -> tuple[int, int] | None:
    """Return the kernel's version and patch level, from the log if need be."""
    release = snapshot.kernel_release
    if release is None:
        lines = " ".join(log_of(snapshot)[:20])
        match = re.search(r"Linux version (\S+)", lines)
        release = match[1] if match else ""
    match = re.match(r"(\d+)\.(\d+)", release)
    return (int(match[1]), int(match[2])) if match else None


def physical_functions(snapshot: HostSnapshot) -> tuple[FunctionSnapshot, ...]:
    """Return the functions that can have VFs: by capability, or because the kernel says so."""
    return tuple(
        one
        for one in snapshot.functions
        if one.sriov_total_vfs is not None or (one.config is not None and one.config.sriov)
    )


def is_live(snapshot: HostSnapshot) -> bool:
    """Say whether drivers and attributes are known, as sysfs shows them."""
    return snapshot.source is SourceKind.HOST


def sysfs_path(address: PCIAddress, attribute: str) -> str:
    """Say where a function's attribute stands."""
    return f"{PCI_DEVICES}/{address}/{attribute}"


def config_source(snapshot: HostSnapshot, address: PCIAddress) -> str:
    """Say where a function's configuration space was read."""
    if is_live(snapshot):
        return sysfs_path(address, "config")
    return f"{snapshot.description}: {address}"
