"""What happens, as server-sent events, for those who follow it and for those who come back.

Theory of operation.  Events stand in one ring.  A follower keeps no queue of its own, only the
number of the next event that it is to be sent; so one that is slow costs nothing, and when the ring
has run past it, it is told how many it missed, and should read anew what it shows.  Ids have the
time of this start in them: a follower of an earlier one is told the same.
"""

from __future__ import annotations

import asyncio
from collections import deque
from json import dumps

from sriovctl.api.contract.problems import Refusal
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

MOST_KEPT = 1000
MOST_FOLLOWERS = 32
BEAT_S = 15.0
_BEAT = b": still here\n\n"


class Event(NamedTuple):
    """Something that happened."""

    number: int
    kind: str
    payload: Mapping[str, object]


class Feed:
    """The ring, and those who follow it.  For one thread, the loop's.

    :param start: tells ids of this start from those of others.
    """

    def __init__(self, start: str, *, kept: int = MOST_KEPT, beat_s: float = BEAT_S) -> None:
        self._start = start
        self._kept: deque[Event] = deque(maxlen=kept)
        self._next = 1
        self._beat_s = beat_s
        self.followers = 0  # at this moment
        self._news = asyncio.Event()

    def publish(self, kind: str, payload: Mapping[str, object]) -> None:
        """Tell all followers."""
        self._kept.append(Event(self._next, kind, payload))
        self._next += 1
        self._news.set()
        self._news = asyncio.Event()

    def follow(self, last_id: str | None) -> AsyncGenerator[bytes, None]:
        """Follow from now on, or from what was seen last.

        :raises Refusal: too many do already.
        """
        if self.followers >= MOST_FOLLOWERS:
            raise Refusal(429, "too-many-followers", f"{MOST_FOLLOWERS} follow already")
        return self._follow(last_id)

    async def _follow(self, last_id: str | None) -> AsyncGenerator[bytes, None]:
        self.followers += 1  # here, since one that never begins never ends either
        try:
            at, is_known = self._place(last_id)
            yield b"retry: 2000\n\n" if is_known else self._missed(None)
            while True:
                news = self._news
                first = self._kept[0].number if self._kept else self._next
                if at < first:
                    yield self._missed(first - at)
                    at = first
                for event in [one for one in self._kept if one.number >= at]:
                    yield self._encode(event.kind, event.payload, event.number)
                    at = event.number + 1
                if news is self._news and not await self._hears(news):
                    yield _BEAT
        finally:
            self.followers -= 1

    async def _hears(self, news: asyncio.Event) -> bool:
        try:
            await asyncio.wait_for(news.wait(), self._beat_s)
        except TimeoutError:
            return False
        return True

    def _place(self, last_id: str | None) -> tuple[int, bool]:
        if last_id is None:
            return self._next, True
        start, _, number = last_id.rpartition("-")
        if start != self._start or not number.isdecimal() or len(number) > 18:
            return self._next, False
        return min(int(number) + 1, self._next), True

    def _missed(self, number: int | None) -> bytes:
        return self._encode("missed", {"events": number}, None)

    def _encode(self, kind: str, payload: Mapping[str, object], number: int | None) -> bytes:
        head = "" if number is None else f"id: {self._start}-{number}\n"
        return f"{head}event: {kind}\ndata: {dumps(payload)}\n\n".encode()
