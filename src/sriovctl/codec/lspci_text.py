"""Read the verbose lines that ``lspci -v`` to ``-vvv`` and ``-vmm`` print of one function."""

from __future__ import annotations

import re

from sriovctl.codec.lspci_capabilities import (
    CapabilityText,
    entry_of,
    parse_acs,
    parse_ari,
    parse_ats,
    parse_express,
    parse_msi,
    parse_msix,
    parse_pasid,
    parse_pri,
    parse_serial_number,
    parse_size,
    parse_sriov,
    parse_vf_resizable_bars,
)
from sriovctl.codec.lspci_head import join_head
from sriovctl.model.capabilities import BAR, Bridge, CapabilityEntry, ConfigSpace, Header
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeVar

    from sriovctl.codec.lspci_head import Head

    T = TypeVar("T")

_CAPABILITY = re.compile(
    r"Capabilities: \[([0-9a-f]{2,3})(?: v(\d{1,2}))?(?:, [^\]]{0,32})?\] ?(.*)"
)
_GROUP = re.compile(r"(?:IOMMU group: |IOMMUGroup:\s{1,8}|.*\bIOMMU group )(\d{1,9})")
_NUMA = re.compile(r"(?:NUMA node: |NUMANode:\s{1,8}|.*\bNUMA node )(\d{1,9})")
_DRIVER = re.compile(r"(?:Kernel driver in use: |Driver:\s{1,8})([\w-]{1,64})\s*")
_BUSES = re.compile(
    r"Bus: primary=([0-9a-f]{2})[,/]? ?secondary=([0-9a-f]{2})[,/]? ?subordinate=([0-9a-f]{2})"
)
_BAR = re.compile(
    r"(?:Region (\d): )?(?:\[virtual\] )?(Memory|I/O ports) at "
    r"([0-9a-f]{1,16}|<\w{1,16}>)(?: \((\d\d|low-1M)(?:-bit)?, (non-)?prefetchable\))?(.*)"
)
_BAR_SIZE = re.compile(r"\[size=(\d{1,6}[KMGTP]?)\]")
# lspci -vmm names by keys what stands on the first line otherwise.
_KEYED = re.compile(r"(Class|Vendor|Device):\s{1,8}(.*)")
# What people put where they left lines out.
_ELISION = re.compile(r"\W{0,6}(?:\.{3,8}|\u2026|-*\s?snip\w{0,4}\s?-*)\W{0,6}", re.IGNORECASE)
_COMMAND_BITS = (
    "I/O", "Mem", "BusMaster", "SpecCycle", "MemWINV", "VGASnoop", "ParErr", "Stepping", "SERR",
    "FastB2B", "DisINTx",
)  # fmt: skip
_COMMAND_BY_FLAG = (("bus master", 0x4), ("fast Back2Back", 0x200))
_PCI_BRIDGES = (0x0604, 0x0609)
_HAS_LIST = 0x10  # Status bit 4
_DENIED_AT = 64  # without root the kernel shows the header alone
_DENIED = "<access denied>"


class FunctionText(NamedTuple):
    """What the verbose lines tell of one function.

    ``None`` where they do not; ``config`` lacks what stands on the first line, the ids.
    """

    driver: str | None
    numa_node: int | None
    iommu_group: int | None
    config: ConfigSpace | None  # None: nothing of config space is shown
    is_denied: bool  # lspci ran without root
    class_text: str | None  # of lspci -vmm, as on a first line


class _Reading:
    # What was met so far, line by line.

    def __init__(self) -> None:
        self.driver: str | None = None
        self.numa_node: int | None = None
        self.iommu_group: int | None = None
        self.bridge: Bridge | None = None
        self.bars: list[BAR] = []
        self.command: int | None = None
        self.has_list: bool | None = None
        self.is_denied = False
        self.is_gone = False
        self.is_cut = False
        self.keyed: dict[str, str] = {}
        self.capabilities: list[tuple[re.Match[str], list[str]]] = []

    def take(self, line: str) -> None:
        if line.startswith("Capabilities:"):
            self._take_capability(line)
        elif _ELISION.fullmatch(line):
            self.is_cut = True
        elif not self._take_plain(line) and self.capabilities:
            self.capabilities[-1][1].append(line)

    def _take_capability(self, line: str) -> None:
        match = _CAPABILITY.match(line)
        if match is not None:
            self.capabilities.append((match, []))
        elif _DENIED in line:
            self.is_denied = True

    def _take_plain(self, line: str) -> bool:
        # True for lines that belong to no capability.
        if line.startswith(("Kernel ", "Driver:", "Module:")):
            if match := _DRIVER.match(line):
                self.driver = match[1]
            return True
        if line.startswith(("IOMMU", "NUMA", "Flags: ")):
            self._take_place(line)
            return True
        return not self.capabilities and self._take_header(line)

    def _take_place(self, line: str) -> None:
        if match := _GROUP.match(line):
            self.iommu_group = int(match[1])
        if match := _NUMA.match(line):
            self.numa_node = int(match[1])
        if line.startswith("Flags: ") and self.command is None:
            self.command = sum(bit for words, bit in _COMMAND_BY_FLAG if words in line)

    def _take_header(self, line: str) -> bool:
        if line.startswith("Control: "):
            words = line.split()
            self.command = sum(1 << n for n, b in enumerate(_COMMAND_BITS) if f"{b}+" in words)
        elif line.startswith("Status: Cap"):
            self.has_list = line.startswith("Status: Cap+")
        elif line.startswith("!!! Unknown header type 7f"):
            self.is_gone = True  # asleep without power, or hung: every byte reads ff
        elif match := _BUSES.match(line):
            self.bridge = Bridge(*(int(bus, 16) for bus in match.groups()))
        elif match := _BAR.match(line):
            self._take_bar(match)
        elif match := _KEYED.match(line):
            self.keyed.setdefault(match[1], match[2])
        return True

    def _take_bar(self, match: re.Match[str]) -> None:
        if match[1] is None:  # lspci -v counts them not, so their numbers are not known
            return
        address = None if match[3].startswith("<") else int(match[3], 16) or None
        size = _BAR_SIZE.search(match[6])
        self.bars.append(
            BAR(
                bar_index=int(match[1]),
                address=address,
                width=64 if match[4] == "64" else 32,
                prefetchable=match[4] is not None and match[5] is None,
                is_io=match[2] != "Memory",
                size=None if size is None else parse_size(size[1]),
            )
        )

    def class_text(self) -> str | None:
        if not self.keyed:
            return None
        kind, vendor, device = (self.keyed.get(key, "") for key in ("Class", "Vendor", "Device"))
        return join_head(kind, vendor, device)


def read_function_text(lines: Iterable[str]) -> FunctionText:
    """Read one function's verbose lines.  Pure; takes any text.

    :param lines: stripped.
    """
    reading = _Reading()
    for line in lines:
        reading.take(line)
    return FunctionText(
        driver=reading.driver,
        numa_node=reading.numa_node,
        iommu_group=reading.iommu_group,
        config=_config(reading),
        is_denied=reading.is_denied,
        class_text=reading.class_text(),
    )


def _config(reading: _Reading) -> ConfigSpace | None:
    if reading.is_gone:
        return ConfigSpace(header=None, problems=("it did not answer when lspci asked",))
    if reading.command is None and not reading.capabilities and not reading.is_denied:
        return None
    texts = [_capability_text(match, lines) for match, lines in reading.capabilities]
    entries = [entry for entry in map(entry_of, texts) if entry is not None]
    has_list = bool(texts) or reading.is_denied or bool(reading.has_list)
    header = Header(
        vendor_id=0,
        device_id=0,
        class_code=0,
        revision=0,
        header_type=1 if reading.bridge is not None else 0,
        multifunction=False,
        command=reading.command or 0,
        status=_HAS_LIST if has_list else 0,
        bars=tuple(reading.bars),
        bridge=reading.bridge,
    )
    # A snippet that shows neither Control nor Flags was cut by hand: more may have been there.
    # So with a list that is promised and not shown.
    is_cut = reading.is_cut or reading.command is None or (has_list and not texts)
    config = ConfigSpace(
        header=header,
        capabilities=tuple(entries),
        truncated_at=_DENIED_AT if is_cut or reading.is_denied else None,
    )
    return _with_capabilities(config, texts, entries)


def _capability_text(match: re.Match[str], lines: list[str]) -> CapabilityText:
    title = match[3].strip()
    body = " ".join(" ".join([title, *lines]).split())
    return CapabilityText(int(match[1], 16), int(match[2]) if match[2] else None, title, body)


def _with_capabilities(
    config: ConfigSpace, texts: list[CapabilityText], entries: list[CapabilityEntry]
) -> ConfigSpace:
    by_offset = {text.offset: text for text in reversed(texts)}

    def first(
        identity: int, parse: Callable[[CapabilityText], T | None], *, low: int = 0x100
    ) -> T | None:
        for entry in entries:
            if entry.id == identity and entry.extended == (low >= 0x100):
                return parse(by_offset[entry.offset])
        return None

    return config._replace(
        express=first(0x10, parse_express, low=0),
        msi=first(0x05, parse_msi, low=0),
        msix=first(0x11, parse_msix, low=0),
        acs=first(0x0D, parse_acs),
        ari=first(0x0E, parse_ari),
        ats=first(0x0F, parse_ats),
        pri=first(0x13, parse_pri),
        pasid=first(0x1B, parse_pasid),
        serial_number=first(0x03, parse_serial_number),
        sriov=first(0x10, parse_sriov),
        vf_resizable_bars=first(0x24, parse_vf_resizable_bars),
    )


def with_head(config: ConfigSpace, head: Head) -> ConfigSpace:
    """Return *config* with the ids that stand on the first line; 0 where they do not.  Pure."""
    if config.header is None:
        return config
    class_code = head.class_code or 0
    kind = class_code >> 8
    is_cardbus = kind == 0x0607
    is_bridge = kind in _PCI_BRIDGES or config.header.bridge is not None
    header = config.header._replace(
        vendor_id=head.vendor_id or 0,
        device_id=head.device_id or 0,
        class_code=class_code,
        revision=head.revision or 0,
        header_type=2 if is_cardbus else int(is_bridge),
        bridge=None if is_cardbus else config.header.bridge,
    )
    return config._replace(header=header)
