"""Time that passes only when somebody sleeps."""

from __future__ import annotations


class SimulatedClock:
    """A :class:`sriovctl.host.api.Clock` for tests: sleeping costs nothing."""

    def __init__(self) -> None:
        self._now = 0.0

    def now(self) -> float:
        """Seconds since the simulation began."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds
