"""From events to looks: takes what the kernel tells, and does what is due."""

from __future__ import annotations

from sriovctl.codec.link_event import decode_link_event
from sriovctl.codec.uevent import event_of, parse_uevent
from sriovctl.daemon.attention import Attention
from sriovctl.daemon.questions import ATTRIBUTES, WHOLE, question_of, wider
from sriovctl.errors import HostError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Protocol

    from sriovctl.daemon.questions import Question
    from sriovctl.host.api import Clock
    from sriovctl.host.events_api import EventSource, Received
    from sriovctl.model.event import HostEvent

    class Looker(Protocol):
        """Who looks."""

        def pf_of(self, device: str) -> str:
            """Name the PF of a VF; others are their own."""

        def look(self, device: str, question: Question) -> object:
            """Look at one PF, for what is asked."""

        def look_all(self) -> object:
            """Look at all."""


class Watch:
    """What is due, from events and reminders.

    Looks may happen in another thread than the rest: reminders are kept until they are collected.
    """

    def __init__(self, clock: Clock, events: EventSource) -> None:
        self._clock = clock
        self._events = events
        self._attention = Attention()
        self._reminders: list[tuple[str | None, float]] = []
        self._tell: Callable[[Sequence[HostEvent | None]], None] = lambda _: None

    def follow(self, tell: Callable[[Sequence[HostEvent | None]], None]) -> None:
        """Have somebody else told what has come; None: what happened is not known."""
        self._tell = tell

    def remind(self, device: str | None, at: float) -> None:
        """Have a device looked at later; for who looks, in any thread."""
        self._reminders.append((device, at))

    def take_events(self, looker: Looker) -> bool:
        """Take what has come; say whether there was anything.

        :raises HostError: the subscription is broken.
        """
        received = self._events.receive()
        now = self._clock.now()
        events = [*((None,) if received.lost else ()), *_events(received)]
        for device, question in _questions(events, looker).items():
            self._attention.notice(device, now, question)
        if events:
            self._tell(events)
        return received.lost or bool(received.link_messages or received.uevents)

    def due_at(self) -> float | None:
        """Say when the next look is due; None: nothing waits."""
        self._collect_reminders()
        return self._attention.due_at()

    def take_due(self) -> dict[str | None, Question]:
        """Take what is due now."""
        self._collect_reminders()
        return self._attention.take(self._clock.now())

    def _collect_reminders(self) -> None:
        reminders, self._reminders = self._reminders, []
        for device, at in reminders:
            self._attention.remind(device, at)


def look_at(looker: Looker, due: Mapping[str | None, Question]) -> None:
    """Look at what is due."""
    for device, question in due.items():
        if device is None:
            looker.look_all()
        else:
            looker.look(device, question)


# What is asked of each PF; None stands for all of the host.
def _questions(events: Iterable[HostEvent | None], looker: Looker) -> dict[str | None, Question]:
    asked: dict[str | None, Question] = {}
    pfs: dict[str, str] = {}  # found out once for each device, however many events it had
    for event in dict.fromkeys(events):
        if event is None:
            asked[None] = WHOLE  # lost, or not to be understood: then anything may have happened
        elif event.device is not None:
            pf = pfs.get(event.device) or looker.pf_of(event.device)
            pfs[event.device] = pf
            asked[pf] = wider(asked.get(pf, ATTRIBUTES), question_of(event, pf=pf))
    return asked


def _events(received: Received) -> Iterator[HostEvent | None]:
    for message in received.link_messages:
        try:
            link = decode_link_event(message)
        except HostError:
            yield None
        else:
            yield from () if link is None else (link,)
    for datagram in received.uevents:
        try:
            event = event_of(parse_uevent(datagram))
        except HostError:
            yield None
        else:
            yield from () if event is None else (event,)
