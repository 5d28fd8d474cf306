"""Who uses what on this host, asked anew for each decision: what to plan, apply, and undo."""

from __future__ import annotations

from sriovctl.engine.boot import read_boot_id
from sriovctl.engine.inventory import read_inventory
from sriovctl.engine.owners import read_owners
from sriovctl.engine.runs.apply import refuse_users
from sriovctl.engine.runs.meanwhile import mark_journal
from sriovctl.errors import PermissionDenied, SriovctlError
from sriovctl.model.owner import Owner, OwnerKind, OwnerMap, OwnerReport
from sriovctl.model.plan import Plan
from sriovctl.planner.safety import name_affected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sriovctl.engine.runs.execute import Check, Site
    from sriovctl.engine.runs.meanwhile import JournalMark
    from sriovctl.host.lease_api import LeaseBook
    from sriovctl.host.libvirt_api import Libvirt
    from sriovctl.model.functions import PF
    from sriovctl.model.plan import Step


class Users:
    """The users of a host's PFs and VFs.

    :param site: the host, and the journal that tells which VFs sriovctl made.
    :param open_libvirt: called only where a daemon of libvirt listens; None: do not ask it.
    :param open_leases: opens the book that tells which VFs are lent, if there is one.
    :param warn: told what could not be seen.
    """

    def __init__(
        self,
        site: Site,
        *,
        open_libvirt: Callable[[], Libvirt] | None,
        open_leases: Callable[[], LeaseBook | None] | None = None,
        warn: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._site = site
        self._open_libvirt = open_libvirt
        self._open_leases = open_leases
        self._warn = warn
        self._warned: set[str] = set()

    def mark(self) -> JournalMark:
        """Note what the journal and the book of leases hold, before the host is looked at.

        :raises HostError: one of them cannot be read.
        """
        book = None if self._open_leases is None else self._open_leases()
        return mark_journal(self._site.host, self._site.journal, book)

    def of(self, pfs: Sequence[PF]) -> OwnerReport:
        """Read who uses *pfs* and their VFs.

        Leases are users, and so is who made VFs that sriovctl did not make.

        :raises HostError: the kernel or the journal refused to be read.
        """
        report = self._with_leases(self.but_leases(pfs))
        return self._with_foreign(report, pfs)

    def but_leases(self, pfs: Sequence[PF]) -> OwnerReport:
        """Read who uses *pfs* and their VFs in fact, lent or not.

        :raises HostError: the kernel refused to be read.
        """
        return read_owners(
            self._site.host, pfs, open_libvirt=self._open_libvirt, progress=self._site.progress
        )

    def _with_leases(self, report: OwnerReport) -> OwnerReport:
        try:
            leased = self._lease_owners()
        except SriovctlError as error:
            note = f"which VFs are lent could not be seen: {error}"
            return report._replace(notes=(*report.notes, note))
        owners = dict(report.owners)
        for name, lenders in leased.items():
            owners[name] = (*owners.get(name, ()), *lenders)
        return report._replace(owners=owners)

    def _lease_owners(self) -> OwnerMap:
        book = None if self._open_leases is None else self._open_leases()
        stored = () if book is None else book.leases()
        if not stored:
            return {}
        from sriovctl.engine.leases.lease_owners import lease_owners
        from sriovctl.engine.leases.lease_sight import judge_all

        host = self._site.host
        return lease_owners(judge_all(host, stored), now_s=host.clock.now())

    def _with_foreign(self, report: OwnerReport, pfs: Sequence[PF]) -> OwnerReport:
        try:
            made = self._site.journal.vfs_made(read_boot_id(self._site.host.files))
        except PermissionDenied as error:
            note = f"which VFs sriovctl made could not be seen: {error}"
            return report._replace(notes=(*report.notes, note))
        owners = dict(report.owners)
        for pf in pfs:
            if pf.num_vfs and made.get(pf.device) != pf.num_vfs:
                evidence = f"{pf.num_vfs} VFs that sriovctl did not make in this boot"
                foreign = Owner(OwnerKind.FOREIGN, pf.device, evidence)
                owners[pf.device] = (*owners.get(pf.device, ()), foreign)
        return report._replace(owners=owners)

    def affected(self, steps: Sequence[Step]) -> tuple[Step, ...]:
        """Read who would feel each of *steps* now; return the steps with that written in.

        :raises HostError: the kernel refused to be read.
        """
        pfs = read_inventory(self._site.host, name_of=lambda *_: None)
        report = self.of(pfs)
        self.tell(report.notes)
        return name_affected(Plan(tuple(steps)), pfs, report.owners).steps

    def leased(self, steps: Sequence[Step]) -> tuple[Step, ...]:
        """Read which leases would feel each of *steps* now, and nobody else.

        :raises HostError: the kernel or the book of leases refused to be read.
        """
        owners = self._lease_owners()
        if not owners:
            return tuple(step._replace(affected=()) if step.affected else step for step in steps)
        pfs = read_inventory(self._site.host, name_of=lambda *_: None)
        return name_affected(Plan(tuple(steps)), pfs, owners).steps

    def tell(self, notes: Sequence[str]) -> None:
        """Warn of what could not be seen, once."""
        for note in notes:
            if note not in self._warned:
                self._warned.add(note)
                self._warn(note)

    def checking(self, allowed: frozenset[str]) -> Check:
        """Make a check that refuses steps which somebody would feel who is not in *allowed*."""

        def check(steps: Sequence[Step]) -> None:
            if steps:
                refuse_users(self.affected(steps), allowed)

        return check
