"""One Chromium for all tests of the page, and a context of its own for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from sriovctl.lab.pytest_lab import is_required
from tests.page.chromium import find_chromium, running_chromium


# Not for the whole session: while Playwright runs, this thread has a loop of asyncio's.
@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    program = find_chromium()
    if program is None:
        missing = "Chromium is not installed: run 'make setup' as root"
        (pytest.fail if is_required() else pytest.skip)(missing)
    with running_chromium(program) as browser:
        yield browser


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context()
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()
