"""The ways to one host, as whoever works on it needs them: a command, a daemon, an answer."""

from __future__ import annotations

from sriovctl.errors import LockedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    from sriovctl.engine.leases.lending import Desk, Survey
    from sriovctl.engine.runs.execute import Site
    from sriovctl.engine.runs.users import Users
    from sriovctl.host.api import Host, Journal
    from sriovctl.host.lease_api import LeaseBook
    from sriovctl.host.libvirt_api import Libvirt
    from sriovctl.model.functions import PF
    from sriovctl.model.owner import OwnerMap, OwnerReport

    T = TypeVar("T")


def _silent(_: str) -> None:
    pass


class Doors:
    """A host, its journal, its leases and its libvirt; each opened when first asked for, and kept.

    For one thread.

    :param has_leases: says whether there is a book to open; asked before one is read.
    :param has_guests: whether libvirt is asked who uses what.
    :param progress: told what takes time.
    :param warn: told what may make an answer less than it seems.
    """

    def __init__(
        self,
        *,
        open_host: Callable[[], Host],
        open_journal: Callable[[], Journal],
        open_leases: Callable[[], LeaseBook],
        open_libvirt: Callable[[], Libvirt],
        has_leases: Callable[[], bool] = lambda: True,
        has_guests: bool = True,
        progress: Callable[[str], None] = _silent,
        warn: Callable[[str], None] = _silent,
    ) -> None:
        self._open_host = open_host
        self._open_journal = open_journal
        self._open_leases = open_leases
        self._open_libvirt = open_libvirt
        self._has_leases = has_leases
        self._has_guests = has_guests
        self._progress = progress
        self._warn = warn
        self._heard: list[str] | None = None
        self._host: Host | None = None
        self._journal: Journal | None = None
        self._leases: LeaseBook | None = None
        self._libvirt: Libvirt | None = None
        self._users: Users | None = None

    def opened_anew(self) -> Doors:
        """Return doors that open everything for themselves, for another thread.

        Only of this host: a simulated one would be another, and of a recording nobody can be seen.
        """
        return Doors(
            open_host=self._open_host,
            open_journal=self._open_journal,
            open_leases=self._open_leases,
            open_libvirt=self._open_libvirt,
            has_leases=self._has_leases,
            has_guests=self._has_guests,
            progress=self._progress,
            warn=self._warn,
        )

    def host(self) -> Host:
        """Return the host to read and write; opened once.

        :raises InputError: the recording that the user named is none, or there is only a dump.
        """
        if self._host is None:
            self._host = self._open_host()
        return self._host

    def journal(self) -> Journal:
        """Return the journal of this host's runs; opened once."""
        if self._journal is None:
            self._journal = self._open_journal()
        return self._journal

    def leases(self) -> LeaseBook:
        """Return the book of this host's leases; opened once."""
        if self._leases is None:
            self._leases = self._open_leases()
        return self._leases

    def _written_leases(self) -> LeaseBook | None:
        return self.leases() if self._leases is not None or self._has_leases() else None

    def libvirt(self) -> Libvirt:
        """Return the connection to libvirt; opened once.

        :raises UnsupportedError: the Python binding is not installed.
        :raises HostError: libvirtd does not answer.
        """
        if self._libvirt is None:
            self._libvirt = self._open_libvirt()
        return self._libvirt

    def site(self) -> Site:
        """Return where runs take place."""
        from sriovctl.engine.runs.execute import Site

        return Site(self.host(), self.journal(), self._progress)

    def in_turn(self, attempt: Callable[[], T]) -> T:
        """Make a change; where another sriovctl is at work, see whether it is soon done.

        :param attempt: may be called again, and begins anew then.
        :raises SriovctlError: as it does.
        """
        try:
            return attempt()
        except LockedError:
            from sriovctl.engine.runs.in_turn import in_turn

            return in_turn(self.site(), attempt)

    def desk(self) -> Desk:
        """Return where VFs of this host are lent and given back."""
        from sriovctl.engine.leases.lending import Desk

        return Desk(self.site(), self.leases(), self._survey)

    def reap_leases(self) -> None:
        """Make VFs clean whose leases are over, lest that undoes what is set of them from now on.

        :raises SriovctlError: who uses them cannot be found out, or the book cannot be written.
        """
        book = self._written_leases()
        if book is not None and book.leases():
            self.desk().reap()

    def _survey(self) -> Survey:
        from sriovctl.engine.inventory import read_inventory
        from sriovctl.engine.leases.lending import Survey

        pfs = read_inventory(self.host(), name_of=lambda *_: None)
        report = self.users().but_leases(pfs)
        self.users().tell(report.notes)
        return Survey(pfs, report.owners)

    def users(self) -> Users:
        """Return who uses what on this host."""
        if self._users is None:
            from sriovctl.engine.runs.users import Users

            self._users = Users(
                self.site(),
                open_libvirt=self.libvirt if self._has_guests else None,
                open_leases=self._written_leases,
                warn=self._tell,
            )
        return self._users

    def hear(self) -> list[str]:
        """Return a list to which is added, from now on, what is told besides."""
        self._heard = []
        return self._heard

    def _tell(self, note: str) -> None:
        self._warn(note)
        if self._heard is not None:
            self._heard.append(note)

    def owner_report(self, pfs: Sequence[PF]) -> OwnerReport:
        """Read who uses *pfs* and their VFs, and what could not be seen.

        :raises HostError: the kernel or the journal refused to be read.
        """
        return self.users().of(pfs)

    def owners(self, pfs: Sequence[PF]) -> OwnerMap | None:
        """Read who uses *pfs* and their VFs, for a decision; None where that cannot be seen."""
        report = self.users().of(pfs)
        self.users().tell(report.notes)
        return report.owners

    def close(self) -> None:
        """End what was opened; a host that is asked once more opens its sockets anew."""
        close_host = getattr(self._host, "close", None)
        if close_host is not None:
            close_host()
        for opened in (self._journal, self._leases, self._libvirt):
            if opened is not None:
                opened.close()
