"""Know the lines of a listing that name functions, and those that name an IOMMU group.

There is ``lspci`` itself, and what people print their groups with: scripts that put the group, a
mark such as ``[RESET]`` or the ids before the address, ``find`` and ``ls`` below
``/sys/kernel/iommu_groups``, and the table of Proxmox' ``pvesh``.
"""

from __future__ import annotations

import re

from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_ADDRESS = r"((?:[0-9a-fA-F]{4,8}:)?[0-9a-fA-F]{2}:[01][0-9a-fA-F]\.[0-7])"
_HEAD = re.compile(
    rf"\s{{0,64}}(?:[0-9a-fA-F:.]{{7,13}}/){{0,8}}{_ADDRESS}(?=\s|$)\s*(.*)",  # lspci -PP: a path
    re.DOTALL,
)
# [RESET], [R], (12), [8086:1901], a bullet: what scripts and web pages put before the address.
_IN_ADDRESS = ":0123456789abcdefABCDEF"
_MARKED = re.compile(
    r"((?:\s{0,64}(?:\[[^\]\s]{1,16}\]|\(\d{1,9}\)|[^\w\s/:\[(]{1,3})){1,4})"
    rf"\s{{0,64}}{_ADDRESS}(?=\s|$)\s*(.*)",
    re.DOTALL,
)
_MARKED_IDS = re.compile(r"\[([0-9a-f]{4}:[0-9a-f]{4})\]")
_COLUMNS_APART = re.compile(r"\s{2,64}")
_GROUP = re.compile(r"\W{0,8}(?:IOMMU[ _])?group[:#]? {0,8}#?(\d{1,9}):?(?=\s|$)", re.IGNORECASE)
_NO_MORE_THAN_A_WORD = re.compile(r"\s{0,8}\S{0,32}\s*")
_GROUP_PATH = re.compile(rf"iommu_groups/(\d{{1,9}})/devices/{_ADDRESS}(?!\w)")
_GROUP_DIRECTORY = re.compile(r"\S{0,64}/?iommu_groups/(\d{1,9})(?:/devices)?/?:\s*")  # ls -R
_LINK = re.compile(rf"\s{_ADDRESS} -> \S")  # ls -l
_MANY = re.compile(rf"(?:\s*{_ADDRESS}(?=\s|$)){{2,64}}\s*")  # ls, in columns
_SLOT = re.compile(rf"Slot:\s{{1,8}}{_ADDRESS}\s*")  # lspci -vmm


class Heading(NamedTuple):
    """A line's word of one function."""

    address: str
    head: str  # class and name, as on a first line of lspci; may be empty
    group: int | None = None  # as the same line tells


def read_headings(line: str) -> tuple[Heading, ...]:
    """Read the functions that a line begins to speak of.  Pure; takes any text.

    :return: none for all other lines.
    """
    # Most lines of a dump begin with a word, which is soon seen.
    word = line.lstrip()[:3]
    begins_with_word = word[:1].isalpha() and word[2:] not in _IN_ADDRESS
    match = None if begins_with_word else _HEAD.match(line)
    if match is not None:
        if _MANY.fullmatch(line):
            return tuple(Heading(word, "") for word in line.split())
        return (Heading(match[1], match[2]),)
    if "roup" in line or "ROUP" in line:
        return _of_groups(line)
    if " -> " in line:
        link = _LINK.search(line)
        return () if link is None else (Heading(link[1], ""),)
    if not begins_with_word:
        return _marked(line)
    slot = _SLOT.fullmatch(line) if "Slot:" in line else None
    return () if slot is None else (Heading(slot[1], ""),)


def _of_groups(line: str) -> tuple[Heading, ...]:
    paths = _GROUP_PATH.findall(line)
    if paths:
        return tuple(Heading(address, "", int(group)) for group, address in paths)
    group = _GROUP.match(line)
    if group is None:
        return _marked(line)
    rest = line[group.end() :]
    plain = _HEAD.match(rest)
    found = _marked(rest) if plain is None else (Heading(plain[1], plain[2]),)
    return tuple(heading._replace(group=int(group[1])) for heading in found)


def _marked(line: str) -> tuple[Heading, ...]:
    match = _MARKED.match(line)
    if match is None:
        return ()
    marks, address, head = match.groups()
    ids = _MARKED_IDS.search(marks)
    if ids is not None and "[" not in head:
        # Class and name stand in columns there, the ids before the address.
        head = f"{_COLUMNS_APART.sub(': ', head.rstrip(), count=1)} [{ids[1]}]"
    return (Heading(address, head),)


def read_group_heading(line: str) -> int | None:
    """Read the number of the group whose members follow.  Pure; takes any text."""
    if line.strip().startswith("IOMMU group: "):  # a verbose line of lspci
        return None
    directory = _GROUP_DIRECTORY.fullmatch(line)
    if directory is not None:
        return int(directory[1])
    group = _GROUP.match(line)
    if group is None or not _NO_MORE_THAN_A_WORD.fullmatch(line, group.end()):
        return None
    return int(group[1])


# --- pvesh get /nodes/NODE/hardware/pci --------------------------------------------------------


class Table:
    """The columns of a table of functions, once its first row was met."""

    def __init__(self) -> None:
        self._columns: list[str] = []

    def read_row(self, line: str) -> tuple[Heading, ...]:
        """Read one row of it; none for all other lines."""
        cells = [cell.strip() for cell in line.replace("│", "|").split("|")]
        if "iommugroup" in cells and "id" in cells:
            self._columns = cells
        if len(cells) < 3 or len(cells) != len(self._columns):
            return ()
        return tuple(_heading_of(dict(zip(self._columns, cells, strict=True))))


def _heading_of(row: dict[str, str]) -> Iterator[Heading]:
    if not re.fullmatch(_ADDRESS, row["id"]):
        return
    kind, vendor, device = (
        row.get(name, "").removeprefix("0x") for name in ("class", "vendor", "device")
    )
    group = row["iommugroup"]  # -1 where there is none
    yield Heading(
        row["id"], f"{kind[:4]}: {vendor}:{device}", int(group) if group.isdecimal() else None
    )
