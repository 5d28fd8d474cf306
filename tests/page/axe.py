"""axe-core, which finds what keeps people with a screen reader or weak eyes out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

VENDOR = Path(__file__).with_name("vendor")
_SOURCE = VENDOR / "axe-core/axe.min.js"
_GRAVE = ("serious", "critical")
_RUN = """() => axe.run(document, {resultTypes: ["violations"]}).then((found) =>
    found.violations.map(({id, impact, help, nodes}) => ({
        id, impact, help,
        nodes: nodes.map(({target, failureSummary}) => `${target.join(" ")}: ${failureSummary}`),
    })))"""


def grave_violations(page: Page) -> list[str]:
    """What axe-core calls serious or critical on a page as it is now."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(_SOURCE.read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = page.evaluate(_RUN)
    return [_told(one) for one in found if one["impact"] in _GRAVE]


def _told(violation: dict[str, Any]) -> str:
    places = "\n  ".join(violation["nodes"][:5])
    return f"{violation['impact']} {violation['id']}: {violation['help']}\n  {places}"
