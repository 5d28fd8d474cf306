"""The page for people who see little, hear it read, or have no mouse."""

from __future__ import annotations

from hashlib import sha256

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.page.axe import VENDOR, grave_violations
from tests.page.keyboard import walk
from tests.page.looking import VIEWS, look
from tests.page.served import Served

pytestmark = pytest.mark.browser

WIDTHS = (360, 1280)
HEIGHT = 800


def test_axe_core_is_the_one_that_is_named() -> None:
    named = (VENDOR / "VERSIONS").read_text()
    assert sha256((VENDOR / "axe-core/axe.min.js").read_bytes()).hexdigest() in named


@pytest.mark.parametrize("view", VIEWS)
def test_nothing_grave_is_in_the_way_light_or_dark_narrow_or_wide(
    context: BrowserContext, page: Page, ordinary: Served, view: str
) -> None:
    ordinary.sign_in(context)
    look(page, ordinary, view)
    found = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": HEIGHT})
        for colors in ("light", "dark"):
            page.emulate_media(color_scheme=colors, reduced_motion="reduce")
            found += [f"{width} {colors}: {one}" for one in grave_violations(page)]
    assert found == []


@pytest.mark.parametrize("view", VIEWS)
def test_the_keyboard_reaches_everything_and_one_sees_where_one_is(
    context: BrowserContext, page: Page, ordinary: Served, view: str
) -> None:
    page.emulate_media(reduced_motion="reduce")
    ordinary.sign_in(context)
    look(page, ordinary, view)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": HEIGHT})
        walked = walk(page)
        assert walked.controls
        assert walked.missed == [], f"{width} px"
        assert walked.hidden == [], f"{width} px"


def test_the_sign_in_form_is_for_all(page: Page, ordinary: Served) -> None:
    page.goto(ordinary.url)
    expect(page.get_by_label("Token or key")).to_be_focused()
    assert grave_violations(page) == []
    assert walk(page).missed == []


def test_a_dialog_keeps_the_focus_and_gives_it_back(
    context: BrowserContext, page: Page, ordinary: Served
) -> None:
    page.set_viewport_size({"width": 360, "height": HEIGHT})
    ordinary.sign_in(context)
    look(page, ordinary)
    more = page.get_by_role("button", name="More")
    more.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="More")
    expect(dialog).to_be_visible()
    walked = walk(page)
    assert walked.missed == []
    assert [stop.said for stop in walked.stops if stop.number is None] == []
    assert grave_violations(page) == []
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(more).to_be_focused()


def test_the_first_stop_leads_past_the_navigation(
    context: BrowserContext, page: Page, ordinary: Served
) -> None:
    ordinary.sign_in(context)
    look(page, ordinary)
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()


@pytest.mark.parametrize(
    ("host", "view"),
    [("crowded", view) for view in VIEWS]
    + [("empty", view) for view in VIEWS if view not in ("pf", "vf")],
)
def test_nothing_runs_over_the_edge(
    request: pytest.FixtureRequest, context: BrowserContext, page: Page, host: str, view: str
) -> None:
    served: Served = request.getfixturevalue(host)
    served.sign_in(context)
    look(page, served, view)
    for width in (360, 1280, 2560):
        page.set_viewport_size({"width": width, "height": HEIGHT})
        there = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert there[0] <= there[1], f"{width} px"
