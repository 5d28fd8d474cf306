"""Wait until the kernel tells something."""

from __future__ import annotations

import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.host.api import Clock
    from sriovctl.host.events_api import EventSource


def wait_for_events(source: EventSource, timeout_s: float, clock: Clock) -> None:
    """Wait until there is something to receive, or the time is over.

    On a simulated host, which has nothing to wait for, time passes.
    """
    filenos = source.filenos()
    if filenos:
        select.select(filenos, [], [], max(0.0, timeout_s))
    else:
        clock.sleep(max(0.0, timeout_s))
