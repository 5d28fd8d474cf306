"""Read the kernel's messages, as ``dmesg``, ``journalctl`` or a syslog file shows them.

Logs come pasted: with seconds since boot or the time of day in front, with a host's name, or with
nothing at all; in any order and cut anywhere.  So each message is looked for in its own line, and
what is not found is not known.

Sources: kernel ``drivers/iommu/iommu.c`` (groups), ``drivers/acpi/tables.c`` (list of tables),
``drivers/pci/probe.c`` (root buses), ``init/main.c`` (command line).
"""

from __future__ import annotations

import re

from sriovctl.errors import InputError
from sriovctl.model.address import PCIAddress, is_pci_address, parse_pci_address
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from sriovctl.model.snapshot import HostSnapshot

_LEVEL = re.compile(  # of dmesg -r and dmesg -x
    r"<\d{1,3}>|(?:kern|user|daemon|syslog|auth\w{0,4}|local\d) {0,5}:"
    r"(?:emerg|alert|crit|err|warn|notice|info|debug) {0,3}: "
)
_SECONDS = re.compile(r"\[ {0,12}\d{1,12}\.\d{1,9}(?: {1,8}<[^>]{0,24}>)?\] ?")
_CALLER = re.compile(r"\[ {0,12}[TC]\d{1,10}\] ?")  # CONFIG_PRINTK_CALLER
_CTIME = re.compile(r"\[\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}\] ?")
_RELTIME = re.compile(r"\[(?:\w{3}\d{1,2} \d\d:\d\d| {0,4}\+ {0,8}\d{1,8}\.\d{6})\] ?")
_ISO = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?"
    r"(?: (?:\S{1,64} )?kernel(?:\[\d{1,8}\])?:)? "
)
_SYSLOG = re.compile(
    r"(?:\w{3} [ \d]\d|\d{4}-\d\d-\d\d) \d\d:\d\d:\d\d(?:\.\d{1,9})? (?:\S{1,64} )?"
    r"kernel(?:\[\d{1,8}\])?: ?"
)
_COLOUR = re.compile(r"\x1b\[[0-9;]{0,16}[mK]")
_QUOTE = re.compile(r"(?:> ?){1,8}")  # a quoted mail
_INDENT = re.compile(r"[ \t]{1,64}(?=[<\[]|\w{3} [ \d]\d |\d{4}-)")  # in front of a stamp
_PREFIXES = (_QUOTE, _INDENT, _LEVEL, _SYSLOG, _ISO, _CTIME, _RELTIME, _SECONDS, _CALLER)

# What messages begin with, or say, where no stamp tells: dmesg -t, or a few lines picked by hand.
_TYPICAL = re.compile(
    r"^(?:DMAR|AMD-Vi|ACPI|PCI|pci|iommu|IOMMU|arm-smmu|smmu|vfio|VFIO|kvm|x2apic|x86/|e820|BIOS)"
    r"[\w/-]{0,40}(?: [^\s:]{1,40}){0,3}(?: [0-9a-f]{4,8}:[0-9a-f]{2}(?::[01][0-9a-f]\.[0-7])?)?: "
    r"|^(?:\S{1,64} ){0,3}[0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]: "
    r"|\bLinux version \d|\b[Cc]ommand line: |\bAdding to iommu group \d"
    r"|\b(?:VF BAR|MMIO resources|IRQ remapping|[Ii]nterrupt remapping)\b"
)
_HINT = "save what 'dmesg' or 'journalctl -k -b' prints as root"

_COMMAND_LINE = re.compile(r"(?:Kernel command line|Command line): (.*)")
_RELEASE = re.compile(r"Linux version (\S{1,128})")
_ADDRESS = r"([0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7])"
_GROUP = re.compile(rf"\S{{1,64}} {_ADDRESS}: Adding to iommu group (\d{{1,9}})")
_GONE = re.compile(
    rf"\S{{1,64}} {_ADDRESS}: Removing from iommu group |"
    rf"(?:iommu|AMD-Vi|DMAR): Removing device {_ADDRESS} from group "
)
_GROUP_BEFORE_5_3 = re.compile(
    rf"(?:iommu|AMD-Vi|DMAR): Adding device {_ADDRESS} to group (\d{{1,9}})"
)
_TABLE = re.compile(r"ACPI: ([A-Z0-9_ ]{4}) (?:0x)?[0-9A-Fa-f]{8,16} ")
_LAST_BUS = re.compile(
    r"pci_bus ([0-9a-f]{4,8}):([0-9a-f]{2}): root bus resource "
    r"\[bus [0-9a-f]{2}-([0-9a-f]{2})\]"
)


class ACPIListing(NamedTuple):
    """The ACPI tables that the kernel listed when it started."""

    signatures: tuple[str, ...]  # sorted, each once
    is_whole: bool  # whether a table that is not listed is not there


def parse_kernel_log(text: str) -> tuple[str, ...]:
    """Split a log into messages, each without its stamps.  Pure; takes any text.

    Empty lines are left out.
    """
    if "\x1b" in text:  # coloured by dmesg
        text = _COLOUR.sub("", text)
    found = (strip_stamps(line) for line in text.splitlines())
    return tuple(line for line in found if line.strip())


def strip_stamps(line: str) -> str:
    """Return one message without what stands in front of it: times, level, host.  Pure."""
    line = line.rstrip()
    start = 0
    for prefix in _PREFIXES:
        match = prefix.match(line, start)
        if match is not None:
            start = match.end()
    return line[start:]


def check_is_kernel_log(text: str, *, source: str) -> None:
    """Refuse a file that was taken for a kernel log and is none.  Pure.

    :param source: its name, for the error.
    :raises InputError: no line has a stamp of the kernel's log, or begins as its messages do.
    """
    lines = text.splitlines()
    if not any(_is_of_kernel_log(line) for line in lines):
        raise InputError(
            "is no kernel log" if text.strip() else "is empty", subject=source, hint=_HINT
        )


def _is_of_kernel_log(line: str) -> bool:
    line = _QUOTE.sub("", _COLOUR.sub("", line).rstrip(), count=1)
    return strip_stamps(line) != line or _TYPICAL.search(line) is not None


def find_command_line(messages: Iterable[str]) -> str | None:
    """Find the command line that the kernel was started with.  Pure."""
    for message in messages:
        match = _COMMAND_LINE.match(message)
        if match is not None:
            return match[1]
    return None


def find_kernel_release(messages: Iterable[str]) -> str | None:
    """Find what ``uname -r`` says.  Pure."""
    for message in messages:
        match = _RELEASE.match(message)
        if match is not None:
            return match[1]
    return None


def find_iommu_groups(messages: Iterable[str]) -> dict[PCIAddress, int]:
    """Find the group that the kernel put each function in.  Pure.

    The last message of a function counts: it may have gone and come back.
    """
    found: dict[PCIAddress, int] = {}
    for message in messages:
        if "group" not in message:
            continue
        if gone := find_removed(message):
            found.pop(gone, None)
        match = _GROUP.search(message) or _GROUP_BEFORE_5_3.search(message)
        if match is not None and is_pci_address(match[1]):
            found[parse_pci_address(match[1])] = int(match[2])
    return found


def find_removed(message: str) -> PCIAddress | None:
    """Read which function a message says to be gone: unplugged, or a VF switched off.  Pure."""
    match = _GONE.search(message) if "Removing" in message else None
    if match is None:
        return None
    name = match[1] or match[2]
    return parse_pci_address(name) if is_pci_address(name) else None


def find_acpi_tables(messages: Iterable[str]) -> ACPIListing:
    """Find the signatures of the machine's ACPI tables.  Pure."""
    found = set()
    for message in messages:
        match = _TABLE.match(message)
        if match is not None:
            found.add(match[1].strip())
    # The listing starts with the pointer to all tables and the fixed table; where these are
    # missing, the log was cut or somebody picked lines from it.
    return ACPIListing(tuple(sorted(found)), is_whole={"RSDP", "FACP"} <= found)


def find_last_buses(messages: Iterable[str]) -> dict[tuple[int, int], int]:
    """Find where the bus range of each host bridge ends: (pci_domain, bus) -> bus.  Pure."""
    found = {}
    for message in messages:
        match = _LAST_BUS.search(message) if "root bus" in message else None
        if match is not None:
            pci_domain, bus, last = (int(word, 16) for word in match.groups())
            found[pci_domain, bus] = last
    return found


def with_kernel_log(snapshot: HostSnapshot, messages: tuple[str, ...]) -> HostSnapshot:
    """Return *snapshot* with a log, and with what it tells where nothing better is known.  Pure.

    What the host itself said of its command line, release and groups stays.
    """
    groups = find_iommu_groups(messages)
    use_groups = bool(groups) and not snapshot.groups_known
    functions = snapshot.functions
    if use_groups:
        functions = tuple(
            f if f.iommu_group is not None else f._replace(iommu_group=groups.get(f.address))
            for f in functions
        )
    return snapshot._replace(
        functions=functions,
        groups_known=snapshot.groups_known or use_groups,
        cmdline=snapshot.cmdline or find_command_line(messages),
        kernel_release=snapshot.kernel_release or find_kernel_release(messages),
        kernel_log=messages,
    )
