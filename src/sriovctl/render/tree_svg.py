"""The PCI tree as a self-contained SVG, for a file or a page.

Colour has one meaning: who shares an IOMMU group.  A VF in a group of its own is green, whatever
shares a group lies on an area of that group's colour, and grey is what has no group.
"""

from __future__ import annotations

from html import escape

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
from sriovctl.render.tree_layout import (
    CARD_PADDING,
    COLUMN_GAP,
    HOST_WIDTH,
    MARGIN,
    PANEL_PADDING,
    Box,
    Cell,
    Layout,
    Panel,
    Slab,
    cells_of,
    lay_out,
)
from sriovctl.render.tree_style import GROUP_COLOURS, stylesheet
from sriovctl.render.tree_words import (
    ASSUMED_ACS,
    KIND_WORDS,
    buses_text,
    cell_title,
    count_text,
    group_names,
    limit_text,
    node_title,
    nodes_of,
    summary_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_LEGEND_TOP = 22
_LEGEND_ROW = 24
_LEGEND_GAP = 22  # between two entries
_HULL = 7  # how far a group's area reaches beyond its boxes
_CHIP_HULL = 5
_BADGES = {
    ACSState.ON: "good",
    ACSState.ASSUMED: "warn",
    ACSState.QUIRK: "good",
    ACSState.OVERRIDE: "warn",
    ACSState.OFF: "bad",
    ACSState.ABSENT: "bad",
    ACSState.UNKNOWN: "unknown",
}
_PORT_WORDS = {
    NodeKind.ROOT_PORT: "root port",
    NodeKind.UPSTREAM_PORT: "upstream",
    NodeKind.DOWNSTREAM_PORT: "downstream",
}
_CHARACTER = 5.9  # pixels, of the 11 px font, on average


def tree_as_svg(picture: Picture, *, has_style: bool = True) -> str:
    """Draw a host.  Pure.

    What stands for a device, a VF, or the area of a group, says so in ``data-`` attributes.

    :param has_style: bring the style sheet along; a page may have its own.
    """
    return _Drawing(picture, lay_out(picture)).draw(has_style=has_style)


class _Drawing:
    # Collects elements; what is behind comes first.

    def __init__(self, picture: Picture, layout: Layout) -> None:
        self._picture = picture
        self._layout = layout
        self._names = group_names(picture)
        self._colours = {
            group: number % GROUP_COLOURS for number, group in enumerate(picture.shared_groups)
        }

    def draw(self, *, has_style: bool) -> str:
        width = self._layout.width
        height = self._layout.height + _LEGEND_TOP + len(self._legend_rows()) * _LEGEND_ROW + 4
        title = escape(f"PCI tree of {self._picture.description}")
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="t-drawing" role="img" '
            f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" '
            f'aria-label="{title}">',
            *([f"<style>{stylesheet()}</style>"] if has_style else []),
            _rect("t-page", 0, 0, width, height, radius=0),
            *self._head(),
            *(line for panel in self._layout.panels for line in _panel(panel, self._layout.width)),
            *self._switches(),
            *self._hulls(),
            *self._switch_words(),
            *(line for panel in self._layout.panels for line in self._lines(panel)),
            *(line for panel in self._layout.panels for line in self._slabs(panel)),
            *(line for box in self._layout.boxes for line in self._box(box)),
            *self._legend(),
            "</svg>\n",
        ]
        return "\n".join(parts)

    def _head(self) -> Iterator[str]:
        yield _text("t-text t-title", MARGIN, MARGIN + 18, self._picture.description)
        yield _text("t-soft", MARGIN, MARGIN + 38, summary_of(self._picture))

    # --- areas ---------------------------------------------------------------------------

    def _switches(self) -> Iterator[str]:
        boxes = list(self._layout.boxes)
        for box in boxes:
            if box.node.kind != NodeKind.UPSTREAM_PORT:
                continue
            ports = [one for one in boxes if one.parent is box] or [box]
            right = max(one.right for one in ports)
            bottom = max(one.bottom for one in (*ports, box))
            yield _rect(
                "t-switch",
                box.x - 14,
                box.y - 23,
                right - box.x + 28,
                bottom - box.y + 36,
                radius=14,
            )

    def _switch_words(self) -> Iterator[str]:
        for box in self._layout.boxes:
            if box.node.kind == NodeKind.UPSTREAM_PORT:
                yield _text("t-soft t-small", box.x, box.y - 11, "switch")

    def _hulls(self) -> Iterator[str]:
        for group, colour in self._colours.items():
            boxes = [box for box in self._layout.boxes if box.node.group == group]
            if not boxes:
                continue
            size = self._picture.group_sizes[group]
            title = f"<title>{self._names[group]}: {size} functions, inseparable</title>"
            inner = "".join(_hull_part(box, boxes) for box in boxes)
            told = _data(kind="group", group=group)
            yield f'<g class="t-hull t-h{colour}" opacity="0.3"{told}>{title}{inner}</g>'

    # --- lines and boxes -----------------------------------------------------------------

    def _lines(self, panel: Panel) -> Iterator[str]:
        for slab in panel.slabs:
            for box in slab.boxes:
                if not box.follows_chip:
                    yield f'<path class="t-line" d="{_path_to(box, slab)}"/>'

    def _slabs(self, panel: Panel) -> Iterator[str]:
        for slab in panel.slabs:
            node = slab.node
            title = f"{node.kind} {node.label}"
            yield f"<g{_data_of(node)}><title>{escape(title)}</title>"
            yield _rect("t-slab", slab.x, slab.y, slab.width, slab.height, radius=10)
            yield _text("t-text t-strong", slab.x + 14, slab.y + 24, str(node.kind))
            yield _text("t-text t-mono", slab.x + 14, slab.y + 44, node.label)
            if node.buses:
                yield _text("t-soft", slab.x + 14, slab.y + 62, buses_text(node.buses))
            yield "</g>"

    def _box(self, box: Box) -> Iterator[str]:
        yield f"<g{_data_of(box.node)}><title>{escape(node_title(box.node, self._names))}</title>"
        if box.is_chip:
            yield from self._chip(box)
        elif box.node.is_pf:
            yield from self._card(box)
        else:
            yield from self._port(box)
        yield "</g>"
        if box.node.is_pf:
            for cell, vf in zip(cells_of(box), box.node.vfs, strict=True):
                yield self._cell(cell, vf, box.node)

    def _chip(self, box: Box) -> Iterator[str]:
        node = box.node
        yield _rect("t-box", box.x, box.y, box.width, box.height, radius=6)
        address = self._short(node)
        yield _text("t-text t-mono", box.x + 10, box.y + 17, address)
        left = box.x + 18 + 7.3 * len(address)
        badge_width = 0.0
        if node.acs != ACSState.NOT_NEEDED:
            badge_width = _badge_width(node.acs) + 6
            yield from _badge(box.right - badge_width, box.y + 5, node.acs)
        room = int((box.right - 8 - badge_width - left) / _CHARACTER)
        word = KIND_WORDS.get(node.kind) or node.class_name or node.name or ""
        yield _text(self._group_class(node.group), left, box.y + 17, _cut(word, room))
        if node.group is not None and len(word) + 2 + len(self._name(node.group)) <= room:
            yield from self._group_word(node, box.right - 8 - badge_width, box.y + 17)

    def _port(self, box: Box) -> Iterator[str]:
        node = box.node
        yield _rect("t-box", box.x, box.y, box.width, box.height, radius=8)
        yield _text("t-text t-mono", box.x + 12, box.y + 18, self._short(node))
        if node.acs != ACSState.NOT_NEEDED:
            yield from _badge(box.right - _badge_width(node.acs) - 10, box.y + 8, node.acs)
        # "port" is left out where the area behind says "switch".
        words = _PORT_WORDS.get(node.kind, node.class_name or "bridge")
        buses = f" · {buses_text(node.buses)}" if node.buses else ""
        yield _text("t-soft", box.x + 12, box.y + 35, f"{words}{buses}")
        yield from self._group_word(node, box.right - 12, box.y + 35)

    def _card(self, box: Box) -> Iterator[str]:
        node = box.node
        left, right = box.x + CARD_PADDING, box.right - CARD_PADDING
        yield _rect("t-card", box.x, box.y, box.width, box.height, radius=10)
        address = self._short(node)
        yield _text("t-text t-mono", left, box.y + 21, address)
        x = left + 7.5 * len(address) + 8
        yield _text("t-text", x, box.y + 21, " · ".join(filter(None, (node.netdev, node.driver))))
        yield _text("t-text t-strong t-end", right, box.y + 21, count_text(node))
        yield _text("t-soft", left, box.y + 39, _cut(node.name or node.class_name or "", 58))
        yield from self._group_word(node, right, box.y + 39)
        yield _text("t-soft t-small", left, box.bottom - 11, limit_text(node))
        if node.numa_node is not None and node.numa_node not in self._numa_of_panels(box):
            words = f"on NUMA node {node.numa_node}"
            yield _text("t-warn-text t-small t-end", right, box.bottom - 11, words)

    def _cell(self, cell: Cell, vf: VFCell, pf: PictureNode) -> str:
        # Beyond the limit a cell is crossed out, so that the colour need not say it.
        style = {CellState.OFF: "t-off", CellState.BEYOND: "t-beyond"}.get(vf.state)
        style = style or self._cell_class(vf.group)
        parts = [_rect(style, cell.x, cell.y, cell.width, cell.height)]
        middle = cell.x + cell.width / 2, cell.y + cell.height / 2
        if vf.state == CellState.BEYOND:
            parts.append(_cross(cell))
        elif cell.is_large:
            text = "t-soft" if vf.state == CellState.OFF else "t-on-colour"
            parts.append(_text(f"{text} t-number", middle[0], middle[1] + 3.5, str(vf.vf_index)))
        if vf.driver and "vfio" in vf.driver:
            x = cell.x + cell.width - 5 if cell.is_large else middle[0]
            y = cell.y + 5 if cell.is_large else middle[1]
            parts.append(f'<circle class="t-on-colour" cx="{x:g}" cy="{y:g}" r="2.4"/>')
        title = f"<title>{escape(cell_title(vf, self._names))}</title>"
        told = _data(
            kind="vf",
            vf=vf.vf_index,
            pf=pf.address,
            address=vf.address,
            group=vf.group,
            state=vf.state.name.lower(),
        )
        return f"<g{told}>{title}{''.join(parts)}</g>"

    def _numa_of_panels(self, box: Box) -> set[int | None]:
        return {
            panel.numa_node
            for panel in self._layout.panels
            if panel.y <= box.y < panel.y + panel.height
        }

    # --- groups --------------------------------------------------------------------------

    def _group_class(self, group: int | None) -> str:
        return "t-soft" if group not in self._colours else f"t-g{self._colours[group]}"

    def _cell_class(self, group: int | None) -> str:
        if group is None:
            return "t-none"
        return f"t-g{self._colours[group]}" if group in self._colours else "t-own"

    def _group_word(self, node: PictureNode, x: float, y: float) -> Iterator[str]:
        if node.group is not None:
            words = self._name(node.group)
            yield _text(f"{self._group_class(node.group)} t-end", x, y, words)

    def _name(self, group: int) -> str:
        return self._names.get(group, f"group {group}")

    def _short(self, node: PictureNode) -> str:
        return node.label if node.address is None else self._picture.short(node.address)

    # --- legend --------------------------------------------------------------------------

    def _legend(self) -> Iterator[str]:
        y = self._layout.height + _LEGEND_TOP
        for row in self._legend_rows():
            x: float = MARGIN
            for entry in row:
                yield from entry.draw(x, y)
                x += entry.width
            y += _LEGEND_ROW

    def _legend_rows(self) -> list[list[_Entry]]:
        # Only what occurs in this picture.
        occurring = {node.acs for node in nodes_of(self._picture)}
        cells = [_Entry(*one) for one in self._legend_cells()]
        badges = [_Entry(state, words) for state, words in _LEGEND_BADGES if state in occurring]
        room = self._layout.width - 2 * MARGIN
        parts = (cells, list(self._legend_groups()), badges)
        return [row for part in parts for row in _flow(part, room)]

    def _legend_groups(self) -> Iterator[_Entry]:
        # As many as there are colours; behind those they repeat.
        for group, colour in list(self._colours.items())[:GROUP_COLOURS]:
            size = self._picture.group_sizes[group]
            yield _Entry(f"t-g{colour}", f"{self._names[group]}: {size} functions, inseparable")
        more = len(self._colours) - GROUP_COLOURS
        if more > 0:
            yield _Entry("t-page", f"and {more} more shared group{'' if more == 1 else 's'}")

    def _legend_cells(self) -> Iterator[tuple[str, str, str]]:
        cells = [cell for node in nodes_of(self._picture) for cell in node.vfs]
        states = {cell.state for cell in cells}
        if self._picture.group_source == GroupSource.NONE:
            yield "t-none", "VF; no IOMMU groups", ""
        elif any(cell.group is not None and cell.group not in self._colours for cell in cells):
            yield "t-own", "VF alone in its group", ""
        if CellState.OFF in states:
            yield "t-off", "VF that could be switched on", ""
        if CellState.BEYOND in states:
            yield "t-beyond", "VF beyond what works here", _CROSS_MARK
        if any("vfio" in (cell.driver or "") for cell in cells):
            yield "t-own", "bound to vfio-pci", _DOT_MARK


_CROSS_MARK = (
    '<g transform="translate({x:g} {y:g})"><path class="t-cross" d="M-4 -4L4 4M4 -4L-4 4"/></g>'
)
_DOT_MARK = '<circle class="t-on-colour" cx="{x:g}" cy="{y:g}" r="2.4"/>'
_LEGEND_BADGES = (
    (ACSState.ON, "keeps apart what is below"),
    (ACSState.ASSUMED, ASSUMED_ACS),
    (ACSState.QUIRK, "keeps apart, says the kernel's table of quirks"),
    (ACSState.OVERRIDE, "said to keep apart by pcie_acs_override"),
    (ACSState.ABSENT, "does not keep apart what is below"),
    (ACSState.OFF, "could keep apart what is below, but is off"),
    (ACSState.UNKNOWN, "ACS not readable"),
)


class _Entry(NamedTuple):
    # A sign of the legend and what it means.
    sign: ACSState | str  # a badge, or the class of a cell
    words: str
    mark: str = ""  # on the cell

    @property
    def sign_width(self) -> float:
        return _badge_width(self.sign) if isinstance(self.sign, ACSState) else 14

    @property
    def width(self) -> float:
        return self.sign_width + 7 + len(self.words) * _CHARACTER + _LEGEND_GAP

    def draw(self, x: float, y: float) -> Iterator[str]:
        if isinstance(self.sign, ACSState):
            yield from _badge(x, y - 1, self.sign)
        else:
            yield _rect(self.sign, x, y, 14, 14)
            yield self.mark.format(x=x + 7, y=y + 7)
        yield _text("t-soft", x + self.sign_width + 7, y + 11, self.words)


def _flow(entries: list[_Entry], room: float) -> list[list[_Entry]]:
    rows: list[list[_Entry]] = []
    left = 0.0
    for entry in entries:
        if not rows or entry.width - _LEGEND_GAP > left:
            rows.append([])
            left = room
        rows[-1].append(entry)
        left -= entry.width
    return rows


def _panel(panel: Panel, width: float) -> Iterator[str]:
    yield _rect("t-panel", MARGIN, panel.y, width - 2 * MARGIN, panel.height, radius=14)
    if panel.numa_node is not None:
        text = f"NUMA node {panel.numa_node}"
        yield _text("t-soft t-strong", MARGIN + PANEL_PADDING, panel.y + 24, text)


def _hull_part(box: Box, members: list[Box]) -> str:
    reach = _CHIP_HULL if box.is_chip else _HULL
    part = _rect(
        "",
        box.x - reach,
        box.y - reach,
        box.width + 2 * reach,
        box.height + 2 * reach,
        radius=10 if box.is_chip else 15,
    )
    if box.parent in members:
        line = _path_to(box, None)
        part += f'<path d="{line}" fill="none" stroke-width="{4 * _CHIP_HULL}"/>'
    return part


def _path_to(box: Box, slab: Slab | None) -> str:
    # From the bridge's right edge along a rail to the left edge.
    if box.parent is None:
        start = box.x - COLUMN_GAP if slab is None else slab.x + HOST_WIDTH
        return f"M{start:g} {box.anchor:g}H{box.x:g}"
    rail = box.parent.right + COLUMN_GAP / 2
    return f"M{box.parent.right:g} {box.parent.anchor:g}H{rail:g}V{box.anchor:g}H{box.x:g}"


def _data_of(node: PictureNode) -> str:
    kind = "pf" if node.is_pf else node.kind.name.lower().replace("_", "-")
    return _data(kind=kind, address=node.address, group=node.group, numa=node.numa_node)


# What is not known has no attribute.
def _data(**told: object) -> str:
    known = ((name, value) for name, value in told.items() if value is not None)
    return "".join(f' data-{name}="{escape(str(value))}"' for name, value in known)


def _badge_width(state: ACSState) -> float:
    return 14 + 6.1 * len(str(state))


def _badge(x: float, y: float, state: ACSState) -> Iterator[str]:
    kind, width = _BADGES[state], _badge_width(state)
    yield _rect(f"t-{kind}", x, y, width, 16, radius=8)
    yield _text(f"t-{kind}-text t-number", x + width / 2, y + 11.5, str(state))


def _cross(cell: Cell) -> str:
    left, right = cell.x + 3, cell.x + cell.width - 3
    top, bottom = cell.y + 3, cell.y + cell.height - 3
    return (
        f'<path class="t-cross" d="M{left:g} {top:g}L{right:g} {bottom:g}'
        f'M{right:g} {top:g}L{left:g} {bottom:g}"/>'
    )


def _rect(style: str, x: float, y: float, width: float, height: float, *, radius: float = 3) -> str:
    of_class = f' class="{style}"' if style else ""
    return (
        f'<rect{of_class} x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" '
        f'rx="{radius:g}"/>'
    )


def _text(style: str, x: float, y: float, words: str) -> str:
    return f'<text class="{style}" x="{x:g}" y="{y:g}">{escape(words)}</text>'


def _cut(words: str, room: int) -> str:
    return words if len(words) <= room else words[: max(0, room - 1)].rstrip() + "…"
