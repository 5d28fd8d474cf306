"""Time that passes only when somebody sleeps, unless it is to go on by itself."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class SimulatedClock:
    """A :class:`sriovctl.host.api.Clock` for tests: sleeping costs nothing."""

    def __init__(self) -> None:
        self._now = 0.0
        self._passed: Callable[[], float] = lambda: 0.0

    def now(self) -> float:
        """Seconds since the simulation began."""
        return self._now + self._passed()

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds

    def go_on(self, monotonic: Callable[[], float]) -> None:
        """Let time pass by itself, too, as for somebody who looks at the host for a while.

        :param monotonic: seconds of a real clock.
        """
        began = monotonic()
        self._passed = lambda: monotonic() - began
