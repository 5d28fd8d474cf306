"""Follow what happens to PFs and VFs.

Theory of operation.  The kernel tells that something happened to a device or a netdev, but not
what: a link message has no VFs in it, and VFs that are created, bound and named are a hundred
events.  So an event is only the reason for a look, which waits until the kernel has been quiet for
a moment, and what is told is the difference to the look before.

The kernel is silent about what is set of VFs while the PF's netdev is down.  So there is a look
from time to time without any event.

Source: kernel ``net/core/rtnetlink.c`` (``do_setlink()``), ``net/core/dev.c``
(``netdev_state_change()``).
"""

from __future__ import annotations

from sriovctl.codec.link_event import decode_link_event
from sriovctl.codec.uevent import event_of, parse_uevent
from sriovctl.engine.counters import read_settled_traffic
from sriovctl.errors import HostError
from sriovctl.model.record import NamedTuple
from sriovctl.planner.changes import find_changes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sriovctl.host.api import Host
    from sriovctl.host.events_api import EventSource, Received
    from sriovctl.model.change import HostChange
    from sriovctl.model.counters import PFTraffic
    from sriovctl.model.event import HostEvent

    Traffic = tuple[PFTraffic, ...]

_QUIET_S = 0.3
_PATIENCE_S = 2.0  # of a look, when the kernel is never quiet
_LOOK_ANYWAY_S = 10.0
_PF_BUSES = ("pci ", "netdevsim ")


class _Heard(NamedTuple):
    # What events told, as far as it matters.
    removed: frozenset[str] = frozenset()  # devices
    matters: bool = False
    lost: bool = False

    @property
    def calls_for_a_look(self) -> bool:
        return self.matters or self.lost


def _both(one: _Heard, other: _Heard) -> _Heard:
    return _Heard(one.removed | other.removed, one.matters or other.matters, one.lost or other.lost)


class Follower:
    """Tells the changes of one host as they happen.

    :param events: the subscription; made before this, so that nothing is missed.
    :param wait: waits until there is something to receive, or the time is over.
    :param note_wedged: writes in which PFs hang.
    """

    def __init__(
        self,
        host: Host,
        events: EventSource,
        *,
        wait: Callable[[EventSource, float], None],
        note_wedged: Callable[[Traffic], Traffic],
    ) -> None:
        self._host = host
        self._events = events
        self._wait = wait
        self._note_wedged = note_wedged
        self._last = self._read()
        self._look_at_s = self._now() + _LOOK_ANYWAY_S
        self.lost = False  # events were lost before the last look

    @property
    def pfs(self) -> Traffic:
        """The host as it was at the last look."""
        return self._last

    def next_changes(self, until_s: float) -> tuple[HostChange, ...]:
        """Wait for something to happen, and tell it; nothing if it made no difference.

        :param until_s: gives up at this time of the host's clock.
        :raises HostError: the subscription is broken, or the kernel refused a read.
        """
        heard = self._listen(min(until_s, self._look_at_s))
        if not heard.calls_for_a_look and self._now() < self._look_at_s:
            return ()
        self.lost = heard.lost
        before, self._last = self._last, self._read()
        self._look_at_s = self._now() + _LOOK_ANYWAY_S
        return find_changes(before, self._last, removed=heard.removed)

    def _read(self) -> Traffic:
        return self._note_wedged(read_settled_traffic(self._host))

    def _now(self) -> float:
        return self._host.clock.now()

    # Until something that matters has come and the kernel is quiet, or the time is over.
    def _listen(self, until_s: float) -> _Heard:
        heard = self._take()
        while not heard.calls_for_a_look and self._now() < until_s:
            self._wait(self._events, until_s - self._now())
            heard = _both(heard, self._take())
        patience_s = self._now() + _PATIENCE_S
        is_quiet = not heard.calls_for_a_look
        while not is_quiet and self._now() < patience_s:
            self._wait(self._events, _QUIET_S)
            more = self._take()
            heard, is_quiet = _both(heard, more), not more.calls_for_a_look
        return heard

    def _take(self) -> _Heard:
        received = self._events.receive()
        known = {one.pf.device for one in self._last}
        known |= {str(vf.vf.address) for one in self._last for vf in one.vfs}
        events = list(_events(received))
        return _Heard(
            removed=frozenset(
                event.device for event in events if event.device and event.what == "pci remove"
            ),
            matters=any(event.device in known or _may_be_a_pf(event) for event in events),
            lost=received.lost,
        )


def _may_be_a_pf(event: HostEvent) -> bool:
    return event.what.startswith(_PF_BUSES)


def _events(received: Received) -> Iterator[HostEvent]:
    for message in received.link_messages:
        yield from _understood(decode_link_event, message)
    for datagram in received.uevents:
        yield from _understood(_decode_uevent, datagram)


def _decode_uevent(datagram: bytes) -> HostEvent | None:
    return event_of(parse_uevent(datagram))


def _understood(decode: Callable[[bytes], HostEvent | None], data: bytes) -> Iterator[HostEvent]:
    try:
        event = decode(data)
    except HostError:
        return  # nobody's who has something to tell
    if event is not None:
        yield event
