"""Two who work on one host at once, and change places at any point.

A point is just before each call of the host or the journal.  One of the two works in a thread of
its own, which rests unless it is told to go on: only one of them ever runs.
"""

# ruff: noqa: ANN401  (it stands before objects whose methods it does not want to repeat)

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from sriovctl.engine.runs.execute import Site
from sriovctl.host.journal import SQLiteJournal
from sriovctl.host.simulated import SimulatedHost

_DOORS = ("files", "rtnl", "devlink", "namespaces", "processes")


class Other:
    """Somebody who works in between.

    :param work: what they do, by a site whose points are theirs; it runs in another thread.
    """

    def __init__(self, host: SimulatedHost, directory: str, work: Callable[[Site], object]) -> None:
        self.error: Exception | None = None
        self._left = 0
        self._mine, self._yours = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._live, args=(host, directory, work))
        self._thread.start()

    def go_on(self, points: int) -> None:
        """Let them work for so many points, or until they are done."""
        if self._thread.is_alive() and points:
            self._left = points
            self._mine.release()
            self._yours.acquire()

    def finish(self) -> None:
        """Let them work until they are done."""
        self.go_on(1_000_000)
        self._thread.join()

    def _live(self, host: SimulatedHost, directory: str, work: Callable[[Site], object]) -> None:
        self._mine.acquire()
        try:
            work(site_with_points(host, SQLiteJournal(directory), self._point))
        except Exception as error:
            self.error = error
        finally:
            self._yours.release()

    def _point(self) -> None:
        self._left -= 1
        if not self._left:
            self._yours.release()
            self._mine.acquire()


def site_with_points(
    host: SimulatedHost, journal: SQLiteJournal, point: Callable[[], None]
) -> Site:
    """Make a site that passes a point before each call."""
    return Site(_HostWithPoints(host, point), _WithPoints(journal, point), lambda _: None)


class _HostWithPoints:
    def __init__(self, host: SimulatedHost, point: Callable[[], None]) -> None:
        self._host = host
        for name in _DOORS:
            setattr(self, name, _WithPoints(getattr(host, name), point))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._host, name)


class _WithPoints:
    def __init__(self, door: object, point: Callable[[], None]) -> None:
        self._door = door
        self._point = point

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._door, name)
        return self._stopping(found) if callable(found) else found

    def _stopping(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def stop_and_call(*args: Any, **keywords: Any) -> Any:
            self._point()
            return call(*args, **keywords)

        return stop_and_call
