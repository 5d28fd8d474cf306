"""Small pictures of results, as SVG that any browser shows."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from math import log10

_FONT = "font-family:system-ui,sans-serif;font-size:13px"
_STYLE = f"""<style>
text{{{_FONT};fill:#1f2933}}.dim{{fill:#6b7785}}.line{{stroke:#d5dbe1;stroke-width:1}}
.good{{fill:#2f855a}}.bad{{fill:#c05621}}.limit{{stroke:#1f2933;stroke-width:2}}
@media (prefers-color-scheme:dark){{text{{fill:#e4e9ee}}.dim{{fill:#9aa6b2}}
.line{{stroke:#3a444f}}.limit{{stroke:#e4e9ee}}.good{{fill:#48bb78}}.bad{{fill:#ed8936}}}}
</style>"""


class Log:
    """A logarithmic scale of pixels."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self._low, self._high, self._start, self._end = low, high, start, end

    def __call__(self, value: float) -> float:
        share = log10(max(value, self._low) / self._low) / log10(self._high / self._low)
        return self._start + min(share, 1.0) * (self._end - self._start)

    def tens(self) -> Iterator[float]:
        """Powers of ten that it shows."""
        for exponent in range(-9, 9):
            if self._low <= 10.0**exponent <= self._high:
                yield 10.0**exponent


def svg(width: float, height: float, title: str, parts: list[str]) -> str:
    """Put parts into a picture."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'role="img" aria-label="{escape(title)}">'
    )
    return "\n".join((head, f"<title>{escape(title)}</title>", _STYLE, *parts, "</svg>")) + "\n"


def text(x: float, y: float, words: str, *, style: str = "", anchor: str = "start") -> str:
    """Write words."""
    kind = f' class="{style}"' if style else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{kind}>{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, style: str = "line") -> str:
    """Draw a line."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{style}"/>'


def bar(x: float, y: float, width: float, height: float, style: str) -> str:
    """Draw a bar."""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 1):.1f}" height="{height:.1f}" '
        f'class="{style}"/>'
    )
