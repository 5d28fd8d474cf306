"""Colours and fonts of the drawn tree, for a light and a dark page."""

from __future__ import annotations

# Classes rather than custom properties: not every SVG viewer knows var().
_LIGHT = {
    ".t-page": "fill:#ffffff",
    ".t-panel": "fill:#f4f6f9;stroke:#e1e6ed",
    ".t-slab": "fill:#e3e9f1;stroke:#b9c4d2",
    ".t-switch": "fill:#e9edf3;stroke:#aab5c3",
    ".t-box": "fill:#ffffff;stroke:#b9c4d2",
    ".t-card": "fill:#ffffff;stroke:#8493a6",
    ".t-line": "stroke:#93a1b3",
    ".t-text": "fill:#17202b",
    ".t-soft": "fill:#56637a",
    ".t-own": "fill:#12927f",
    ".t-none": "fill:#8c99aa",
    ".t-off": "fill:#ffffff;stroke:#b3bfcd",
    ".t-beyond": "fill:#eceff3;stroke:#d3dae3",
    ".t-cross": "stroke:#b6c0cd",
    ".t-on-colour": "fill:#ffffff",
    ".t-good": "fill:#d8f1ec",
    ".t-good-text": "fill:#0b6658",
    ".t-bad": "fill:#fbdcdc",
    ".t-bad-text": "fill:#a01c1c",
    ".t-warn": "fill:#fbeccb",
    ".t-warn-text": "fill:#7d4e00",
    ".t-unknown": "fill:#e4e8ee",
    ".t-unknown-text": "fill:#46536a",
}
_DARK = {
    ".t-page": "fill:#10151c",
    ".t-panel": "fill:#161d26;stroke:#232d3a",
    ".t-slab": "fill:#263241;stroke:#3c4b5e",
    ".t-switch": "fill:#1e2834;stroke:#4a5a6e",
    ".t-box": "fill:#1d2732;stroke:#3f4e61",
    ".t-card": "fill:#1d2732;stroke:#64758a",
    ".t-line": "stroke:#5d6e83",
    ".t-text": "fill:#e9eef5",
    ".t-soft": "fill:#9fafc3",
    ".t-own": "fill:#22b39d",
    ".t-none": "fill:#6e7d91",
    ".t-off": "fill:#1d2732;stroke:#4d5d72",
    ".t-beyond": "fill:#151c25;stroke:#2b3745",
    ".t-cross": "stroke:#46556a",
    ".t-on-colour": "fill:#0d1218",
    ".t-good": "fill:#113d38",
    ".t-good-text": "fill:#7ee2d2",
    ".t-bad": "fill:#4d1d20",
    ".t-bad-text": "fill:#ffaba7",
    ".t-warn": "fill:#473512",
    ".t-warn-text": "fill:#ffd68a",
    ".t-unknown": "fill:#2b3644",
    ".t-unknown-text": "fill:#bcc8d8",
}

# Colours of groups with several members; none is near the colour of "a group of its own".
_GROUP_LIGHT = (
    *("#d9480f", "#6741d9", "#c2255c", "#1971c2"),
    *("#8a6d00", "#9c36b5", "#5c7a00", "#a0522d"),
)
_GROUP_DARK = (
    *("#ff8f4d", "#a18aff", "#ff7aa8", "#5db0ff"),
    *("#e3c13b", "#e08cf5", "#b2d94c", "#e09a70"),
)
GROUP_COLOURS = len(_GROUP_LIGHT)

_FONTS = """\
.t-drawing{max-width:100%;height:auto}
.t-drawing text{font-family:system-ui,"Segoe UI","DejaVu Sans",sans-serif;font-size:11px}
.t-drawing .t-title{font-size:19px;font-weight:600}
.t-drawing .t-mono{font-family:ui-monospace,"DejaVu Sans Mono",Menlo,monospace;font-size:12px;\
font-weight:600}
.t-drawing .t-strong{font-size:13px;font-weight:600}
.t-drawing .t-small{font-size:10px}
.t-drawing .t-badge{font-size:10px;font-weight:600}
.t-drawing .t-number{font-size:10px;font-weight:600;text-anchor:middle}
.t-drawing .t-end{text-anchor:end}
.t-line,.t-cross{fill:none;stroke-width:1.5}
.t-cross{stroke-width:1}
.t-switch{stroke-dasharray:4 3}
.t-hull{stroke-linejoin:round;stroke-linecap:round}"""


def stylesheet() -> str:
    """Return the style sheet.  Every class begins with ``t-``, to live within a larger page."""
    groups_light = _group_rules(_GROUP_LIGHT)
    groups_dark = _group_rules(_GROUP_DARK)
    light = _rules(_LIGHT) + groups_light
    dark = _rules(_DARK) + groups_dark
    return f"{_FONTS}\n{light}\n@media (prefers-color-scheme:dark){{\n{dark}\n}}"


def _rules(rules: dict[str, str]) -> str:
    return "\n".join(f"{selector}{{{rule}}}" for selector, rule in rules.items()) + "\n"


def _group_rules(colours: tuple[str, ...]) -> str:
    return "\n".join(
        f".t-g{number}{{fill:{colour}}}.t-h{number}{{fill:{colour};stroke:{colour}}}"
        for number, colour in enumerate(colours)
    )
