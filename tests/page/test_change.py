"""From what one sees to a host that is changed, and back: judged by the kernel, not by the page."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import APIResponse, Browser, BrowserContext, Page, Route, expect

from sriovctl.api.contract.messages import Role
from tests.loops import PATIENCE_S
from tests.page.axe import grave_violations
from tests.page.conftest import Complaints
from tests.page.forms import (
    ask_to_apply,
    change_vlan,
    edit_vlan,
    from_to,
    job_told,
    open_view,
    preview,
)
from tests.page.hosts import PF
from tests.page.looking import look
from tests.page.served import Served

pytestmark = pytest.mark.browser

FREE_VF, GUESTS_VF = 2, 0


def test_see_the_host_change_a_vlan_and_undo_it(
    context: BrowserContext, page: Page, changed: Served
) -> None:
    changed.sign_in(context, Role.OPERATE)
    look(page, changed)
    expect(page.get_by_role("main")).to_contain_text("82576")
    open_view(page, "Topology")
    open_view(page, "Change")

    edit_vlan(page, FREE_VF, 77)
    plan = preview(page)
    expect(plan).to_contain_text("1 step")
    expect(plan).to_contain_text("nobody would feel it")
    expect(plan.get_by_role("list", name="Plan")).to_contain_text(from_to(102, 77))
    assert changed.staged.vlan(PF, FREE_VF) == 102
    dialog = ask_to_apply(page)
    expect(dialog).to_contain_text("Apply 1 step to kvm-07?")
    dialog.get_by_role("button", name="Apply now").click()
    expect(job_told(page)).to_contain_text("Applied and verified: 1 step")
    assert changed.staged.vlan(PF, FREE_VF) == 77

    page.get_by_role("button", name="Undo", exact=True).click()
    expect(job_told(page)).to_contain_text("is taken back")
    assert changed.staged.vlan(PF, FREE_VF) == 102
    assert grave_violations(page) == []
    open_view(page, "History")
    expect(page.get_by_role("main")).to_contain_text("token operate-token")


def test_a_change_is_kept_in_time(context: BrowserContext, page: Page, changed: Served) -> None:
    changed.sign_in(context)
    look(page, changed, "change")
    change_vlan(page, FREE_VF, 77, confirm=True)
    assert changed.staged.vlan(PF, FREE_VF) == 77
    waiting = page.get_by_role("group", name="Keep run")
    expect(waiting.get_by_role("timer")).to_be_visible()
    assert grave_violations(page) == []
    waiting.get_by_role("button", name="Keep").click()
    expect(job_told(page)).to_contain_text("stands")
    changed.wake()
    look(page, changed, "change")
    assert changed.staged.vlan(PF, FREE_VF) == 77


def test_a_change_that_nobody_keeps_is_undone(
    context: BrowserContext, page: Page, changed: Served
) -> None:
    changed.sign_in(context)
    look(page, changed, "change")
    change_vlan(page, FREE_VF, 77, confirm=True)
    expect(page.get_by_role("timer")).to_be_visible()
    changed.wake()
    expect(page.get_by_role("timer")).to_have_count(0)
    assert changed.staged.vlan(PF, FREE_VF) == 102


def test_who_would_be_disturbed_is_named_and_only_an_administrator_may_go_on(
    context: BrowserContext, chromium: Browser, page: Page, changed: Served
) -> None:
    changed.sign_in(context, Role.OPERATE)
    look(page, changed, "change")
    edit_vlan(page, GUESTS_VF, 200)
    expect(preview(page)).to_contain_text("finance-web")
    dialog = ask_to_apply(page)
    expect(dialog).to_contain_text("finance-web")
    expect(dialog.get_by_role("button", name="Apply and disturb 1 user")).to_be_disabled()
    assert grave_violations(page) == []
    dialog.get_by_role("button", name="Not now").click()
    assert changed.staged.vlan(PF, GUESTS_VF) == 100

    other = chromium.new_context()
    changed.sign_in(other, Role.ADMIN)
    page = other.new_page()
    look(page, changed, "change")
    edit_vlan(page, GUESTS_VF, 200)
    preview(page)
    dialog = ask_to_apply(page)
    go_on = dialog.get_by_role("button", name="Apply and disturb 1 user")
    expect(go_on).to_be_disabled()
    dialog.get_by_label("finance-web").check()
    go_on.click()
    expect(job_told(page)).to_contain_text("Applied and verified")
    assert changed.staged.vlan(PF, GUESTS_VF) == 200
    other.close()


def test_a_vf_that_is_lent_after_the_plan_is_left_alone(
    context: BrowserContext, page: Page, changed: Served
) -> None:
    changed.sign_in(context)
    look(page, changed, "change")
    edit_vlan(page, FREE_VF, 77)
    expect(preview(page)).to_contain_text("nobody would feel it")
    dialog = ask_to_apply(page)
    changed.staged.lend(PF, "late-comer")
    dialog.get_by_role("button", name="Apply now").click()
    alert = job_told(page)
    expect(alert).to_contain_text("lease:2 would feel it")
    assert changed.staged.vlan(PF, FREE_VF) == 102


def test_a_vf_that_is_changed_after_the_plan_is_planned_for_anew(
    context: BrowserContext, page: Page, changed: Served
) -> None:
    changed.sign_in(context)
    look(page, changed, "change")
    edit_vlan(page, FREE_VF, 77)
    preview(page)
    dialog = ask_to_apply(page)
    changed.staged.apply(a={"match": {"address": PF}, "vfs": {FREE_VF: {"vlan": {"id": 55}}}})
    dialog.get_by_role("button", name="Apply now").click()
    alert = job_told(page)
    expect(alert).to_contain_text("have it planned anew")
    expect(alert).to_contain_text("vlan 55 -> 77")
    expect(alert).to_contain_text("The host was not touched")
    assert changed.staged.vlan(PF, FREE_VF) == 55


def test_who_may_only_look_reads_plans_and_changes_nothing(
    context: BrowserContext, page: Page, changed: Served
) -> None:
    changed.sign_in(context, Role.READ)
    look(page, changed, "change")
    edit_vlan(page, FREE_VF, 77)
    plan = preview(page)
    expect(plan).to_contain_text(from_to(102, 77))
    expect(page.get_by_role("button", name="Apply", exact=True)).to_be_disabled()
    expect(plan).to_contain_text("This needs the role")


def test_a_draft_does_not_overlook_what_another_browser_did(
    chromium: Browser,
    context: BrowserContext,
    page: Page,
    changed: Served,
    complaints: Complaints,
) -> None:
    complaints.expected.append("412")
    changed.sign_in(context)
    look(page, changed, "change")
    edit_vlan(page, FREE_VF, 77)
    other = chromium.new_context()
    changed.sign_in(other)
    others = other.new_page()
    look(others, changed, "change")
    change_vlan(others, 3, 333)
    other.close()

    warning = page.get_by_role("alert").filter(has_text="The host has changed")
    expect(warning).to_contain_text("333")
    page.get_by_role("button", name="Look again, keep my changes").click()
    expect(warning).to_have_count(0)
    expect(preview(page).get_by_role("list", name="Plan")).to_contain_text(from_to(102, 77))
    ask_to_apply(page).get_by_role("button", name="Apply now").click()
    expect(job_told(page)).to_contain_text("Applied and verified: 1 step")
    assert [changed.staged.vlan(PF, vf) for vf in (FREE_VF, 3)] == [77, 333]


def test_a_plan_of_a_host_that_changed_silently_is_refused(
    context: BrowserContext, page: Page, changed: Served, complaints: Complaints
) -> None:
    complaints.expected.append("412")
    changed.sign_in(context)
    look(page, changed, "change")
    edit_vlan(page, FREE_VF, 77)
    changed.staged.bind(changed.staged.vf(PF, 1), "igbvf")  # which no event tells here
    page.get_by_role("button", name="Preview").click()
    warning = page.get_by_role("alert").filter(has_text="The host has changed")
    expect(warning).to_contain_text("igbvf")
    expect(page.get_by_role("button", name="Apply", exact=True)).to_have_count(0)
    assert changed.staged.vlan(PF, FREE_VF) == 102


def test_a_draft_without_a_change_begins_anew_with_the_host(
    context: BrowserContext, page: Page, changed: Served
) -> None:
    changed.sign_in(context)
    look(page, changed, "change")
    change_vlan(page, FREE_VF, 77)
    open_view(page, "History")
    changed.staged.bind(changed.staged.vf(PF, 1), "igbvf")  # which no event tells here
    waiting: list[Route] = []
    page.route("**/v1/state", lambda route: waiting.append(route))
    page.get_by_role("navigation").get_by_role("link", name="Change").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Change")
    expect(page.get_by_role("main")).to_contain_text("Reading")
    expect(page.get_by_role("region", name="Single VFs")).to_have_count(0)
    for route in waiting:
        route.continue_()
    page.unroute("**/v1/state")
    edit_vlan(page, FREE_VF, 78)
    expect(preview(page).get_by_role("list", name="Plan")).to_contain_text(from_to(77, 78))


class Late:
    """Answers about the host's state that are on their way, until they are let in."""

    def __init__(self, page: Page) -> None:
        self.are_late = True  # those that are asked for from now on
        self._page = page
        self._answers: list[tuple[Route, APIResponse]] = []
        page.route("**/v1/state", self._take)

    def _take(self, route: Route) -> None:
        if self.are_late and route.request.method == "GET":
            self._answers.append((route, route.fetch()))
        else:
            route.continue_()

    def end(self) -> None:
        """Let those through that are asked for from now on; some were asked for before."""
        deadline = time.monotonic() + PATIENCE_S
        while not self._answers:
            assert time.monotonic() < deadline
            self._page.wait_for_timeout(10)
        self.are_late = False

    def arrive(self) -> None:
        """Let in what was asked for."""
        for route, response in self._answers:
            route.fulfill(response=response)


def test_what_was_applied_is_no_draft_before_the_host_is_read_again(
    context: BrowserContext, page: Page, changed: Served
) -> None:
    changed.sign_in(context)
    look(page, changed, "change")
    late = Late(page)
    change_vlan(page, FREE_VF, 77)
    page.get_by_role("button", name="Undo", exact=True).click()
    expect(job_told(page)).to_contain_text("is taken back")
    open_view(page, "History")
    late.end()
    late.arrive()
    open_view(page, "Change")
    edit_vlan(page, 1, 99)


def test_an_answer_that_an_undo_has_overtaken_is_not_shown(
    context: BrowserContext, page: Page, changed: Served
) -> None:
    changed.sign_in(context)
    look(page, changed, "change")
    late = Late(page)
    change_vlan(page, FREE_VF, 77)
    late.end()
    page.get_by_role("button", name="Undo", exact=True).click()
    expect(job_told(page)).to_contain_text("is taken back")
    expect(page.get_by_role("region", name="Draft", exact=True)).to_contain_text("0 changes")
    late.are_late = True  # so that no later one puts it right
    late.arrive()
    page.get_by_role("button", name="Close").click()
    edit_vlan(page, 1, 99)
    expect(preview(page).get_by_role("list", name="Plan")).to_contain_text(from_to(101, 99))


def test_a_draft_of_what_the_host_has_become_meanwhile_is_done(
    context: BrowserContext, page: Page, changed: Served
) -> None:
    changed.sign_in(context)
    look(page, changed, "change")
    edit_vlan(page, FREE_VF, 77)
    open_view(page, "History")
    changed.staged.apply(
        uplink={"match": {"address": PF}, "vfs": {str(FREE_VF): {"vlan": {"id": 77}}}}
    )
    open_view(page, "Change")
    expect(page.get_by_role("region", name="Draft", exact=True)).to_contain_text("0 changes")


def test_the_same_change_as_text(context: BrowserContext, page: Page, changed: Served) -> None:
    changed.sign_in(context)
    look(page, changed, "change")
    page.get_by_role("tab", name="YAML").click()
    line = page.get_by_text("2: {vlan: {id: 102}}")
    line.click()
    page.keyboard.press("End")
    for _ in range(2):
        page.keyboard.press("ArrowLeft")
    page.keyboard.press("Backspace")
    page.keyboard.type("9")
    plan = preview(page)
    expect(plan.get_by_role("list", name="Plan")).to_contain_text(from_to(102, 109))
    assert grave_violations(page) == []
