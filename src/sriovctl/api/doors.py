"""What the interface needs of whoever builds it: ways to the host, opened anew for each use."""

from __future__ import annotations

import os

from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from sriovctl.engine.doors import Doors


class Building(NamedTuple):
    """How the interface gets at a host.

    :param open_doors: opens them for one use, in the thread that uses them.
    :param is_shared: all threads would get the same doors, so that one thread has to do all:
        a simulated host ends with its doors.
    :param close: called last, in the thread that reads.
    :param no_guests: why libvirt is not asked for guests; None: it is.
    :param state_directory: where journal and leases are kept; None: nowhere, or of another host.
    :param read_only: why nothing may be changed; None: it may.
    """

    open_doors: Callable[[], AbstractContextManager[Doors]]
    is_shared: bool = False
    no_guests: str | None = None
    read_only: str | None = None
    state_directory: str | None = None
    close: Callable[[], None] = lambda: None
    hostname: str = ""  # of what is shown; empty: of this host
    is_simulated: bool = False


def told_of(building: Building) -> dict[str, object]:
    """Say which host it is, for those who see it in a browser."""
    return {
        "hostname": building.hostname or os.uname().nodename,
        "simulated": building.is_simulated,
        "read_only": building.read_only,
    }
