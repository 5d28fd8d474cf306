"""Cut what ``lspci`` printed into one block per function: head, verbose lines, bytes.

Pasted text has lost tabs, gained quotation marks, was wrapped, cut and put together from several
commands.  So lines are known by what they say, not by how far they are indented; each line is
looked at once.
"""

from __future__ import annotations

import re

from sriovctl.model.address import PCIAddress, parse_pci_address
from sriovctl.model.record import NamedTuple

_MOST_OF_A_LINE = 4096  # no line of lspci is longer; other files have lines of megabytes
_FULL_SIZE = 4096

_QUOTE = re.compile(r"\s{0,8}(?:> ?){1,8}")
_ADDRESS = r"((?:[0-9a-fA-F]{4,8}:)?[0-9a-fA-F]{2}:[01][0-9a-fA-F]\.[0-7])"
_HEAD = re.compile(rf"\s{{0,64}}{_ADDRESS}(?=\s|$)\s*(.*)", re.DOTALL)
# What the scripts on forums print, and what find prints below /sys/kernel/iommu_groups.
_GROUP_AND_HEAD = re.compile(
    rf"\W{{0,8}}(?:IOMMU )?[Gg]roup:? {{0,8}}(\d{{1,9}}):?\s{{1,8}}{_ADDRESS}(?=\s|$)\s*(.*)",
    re.DOTALL,
)
_GROUP_HEADING = re.compile(r"\W{0,8}(?:IOMMU )?[Gg]roup:? {0,8}(\d{1,9}):?(?: {0,8}\S{0,32})?\s*")
_GROUP_PATH = re.compile(rf"\S{{0,64}}/?iommu_groups/(\d{{1,9}})/devices/{_ADDRESS}\s*")
_SLOT = re.compile(rf"Slot:\s{{1,8}}{_ADDRESS}\s*")  # lspci -vmm
_HEX = re.compile(r"\s{0,64}([0-9a-fA-F]{2,4}): ?((?:[0-9a-fA-F]{2}(?:\s{1,2}|$)){1,16})\s*")
_LOG_STARTS = ("[", "<", "kern")
_LOG_WORDS = ("Adding to iommu group ", "Adding device ")


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
    for line in text.splitlines():
        cutter.take(line[:_MOST_OF_A_LINE])
    return Cut(tuple(draft.finish() for draft in cutter.drafts), tuple(cutter.log))


class _Cutter:
    # Takes line after line, and knows which function is being talked about.

    def __init__(self) -> None:
        self.drafts: list[_Draft] = []
        self.log: list[str] = []
        self._group: int | None = None  # of the heading above

    def take(self, line: str) -> None:
        if ">" in line[:8]:
            line = _QUOTE.sub("", line, count=1)
        stripped = line.strip()
        if not stripped:
            return
        if _is_of_log(stripped):
            self.log.append(stripped)
        elif not (self._take_bytes(line) or self._take_head(line)):
            self._take_words(stripped)

    def _take_bytes(self, line: str) -> bool:
        match = _HEX.fullmatch(line)
        if match is None:
            return False
        offset = int(match[1], 16)
        if self.drafts and offset % 16 == 0 and offset < _FULL_SIZE:
            # Web pages paste spaces that fromhex() does not know.
            self.drafts[-1].rows[offset] = bytes.fromhex("".join(match[2].split()))
        return True

    def _take_head(self, line: str) -> bool:
        match = _HEAD.match(line)
        if match is not None:
            return self._begin(match[1], match[2], self._group)
        if "roup" in line:
            return self._take_group(line)
        slot = _SLOT.fullmatch(line)
        return slot is not None and self._begin(slot[1], "", None)

    def _take_group(self, line: str) -> bool:
        both = _GROUP_AND_HEAD.match(line)
        if both is not None:
            return self._begin(both[2], both[3], int(both[1]))
        path = _GROUP_PATH.fullmatch(line)
        if path is not None:
            return self._begin(path[2], "", int(path[1]))
        heading = _GROUP_HEADING.fullmatch(line)
        if heading is None or line.strip().startswith("IOMMU group: "):  # that is a verbose line
            return False
        self._group = int(heading[1])
        return True

    def _begin(self, address: str, head: str, group: int | None) -> bool:
        self.drafts.append(_Draft(address, head.rstrip(), group))
        return True

    def _take_words(self, stripped: str) -> None:
        if self.drafts:
            self.drafts[-1].lines.append(stripped)


def _is_of_log(stripped: str) -> bool:
    if stripped.startswith(_LOG_STARTS) or " kernel: " in stripped[:96]:
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
