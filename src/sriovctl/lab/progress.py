"""One line on standard error about what the lab is busy with, and for how long.

On a terminal the line is rewritten every second; elsewhere there is a line when something
begins and one when it has ended.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


def say(text: str) -> None:
    """Print one line of news."""
    print(f"lab: {text}", file=sys.stderr, flush=True)


@contextmanager
def busy(what: str) -> Iterator[None]:
    """Show that ``what`` is under way while the block runs."""
    began = time.monotonic()
    done = threading.Event()
    shown = threading.Thread(target=_show, args=(what, began, done), daemon=True)
    shown.start()
    try:
        yield
    finally:
        done.set()
        shown.join()
    say(f"{what}: done after {time.monotonic() - began:.1f} s")


def _show(what: str, began: float, done: threading.Event) -> None:
    if not sys.stderr.isatty():
        say(f"{what} ...")
        return
    while not done.is_set():
        print(f"\rlab: {what} ... {time.monotonic() - began:.0f} s", end="", file=sys.stderr)
        sys.stderr.flush()
        done.wait(1)
    print("\r\033[K", end="", file=sys.stderr, flush=True)
