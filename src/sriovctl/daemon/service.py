"""The life of the daemon: events, signals, timers, and one thread that works.

Theory of operation.  asyncio's loop takes events and signals and feeds the watchdog; looks and
repairs block, some for minutes, and so they happen in a thread of their own, one after the other.
The REST interface lives on the same loop, and has threads of its own: what it changes and what is
repaired are kept apart by the locks of PFs, as between processes.

A signal to end waits for the repair and then the job that are under way: half of one would be taken
up by the next start, but whole ones are better.
"""

from __future__ import annotations

import asyncio
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from sriovctl.daemon.log import Priority
from sriovctl.daemon.watch import look_at
from sriovctl.errors import SriovctlError
from sriovctl.model.health import Health, worst

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from sriovctl.daemon.interface import Interface
    from sriovctl.daemon.keeper import Keeper
    from sriovctl.daemon.log import Log
    from sriovctl.daemon.notify import Notifier
    from sriovctl.daemon.watch import Watch
    from sriovctl.host.api import Clock
    from sriovctl.host.events_api import EventSource

    T = TypeVar("T")

GLANCE_EVERY_S = 60.0
GLANCES_PER_LOOK = 10  # then all is looked at: for what neither events nor netdevs tell
# A write to sysfs is given up after two minutes; nothing that works takes as long as this.
HUNG_AFTER_S = 900.0


class Service:
    """Runs a keeper until it is told to stop.

    :param wait_s: how long to wait, before it is ready, for a host that is not as declared yet.
    :param interface: served beside the keeper; nothing that is wrong with it keeps others waiting.
    """

    def __init__(
        self,
        keeper: Keeper,
        watch: Watch,
        events: EventSource,
        *,
        notifier: Notifier,
        log: Log,
        clock: Clock,
        wait_s: float,
        interface: Interface | None = None,
        glance_every_s: float = GLANCE_EVERY_S,
    ) -> None:
        self._keeper = keeper
        self._watch = watch
        self._events = events
        self._notifier = notifier
        self._log = log
        self._clock = clock
        self._ready_by = clock.now() + wait_s
        self._glance_every_s = glance_every_s
        self._glance_at = clock.now() + glance_every_s
        self._glances = 0
        self._ready = False
        self._stopping = False
        self._broken: SriovctlError | None = None
        self._reloading = False
        self._working_since: float | None = None
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="keeper")
        self._wake = asyncio.Event()
        self._interface = interface
        if interface is not None:
            watch.follow(interface.tell)

    async def run(self) -> None:
        """Keep the host until SIGTERM or SIGINT.

        :raises SriovctlError: the files are wrong at the start, or events come no more.
        """
        loop = asyncio.get_running_loop()
        for number, action in (
            (signal.SIGTERM, self._stop),
            (signal.SIGINT, self._stop),
            (signal.SIGHUP, self._reload),
        ):
            loop.add_signal_handler(number, action)
        for fileno in self._events.filenos():
            loop.add_reader(fileno, self._take_events)
        feeding = asyncio.create_task(self._feed_watchdog())
        try:
            await self._work(lambda: self._keeper.load(anew=False))
            if self._interface is not None:
                self._interface.start(on_change=self._wake.set)
            await self._work(self._keeper.look_all)
            while not self._stopping:
                await self._next()
        finally:
            self._notifier.stopping()
            for fileno in self._events.filenos():
                loop.remove_reader(fileno)
            if self._interface is not None:
                await self._interface.stop()
            feeding.cancel()
            self._worker.shutdown()
        if self._broken is not None:
            raise self._broken

    async def _next(self) -> None:
        self._tell()
        await self._until_due()
        if self._stopping:
            return
        if self._reloading:
            await self._load_again()
        due = self._watch.take_due()
        if due:
            await self._work(lambda: look_at(self._keeper, due))
        if self._clock.now() >= self._glance_at:
            await self._glance()

    async def _until_due(self) -> None:
        moments = [self._glance_at]
        if (due_at := self._watch.due_at()) is not None:
            moments.append(due_at)
        if not self._ready:
            moments.append(self._ready_by)
        left_s = min(moments) - self._clock.now()
        if left_s > 0 and not (self._stopping or self._reloading):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), left_s)
        self._wake.clear()

    async def _glance(self) -> None:
        self._glances += 1
        whole = self._glances % GLANCES_PER_LOOK == 0
        await self._work(self._keeper.look_all if whole else self._keeper.glance)
        self._glance_at = self._clock.now() + self._glance_every_s

    async def _load_again(self) -> None:
        self._reloading = False
        self._notifier.reloading()
        if self._interface is not None:
            self._interface.reload()
        try:
            await self._work(lambda: self._keeper.load(anew=True))
        except SriovctlError as error:
            self._keeper.fail("files", f"the files were not taken over: {error}")
        else:
            self._log.say(Priority.INFO, "the files were read again")
            self._keeper.recover("files")
            await self._work(self._keeper.look_all)
        self._notifier.ready()

    async def _work(self, job: Callable[[], T]) -> T:
        self._working_since = self._clock.now()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._worker, job)
        finally:
            self._working_since = None

    # --- what comes from outside ---------------------------------------------------------

    def _take_events(self) -> None:
        try:
            something = self._watch.take_events(self._keeper)
        except SriovctlError as error:
            self._broken = error  # to be started anew is better than to be deaf
            self._stop()
        else:
            if something:
                self._wake.set()

    def _stop(self) -> None:
        self._stopping = True
        self._wake.set()

    def _reload(self) -> None:
        self._reloading = True
        self._wake.set()

    # --- what is told --------------------------------------------------------------------

    def _tell(self) -> None:
        condition = told = self._keeper.condition
        if self._interface is not None:
            self._interface.tell_of_look(condition, self._keeper.repairs)
            told = worst((condition, self._interface.condition))
        self._notifier.status(f"{told.health}: {told.reason}" if told.reason else told.health)
        is_time = self._clock.now() >= self._ready_by
        if not self._ready and (condition.health is Health.HEALTHY or is_time):
            self._ready = True
            self._notifier.ready()

    async def _feed_watchdog(self) -> None:
        every_s = self._notifier.feeds_every_s
        while every_s is not None:
            since = self._working_since
            if since is None or self._clock.now() - since < HUNG_AFTER_S:
                self._notifier.alive()
            await asyncio.sleep(every_s)
