from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from sriovctl.page.assets import STATIC, Asset, Assets

TEXT = "body { margin: 0 } /* and so on */\n" * 40


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Files of a page, and one beside them that is none."""
    root = tmp_path / "static"
    (root / "style").mkdir(parents=True)
    (root / "index.html").write_text("<!doctype html>")
    (root / "style" / "base.css").write_text(TEXT)
    (root / "LICENSE").write_text("Do as you like.")
    (root / "app.py").write_text("secret")
    (root / ".hidden.js").write_text("secret")
    (tmp_path / "secret.txt").write_text("secret")
    (root / "link.txt").symlink_to(tmp_path / "secret.txt")
    (root / "folder").symlink_to(tmp_path)
    os.mkfifo(root / "pipe.txt")
    return root


def found(directory: Path, path: str) -> Asset | None:
    return Assets(str(directory)).find(tuple(path.split("/")))


def test_a_file_comes_with_its_type_packed_and_plain(directory: Path) -> None:
    asset = found(directory, "style/base.css")
    assert asset is not None
    assert asset.body.decode() == TEXT
    assert asset.content_type == "text/css; charset=utf-8"
    assert asset.packed is not None
    assert gzip.decompress(asset.packed) == asset.body
    assert asset.etag.startswith('"')
    assert asset.etag.endswith('"')


def test_the_first_page_is_that_of_no_path(directory: Path) -> None:
    assets = Assets(str(directory))
    assert assets.find(()) == assets.find(("index.html",))
    assert assets.find(()) is not None


def test_what_packing_makes_no_smaller_stays_as_it_is(directory: Path) -> None:
    asset = found(directory, "LICENSE")
    assert asset is not None
    assert (asset.packed, asset.content_type) == (None, "text/plain; charset=utf-8")


@pytest.mark.parametrize(
    "path",
    [
        *(
            "../secret.txt",
            "style/../../secret.txt",
            "..",
            ".",
            "",
            "style",
            "style/",
            "/etc/passwd",
        ),
        *("link.txt", "folder/secret.txt", "pipe.txt", "app.py", ".hidden.js", "nothing.css"),
        *("%2e%2e/secret.txt", "..%2fsecret.txt", "secret.txt\0.css", "style\\base.css"),
        *("style/base.css/more.css", "x" * 200 + ".css", "a/" * 20 + "b.css", "index.html "),
    ],
)
def test_nothing_else_is_found(directory: Path, path: str) -> None:
    assert found(directory, path) is None


def test_a_file_is_read_anew_when_it_changes(directory: Path) -> None:
    assets = Assets(str(directory))
    before = assets.find(("LICENSE",))
    assert assets.find(("LICENSE",)) is before
    (directory / "LICENSE").write_text("Do as you must.")
    os.utime(directory / "LICENSE", ns=(1, 1))
    after = assets.find(("LICENSE",))
    assert before is not None
    assert after is not None
    assert after.body == b"Do as you must."
    assert after.etag != before.etag


def test_each_file_of_the_page_is_one_that_is_sent() -> None:
    assets = Assets()
    for path in Path(STATIC).rglob("*"):
        if path.is_file():
            assert assets.find(path.relative_to(STATIC).parts) is not None, path
