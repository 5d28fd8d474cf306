"""The page is light: what is sent before one sees the host."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.page.figures import Meter
from tests.page.looking import look
from tests.page.served import Served

pytestmark = pytest.mark.browser

MOST_BYTES = 150_000
MOST_REQUESTS = 75


def test_the_first_page_is_small_and_all_of_it_is_from_here(
    context: BrowserContext, page: Page, crowded: Served
) -> None:
    crowded.sign_in(context)
    meter = Meter(page)
    look(page, crowded)
    figures = meter.read()
    assert {urlsplit(url).netloc for url in meter.urls} == {urlsplit(crowded.url).netloc}
    assert 0 < figures.transferred < MOST_BYTES, figures
    assert 0 < figures.requests < MOST_REQUESTS, meter.urls
