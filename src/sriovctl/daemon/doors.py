"""This host for the REST interface: opened anew for each use, beside what the keeper has open."""

from __future__ import annotations

from sriovctl.engine.doors import Doors
from sriovctl.host.database import state_directory
from sriovctl.host.journal import SQLiteJournal
from sriovctl.host.leases import SQLiteLeaseBook
from sriovctl.host.live import LiveHost
from sriovctl.host.patient_libvirt import connect_to_libvirt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def live_doors(*, write_timeout_s: float, warn: Callable[[str], None]) -> Doors:
    """Make the doors to this host, for one use, in one thread.

    :param warn: told what may make an answer less than it seems.
    """
    directory = state_directory()
    return Doors(
        open_host=lambda: LiveHost(write_timeout_s=write_timeout_s),
        open_journal=lambda: SQLiteJournal(directory),
        open_leases=lambda: SQLiteLeaseBook(directory),
        open_libvirt=connect_to_libvirt,
        warn=warn,
    )
