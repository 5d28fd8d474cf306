"""What is to be looked at, and when: many events become few looks.

Theory of operation.  The first event of a device has it looked at a moment later; what comes until
then costs nothing more.  While a device goes on, the moment doubles with each look, up to a limit;
so a storm costs a handful of looks, and what it hides is still seen in time.  A look answers all
that was asked until then.  Devices do not wait for one another.  Names are kept for so many devices
only: beyond them, all are looked at.
"""

from __future__ import annotations

from sriovctl.daemon.questions import WHOLE, Question, wider
from sriovctl.model.record import NamedTuple

FIRST_PAUSE_S = 0.005
LONGEST_PAUSE_S = 2.0
CALM_S = 5.0  # without a look, a device begins anew
MOST_DEVICES = 256


class _Due(NamedTuple):
    at: float
    question: Question


class _Pace(NamedTuple):
    looked_at: float
    pause_s: float


class Attention:
    """Devices that wait to be looked at.  ``None`` stands for all."""

    def __init__(self) -> None:
        self._due: dict[str | None, _Due] = {}
        self._paces: dict[str | None, _Pace] = {}

    def notice(self, device: str | None, now: float, question: Question = WHOLE) -> None:
        """Note that something happened to a device, and what is to be asked of it."""
        if device not in self._due and len(self._due) >= MOST_DEVICES:
            device = None
        self._bring_forward(device, now + self._pause(device, now), question)

    def remind(self, device: str | None, at: float) -> None:
        """Have a device looked at later, events or not."""
        self._bring_forward(device, at, WHOLE)

    def _bring_forward(self, device: str | None, at: float, question: Question) -> None:
        due = self._due.get(device)
        if due is not None:
            at, question = min(at, due.at), wider(question, due.question)
        self._due[device] = _Due(at, question)

    def _pause(self, device: str | None, now: float) -> float:
        pace = self._paces.get(device)
        if pace is None or now - pace.looked_at > CALM_S:
            return FIRST_PAUSE_S
        return min(2 * pace.pause_s, LONGEST_PAUSE_S)

    def due_at(self) -> float | None:
        """Say when the next look is due; None: nothing waits."""
        return min((due.at for due in self._due.values()), default=None)

    def take(self, now: float) -> dict[str | None, Question]:
        """Take what is due; of all devices together, the single ones are taken with them."""
        due = {device: one.question for device, one in self._due.items() if one.at <= now}
        if None in due:
            due = {None: WHOLE}
            self._due.clear()
        for device in due:
            self._due.pop(device, None)
            self._paces[device] = _Pace(now, self._pause(device, now))
        self._forget(now)
        return due

    def _forget(self, now: float) -> None:
        if len(self._paces) > MOST_DEVICES:
            self._paces = {
                device: pace
                for device, pace in self._paces.items()
                if now - pace.looked_at <= CALM_S
            }
