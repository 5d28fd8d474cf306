"""The page of a real kernel: the daemon runs in a lab machine, the browser drives it from here."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.page import inside
from tests.page.certificate import make_certificate
from tests.page.forms import (
    ask_to_apply,
    change_vlan,
    edit_vlan,
    from_to,
    job_told,
    open_view,
    preview,
)
from tests.page.looking import wait_for_view
from tests.page.machine import make_token, serving_machine

pytestmark = [pytest.mark.browser, pytest.mark.qemu]

FREE_VF = 1


def test_a_vlan_is_changed_on_a_real_card_and_a_vf_in_use_is_left_alone(
    chromium: Browser, tmp_path: Path
) -> None:
    tokens = tmp_path / "tokens"
    token = make_token(tokens, "operator", "operate")
    certificate = make_certificate(tmp_path)
    with serving_machine(tmp_path, certificate, tokens) as machine:
        context = chromium.new_context(ignore_https_errors=True)
        page = context.new_page()
        page.goto(machine.url)
        sign_in(page, token)
        page.get_by_role("link", name=inside.PF).first.click()
        wait_for_view(page)
        expect(page.get_by_role("main")).to_contain_text("igb")
        open_view(page, "Topology")
        assert machine.vlan(FREE_VF) == 42

        open_view(page, "Change")
        change_vlan(page, FREE_VF, 77)
        assert machine.vlan(FREE_VF) == 77
        page.get_by_role("button", name="Undo", exact=True).click()
        expect(job_told(page)).to_contain_text("is taken back")
        assert machine.vlan(FREE_VF) == 42

        open_view(page, "History")
        open_view(page, "Change")
        edit_vlan(page, inside.USED_VF, 99)
        plan = preview(page)
        expect(plan.get_by_role("list", name="Plan")).to_contain_text(from_to("none", 99))
        expect(plan).to_contain_text(inside.ADDRESS.partition("/")[0])
        dialog = ask_to_apply(page)
        expect(dialog.get_by_role("button", name="Apply and disturb 1 user")).to_be_disabled()
        assert machine.vlan(inside.USED_VF) == 0
        context.close()


def sign_in(page: Page, token: str) -> None:
    """Paste a token into the form."""
    page.get_by_label("Token or key").fill(token)
    page.get_by_role("button", name="Sign in").click()
    wait_for_view(page)
