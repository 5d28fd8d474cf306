"""The page with 512 VFs: what each view costs a browser, and what goes over the network for it.

Runs where Chromium is: ``PYTHONPATH=. .venv/bin/python benchmarks/page.py``.  The host is
simulated, in a process of its own: 8 PFs of 64 VFs each, and a hundred guests.  Times are those of
this machine's processor; what counts is that no task keeps the browser from its user for long.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from playwright.sync_api import Browser, BrowserContext
from tests.page.chromium import find_chromium, running_chromium
from tests.page.figures import LONG_TASK_MS, Figures, Meter
from tests.page.looking import VIEWS, wait_for_view

from measure import describe_machine

_LIVE_MS = 10_000  # of the overview, whose counters come every 2 s
_HEAD = (
    f"{'view':10} {'requests':>8} {'kB':>7} {'elements':>8} {'painted':>9} {'shown':>9} "
    f"{'longest task':>13} {f'> {LONG_TASK_MS} ms':>9}"
)


@contextmanager
def served(host: str) -> Iterator[str]:
    """Serve a host in another process, and tell a link that lets in."""
    words = (sys.executable, "-m", "tests.page.serve", host)
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        yield other.stdout.readline().strip()
        other.stdin.close()


def measure(context: BrowserContext, url: str, view: str, *, live_ms: int) -> Figures:
    """Open a view as for the first time, and look at it for a while."""
    page = context.new_page()
    meter = Meter(page)
    page.goto(f"{url}{VIEWS[view]}")
    wait_for_view(page)
    shown = meter.read()
    page.wait_for_timeout(live_ms)
    later = meter.read()
    page.close()
    return shown._replace(nodes=later.nodes, long_tasks_ms=later.long_tasks_ms)


def median_of(found: Sequence[Figures]) -> Figures:
    """The median of each, but of long tasks all that there were."""
    return Figures(
        requests=int(statistics.median(one.requests for one in found)),
        transferred=int(statistics.median(one.transferred for one in found)),
        nodes=int(statistics.median(one.nodes for one in found)),
        long_tasks_ms=tuple(task for one in found for task in one.long_tasks_ms),
        painted_ms=statistics.median(one.painted_ms or 0.0 for one in found),
        shown_ms=statistics.median(one.shown_ms for one in found),
    )


def describe(view: str, figures: Figures) -> str:
    """One line of the table."""
    tasks = figures.long_tasks_ms
    longest = f"{max(tasks):.0f} ms" if tasks else "none"
    return (
        f"{view:10} {figures.requests:8} {figures.transferred / 1e3:7.1f} {figures.nodes:8} "
        f"{figures.painted_ms or 0:6.0f} ms {figures.shown_ms:6.0f} ms {longest:>13} "
        f"{sum(task > LONG_TASK_MS for task in tasks):9}"
    )


def report(browser: Browser, host: str, runs: int) -> None:
    with served(host) as link, browser.new_context() as context:
        page = context.new_page()
        page.goto(link)
        wait_for_view(page)
        page.close()
        url = link.partition("#")[0]
        for view in VIEWS:
            live_ms = _LIVE_MS if view == "overview" else 0
            found = [measure(context, url, view, live_ms=live_ms) for _ in range(runs)]
            print(describe(view, median_of(found)), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="crowded", choices=("ordinary", "crowded"))
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()
    program = find_chromium()
    if program is None:
        raise SystemExit("Chromium is not installed")
    with running_chromium(program) as browser:
        print(f"{describe_machine()}, Chromium {browser.version}, {args.host} host")
        print(_HEAD)
        report(browser, args.host, args.runs)


if __name__ == "__main__":
    main()
