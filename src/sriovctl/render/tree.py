"""The PCI tree for the terminal, and as JSON."""

from __future__ import annotations

from sriovctl.model.picture import (
    ACSState,
    CellState,
    GroupSource,
    NodeKind,
    Picture,
    PictureNode,
    VFCell,
)
from sriovctl.model.record import NamedTuple
from sriovctl.render.tree_words import (
    ASSUMED_ACS,
    KIND_WORDS,
    buses_text,
    count_text,
    group_names,
    group_range,
    limit_text,
    nodes_of,
    summary_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_CELLS_PER_LINE = 64
_NAME_WIDTH = 46


class Glyphs(NamedTuple):
    """The characters of a picture."""

    branch: str
    last: str
    through: str
    own: str  # a VF that is alone in its group
    shared: str
    ungrouped: str
    off: str
    beyond: str


UNICODE = Glyphs("├─ ", "└─ ", "│  ", "■", "▣", "▪", "□", "×")  # noqa: RUF001 (meant as a cross)
ASCII = Glyphs("|- ", "`- ", "|  ", "#", "%", "*", ".", "x")

_RESET = "\x1b[0m"
_BOLD = "\x1b[1m"
_DIM = "\x1b[2m"
_OWN = "\x1b[32m"  # green
_GROUP_COLOURS = ("\x1b[35m", "\x1b[33m", "\x1b[36m", "\x1b[34m", "\x1b[95m", "\x1b[93m")
_ACS_COLOURS = {
    ACSState.ON: _OWN,
    ACSState.ASSUMED: "\x1b[33m",
    ACSState.QUIRK: _OWN,
    ACSState.OVERRIDE: "\x1b[33m",
    ACSState.OFF: "\x1b[31m",
    ACSState.ABSENT: "\x1b[31m",
    ACSState.UNKNOWN: _DIM,
}


class _Row(NamedTuple):
    text: str
    length: int  # of the text, without colour codes
    acs: ACSState = ACSState.NOT_NEEDED
    group: int | None = None
    tail: str = ""


def format_tree(picture: Picture, *, glyphs: Glyphs = UNICODE, color: bool = False) -> str:
    """Draw the tree with characters.  Pure."""
    return _Terminal(picture, glyphs, color=color).draw()


class _Terminal:
    # Makes rows first, so that the columns on the right can stand below each other.

    def __init__(self, picture: Picture, glyphs: Glyphs, *, color: bool) -> None:
        self._picture = picture
        self._glyphs = glyphs
        self._color = color
        self._names = group_names(picture)
        self._groups = {
            group: _GROUP_COLOURS[number % len(_GROUP_COLOURS)]
            for number, group in enumerate(picture.shared_groups)
        }

    def draw(self) -> str:
        blocks = [f"{self._picture.description}\n{self._plain(summary_of(self._picture))}"]
        rows_of = {root.label: list(self._root(root)) for root in self._picture.roots}
        width = max((row.length for rows in rows_of.values() for row in rows if row.acs or
                     row.group is not None), default=0)  # fmt: skip
        numa_node: int | None = None
        for root in self._picture.roots:
            if root.numa_node is not None and root.numa_node != numa_node:
                blocks.append(self._paint(_BOLD, f"NUMA node {root.numa_node}"))
                numa_node = root.numa_node
            blocks.append("\n".join(self._line(row, width) for row in rows_of[root.label]))
        blocks.append("\n".join(self._legend()))
        return "\n\n".join(filter(None, blocks))

    def _plain(self, text: str) -> str:
        return text if self._glyphs is UNICODE else text.replace(" · ", ", ").replace("…", "..")

    def _paint(self, code: str, text: str) -> str:
        return f"{code}{text}{_RESET}" if self._color and code and text else text

    # --- rows ----------------------------------------------------------------------------

    def _root(self, root: PictureNode) -> Iterator[_Row]:
        buses = f"  {buses_text(root.buses)}" if root.buses else ""
        text = f"{root.kind} {root.label}{buses}"
        yield _Row(self._paint(_BOLD, text), len(text))
        yield from self._below(root, "")

    def _below(self, node: PictureNode, indent: str) -> Iterator[_Row]:
        for child in node.children:
            is_last = child is node.children[-1]
            joint = self._glyphs.last if is_last else self._glyphs.branch
            deeper = indent + ("   " if is_last else self._glyphs.through)
            yield self._node(child, indent + joint)
            yield from self._strip(child, deeper)
            yield from self._below(child, deeper)

    def _node(self, node: PictureNode, indent: str) -> _Row:
        address = node.label if node.address is None else self._picture.short(node.address)
        words = self._words(node)
        text = f"{indent}{address}  {words}"
        painted = f"{self._paint(_DIM, indent)}{self._paint(_BOLD, address)}  {words}"
        tail = ""
        if node.is_pf:
            tail = f"{count_text(node)} on"
        return _Row(painted, len(text), node.acs, node.group, tail)

    def _words(self, node: PictureNode) -> str:
        if node.kind in KIND_WORDS or node.kind == NodeKind.BRIDGE:
            word = KIND_WORDS.get(node.kind, node.class_name or "bridge")
            return f"{word}, {buses_text(node.buses)}" if node.buses else word
        kind = "PF" if node.is_pf else node.class_name
        parts = [kind] if kind else []
        parts += [part for part in (node.netdev, node.driver) if part]
        name = _cut(node.name or "", _NAME_WIDTH)
        return self._plain(" ".join([*parts, name]).strip())

    def _strip(self, node: PictureNode, indent: str) -> Iterator[_Row]:
        if not node.is_pf:
            return
        margin = indent + (self._glyphs.through if node.children else "   ")
        for start in range(0, len(node.vfs), _CELLS_PER_LINE):
            cells = "".join(self._cell(vf) for vf in node.vfs[start : start + _CELLS_PER_LINE])
            yield _Row(f"{self._paint(_DIM, margin)}{cells}", 0)
        words = "; ".join(filter(None, (limit_text(node), group_range(node, self._names))))
        yield _Row(f"{self._paint(_DIM, margin)}{self._plain(words)}", 0)

    def _cell(self, vf: VFCell) -> str:
        if vf.state == CellState.BEYOND:
            return self._paint(_DIM, self._glyphs.beyond)
        if vf.state == CellState.OFF:
            return self._glyphs.off
        if vf.group is None:
            return self._glyphs.ungrouped
        if vf.group in self._groups:
            return self._paint(self._groups[vf.group], self._glyphs.shared)
        return self._paint(_OWN, self._glyphs.own)

    def _line(self, row: _Row, width: int) -> str:
        if not row.acs and row.group is None and not row.tail:
            return row.text
        padding = " " * (width - row.length)
        acs = self._paint(_ACS_COLOURS.get(row.acs, ""), f"{row.acs:<9}")
        group = "" if row.group is None else self._names.get(row.group, "")
        colour = self._groups.get(row.group, "") if row.group is not None else ""
        columns = f"{row.text}{padding}  {acs}  {self._paint(colour, f'{group:<10}')}  {row.tail}"
        return columns.rstrip() if not self._color else columns

    # --- legend --------------------------------------------------------------------------

    def _legend(self) -> Iterator[str]:
        cells = [cell for node in nodes_of(self._picture) for cell in node.vfs]
        seen = {self._cell(cell) for cell in cells}
        meanings = (
            (self._paint(_OWN, self._glyphs.own), "VF alone in its group"),
            (self._glyphs.ungrouped, "VF without a group"),
            (self._glyphs.off, "VF that could be switched on"),
            (self._paint(_DIM, self._glyphs.beyond), "VF beyond what works here"),
        )
        words = [f"{glyph} {meaning}" for glyph, meaning in meanings if glyph in seen]
        if any(cell.group in self._groups for cell in cells):
            words.insert(0, f"{self._glyphs.shared} VF that shares its group")
        if words:
            yield "   ".join(words)
        if any(node.acs == ACSState.ASSUMED for node in nodes_of(self._picture)):
            yield f"{ACSState.ASSUMED}  {ASSUMED_ACS}"
        for group in self._picture.shared_groups:
            size = self._picture.group_sizes[group]
            about = f"{self._names[group]}: {size} functions, inseparable"
            yield self._paint(self._groups[group], about)


def tree_as_json(picture: Picture) -> dict[str, object]:
    """Shape a picture as ``tree --json`` promises it.  Pure."""
    source = picture.group_source
    return {
        "description": picture.description,
        "group_source": None if source == GroupSource.NONE else str(source),
        "shared_groups": list(picture.shared_groups),
        "roots": [_node_as_json(root) for root in picture.roots],
    }


def _node_as_json(node: PictureNode) -> dict[str, object]:
    return {
        "kind": str(node.kind),
        "address": None if node.address is None else str(node.address),
        "label": node.label,
        "name": node.name,
        "class": node.class_name,
        "driver": node.driver,
        "netdev": node.netdev,
        "numa_node": node.numa_node,
        "iommu_group": node.group,
        "acs": str(node.acs) or None,
        "buses": None if node.buses is None else [f"{bus:02x}" for bus in node.buses],
        "total_vfs": node.total_vfs,
        "num_vfs": node.num_vfs,
        "max_usable_vfs": node.max_usable_vfs,
        "limit": node.limit,
        "vfs": [_cell_as_json(vf) for vf in node.vfs],
        "children": [_node_as_json(child) for child in node.children],
    }


def _cell_as_json(vf: VFCell) -> dict[str, object]:
    return {
        "vf_index": vf.vf_index,
        "address": None if vf.address is None else str(vf.address),
        "state": str(vf.state),
        "iommu_group": vf.group,
        "driver": vf.driver,
        "netdev": vf.netdev,
    }


def _cut(words: str, room: int) -> str:
    return words if len(words) <= room else words[: room - 1].rstrip() + "…"
