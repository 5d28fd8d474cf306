"""Wait while another sriovctl is at work on the same PFs: a repair of the daemon's is soon done."""

from __future__ import annotations

from sriovctl.errors import LockedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from sriovctl.engine.runs.execute import Site

    T = TypeVar("T")

PATIENCE_S = 10.0
_PAUSE_S = 0.1


def in_turn(site: Site, attempt: Callable[[], T]) -> T:
    """Attempt a change, and again for a while as long as somebody else holds a lock that it needs.

    Where the kernel hangs in a write on that PF nothing is waited for.

    :param attempt: begins anew each time: the host is another once the lock can be had.
    :raises LockedError: the lock is still held.
    :raises SriovctlError: as the attempt does.
    """
    deadline = site.host.clock.now() + PATIENCE_S
    waits_for = None
    while True:
        try:
            return attempt()
        except LockedError as error:
            device = str(error.subject)
            if site.host.clock.now() >= deadline or site.journal.wedged([device]):
                raise
            if device != waits_for:
                waits_for = device
                site.progress(f"waiting for another sriovctl that is at work on {waits_for}")
        site.host.clock.sleep(_PAUSE_S)
