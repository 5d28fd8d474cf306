"""Cut what ``lspci`` printed into one block per function: head, verbose lines, bytes.

Pasted text has lost tabs, gained quotation marks, was wrapped, cut and put together from several
commands.  So lines are known by what they say, not by how far they are indented; each line is
looked at once.
"""

from __future__ import annotations

import re

from sriovctl.codec.lspci_headings import Heading, Table, read_group_heading, read_headings
from sriovctl.codec.pasted_text import unwrap_pasted
from sriovctl.model.address import PCIAddress, parse_pci_address
from sriovctl.model.record import NamedTuple

_MOST_OF_A_LINE = 4096  # no line of lspci is longer; other files have lines of megabytes
_FULL_SIZE = 4096

_QUOTE = re.compile(r"\s{0,8}(?:> ?){1,8}")
_HEX = re.compile(r"\s{0,64}([0-9a-fA-F]{2,4}): ?((?:[0-9a-fA-F]{2}(?:\s{1,2}|$)){1,16})\s*")
_LOG_START = re.compile(r"<|kern|\[(?: |\d{1,12}\.|\+|[TC]\d|[A-Z][a-z]{2}[ \d])")
_LOG_WORDS = ("Adding to iommu group ", "Adding device ")
# What begins the verbose lines that may follow a first line; anything else goes on with it.
_VERBOSE = re.compile(
    r"(?:Subsystem|Flags|Control|Status|Latency|Interrupts?|NUMA node|IOMMU group|Region \d|Bus|"
    r"BIST\w{0,8}|Capabilities|Kernel (?:driver in use|modules)|DeviceName|Physical Slot|BridgeCtl|"
    r"Secondary status|(?:I/O|(?:Prefetchable )?[Mm]emory) behind bridge)(?::| is )|!!!|"
    r"(?:I/O ports|Memory|Expansion ROM) at "
)
_JUNK = re.compile(r"[`$~=*_-]|# |\S{1,64}[@~]\S{0,64}[$#] ")  # fences and prompts
_WRAPPED_AT = 32  # no program wraps lines that are shorter
_COMMAND = re.compile(r".{0,80}\blspci(?:\s|$)")


class Block(NamedTuple):
    """What the text holds of one function, in one place."""

    address: PCIAddress
    head: str  # what follows the address on its line
    group: int | None  # from a heading, not from the verbose lines
    lines: list[str]  # verbose ones, stripped
    data: bytes  # from offset 0 to the first hole
    has_hole: bool  # bytes are missing between others


class Cut(NamedTuple):
    """A text, cut."""

    blocks: tuple[Block, ...]  # in the text's order
    log_lines: tuple[str, ...]  # of a kernel log that stands in the same file


class _Draft:
    # A block that is still growing.

    def __init__(self, address: str, head: str, group: int | None) -> None:
        self.address = address
        self.head = head
        self.group = group
        self.lines: list[str] = []
        self.rows: dict[int, bytes] = {}

    def finish(self) -> Block:
        data, has_hole = _assemble(self.rows)
        address = parse_pci_address(self.address)
        return Block(address, self.head, self.group, self.lines, data, has_hole)


def cut_into_blocks(text: str) -> Cut:
    """Cut a text into blocks.  Pure; takes any text, in time linear to its length."""
    cutter = _Cutter()
    for line in unwrap_pasted(text).splitlines():
        cutter.take(line[:_MOST_OF_A_LINE])
    return Cut(tuple(draft.finish() for draft in cutter.drafts), tuple(cutter.log))


class _Cutter:
    # Takes line after line, and knows which function is being talked about.

    def __init__(self) -> None:
        self.drafts: list[_Draft] = []
        self.log: list[str] = []
        self._table = Table()
        self._is_apart = False  # the line before was empty
        self._group: int | None = None  # of the heading above
        self._grouped: set[PCIAddress] = set()  # named below headings so far
        self._last: PCIAddress | None = None  # named below this heading

    def take(self, line: str) -> None:
        if ">" in line[:8]:
            line = _QUOTE.sub("", line, count=1)
        stripped = line.strip()
        is_apart, self._is_apart = self._is_apart, not stripped
        if not stripped or (is_apart and "..." in stripped[:8]):  # left out between functions
            return
        if not is_apart and self._goes_on_with_flags() and not read_headings(line):
            self.drafts[-1].lines[-1] += f" {stripped}"
            return
        if self._take_bytes(line) or self._take_heading(line):
            return
        if _is_of_log(stripped):
            self.log.append(stripped)
        else:
            self._take_words(stripped, is_apart=is_apart)

    def _take_bytes(self, line: str) -> bool:
        match = _HEX.fullmatch(line)
        if match is None:
            return False
        offset = int(match[1], 16)
        if self.drafts and offset % 16 == 0 and offset < _FULL_SIZE:
            # Web pages paste spaces that fromhex() does not know.
            self.drafts[-1].rows[offset] = bytes.fromhex("".join(match[2].split()))
        return True

    def _take_heading(self, line: str) -> bool:
        headings = read_headings(line)
        if not headings and ("│" in line or "|" in line):
            headings = self._table.read_row(line)
        for heading in headings:
            group = self._group_below(heading) if heading.group is None else heading.group
            self.drafts.append(_Draft(heading.address, heading.head.rstrip(), group))
        if headings:
            return True
        group = read_group_heading(line) if "roup" in line or "ROUP" in line else None
        if group is not None:
            self._group, self._last = group, None
        return group is not None

    def _group_below(self, heading: Heading) -> int | None:
        # A listing by group has each function once, in order.  What comes again, or before the
        # one above it, is of another listing that follows in the same text.
        if self._group is None:
            return None
        address = parse_pci_address(heading.address)
        is_back = self._last is not None and address < self._last
        if is_back or address in self._grouped:
            self._group = None
            return None
        self._grouped.add(address)
        self._last = address
        return self._group

    def _take_words(self, stripped: str, *, is_apart: bool) -> None:
        if "lspci" in stripped and _COMMAND.match(stripped):
            self._group = None
        elif self.drafts and not is_apart and self._goes_on(stripped):
            self.drafts[-1].head += f" {stripped}"
        elif self.drafts:
            self.drafts[-1].lines.append(stripped)

    def _goes_on_with_flags(self) -> bool:
        # "IOMMU" at the end of a line and "group 13" on the next: that heads no group.
        lines = self.drafts[-1].lines if self.drafts else ()
        if not lines or not lines[-1].startswith("Flags: "):
            return False
        return lines[-1].endswith((",", "IOMMU", "group", "node", "NUMA", "IRQ"))

    def _goes_on(self, stripped: str) -> bool:
        # Mail programs wrap first lines; the ids stand at their end.
        draft = self.drafts[-1]
        is_first = not draft.lines and not draft.rows
        if not is_first or len(draft.head) < _WRAPPED_AT:
            return False
        return not (_VERBOSE.match(stripped) or _JUNK.match(stripped))


def _is_of_log(stripped: str) -> bool:
    if _LOG_START.match(stripped) or " kernel: " in stripped[:96]:
        return True
    return any(word in stripped for word in _LOG_WORDS)


def _assemble(rows: dict[int, bytes]) -> tuple[bytes, bool]:
    data = bytearray()
    while len(data) in rows:
        row = rows[len(data)]
        data += row
        if len(row) < 16:  # a cut line: what follows it, if anything, does not join on
            break
    beyond = any(offset >= len(data) for offset in rows)
    return bytes(data), beyond
