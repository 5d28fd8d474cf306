"""Pictures of every page for the documentation: ``packaging/screenshots``.

The host is a staged one, its clock stands still, and nothing moves; so a picture changes when the
page does.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, tzinfo
from pathlib import Path
from typing import NamedTuple, Self
from unittest.mock import patch

from playwright.sync_api import Browser, Page, expect

from tests.page import hosts
from tests.page.chromium import find_chromium, running_chromium
from tests.page.forms import edit_vlan, preview
from tests.page.looking import VIEWS, look
from tests.page.served import Served, serving
from tests.page.traffic import Traffic

_NOON = time.struct_time((2026, 11, 2, 12, 0, 0, 0, 306, 0))
_OPENED, _TAKEN = "2026-11-02T12:10:00Z", "2026-11-02T12:10:30Z"
_HEIGHTS = {360: 740, 1440: 900, 2560: 1440}


class Picture(NamedTuple):
    """One view of one host."""

    host: str
    view: str
    width: int
    colors: str = "light"
    language: str = "en"

    @property
    def name(self) -> str:
        words = [self.view]
        words += [self.host] if self.host in ("crowded", "empty") else []
        words += [self.colors] if self.colors != "light" else []
        words += [self.language] if self.language != "en" else []
        return f"{'-'.join(words)}-{self.width}.png"


_LOCALES = {"en": "en-GB", "zh": "zh-CN"}
_WITH_RATES = ("overview", "pf", "vf")
# The showcase has nothing to complain of.
_OTHERS = {"doctor": "ordinary"}
PICTURES = (
    *(
        Picture(_OTHERS.get(view, "showcase"), view, width)
        for view in VIEWS
        for width in (360, 1440)
    ),
    Picture("showcase", "sign-in", 360),
    Picture("showcase", "sign-in", 1440),
    Picture("showcase", "overview", 1440, "dark"),
    Picture("showcase", "overview", 1440, language="zh"),
    Picture("ordinary", "topology", 1440, "dark"),
    Picture("crowded", "overview", 360),
    Picture("crowded", "overview", 1440),
    Picture("crowded", "overview", 2560),
    Picture("crowded", "pf", 1440),
    Picture("empty", "overview", 360),
    Picture("empty", "overview", 1440),
)


def take(browser: Browser, served: Served, picture: Picture, directory: Path) -> None:
    """Take one picture."""
    # The clock is that of the context.
    context = browser.new_context(locale=_LOCALES[picture.language], timezone_id="UTC")
    page = context.new_page()
    page.clock.install(time=_OPENED)
    traffic = Traffic(page)
    page.set_viewport_size({"width": picture.width, "height": _HEIGHTS[picture.width]})
    page.emulate_media(color_scheme=picture.colors, reduced_motion="reduce")  # type: ignore[arg-type]
    if picture.view == "sign-in":
        page.goto(served.url)
        expect(page.get_by_label("Token or key")).to_be_visible()
    else:
        served.sign_in(context)
        look(page, served, picture.view)
    if picture.view == "change":
        edit_vlan(page, 8, 200)
        expect(preview(page)).to_be_visible()
    page.clock.pause_at(_TAKEN)
    if picture.view in _WITH_RATES and picture.host != "empty":
        traffic.flow()
    if picture.view == "events":
        _make_news(page, served, vlan=picture.width)
    page.clock.run_for(500)
    page.evaluate("document.fonts.ready")
    page.screenshot(path=directory / picture.name, animations="disabled", caret="hide")
    context.close()


def _changes_host(picture: Picture) -> bool:
    return picture.view == "events"


def _make_news(page: Page, served: Served, vlan: int) -> None:
    asked = page.context.request
    csrf = {"X-CSRF-Token": asked.get(f"{served.url}v1/session").json()["csrf"]}
    lease = {"pool": "builds", "owner": f"build-{vlan}"}
    asked.post(f"{served.url}v1/leases", data=lease, headers=csrf)
    pf = {"match": {"address": "0000:02:00.0"}, "vfs": {"9": {"vlan": {"id": vlan}}}}
    state = {"version": 1, "pfs": {"backup": pf}}
    plan = asked.post(f"{served.url}v1/plan", data=state, headers=csrf).json()["plan"]
    asked.post(f"{served.url}v1/jobs", data={"kind": "apply", "plan": plan}, headers=csrf)
    expect(page.get_by_role("main")).to_contain_text("done")


def take_all(browser: Browser, directory: Path, wanted: Sequence[Picture]) -> None:
    """Take pictures, host by host."""
    for host, stage in hosts.STAGES.items():
        of_host = sorted((one for one in wanted if one.host == host), key=_changes_host)
        if not of_host:
            continue
        with ExitStack() as stack:
            with _at_noon():
                served = stack.enter_context(serving(stage))
            for picture in of_host:
                take(browser, served, picture, directory)


@contextmanager
def _at_noon() -> Iterator[None]:
    with patch("time.gmtime", lambda *_: _NOON), patch("sriovctl.host.leases.datetime", _AtNoon):
        yield


class _AtNoon(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return cls(*_NOON[:6], tzinfo=tz)


def main() -> None:
    parser = argparse.ArgumentParser(description="Take pictures of every page.")
    parser.add_argument("directory", type=Path)
    parser.add_argument("only", nargs="*", help="names of pictures, such as overview-360")
    args = parser.parse_args()
    program = find_chromium()
    if program is None:
        raise SystemExit("Chromium is not installed: run 'make setup' as root")
    args.directory.mkdir(parents=True, exist_ok=True)
    wanted = [
        one for one in PICTURES if not args.only or one.name.removesuffix(".png") in args.only
    ]
    with running_chromium(program) as browser:
        take_all(browser, args.directory, wanted)


if __name__ == "__main__":
    main()
