"""Name in index.html what app.js loads, so that a browser asks for all of it at once.

``.venv/bin/python -m tests.unit.page.preloads`` brings the file up to date.
"""

from __future__ import annotations

import re

from tests.unit.page.static_files import STATIC, loaded_with, named

FILE = STATIC / "index.html"
_LINE = '  <link rel="modulepreload" href="/page/{}">\n'
_LINES = re.compile(r'(?:  <link rel="modulepreload"[^\n]*\n)+')


def with_preloads() -> str:
    """Return index.html as it should be."""
    loaded = sorted(named(path) for path in loaded_with("app.js"))
    lines = "".join(_LINE.format(name) for name in loaded if name != "app.js")
    return _LINES.sub(lambda _: lines, FILE.read_text(), count=1)


if __name__ == "__main__":
    FILE.write_text(with_preloads())
