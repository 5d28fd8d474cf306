"""What holds for all files of the page: nothing from elsewhere, nothing inline, and light."""

from __future__ import annotations

import gzip
import re
from hashlib import sha256

from tests.unit.page.preloads import with_preloads
from tests.unit.page.static_files import STATIC, loaded_with, named, own_files
from tests.unit.page.tree_colours import FILE, page_colours

FIRST_PAGE_BYTES = 150_000

# A name in an XML namespace or in a comment is not loaded; these are.
_LOADS_FROM_ELSEWHERE = re.compile(
    r"""(?:\b(?:src|href|action|poster)=["']?|url\(\s*["']?|@import\s*["']?|"""
    r"""\bimport\s*\(?\s*["']|\bfrom\s*["']|\b(?:fetch|EventSource|WebSocket|Worker)\(\s*["'`])"""
    r"""\s*(?:https?:)?//""",
    re.IGNORECASE,
)


def test_nothing_is_loaded_from_elsewhere() -> None:
    for path in STATIC.rglob("*"):
        if path.suffix in (".html", ".css", ".js", ".svg"):
            assert not _LOADS_FROM_ELSEWHERE.search(path.read_text()), named(path)


def test_the_search_for_what_is_loaded_from_elsewhere_finds_it() -> None:
    for text in (
        '<script src="https://cdn.example/x.js">',
        '@import "//cdn.example/x.css";',
        "background: url(http://cdn.example/x.png)",
        'import x from "https://cdn.example/x.js"',
        'fetch("https://elsewhere.example/")',
    ):
        assert _LOADS_FROM_ELSEWHERE.search(text)


def test_no_script_and_no_style_is_inline() -> None:
    for path in own_files(".html", ".svg"):
        text = path.read_text()
        assert "<style" not in text
        assert not re.search(r"\s(?:on\w+|style)=", text)
        for attributes, body in re.findall(r"<script([^>]*)>(.*?)</script>", text, re.DOTALL):
            assert "src=" in attributes
            assert not body.strip()


def test_markup_in_scripts_has_no_style_and_no_handler_as_text() -> None:
    for path in own_files(".js"):
        text = path.read_text()
        assert not re.search(r"""\sstyle=["']""", text), named(path)
        assert not re.search(r"""\son\w+=["']""", text), named(path)
        assert "innerHTML" not in text, named(path)
        assert not re.search(r"\beval\(|new Function\(", text), named(path)


def test_whatever_is_imported_is_there() -> None:
    scripts = [named(path) for path in own_files(".js")]
    for path in loaded_with("index.html", *scripts):
        assert path.is_file(), path


def test_every_view_that_is_routed_to_is_there() -> None:
    routes = (STATIC / "views/index.js").read_text()
    found = re.findall(r'import\("\./(\w+\.js)"\)', routes)
    assert len(found) == routes.count("pattern:")
    for name in found:
        assert "export default" in (STATIC / "views" / name).read_text()


def test_the_first_page_is_light() -> None:
    files = loaded_with("index.html", "views/overview.js", "texts/zh.js")
    packed = sum(len(gzip.compress(path.read_bytes(), 9)) for path in files)
    assert packed < FIRST_PAGE_BYTES


def test_what_others_wrote_is_as_it_was_built() -> None:
    said = dict(re.findall(r"^(\S+)  sha256:(\w+)$", _versions(), re.MULTILINE))
    vendor = STATIC / "vendor"
    built = {path.name for path in vendor.iterdir() if path.suffix in (".js", ".css")}
    assert set(said) == built
    for name, wanted in said.items():
        assert sha256((vendor / name).read_bytes()).hexdigest() == wanted


def test_what_others_wrote_has_its_licence_beside_it() -> None:
    packages = re.findall(r"^    (\S+) [\d.]+  \S+  https://", _versions(), re.MULTILINE)
    assert {"htm", "preact", "uplot", "@codemirror/view"} <= set(packages)
    for package in packages:
        name = package.replace("@", "").replace("/", "-")
        assert (STATIC / "vendor/licences" / name).read_text().strip()


def _versions() -> str:
    return (STATIC / "vendor/VERSIONS").read_text()


def test_the_page_draws_the_tree_in_the_colours_of_the_command() -> None:
    assert FILE.read_text() == page_colours()


def test_a_browser_is_told_at_once_what_every_page_needs() -> None:
    assert (STATIC / "index.html").read_text() == with_preloads()
