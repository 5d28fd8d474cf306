"""Two who work on one host at once, and change places at any point.

A point is just before each call of the host, the journal or the book of leases.  Each of them works
in a thread of its own, which rests unless it is told to go on: only one of them ever runs.  Whoever
would wait for the other, since it has the book open or shares a lock, rests at once.
"""

# ruff: noqa: ANN401  (it stands before objects whose methods it does not want to repeat)

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sriovctl.engine.runs.execute import Site
from sriovctl.host.journal import SQLiteJournal
from sriovctl.host.leases import SQLiteLeaseBook, SQLiteLeaseTable
from sriovctl.host.simulated import SimulatedHost
from sriovctl.model.lease import StoredPool

_DOORS = ("files", "rtnl", "devlink", "namespaces", "processes")
_LONG = 1_000  # points; some look again and again whether the other is done

Point = Callable[[], None]


class Other:
    """Somebody who works in between.

    :param work: what they do, by a site whose points are theirs; it runs in another thread.
    """

    def __init__(self, host: SimulatedHost, directory: str, work: Callable[[Site], object]) -> None:
        self.answer: object = None
        self.error: Exception | None = None
        self.is_done = False
        self._left = 0
        self._mine, self._yours = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._live, args=(host, directory, work))
        self._thread.start()

    def go_on(self, points: int = _LONG) -> None:
        """Let them work for so many points, or until they are done, or wait for somebody."""
        if points and not self.is_done:
            self._left = points
            self._mine.release()
            self._yours.acquire()

    def finish(self) -> None:
        """Let them work until they are done."""
        while not self.is_done:
            self.go_on()
        self._thread.join()

    def _live(self, host: SimulatedHost, directory: str, work: Callable[[Site], object]) -> None:
        self._mine.acquire()
        _WORKING[threading.get_ident()] = self
        try:
            self.answer = work(site_with_points(host, SQLiteJournal(directory), self._point))
        except Exception as error:
            self.error = error
        finally:
            del _WORKING[threading.get_ident()]
            self.is_done = True
            self._yours.release()

    def _point(self) -> None:
        self._left -= 1
        if not self._left:
            self.rest()

    def rest(self) -> None:
        """Let somebody else work first."""
        self._yours.release()
        self._mine.acquire()


_WORKING: dict[int, Other] = {}  # by thread


def in_turns(one: Other, other: Other, turns: Sequence[int]) -> None:
    """Let both work to their ends, by turns for so many points each."""
    pair = one, other
    for number, points in enumerate(turns):
        pair[number % 2].go_on(points)
    while not (one.is_done and other.is_done):
        one.go_on()
        other.go_on()
    one.finish()
    other.finish()


class PatientTime:
    """Stands for the module ``time`` where locks are waited for: the others work meanwhile."""

    def __init__(self) -> None:
        self._now = 0.0

    def monotonic(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += seconds
        _rest()


def _rest() -> None:
    worker = _WORKING.get(threading.get_ident())
    assert worker is not None, "only one works, and waits for nobody"
    worker.rest()


class SharedBook:
    """The book of leases of one who works; who finds it open rests until it is closed.

    :param opened: the same of all who share it.
    """

    def __init__(self, directory: str, opened: set[str]) -> None:
        self._book = SQLiteLeaseBook(directory)
        self._opened = opened

    @contextmanager
    def writing(self) -> Iterator[SQLiteLeaseTable]:
        with self._alone(), self._book.writing() as table:
            yield table

    def store_pools(self, pools: Sequence[StoredPool]) -> None:
        with self._alone():
            self._book.store_pools(pools)

    def remove_pool(self, name: str) -> bool:
        with self._alone():
            return self._book.remove_pool(name)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        while self._opened:
            _rest()
        self._opened.add("writing")
        try:
            yield
        finally:
            self._opened.clear()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._book, name)


def site_with_points(host: SimulatedHost, journal: SQLiteJournal, point: Point) -> Site:
    """Make a site that passes a point before each call."""
    return Site(_HostWithPoints(host, point), WithPoints(journal, point), lambda _: None)


class _HostWithPoints:
    def __init__(self, host: SimulatedHost, point: Point) -> None:
        self._host = host
        for name in _DOORS:
            setattr(self, name, WithPoints(getattr(host, name), point))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._host, name)


class WithPoints:
    """Anything whose methods are called after a point."""

    def __init__(self, door: object, point: Point) -> None:
        self._door = door
        self.point = point

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._door, name)
        return self._stopping(found) if callable(found) else found

    def _stopping(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def stop_and_call(*args: Any, **keywords: Any) -> Any:
            self.point()
            return call(*args, **keywords)

        return stop_and_call
