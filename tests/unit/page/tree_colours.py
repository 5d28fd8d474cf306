"""Write style/views/tree.css: the colours of the drawn tree, as somebody chose them on the page.

``.venv/bin/python -m tests.unit.page.tree_colours`` brings the file up to date.
"""

from __future__ import annotations

from sriovctl.render.tree_style import stylesheet
from tests.unit.page.static_files import STATIC

FILE = STATIC / "style/views/tree.css"
_MEDIA = "@media (prefers-color-scheme:dark){"
_HEAD = (
    "/* Made from render/tree_style.py by `python -m tests.unit.page.tree_colours`: what the\n"
    "   system decides in a file, somebody may decide otherwise on the page. */\n\n"
)


def page_colours() -> str:
    """Return the drawing's style sheet as the page needs it."""
    light, _, dark = stylesheet().partition(_MEDIA)
    dark = dark.rstrip().removesuffix("}")
    by_system = f"{_MEDIA}\n{_within(':root:not([data-theme=light])', dark)}\n}}"
    return f"{_HEAD}{light}{by_system}\n{_within(':root[data-theme=dark]', dark)}\n"


def _within(place: str, rules: str) -> str:
    selected = [rule.replace(".t-", f"{place} .t-") for rule in rules.split("}") if rule.strip()]
    return "}".join(selected).strip() + "}"


if __name__ == "__main__":
    FILE.write_text(page_colours())
