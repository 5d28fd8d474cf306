"""The host in five seconds: what the overview, a PF and a VF tell."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.page.hosts import PF, PF_BELOW_SWITCH
from tests.page.looking import look, wait_for_view
from tests.page.served import Served

pytestmark = pytest.mark.browser


def test_a_face_plate_tells_what_each_vf_is(
    context: BrowserContext, page: Page, ordinary: Served
) -> None:
    ordinary.sign_in(context)
    look(page, ordinary)
    expect(page.get_by_text("Not ready for SR-IOV")).to_be_visible()
    plate = page.get_by_role("article", name="PF eth0").get_by_role("img")
    expect(plate).to_have_accessible_name(
        "VFs: 1 free, 1 host, 1 guest, 1 leased, 3 off", ignore_case=True
    )
    plate.hover(position={"x": 6, "y": 6})
    expect(page.locator(".tip")).to_contain_text("guest:finance-web")
    plate.click(position={"x": 6, "y": 6})
    expect(page.get_by_role("heading", level=1)).to_have_text("VF 0")
    expect(page.get_by_role("main")).to_contain_text("live and config XML of the guest")


def test_what_needs_a_look_stands_first(
    context: BrowserContext, page: Page, ordinary: Served
) -> None:
    def tell_health(route: Route) -> None:
        conditions = {"uplink": {"health": "blocked", "reason": "guest:finance-web is in the way"}}
        told = {"health": "blocked", "reason": "uplink differs", "conditions": conditions}
        route.fulfill(json={"schema": "sriovctl/health/1", "version": "0", **told})

    def tell_wedged(route: Route) -> None:
        told = json.loads(route.fetch().body())
        next(pf for pf in told["pfs"] if pf["device"] == PF)["wedged"] = True
        route.fulfill(json=told)

    ordinary.sign_in(context)
    page.route("**/v1/health", tell_health)
    page.route("**/v1/counters", tell_wedged)
    look(page, ordinary)
    needs = page.get_by_role("region", name="What needs a look")
    expect(needs).to_contain_text("eth0 is wedged")
    expect(needs).to_contain_text("guest:finance-web is in the way")
    expect(needs).to_contain_text(PF_BELOW_SWITCH)
    expect(page.get_by_role("region", name="Readiness")).to_contain_text("somebody is in the way")


def test_vfs_are_filtered_by_words_and_sorted_by_columns(
    context: BrowserContext, page: Page, crowded: Served
) -> None:
    crowded.sign_in(context)
    page.goto(f"{crowded.url}#/pf/0000:02:00.0")
    wait_for_view(page)
    table = page.get_by_role("region", name="VFs of this PF").get_by_role("table")
    rows = table.locator("tbody tr")
    expect(rows).to_have_count(64)
    page.get_by_label("Filter").fill("guest vfio")
    expect(rows).to_have_count(4)
    page.get_by_role("button", name="Used by").click()
    page.get_by_role("button", name="Used by").click()
    expect(rows.first).to_contain_text("guest:tenant-1-03")
    expect(table.get_by_role("columnheader", name="Used by")).to_have_attribute(
        "aria-sort", "descending"
    )
    page.reload()
    expect(rows).to_have_count(4)  # the filter is part of the address


def test_rates_follow_from_what_was_counted(
    context: BrowserContext, page: Page, changed: Served
) -> None:
    changed.sign_in(context)
    look(page, changed, "pf")
    rates = page.get_by_role("region", name="Rates")
    with page.expect_response("**/v1/counters"):
        pass
    changed.staged.host.clock.sleep(2)
    changed.staged.host.traffic.pass_netdev("eth0", rx_bytes=25_000_000, tx_bytes=250_000)
    expect(rates).to_contain_text("100 Mbit/s")
    expect(rates).to_contain_text("1 Mbit/s")
    expect(rates.locator("canvas")).to_be_visible()
