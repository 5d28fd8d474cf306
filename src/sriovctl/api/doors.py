"""What the interface needs of whoever builds it: ways to the host, opened anew for each use."""

from __future__ import annotations

from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from typing import Protocol

    from sriovctl.engine.leases.lending import Desk
    from sriovctl.engine.runs.execute import Site
    from sriovctl.engine.runs.users import Users
    from sriovctl.host.api import Host, Journal
    from sriovctl.host.lease_api import LeaseBook
    from sriovctl.host.libvirt_api import Libvirt
    from sriovctl.model.functions import PF
    from sriovctl.model.owner import OwnerMap, OwnerReport

    class Doors(Protocol):
        """The ways to one host, for one thread."""

        def host(self) -> Host:
            """Return the host."""

        def journal(self) -> Journal:
            """Return the journal of its runs."""

        def leases(self) -> LeaseBook:
            """Return the book of its leases."""

        def libvirt(self) -> Libvirt:
            """Return the connection to libvirt."""

        def desk(self) -> Desk:
            """Return where VFs are lent."""

        def site(self) -> Site:
            """Return where runs take place."""

        def users(self) -> Users:
            """Return who uses what."""

        def owner_report(self, pfs: Sequence[PF]) -> OwnerReport:
            """Read who uses PFs and their VFs."""

        def owners(self, pfs: Sequence[PF]) -> OwnerMap | None:
            """Read the same for a decision; None: nobody can be seen."""


class Building(NamedTuple):
    """How the interface gets at a host.

    :param open_doors: opens them for one use, in the thread that uses them.
    :param is_shared: all threads would get the same doors, so that one thread has to do all:
        a simulated host ends with its doors.
    :param close: called last, in the thread that reads.
    :param no_guests: why libvirt is not asked for guests; None: it is.
    :param read_only: why nothing may be changed; None: it may.
    """

    open_doors: Callable[[], AbstractContextManager[Doors]]
    is_shared: bool = False
    no_guests: str | None = None
    read_only: str | None = None
    close: Callable[[], None] = lambda: None
