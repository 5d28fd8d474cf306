"""What a view costs: bytes, requests, elements, and how long the browser had no time for people."""

from __future__ import annotations

from typing import Any, NamedTuple

from playwright.sync_api import CDPSession, Page

LONG_TASK_MS = 200
_WATCH = """() => {
    window.longTasks = [];
    new PerformanceObserver((list) => {
        for (const one of list.getEntries()) window.longTasks.push(one.duration);
    }).observe({type: "longtask", buffered: true});
}"""
_READ = """() => ({
    nodes: document.querySelectorAll("*").length,
    tasks: window.longTasks,
    painted: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? null,
    now: performance.now(),
})"""


class Figures(NamedTuple):
    """Of one view, from the request for it on.

    :param transferred: bytes, as they went over the network, heads included.
    :param long_tasks_ms: those of 50 ms and more, which the browser calls long.
    :param painted_ms: until the first words are there.
    :param shown_ms: until all has been read and is shown.
    """

    requests: int
    transferred: int
    nodes: int
    long_tasks_ms: tuple[float, ...]
    painted_ms: float | None
    shown_ms: float


class Meter:
    """Counts what a page does from now on."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self.urls: list[str] = []
        self.transferred = 0
        page.add_init_script(f"({_WATCH})()")
        session: CDPSession = page.context.new_cdp_session(page)
        session.on(
            "Network.requestWillBeSent", lambda told: self.urls.append(told["request"]["url"])
        )
        session.on("Network.loadingFinished", self._finished)
        session.send("Network.enable")
        session.send("Network.setCacheDisabled", {"cacheDisabled": True})

    def _finished(self, told: dict[str, Any]) -> None:
        self.transferred += int(told["encodedDataLength"])

    def read(self) -> Figures:
        """What it was until now."""
        told: dict[str, Any] = self._page.evaluate(_READ)
        return Figures(
            len(self.urls),
            self.transferred,
            told["nodes"],
            tuple(told["tasks"]),
            told["painted"],
            told["now"],
        )
