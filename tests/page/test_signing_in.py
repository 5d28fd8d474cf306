"""Who may look, and who may do more."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from sriovctl.api.contract.messages import Role
from tests.page.conftest import Complaints
from tests.page.looking import wait_for_view
from tests.page.served import HOSTNAME, Served

pytestmark = pytest.mark.browser


def test_a_token_lets_in_and_signing_out_shuts_the_door(
    context: BrowserContext, page: Page, ordinary: Served, complaints: Complaints
) -> None:
    complaints.expected.append("401")
    page.goto(ordinary.url)
    expect(page.get_by_role("heading", name=HOSTNAME)).to_be_visible()
    field = page.get_by_label("Token or key")
    field.fill("sriovctl_nobody_wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("this token is not known")
    field.fill(ordinary.token(Role.OPERATE))
    page.get_by_role("button", name="Sign in").click()
    wait_for_view(page)
    expect(page.get_by_role("banner")).to_contain_text("May change")
    (cookie,) = context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    page.reload()
    wait_for_view(page)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Token or key")).to_be_visible()
    assert context.request.get(f"{ordinary.url}v1/pfs").status == 401


def test_two_languages_and_two_colours_stay_chosen(
    context: BrowserContext, page: Page, ordinary: Served
) -> None:
    ordinary.sign_in(context)
    page.goto(ordinary.url)
    wait_for_view(page)
    page.get_by_role("button", name="中文").click()
    expect(page.get_by_role("link", name="拓扑")).to_be_visible()
    page.reload()
    expect(page.get_by_role("link", name="拓扑")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "zh")
    before = background(page)
    colours = page.get_by_role("button", name="配色")
    colours.click()
    colours.click()  # from the system's, over light, to dark
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    wait_for_view(page)
    assert background(page) != before


def background(page: Page) -> str:
    found: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return found
