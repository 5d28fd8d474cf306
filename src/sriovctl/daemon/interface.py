"""The REST interface beside the keeper, on the same loop.

Theory of operation.  A host is kept, served or not.  So what keeps the interface from being served
(a socket that somebody else has, a certificate that cannot be read, an address that the network
brings later) is told, and tried again, each socket by itself; meanwhile the daemon is degraded,
though nobody waits for that.  So it is with a certificate that was to be renewed and cannot be: the
one from before is shown until the new one is right.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from sriovctl.api.run import Serving
from sriovctl.api.service import Keeping
from sriovctl.daemon.log import Priority
from sriovctl.errors import InputError, SriovctlError
from sriovctl.model.health import Condition, Health, worst

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from sriovctl.api.run import Listener
    from sriovctl.api.service import Service
    from sriovctl.api.tls import Certificate
    from sriovctl.daemon.log import Log
    from sriovctl.model.event import HostEvent

FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 60.0
RENEWAL_S = 300.0  # as long as a token is remembered
_ABOUT = "api"
_SERVED = Condition(Health.HEALTHY)


class Interface:
    """Serves, and tells those who follow what the daemon hears.  For one thread, the loop's.

    :param make_service: called with the way to ask how the host is kept.
    :param openers: how the sockets are opened, by the names of their places.
    :param conditions: of the keeper.
    :param forget: called when tokens are to be read again.
    :param renewal_s: how often it is looked whether there is another certificate.
    """

    def __init__(
        self,
        make_service: Callable[[Callable[[], Keeping]], Service],
        openers: Mapping[str, Callable[[], Listener]],
        *,
        conditions: Callable[[], Mapping[str, Condition]],
        log: Log,
        forget: Callable[[], None],
        first_retry_s: float = FIRST_RETRY_S,
        renewal_s: float = RENEWAL_S,
    ) -> None:
        self._conditions = conditions
        self._log = log
        self._forget = forget
        self._first_retry_s = first_retry_s
        self._renewal_s = renewal_s
        self._service = make_service(self.keeping)
        self._serving = Serving(self._service)
        self._waiting = dict(openers)
        self._listeners: list[Listener] = []
        self._outdated: list[Certificate] = []
        self._has_started = False
        self._anew = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._on_change: Callable[[], None] = lambda: None
        self._told: tuple[Condition | None, int] = (None, 0)
        self.condition = _SERVED

    # --- how the host is kept ------------------------------------------------------------

    def keeping(self) -> Keeping:
        """Say how the host is kept, and how well this is served."""
        conditions = dict(self._conditions())
        if self.condition != _SERVED:
            conditions[_ABOUT] = self.condition
        health, reason = worst(tuple(conditions.values()))
        shaped = {name: _shape(one) for name, one in conditions.items()}
        return Keeping(str(health), reason, shaped)

    def tell(self, events: Sequence[HostEvent | None]) -> None:
        """Tell what the kernel told; each thing once, however often it came."""
        for one in dict.fromkeys(events):
            if one is None:
                self._service.host_changed("host", {"what": "not known", "device": None})
            elif one.device is not None:
                self._service.host_changed("host", {"what": one.what, "device": one.device})

    def tell_of_look(self, condition: Condition, repairs: int) -> None:
        """Tell what came of a look.

        :param repairs: how many were attempted by now.
        """
        before, repairs_before = self._told
        self._told = condition, repairs
        if repairs != repairs_before:
            self._service.host_changed("runs")
        if condition != before:
            self._service.host_changed("health", _shape(condition))

    # --- its life ------------------------------------------------------------------------

    def start(self, *, on_change: Callable[[], None]) -> None:
        """Begin to serve, in time.

        :param on_change: called when it is served better or worse than before.
        """
        self._on_change = on_change
        self._task = asyncio.create_task(self._begin())

    def reload(self) -> None:
        """Read tokens and certificates again, and try at once what could not be served."""
        self._forget()
        self._log.forget(_ABOUT)
        self._outdated = self._certificates()
        self._anew.set()

    async def stop(self) -> None:
        """Answer nobody any more, and wait for the job that is under way."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._serving.stop()
        for one in self._listeners:
            one.close()

    async def _begin(self) -> None:
        pause_s = self._first_retry_s
        while True:
            self._note(await self._try())
            if self._has_started and not self._waiting and not self._outdated:
                await self._until_outdated()
                pause_s = self._first_retry_s
            elif await self._is_told_within(pause_s):
                pause_s = self._first_retry_s
            else:
                pause_s = min(2 * pause_s, LONGEST_RETRY_S)

    async def _until_outdated(self) -> None:
        while not await self._is_told_within(self._renewal_s):
            self._outdated = [one for one in self._certificates() if one.has_changed()]
            if self._outdated:
                return

    def _certificates(self) -> list[Certificate]:
        return [one.tls for one in self._listeners if one.tls is not None]

    async def _is_told_within(self, pause_s: float) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._anew.wait(), pause_s)
            self._anew.clear()
            return True
        return False

    async def _try(self) -> list[str]:
        if not self._has_started:
            error = await self._error_of(self._serving.start(()))
            if error is not None:
                return [error]
            self._has_started = True
        found = [await self._error_of(self._listen(place)) for place in list(self._waiting)]
        found += [await self._error_of(self._renew(one)) for one in list(self._outdated)]
        return [error for error in found if error is not None]

    async def _listen(self, place: str) -> None:
        listener = self._waiting[place]()
        self._listeners.append(listener)
        del self._waiting[place]
        await self._serving.listen(listener)
        self._log.say(Priority.INFO, f"the REST interface listens on {place}")

    async def _renew(self, certificate: Certificate) -> None:
        try:
            certificate.read_again()
        except InputError as error:
            cause = f"{error.cause}; the certificate shown is still the one from before"
            raise InputError(cause, subject=error.subject) from error
        self._outdated.remove(certificate)
        self._log.say(Priority.INFO, f"the certificate {certificate.path} was read again")

    async def _error_of(self, work: Awaitable[None]) -> str | None:
        try:
            await work
        except SriovctlError as error:
            return str(error)
        except Exception as bug:  # the host is kept all the same
            self._service.log_bug(bug)
            return f"sriovctl made a mistake: {bug!r}"
        return None

    def _note(self, errors: list[str]) -> None:
        before = self.condition
        if errors:
            reason = f"the REST interface is not served as wanted: {'; '.join(errors)}"
            self.condition = Condition(Health.DEGRADED, reason)
            self._log.say_once(Priority.WARNING, _ABOUT, reason)
        else:
            self.condition = _SERVED
            self._log.forget(_ABOUT)
        if self.condition != before:
            self._on_change()


def _shape(condition: Condition) -> dict[str, str]:
    return {"health": str(condition.health), "reason": condition.reason}
