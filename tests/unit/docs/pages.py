"""Markdown pages, as far as the tests of the documentation need to know them."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from sriovctl.cli.context import Context, HostKind
from sriovctl.host.api import Host
from sriovctl.host.journal import SQLiteJournal

ROOT = Path(__file__).parents[3]

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)


def pages() -> list[Path]:
    """All pages of the project, relative to its root."""
    found = (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
    return sorted(path.relative_to(ROOT) for path in found)


def code_blocks(text: str) -> list[tuple[str, str]]:
    """Language and content of each fenced block."""
    return _BLOCK.findall(text)


def without_code_blocks(text: str) -> str:
    """What a page says outside of its fenced blocks."""
    return _BLOCK.sub("", text)


def headings(text: str) -> list[tuple[int, str]]:
    """Level and words of each heading."""
    return [(len(marks), words) for marks, words in _HEADING.findall(without_code_blocks(text))]


def anchors_of(text: str) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    words = (re.sub(r"[^\w\- ]", "", words.lower()) for _, words in headings(text))
    return {each.strip().replace(" ", "-") for each in words}


def links(text: str) -> list[str]:
    """Targets of links and pictures, in order."""
    return _LINK.findall(without_code_blocks(text))


def context_of(host: Host) -> Context:
    """A verb's context with that host and nothing else."""
    return Context(
        open_host=lambda: host,
        open_libvirt=lambda: pytest.fail("asks libvirt"),
        open_journal=lambda: SQLiteJournal(None),
        out=io.StringIO(),
        color=False,
        kind=HostKind.SIMULATED,
    )
