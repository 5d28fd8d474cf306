"""Where each box of the drawn tree is.

The tree grows from left to right: host bridges are tall slabs, each level of bridges is a column,
and a box stands level with the first one below it.  Devices without anything to show below them
flow in rows, so that a chipset does not push the PFs off the page.
"""

from __future__ import annotations

from sriovctl.model.picture import NodeKind
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sriovctl.model.picture import Picture, PictureNode

MARGIN = 28
TITLE_HEIGHT = 66
HOST_WIDTH = 128
PORT_WIDTH, PORT_HEIGHT = 224, 44
CHIP_WIDTH, CHIP_HEIGHT, CHIP_GAP = 224, 26, 12
MIN_CHIPS = 4  # that fit beside each other on a root bus
CARD_WIDTH = 480
CARD_PADDING = 14
CELLS_TOP = 52
FOOTER_HEIGHT = 26
COLUMN_GAP = 44
ROW_GAP = 26
SWITCH_ROOM = 16  # above the frame of a switch
PANEL_PADDING = 16
PANEL_TITLE = 22

# A few VFs get large cells with their number in them, many get small ones.
FEW_VFS = 16
FEW_PER_ROW, FEW_HEIGHT = 16, 22
MANY_PER_ROW, MANY_HEIGHT = 32, 12
CELL_GAP = 2


class Box(NamedTuple):
    """One node in its place, in pixels."""

    node: PictureNode
    x: float
    y: float
    width: float
    height: float
    anchor: float  # y at which the line from above ends
    is_chip: bool  # drawn in one line
    parent: Box | None  # None: hangs on the host bridge
    follows_chip: bool = False  # in a row of chips, not the first: no line of its own

    @property
    def right(self) -> float:
        """X of the right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """Y of the bottom edge."""
        return self.y + self.height


class Slab(NamedTuple):
    """A host bridge and all that hangs on it."""

    node: PictureNode
    x: float
    y: float
    width: float
    height: float
    boxes: tuple[Box, ...]


class Panel(NamedTuple):
    """One NUMA node: the area behind its host bridges."""

    numa_node: int | None
    y: float
    height: float
    slabs: tuple[Slab, ...]


class Layout(NamedTuple):
    """The whole drawing, without its legend."""

    width: float
    height: float
    panels: tuple[Panel, ...]

    @property
    def boxes(self) -> Iterator[Box]:
        """Iterate over the boxes of all panels, from top to bottom."""
        for panel in self.panels:
            for slab in panel.slabs:
                yield from slab.boxes


class Cell(NamedTuple):
    """Where one VF of a card is."""

    x: float
    y: float
    width: float
    height: float
    is_large: bool


def lay_out(picture: Picture) -> Layout:
    """Find a place for everything.  Pure."""
    right = max((_right_edge(root) for root in picture.roots), default=0)
    chips = MIN_CHIPS * (CHIP_WIDTH + CHIP_GAP)
    right = max(right, MARGIN + PANEL_PADDING + HOST_WIDTH + COLUMN_GAP + chips)
    panels: list[Panel] = []
    y: float = MARGIN + TITLE_HEIGHT
    for numa_node, roots in _by_numa_node(picture.roots):
        panel = _lay_out_panel(numa_node, roots, y, right)
        panels.append(panel)
        y = panel.y + panel.height + ROW_GAP
    return Layout(right + PANEL_PADDING + MARGIN, y - ROW_GAP, tuple(panels))


def is_chip(node: PictureNode) -> bool:
    """Say whether a node is drawn in one line: nothing below it, and no VFs.  Pure."""
    return not node.children and not node.is_pf


def begins_with_switch(node: PictureNode) -> bool:
    """Say whether the frame of a switch stands level with a node.  Pure."""
    if node.kind == NodeKind.UPSTREAM_PORT:
        return True
    return bool(node.children) and begins_with_switch(node.children[0])


def card_height(node: PictureNode) -> float:
    """Height of a PF's card.  Pure."""
    if not node.vfs:
        return CELLS_TOP + FOOTER_HEIGHT - 8
    rows, cell_height = _rows_of(len(node.vfs))
    return CELLS_TOP + rows * (cell_height + CELL_GAP) + FOOTER_HEIGHT


def cells_of(box: Box) -> Iterator[Cell]:
    """Find a place for each VF of a card, in their order.  Pure."""
    few = len(box.node.vfs) <= FEW_VFS
    per_row = FEW_PER_ROW if few else MANY_PER_ROW
    height = FEW_HEIGHT if few else MANY_HEIGHT
    pitch = (box.width - 2 * CARD_PADDING + CELL_GAP) / per_row
    for index in range(len(box.node.vfs)):
        row, column = divmod(index, per_row)
        yield Cell(
            x=box.x + CARD_PADDING + column * pitch,
            y=box.y + CELLS_TOP + row * (height + CELL_GAP),
            width=pitch - CELL_GAP,
            height=height,
            is_large=few,
        )


def _rows_of(vfs: int) -> tuple[int, int]:
    if vfs <= FEW_VFS:
        return 1, FEW_HEIGHT
    return -(-vfs // MANY_PER_ROW), MANY_HEIGHT


def _by_numa_node(
    roots: Sequence[PictureNode],
) -> list[tuple[int | None, list[PictureNode]]]:
    panels: list[tuple[int | None, list[PictureNode]]] = []
    for root in roots:
        if panels and panels[-1][0] == root.numa_node:
            panels[-1][1].append(root)
        else:
            panels.append((root.numa_node, [root]))
    return panels


def _lay_out_panel(
    numa_node: int | None, roots: Sequence[PictureNode], y: float, right: float
) -> Panel:
    slabs = []
    below = y + PANEL_PADDING + (0 if numa_node is None else PANEL_TITLE)
    for root in roots:
        slab = _lay_out_slab(root, below, right)
        slabs.append(slab)
        below = slab.y + slab.height + ROW_GAP
    return Panel(numa_node, y, below - ROW_GAP + PANEL_PADDING - y, tuple(slabs))


def _lay_out_slab(root: PictureNode, y: float, right: float) -> Slab:
    x = MARGIN + PANEL_PADDING
    boxes: list[Box] = []
    height = _Placer(boxes, right).place_children(root, x + HOST_WIDTH + COLUMN_GAP, y, None)
    return Slab(root, x, y, HOST_WIDTH, max(height, 84), tuple(boxes))


class _Placer:
    # Puts boxes into the list, parents before children; each step says how high it became.

    def __init__(self, boxes: list[Box], right: float) -> None:
        self._boxes = boxes
        self._right = right

    def place_children(self, node: PictureNode, x: float, y: float, parent: Box | None) -> float:
        top = y
        for number, run in enumerate(_runs(node.children)):
            # A switch has a frame around it; its first port moves with the port above.
            if begins_with_switch(run[0]) and (number > 0 or parent is None):
                y += SWITCH_ROOM
            if len(run) > 1 or is_chip(run[0]):
                y += self._place_chips(run, x, y, parent) + ROW_GAP
            else:
                y += self._place(run[0], x, y, parent) + ROW_GAP
        return max(0, y - ROW_GAP - top)

    def _place(self, node: PictureNode, x: float, y: float, parent: Box | None) -> float:
        is_card = node.is_pf
        width = CARD_WIDTH if is_card else PORT_WIDTH
        height = card_height(node) if is_card else PORT_HEIGHT
        box = Box(node, x, y, width, height, y + PORT_HEIGHT / 2, False, parent)
        self._boxes.append(box)
        return max(height, self.place_children(node, box.right + COLUMN_GAP, y, box))

    def _place_chips(
        self, run: Sequence[PictureNode], x: float, y: float, parent: Box | None
    ) -> float:
        pitch = CHIP_WIDTH + CHIP_GAP
        per_row = max(1, int((self._right - x + CHIP_GAP) // pitch))
        # A chip alone stands level with the box that it hangs on.
        y += (PORT_HEIGHT - CHIP_HEIGHT) / 2 if parent is not None else 0
        for index, node in enumerate(run):
            row, column = divmod(index, per_row)
            top = y + row * (CHIP_HEIGHT + CHIP_GAP)
            self._boxes.append(
                Box(
                    node,
                    x + column * pitch,
                    top,
                    CHIP_WIDTH,
                    CHIP_HEIGHT,
                    top + CHIP_HEIGHT / 2,
                    True,
                    parent,
                    follows_chip=column > 0,
                )
            )
        rows = -(-len(run) // per_row)
        return (
            rows * (CHIP_HEIGHT + CHIP_GAP)
            - CHIP_GAP
            + (PORT_HEIGHT - CHIP_HEIGHT if parent is not None else 0)
        )


def _runs(children: Sequence[PictureNode]) -> list[list[PictureNode]]:
    # Devices side by side, everything else alone.
    runs: list[list[PictureNode]] = []
    for child in children:
        if runs and is_chip(child) and is_chip(runs[-1][0]):
            runs[-1].append(child)
        else:
            runs.append([child])
    return runs


def _right_edge(node: PictureNode, x: float = MARGIN + PANEL_PADDING) -> float:
    if node.kind in (NodeKind.HOST_BRIDGE, NodeKind.BUS):
        right = x + HOST_WIDTH
    else:
        right = x + (CARD_WIDTH if node.is_pf else PORT_WIDTH)
    return max([right, *(_right_edge(child, right + COLUMN_GAP) for child in node.children)])
