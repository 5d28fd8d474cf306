"""Answers that are kept ready, encoded: a list of a thousand VFs is made once, and sent often.

Theory of operation.  An answer is good until the host changes, as whoever hears the kernel tells
us, or until it is old.  What the kernel tells nobody (libvirt's guests, leases, runs of other
processes) is old after a moment.  Who asks while an answer is being made waits for that one.  An
answer that was begun before a change is sent to those who wait, and not kept.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from hashlib import sha256

from sriovctl.api.contract.problems import encode_json
from sriovctl.api.packing import pack
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from sriovctl.api.workers import Workers
    from sriovctl.engine.doors import Doors

MOMENT_S = 1.0
_MOST_KEPT = 64


class Answer(NamedTuple):
    """A document, as it is sent."""

    body: bytes
    etag: str
    packed: bytes | None = None  # the same with gzip; None: that is not worth it


if TYPE_CHECKING:
    Make = Callable[[Doors], Answer]


class _Kept(NamedTuple):
    answer: Answer
    generation: int
    until: float


class Shelf:
    """Where answers stand.  For one thread, the loop's.

    :param now: seconds, of a clock that never goes back.
    """

    def __init__(self, workers: Workers, now: Callable[[], float]) -> None:
        self._workers = workers
        self._now = now
        self._generation = 0
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._made: dict[Hashable, asyncio.Task[Answer]] = {}

    def forget(self) -> None:
        """Make everything anew: the host has changed."""
        self._generation += 1
        self._made.clear()

    async def answer(
        self, key: Hashable, make: Make, *, good_for_s: float, anew: bool = False
    ) -> Answer:
        """Take an answer from the shelf, or have it made.

        :param anew: have it made in any case: none that was begun before will do.
        :raises SriovctlError: as *make* does; failures are not kept.
        """
        if anew:
            self._kept.pop(key, None)
            self._made.pop(key, None)
        kept = self._kept.get(key)
        if kept is not None and self._is_good(kept):
            return kept.answer
        task = self._made.get(key)
        if task is None:
            task = asyncio.create_task(self._make(key, make, good_for_s))
            self._made[key] = task
            task.add_done_callback(lambda done: self._is_made(key, done))
        return await asyncio.shield(task)

    def _is_good(self, kept: _Kept) -> bool:
        return kept.generation == self._generation and self._now() < kept.until

    def _is_made(self, key: Hashable, task: asyncio.Task[Answer]) -> None:
        if self._made.get(key) is task:
            del self._made[key]
        if not task.cancelled():
            task.exception()  # those who wait are told; without them nobody needs to know

    async def _make(self, key: Hashable, make: Make, good_for_s: float) -> Answer:
        generation = self._generation
        answer = await self._workers.read(make)
        if self._made.get(key) is asyncio.current_task():  # else there is a newer one
            self._kept[key] = _Kept(answer, generation, self._now() + good_for_s)
            self._kept.move_to_end(key)
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return answer


def encode(payload: Mapping[str, object]) -> Answer:
    """Write a document, and what tells it from others."""
    return as_answer(encode_json(payload))


def as_answer(body: bytes) -> Answer:
    """Add what tells a body from others, and its packed form."""
    return Answer(body, f'"{sha256(body).hexdigest()[:32]}"', pack(body))
