"""One Chromium for all tests of the page, a context of its own for each, and hosts to look at."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

from sriovctl.lab.pytest_lab import is_required
from tests.page import hosts
from tests.page.chromium import find_chromium, running_chromium
from tests.page.served import Served, serving


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


class Complaints:
    """What a page complains of by itself.

    :ivar expected: parts of what it is to complain of.
    """

    def __init__(self, page: Page) -> None:
        self.expected: list[str] = []
        self._heard: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self._heard.append(str(error)))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._heard.append(message.text)

    @property
    def unexpected(self) -> list[str]:
        return [one for one in self._heard if not any(part in one for part in self.expected)]


@pytest.fixture
def complaints(page: Page) -> Complaints:
    return Complaints(page)


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture(autouse=True)
def no_complaints(complaints: Complaints) -> Iterator[None]:
    """See that no test makes the page complain of what it is not meant to."""
    yield
    assert complaints.unexpected == []


@pytest.fixture(scope="module")
def ordinary() -> Iterator[Served]:
    """A host to look at; who changes it has one of their own, ``changed``."""
    with serving(hosts.ordinary) as served:
        yield served


@pytest.fixture
def changed() -> Iterator[Served]:
    with serving(hosts.ordinary) as served:
        yield served


@pytest.fixture(scope="module")
def empty() -> Iterator[Served]:
    with serving(hosts.empty) as served:
        yield served


@pytest.fixture(scope="module")
def crowded() -> Iterator[Served]:
    with serving(hosts.crowded) as served:
        yield served
