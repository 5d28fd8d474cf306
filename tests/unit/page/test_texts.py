from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.page.static_files import STATIC, own_files

_ENTRY = re.compile(r'^  "([\w.]+)": "((?:[^"\\]|\\.)*)",$', re.MULTILINE)
_PLAIN_KEY = re.compile(r"""\bt\(\s*["']([\w.]+)["']""")
_PREFIX = re.compile(r"""\bt\(\s*`([\w.]*)\$\{""")
_QUOTED_KEY = re.compile(r"""\btitle: ["']([\w.]+)["']""")
_VALUE = re.compile(r"\{(\w+)")


def catalogue(language: str) -> dict[str, str]:
    text = (STATIC / f"texts/{language}.js").read_text()
    return dict(_ENTRY.findall(text))


def test_every_line_of_a_catalogue_is_a_text_of_its_own() -> None:
    for language in ("en", "zh"):
        text = (STATIC / f"texts/{language}.js").read_text()
        lines = [line.strip() for line in text.partition("{")[2].rpartition("}")[0].splitlines()]
        entries = [line for line in lines if line and not line.startswith("//")]
        assert len(catalogue(language)) == len(entries) > 50


def test_both_languages_have_the_same_keys_in_the_same_order() -> None:
    assert list(catalogue("en")) == list(catalogue("zh"))


def test_both_languages_are_given_the_same_values() -> None:
    english, chinese = catalogue("en"), catalogue("zh")
    for key, text in english.items():
        assert set(_VALUE.findall(text)) == set(_VALUE.findall(chinese[key])), key


@pytest.mark.parametrize("path", own_files(".js"), ids=str)
def test_every_text_that_is_asked_for_is_there(path: Path) -> None:
    text = path.read_text()
    keys = catalogue("en")
    for key in _PLAIN_KEY.findall(text) + _QUOTED_KEY.findall(text):
        assert key in keys
    for prefix in _PREFIX.findall(text):
        assert any(key.startswith(prefix) for key in keys), prefix


def test_no_text_is_left_over() -> None:
    sources = "\n".join(path.read_text() for path in own_files(".js") if "texts" not in path.parts)
    prefixes = tuple(_PREFIX.findall(sources))
    unused = [
        key
        for key in catalogue("en")
        if f'"{key}"' not in sources and not (prefixes and key.startswith(prefixes))
    ]
    assert not unused, unused
