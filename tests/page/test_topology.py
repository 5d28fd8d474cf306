"""The drawing of the PCI tree: pointed at, chosen from, filtered, zoomed, and kept up to date."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.page.conftest import Complaints
from tests.page.hosts import NVME, PF, PF_BELOW_SWITCH, VF0, VF2
from tests.page.looking import look
from tests.page.served import Served

AWAY = ("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_EMPTY_RESPONSE")

pytestmark = pytest.mark.browser

PORT_OF_SWITCH, PORT_OF_PF = "0000:03:00.0", "0000:00:06.0"
REASON = f"downstream port {PORT_OF_SWITCH} has no ACS capability"


def test_who_points_at_a_device_is_told_its_group_the_reason_and_the_way(
    context: BrowserContext, page: Page, ordinary: Served
) -> None:
    ordinary.sign_in(context)
    look(page, ordinary, "topology")
    tip = page.locator(".tree-tip")
    drawn(page, PF_BELOW_SWITCH).hover()
    expect(tip).to_contain_text("IOMMU group 6, shared with 1 other")
    expect(tip).to_contain_text(REASON)
    expect(tip).to_contain_text(f"{PORT_OF_SWITCH} no ACS")
    expect(drawn(page, PORT_OF_SWITCH)).to_contain_class("is-lit")
    drawn(page, VF0).hover()
    expect(tip).to_contain_text("guest:finance-web")
    expect(tip).to_contain_text("Alone in IOMMU group")


def test_who_chooses_one_is_told_all_and_can_send_the_address(
    context: BrowserContext, page: Page, ordinary: Served
) -> None:
    ordinary.sign_in(context)
    look(page, ordinary, "topology")
    drawn(page, PF_BELOW_SWITCH).click()
    detail = page.get_by_role("complementary")
    expect(detail.get_by_role("heading", level=2)).to_have_text("eth1")
    expect(detail.get_by_role("listitem").filter(has_text=PORT_OF_SWITCH).first).to_contain_text(
        "no ACS"
    )
    expect(detail).to_contain_text("What would part it")
    page.reload()
    expect(detail.get_by_role("heading", level=2)).to_have_text("eth1")
    page.keyboard.press("Escape")
    expect(detail).to_have_count(0)


def test_without_a_mouse_one_comes_to_each_vf(
    context: BrowserContext, page: Page, ordinary: Served
) -> None:
    ordinary.sign_in(context)
    look(page, ordinary, "topology")
    drawn(page, PF).focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(drawn(page, VF2)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("complementary").get_by_role("heading", level=2)).to_have_text("VF 2")


def test_a_filter_leaves_bright_what_it_is_about_and_what_is_above(
    context: BrowserContext, page: Page, ordinary: Served
) -> None:
    ordinary.sign_in(context)
    look(page, ordinary, "topology")
    page.get_by_label("Guest", exact=True).select_option("guest:finance-web")
    for address in (VF0, PF, PORT_OF_PF):
        expect(drawn(page, address)).to_have_css("opacity", "1")
    for address in (VF2, NVME):
        expect(drawn(page, address)).not_to_have_css("opacity", "1")
    page.get_by_role("button", name="Show all").click()
    expect(drawn(page, NVME)).to_have_css("opacity", "1")


def test_what_changes_is_drawn_and_the_zoom_stays(
    context: BrowserContext, page: Page, changed: Served, complaints: Complaints
) -> None:
    complaints.expected.extend(AWAY)
    changed.sign_in(context)
    look(page, changed, "topology")
    place = page.get_by_role("group", name="PCI tree", exact=True)
    moved = page.locator(".tree-drawing svg > g")
    first = moved.get_attribute("transform")
    page.get_by_role("button", name="Larger").click()
    place.hover()
    page.mouse.wheel(0, -300)
    place.focus()
    page.keyboard.press("ArrowLeft")
    zoomed = moved.get_attribute("transform")
    assert zoomed != first
    expect(drawn(page, PF_BELOW_SWITCH)).to_contain_text("0 of 7 VFs")
    changed.staged.make_vfs_by_hand(PF_BELOW_SWITCH, 3)
    changed.stop()
    changed.start()
    expect(drawn(page, PF_BELOW_SWITCH)).to_contain_text("3 of 7 VFs")
    assert moved.get_attribute("transform") == zoomed
    page.get_by_role("button", name="Fit").click()
    expect(moved).to_have_attribute("transform", first or "")


def drawn(page: Page, address: str) -> Locator:
    return page.locator(f'.tree-drawing [data-address="{address}"]')
