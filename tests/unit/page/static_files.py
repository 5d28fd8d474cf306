"""What the tests of the page's files have in common: which there are, and who loads whom."""

from __future__ import annotations

import re
from pathlib import Path

import sriovctl.page

STATIC = Path(sriovctl.page.__file__).parent / "static"

_IMPORT = re.compile(r"""(?:\bfrom|^import)\s*["'](\.[^"']+)["']""", re.MULTILINE)
_LINK = re.compile(r"""(?:href|src)="/page/([^"]+)\"""")


def own_files(*suffixes: str) -> list[Path]:
    """Return the files that are ours, not those of others."""
    found = (path for path in STATIC.rglob("*") if path.suffix in suffixes)
    return sorted(path for path in found if STATIC / "vendor" not in path.parents)


def named(path: Path) -> str:
    """Return a file's name as the page says it."""
    return str(path.relative_to(STATIC))


def loaded_with(*first: str) -> set[Path]:
    """Return these files and whatever they load at once, not what they load when it is needed."""
    found: set[Path] = set()
    waiting = [STATIC / one for one in first]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += _loads(path)
    return found


def _loads(path: Path) -> list[Path]:
    text = path.read_text()
    if path.suffix == ".html":
        return [STATIC / one for one in _LINK.findall(text)]
    if path.suffix != ".js" or STATIC / "vendor" in path.parents:
        return []
    return [(path.parent / one).resolve() for one in _IMPORT.findall(text)]
