"""How one gets to a view, and when it is there."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from tests.page.hosts import PF
from tests.page.served import Served

# Each page, by the name that its pictures have.
VIEWS = {
    "overview": "#/",
    "topology": "#/topology",
    "doctor": "#/doctor",
    "change": "#/change",
    "guests": "#/guests",
    "pools": "#/pools",
    "history": "#/history",
    "events": "#/events",
    "pf": f"#/pf/{PF}",
    "vf": f"#/vf/{PF}/0",
}
_PATIENCE_MS = 20_000  # of what should take no time at all

expect.set_options(timeout=_PATIENCE_MS)


def look(page: Page, served: Served, view: str = "overview") -> None:
    """Open a view, and wait until it shows what it has."""
    page.goto(f"{served.url}{VIEWS[view]}")
    wait_for_view(page)


def wait_for_view(page: Page) -> None:
    """Wait until all has been read."""
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator(".loading")).to_have_count(0)
    expect(connection(page)).to_have_attribute("data-state", "live")


def connection(page: Page) -> Locator:
    """What says whether the page is connected."""
    return page.get_by_role("banner").get_by_role("status")
