"""docs/export.md says of each key and each format what the code does."""

from __future__ import annotations

import re

import pytest

from sriovctl.engine.exchange.foreign import ALIASES, FORMATS, IMPORTED, renderer_of
from sriovctl.model.translation import ALL_KEYS
from tests.unit.docs.pages import ROOT

PAGE = (ROOT / "docs/export.md").read_text(encoding="utf-8")


def mark(name: str, key: str) -> str:
    renderer = renderer_of(name)
    if key in renderer.REASONS:
        return "host" if key.startswith("match.") and key != "match.all" else "-"
    return "partly" if key in renderer.SOMETIMES else "yes"


def matrix() -> list[str]:
    """The table of all keys and formats."""
    head = ["| Key | " + " | ".join(f"`{name}`" for name in FORMATS) + " |"]
    rule = ["| --- |" + " --- |" * len(FORMATS)]
    rows = [
        f"| `{key}` | " + " | ".join(mark(name, key) for name in FORMATS) + " |" for key in ALL_KEYS
    ]
    return head + rule + rows


def reasons(name: str) -> list[str]:
    """What one format leaves out, or says within limits; keys with one reason share a row."""
    renderer = renderer_of(name)
    rows: dict[str, list[str]] = {}
    for key in ALL_KEYS:
        if key in renderer.REASONS:
            rows.setdefault(f"{mark(name, key)} | {renderer.REASONS[key]}", []).append(key)
        elif key in renderer.SOMETIMES:
            rows.setdefault(f"partly | {renderer.SOMETIMES[key]}", []).append(key)
    return [f"| {', '.join(f'`{key}`' for key in keys)} | {why} |" for why, keys in rows.items()]


def section(name: str) -> str:
    found = re.search(rf"^### `{name}`\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None, name
    return found[1]


def rows_of(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("| ")]


def test_the_table_is_what_the_code_does() -> None:
    found = PAGE[PAGE.index("| Key | `") :].split("\n\n")[0]
    assert found.splitlines() == matrix()


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_has_its_reasons(name: str) -> None:
    rows = [row for row in rows_of(section(name)) if not row.startswith("| Key |")]
    assert [row for row in rows if not row.startswith("| ---")] == reasons(name)


@pytest.mark.parametrize("name", FORMATS)
def test_no_reason_is_for_a_key_that_there_is_not(name: str) -> None:
    renderer = renderer_of(name)
    assert set(renderer.REASONS) | set(renderer.SOMETIMES) <= set(ALL_KEYS)
    assert not set(renderer.REASONS) & set(renderer.SOMETIMES)


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_is_listed(name: str) -> None:
    imported = "yes" if name in IMPORTED else "no"
    pattern = rf"^\| `{name}`(?: \(`(\w+)`\))? \| .* \| {imported} \|$"
    (alias,) = re.findall(pattern, PAGE, re.MULTILINE) or ["missing"]
    assert ALIASES.get(alias, name) == name
    assert alias or name not in ALIASES.values()
