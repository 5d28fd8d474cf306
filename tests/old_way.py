"""The tables of docs/from-the-old-way.md: what people typed, and what they type instead."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).parents[1] / "docs/from-the-old-way.md"
_CODE = re.compile(r"`([^`]+)`")
_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
_CELLS = re.compile(r"(?<!\\)\|")


class Row(NamedTuple):
    """One line of a table."""

    classic: tuple[str, ...]  # the pieces of code in it
    ours: tuple[str, ...]


def tables(section: str) -> list[list[Row]]:
    """Read the tables below a heading, without their heads."""
    parts = _HEADING.split(PAGE.read_text("utf-8"))
    text = dict(zip(parts[1::2], parts[2::2], strict=True))[section]
    blocks = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    return [[_row(line) for line in block.splitlines()[2:]] for block in blocks]


def sections() -> list[str]:
    """Headings of the parts of the page."""
    return _HEADING.findall(PAGE.read_text("utf-8"))


def our_commands() -> list[str]:
    """Each command line of ours in a table of the page."""
    return [
        code
        for section in sections()
        for table in tables(section)
        for row in table
        for code in row.ours
        if code.startswith("sriovctl ")
    ]


def _row(line: str) -> Row:
    _, classic, ours, _ = _CELLS.split(line)
    return Row(_codes(classic), _codes(ours))


def _codes(cell: str) -> tuple[str, ...]:
    return tuple(code.replace("\\|", "|") for code in _CODE.findall(cell))
