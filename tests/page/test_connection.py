"""The page and its host: how one gets there, and what happens when the host goes away."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.page.conftest import Complaints
from tests.page.hosts import PF
from tests.page.looking import connection, look, wait_for_view
from tests.page.program import serving_program
from tests.page.served import Served

pytestmark = pytest.mark.browser

AWAY = ("net::ERR_CONNECTION", "net::ERR_INCOMPLETE_CHUNKED_ENCODING", "net::ERR_EMPTY_RESPONSE")


def test_the_program_lets_one_browser_in_by_its_link(
    page: Page, tmp_path: Path, complaints: Complaints
) -> None:
    complaints.expected.append("401")
    with serving_program(tmp_path) as program:
        link = program.link()
        page.goto(link)
        wait_for_view(page)
        assert "key" not in page.url
        expect(page.get_by_role("banner")).to_contain_text("simulated")
        expect(page.get_by_role("link", name=PF)).to_be_visible()
        expect(page.get_by_role("main")).to_contain_text("bit/s")  # its time goes on
        context = page.context.browser.new_context()  # type: ignore[union-attr]
        late = context.new_page()
        late.goto(link)
        expect(late.get_by_label("Token or key")).to_be_visible()
        late.goto("about:blank")
        late.goto(program.link())
        wait_for_view(late)
        context.close()
        assert program.end() == 0


def test_a_program_that_was_restarted_asks_to_sign_in_again(
    page: Page, tmp_path: Path, complaints: Complaints
) -> None:
    complaints.expected.extend(("401", *AWAY))
    with serving_program(tmp_path) as program:
        link = program.link()
        page.goto(link)
        wait_for_view(page)
        assert program.end() == 0
    expect(connection(page)).to_contain_text("Reconnecting")
    port = urlsplit(link).port
    assert port is not None
    with serving_program(tmp_path, port=port) as again:
        expect(page.get_by_label("Token or key")).to_be_visible()
        page.get_by_label("Token or key").fill(again.link().partition("#key=")[2])
        page.get_by_role("button", name="Sign in").click()
        wait_for_view(page)
        page.goto("about:blank")


def test_a_host_that_went_away_comes_back_and_is_read_anew(
    context: BrowserContext, page: Page, changed: Served, complaints: Complaints
) -> None:
    complaints.expected.extend(AWAY)
    changed.sign_in(context)
    look(page, changed, "pf")
    changed.stop()
    expect(connection(page)).to_contain_text("Reconnecting")
    expect(page.get_by_role("heading", level=1)).to_be_visible()  # what was read stays
    expect(page.get_by_role("main")).to_contain_text("finance-web")
    changed.staged.lend(PF, "came-meanwhile")
    changed.start()
    expect(connection(page)).to_contain_text("Live")
    expect(page.get_by_role("main")).to_contain_text("lease:2")


def test_what_one_browser_does_the_other_sees(
    chromium: Browser, context: BrowserContext, page: Page, changed: Served
) -> None:
    changed.sign_in(context)
    look(page, changed, "pf")
    other = chromium.new_context()
    changed.sign_in(other)
    said = other.request.get(f"{changed.url}v1/session").json()
    lent = other.request.post(
        f"{changed.url}v1/leases",
        data={"pool": f"address={PF}", "owner": "the-other-one"},
        headers={"X-CSRF-Token": said["csrf"]},
    )
    assert lent.ok, lent.text()
    expect(page.get_by_role("main")).to_contain_text("lease:2")
    other.close()


def test_a_page_that_is_opened_before_its_host_waits_for_it(
    context: BrowserContext, page: Page, changed: Served, complaints: Complaints
) -> None:
    complaints.expected.extend(AWAY)
    changed.sign_in(context)
    page.route("**/v1/session", lambda route: route.abort("connectionrefused"))
    page.goto(changed.url)
    expect(page.get_by_text("Waiting for the host")).to_be_visible()
    page.unroute("**/v1/session")
    wait_for_view(page)
