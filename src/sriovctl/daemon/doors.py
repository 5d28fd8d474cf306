"""This host for the REST interface: opened anew for each use, beside what the keeper has open."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager

from sriovctl.engine.inventory import read_inventory
from sriovctl.engine.leases.lending import Desk, Survey
from sriovctl.engine.runs.execute import Site
from sriovctl.engine.runs.users import Users
from sriovctl.host.database import DEFAULT_DIRECTORY
from sriovctl.host.journal import SQLiteJournal
from sriovctl.host.leases import SQLiteLeaseBook
from sriovctl.host.live import LiveHost

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sriovctl.api.doors import Doors
    from sriovctl.host.api import Host, Journal
    from sriovctl.host.lease_api import LeaseBook
    from sriovctl.host.libvirt_api import Libvirt
    from sriovctl.model.functions import PF
    from sriovctl.model.owner import OwnerMap, OwnerReport


@contextmanager
def opened_doors(*, write_timeout_s: float, warn: Callable[[str], None]) -> Iterator[Doors]:
    """Open this host for one use, in one thread.

    :param warn: told what may make an answer less than it seems.
    """
    with ExitStack() as opened:
        yield _HostDoors(opened, write_timeout_s, warn)


class _HostDoors:
    # Nothing is opened before it is asked for; what was opened is closed with the use.

    def __init__(
        self, opened: ExitStack, write_timeout_s: float, warn: Callable[[str], None]
    ) -> None:
        self._opened = opened
        self._write_timeout_s = write_timeout_s
        self._warn = warn
        self._directory = os.environ.get("SRIOVCTL_STATE_DIR", DEFAULT_DIRECTORY)
        self._host: LiveHost | None = None
        self._journal: SQLiteJournal | None = None
        self._leases: SQLiteLeaseBook | None = None
        self._libvirt: Libvirt | None = None
        self._users: Users | None = None

    def host(self) -> Host:
        if self._host is None:
            self._host = LiveHost(write_timeout_s=self._write_timeout_s)
            self._opened.callback(self._host.close)
        return self._host

    def journal(self) -> Journal:
        if self._journal is None:
            self._journal = SQLiteJournal(self._directory)
            self._opened.callback(self._journal.close)
        return self._journal

    def leases(self) -> LeaseBook:
        if self._leases is None:
            self._leases = SQLiteLeaseBook(self._directory)
            self._opened.callback(self._leases.close)
        return self._leases

    def libvirt(self) -> Libvirt:
        from sriovctl.host.libvirt import LibvirtConnection
        from sriovctl.host.patient_libvirt import PatientLibvirt

        if self._libvirt is None:
            self._libvirt = PatientLibvirt(LibvirtConnection)
            self._opened.callback(self._libvirt.close)
        return self._libvirt

    def desk(self) -> Desk:
        return Desk(self.site(), self.leases(), self._survey)

    def _survey(self) -> Survey:
        pfs = read_inventory(self.host(), name_of=lambda *_: None)
        report = self.users().but_leases(pfs)
        self.users().tell(report.notes)
        return Survey(pfs, report.owners)

    def site(self) -> Site:
        return Site(self.host(), self.journal(), lambda _: None)

    def users(self) -> Users:
        if self._users is None:
            self._users = Users(
                self.site(),
                open_libvirt=self.libvirt,
                open_leases=self.leases,
                warn=self._warn,
            )
        return self._users

    def owner_report(self, pfs: Sequence[PF]) -> OwnerReport:
        return self.users().of(pfs)

    def owners(self, pfs: Sequence[PF]) -> OwnerMap | None:
        report = self.users().of(pfs)
        self.users().tell(report.notes)
        return report.owners
