"""The page where the host is changed, as its user goes through it."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from tests.page.looking import wait_for_view


def edit_vlan(page: Page, vf: int, vlan: int) -> None:
    """Give a VF another VLAN in the draft."""
    vfs = page.get_by_role("region", name="Single VFs")
    vfs.get_by_role("button", name=f"VF {vf}", exact=True).click()
    vfs.get_by_label("VLAN id").fill(str(vlan))
    page.keyboard.press("Tab")
    expect(page.get_by_role("region", name="Draft", exact=True)).to_contain_text("1 change")


def preview(page: Page) -> Locator:
    """Ask for the plan of the draft."""
    page.get_by_role("button", name="Preview").click()
    return page.get_by_role("region", name="Plan", exact=True)


def ask_to_apply(page: Page) -> Locator:
    """Press the button that asks once more."""
    page.get_by_role("button", name="Apply", exact=True).click()
    return page.get_by_role("dialog")


def change_vlan(page: Page, vf: int, vlan: int, *, confirm: bool = False) -> None:
    """Go all the way from the draft to a host that is changed."""
    edit_vlan(page, vf, vlan)
    preview(page)
    dialog = ask_to_apply(page)
    dialog.get_by_label("Undo it unless I keep it within").set_checked(confirm)
    dialog.get_by_role("button", name="Apply now").click()
    said = "not kept yet" if confirm else "Applied and verified"
    expect(job_told(page)).to_contain_text(said)


def from_to(before: int | str, after: int | str) -> re.Pattern[str]:
    """How a change is written: an arrow for eyes, a word for ears."""
    return re.compile(rf"{before}\s*→\s*to\s*{after}(?!\d)")


def job_told(page: Page) -> Locator:
    """How the job of this page ended."""
    return page.get_by_role("region", name="Job").get_by_role("alert").last


def open_view(page: Page, name: str) -> None:
    """Go to another page by the navigation."""
    page.get_by_role("navigation").get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    wait_for_view(page)
