"""All ratios in one picture, each with what it should be at most."""

from __future__ import annotations

from collections.abc import Mapping

from case import Row
from plot import Log, bar, line, svg, text

ROW, TOP = 40, 46
LEFT, WIDTH, RIGHT = 430, 420, 70


def draw_ratios(rows: list[Row], limits: Mapping[tuple[str, str], float]) -> str:
    """Draw a bar for each case that ran: to the left is better, the mark is the limit."""
    ran = [(row, row.ratio, limits.get((row.case, row.rival), 1.0)) for row in rows if row.ratio]
    numbers = [number for _, ratio, limit in ran for number in (ratio, limit)]
    scale = Log(min(0.005, *numbers), max(10.0, *numbers), LEFT, LEFT + WIDTH)
    height = TOP + ROW * len(ran)
    parts = [text(LEFT, 16, "time, as a multiple of the rival's; the mark: at most", style="dim")]
    for ten in scale.tens():
        parts.append(line(scale(ten), 26, scale(ten), height - 8))
        parts.append(text(scale(ten), 38, f"{ten:g}", style="dim", anchor="middle"))
    for number, (row, ratio, limit) in enumerate(ran):
        parts += _bar(row, ratio, limit, scale, TOP + ROW * number)
    return svg(LEFT + WIDTH + RIGHT, height, "sriovctl beside its rivals", parts)


def _bar(row: Row, ratio: float, limit: float, scale: Log, y: float) -> list[str]:
    return [
        text(8, y + 14, row.case),
        text(8, y + 29, f"beside {row.rival}", style="dim"),
        bar(LEFT, y + 8, scale(ratio) - LEFT, 16, "good" if ratio <= limit else "bad"),
        line(scale(limit), y + 3, scale(limit), y + 29, "limit"),
        text(max(scale(ratio), scale(limit)) + 6, y + 21, f"{ratio:.3g}"),
    ]
