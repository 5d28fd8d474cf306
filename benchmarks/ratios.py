"""All ratios in one picture, each with what it should be at most."""

from __future__ import annotations

from case import Measured
from plot import Log, bar, line, svg, text

ROW, TOP = 40, 46
LEFT, WIDTH, RIGHT = 430, 420, 70


def draw_ratios(measured: list[Measured]) -> str:
    """Draw a bar for each case that ran: to the left is better, the mark is the limit."""
    ran = [one for one in measured if one.row.ratio]
    ratios = [ratio for one in ran for ratio in (one.row.ratio or 1.0, one.limit)]
    scale = Log(min(0.005, *ratios), max(10.0, *ratios), LEFT, LEFT + WIDTH)
    height = TOP + ROW * len(ran)
    parts = [text(LEFT, 16, "time, as a multiple of the rival's; the mark: at most", style="dim")]
    for ten in scale.tens():
        parts.append(line(scale(ten), 26, scale(ten), height - 8))
        parts.append(text(scale(ten), 38, f"{ten:g}", style="dim", anchor="middle"))
    for number, one in enumerate(ran):
        parts += _row(one, scale, TOP + ROW * number)
    return svg(LEFT + WIDTH + RIGHT, height, "sriovctl beside its rivals", parts)


def _row(one: Measured, scale: Log, y: float) -> list[str]:
    ratio = one.row.ratio or 1.0
    style = "good" if ratio <= one.limit else "bad"
    return [
        text(8, y + 14, one.row.case),
        text(8, y + 29, f"beside {one.row.rival}", style="dim"),
        bar(LEFT, y + 8, scale(ratio) - LEFT, 16, style),
        line(scale(one.limit), y + 3, scale(one.limit), y + 29, "limit"),
        text(max(scale(ratio), scale(one.limit)) + 6, y + 21, f"{ratio:.3g}"),
    ]
