"""Debian's Chromium, as the tests of the page, its pictures and its figures drive it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

# /usr/bin/chromium alone says nothing: it comes with what all of Debian's Chromiums share.
_PROGRAMS = (
    Path("/usr/lib/chromium/chromium-headless-shell"),
    Path("/usr/lib/chromium/chromium"),
)
_ARGUMENTS = (
    "--disable-dev-shm-usage",  # containers give it 64 MiB
    "--force-color-profile=srgb",
    "--font-render-hinting=none",
)


def find_chromium() -> str | None:
    """The program; None where there is none."""
    installed = next((str(path) for path in _PROGRAMS if path.exists()), None)
    return installed or shutil.which("chromium-browser")


@contextmanager
def running_chromium(program: str) -> Iterator[Browser]:
    """One Chromium without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()
