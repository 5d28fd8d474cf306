"""Threads for what blocks: one reads and one changes, so that neither waits for the other.

A change may take minutes, in the kernel too; reads go on meanwhile.  There is one thread for
changes alone, because changes of one host are no gain side by side.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from sriovctl.api.doors import Building
    from sriovctl.engine.doors import Doors

    T = TypeVar("T")


class Workers:
    """The threads, and the doors that they open."""

    def __init__(self, building: Building) -> None:
        self._building = building
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="api-reader")
        self._changer = (
            self._reader
            if building.is_shared
            else ThreadPoolExecutor(1, thread_name_prefix="api-changer")
        )

    async def read(self, work: Callable[[Doors], T]) -> T:
        """Have something read."""
        return await self._run(self._reader, work)

    async def change(self, work: Callable[[Doors], T]) -> T:
        """Have something changed; it goes on though nobody waits for it any more."""
        return await asyncio.shield(self._run(self._changer, work))

    async def _run(self, thread: ThreadPoolExecutor, work: Callable[[Doors], T]) -> T:
        def run() -> T:
            with self._building.open_doors() as doors:
                return work(doors)

        return await asyncio.get_running_loop().run_in_executor(thread, run)

    def close(self) -> None:
        """Wait for what is under way: half a change would be worse than a late end."""
        if self._changer is not self._reader:
            self._changer.shutdown()
        self._reader.submit(self._building.close)
        self._reader.shutdown()
