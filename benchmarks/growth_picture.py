"""Time and memory over the number of VFs, both axes logarithmic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from plot import Log, line, svg, text

WIDTH, HEIGHT, GAP, TOP, BOTTOM, LEFT = 400, 260, 90, 40, 44, 60
COLOURS = ("#8795a1", "#2b6cb0", "#2f855a", "#c05621", "#6b46c1")
Rows = Sequence[dict[str, object]]


def draw_growth(rows: Rows) -> str:
    """Draw two diagrams side by side, with a dashed line that shows what linear is."""
    names = list(dict.fromkeys(str(row["what"]) for row in rows))
    parts = [
        *_diagram(rows, names, "s", "time, s", LEFT),
        *_diagram(rows, names, "peak_mib", "peak memory, MiB", LEFT + WIDTH + GAP),
        *_legend(names),
    ]
    width = LEFT + 2 * WIDTH + GAP + 20
    return svg(width, TOP + HEIGHT + BOTTOM + 24, "time and memory over the number of VFs", parts)


def _diagram(rows: Rows, names: list[str], key: str, title: str, left: float) -> Iterator[str]:
    values = [_number(row, key) for row in rows]
    sizes = [_number(row, "vfs") for row in rows]
    across = Log(min(sizes), max(sizes), left, left + WIDTH)
    up = Log(min(values) / 1.5, max(values) * 1.5, TOP + HEIGHT, TOP)
    yield text(left, 24, title)
    for size in sorted(set(sizes)):
        yield line(across(size), TOP, across(size), TOP + HEIGHT)
        yield text(across(size), TOP + HEIGHT + 18, f"{size:g}", style="dim", anchor="middle")
    for ten in up.tens():
        yield line(left, up(ten), left + WIDTH, up(ten))
        yield text(left - 6, up(ten) + 4, f"{ten:g}", style="dim", anchor="end")
    for name, colour in zip(names, COLOURS, strict=False):
        mine = [row for row in rows if row["what"] == name]
        points = [(across(_number(one, "vfs")), up(_number(one, key))) for one in mine]
        yield _curve(points, colour)
    yield _linear(across, up, max(sizes), max(values))


def _number(row: dict[str, object], key: str) -> float:
    value = row[key]
    assert isinstance(value, int | float)
    return float(value)


def _curve(points: list[tuple[float, float]], colour: str) -> str:
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>' for x, y in points)
    curve = f'<polyline points="{joined}" fill="none" stroke="{colour}" stroke-width="2"/>'
    return f'{curve}<g fill="{colour}">{dots}</g>'


# Through the highest point, a tenth of the VFs further down a tenth of the cost.
def _linear(across: Log, up: Log, size: float, value: float) -> str:
    ends = f'x1="{across(size / 10):.1f}" y1="{up(value / 10):.1f}" '
    ends += f'x2="{across(size):.1f}" y2="{up(value):.1f}"'
    return f'<line {ends} stroke="#8795a1" stroke-dasharray="5 4"/>'


def _legend(names: list[str]) -> Iterator[str]:
    x, y = float(LEFT), TOP + HEIGHT + BOTTOM
    for name, colour in zip(names, COLOURS, strict=False):
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>'
        yield text(x + 10, y + 4, name)
        x += 40 + 8 * len(name)
    yield text(x, y + 4, "dashed: linear in the number of VFs", style="dim")
