"""Pictures of the page: those there are, are those that are taken, and each is shown."""

from __future__ import annotations

from tests.page.pictures import PICTURES
from tests.unit.docs.pages import ROOT, links

DIRECTORY = ROOT / "docs/pictures/page"
MOST_BYTES = 2_500_000


def test_each_picture_that_is_taken_is_shown_and_no_other() -> None:
    taken = {one.name for one in PICTURES}
    page = (ROOT / "docs/page.md").read_text("utf-8")
    shown = {target.rpartition("/")[2] for target in links(page) if target.endswith(".png")}
    assert {path.name for path in DIRECTORY.iterdir()} == taken == shown


def test_pictures_are_small() -> None:
    assert sum(path.stat().st_size for path in DIRECTORY.iterdir()) < MOST_BYTES
