"""Lend VFs, take them back, and make them clean.

Theory of operation.  The book of leases is the truth, and each decision is made while it is open
for writing.  What takes long is done outside: the host is looked at before, VFs are scrubbed
afterwards.  In between a lease is ``scrubbing``, with the process that is at it.  So whatever
process is killed at whatever moment, the book says of each VF whose it is, and the next who comes
takes up what was left:

- A lease whose time is over, or whose process has ended, is claimed for scrubbing.
- One that is being scrubbed by a process that is no more is dirty, and claimed likewise.
- A VF that somebody uses, or that cannot be made clean, stays dirty, with the reason, and is not
  lent until a later attempt succeeds.

A change of a PF holds its lock alone, and looks for leases once it has it.  Lending shares the
lock from the choice until the lease stands in the book; scrubbing shares it as long as it lasts.
So either the change sees the lease, or the lender sees the change: also one that has ended since
the host was looked at, for which it looks again.
"""

from __future__ import annotations

from sriovctl.engine.identity import with_identities
from sriovctl.engine.leases.borrowing import Borrowing, Offer
from sriovctl.engine.leases.claims import Claims, in_use
from sriovctl.engine.leases.freshness import Freshness
from sriovctl.engine.leases.lease_owners import no_such_lease
from sriovctl.engine.leases.lease_sight import Sight, judge_all, read_process
from sriovctl.engine.leases.scrub import scrub_vfs
from sriovctl.errors import BusyError, LostError, SriovctlError, UnsupportedError
from sriovctl.model.lease import Lease, LeaseStatus
from sriovctl.model.record import NamedTuple
from sriovctl.model.state import DesiredState
from sriovctl.planner.lease_status import TO_SCRUB
from sriovctl.planner.lending import members_of, used_in_groups

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sriovctl.engine.runs.execute import Site
    from sriovctl.host.lease_api import LeaseBook, LeaseTable
    from sriovctl.model.functions import PF
    from sriovctl.model.lease import Pool, Process, Request, Terms
    from sriovctl.model.owner import OwnerMap
    from sriovctl.planner.lending import Member

_MOST_LOOKS = 5


class Survey(NamedTuple):
    """The host as it was looked at for a decision."""

    pfs: tuple[PF, ...]
    owners: OwnerMap | None  # None: nobody can be seen


class _Look(NamedTuple):
    freshness: Freshness  # first, for it tells what changes from then on
    survey: Survey


class Desk:
    """Where VFs of one host are lent and given back.

    :param site: the host; its journal is not written.
    :param survey: looks at the host anew: PFs, VFs, and who uses them.
    """

    def __init__(self, site: Site, book: LeaseBook, survey: Callable[[], Survey]) -> None:
        self._site = site
        self._host = site.host
        self._book = book
        self._survey = survey

    # --- looking -------------------------------------------------------------------------

    def leases(self, *, ended: bool = False) -> tuple[Lease, ...]:
        """Read leases, each as it is at this moment; nothing is written.

        :param ended: those that have ended, too.
        """
        judged = judge_all(self._host, self._book.leases(ended=ended))
        return tuple(one for one in judged if ended or one.status is not LeaseStatus.ENDED)

    def members(self, *pools: Pool) -> dict[str, tuple[Member, ...]]:
        """Find the VFs of pools as they are now, by the pools' names.

        :raises InputError: what is said of one PF fits several.
        """
        survey = self._survey()
        return {pool.wanted.name: self._members(pool, survey) for pool in pools}

    def _members(self, pool: Pool, survey: Survey) -> tuple[Member, ...]:
        pfs = with_identities(self._host, survey.pfs, DesiredState(pool.pfs))
        return members_of(pool, pfs, survey.owners)

    # --- lending -------------------------------------------------------------------------

    def take(self, pool: Pool, request: Request, terms: Terms) -> tuple[Lease, ...]:
        """Lend as many VFs as are asked for, or none.

        :raises UnsupportedError: the pool has no VFs, or a PF that nothing identifies is to be
            pinned.
        :raises BusyError: not enough of them are free.
        :raises InputError: the pool must know the NUMA node, or knows no such PF.
        """
        for _ in range(_MOST_LOOKS):
            leases = self._look_and_take(pool, request, terms)
            if leases is not None:
                return leases
        raise BusyError(
            "has VFs that others change, or borrow and give back, each time that one is chosen",
            subject=pool.wanted.name,
            hint="try again",
        )

    def _look_and_take(
        self, pool: Pool, request: Request, terms: Terms
    ) -> tuple[Lease, ...] | None:
        look = self._look()
        if self._reap_questionable(look.survey):
            look = self._look()
        try:
            return self._take(pool, request, terms, look)
        except BusyError:
            # A VF that was removed and made anew is known to be free by looking at all leases.
            if not self.reap():
                raise
        return self._take(pool, request, terms, self._look())

    def _look(self) -> _Look:
        return _Look(Freshness(self._site, self._book), self._survey())

    # None: what is free has changed since that look.
    def _take(
        self, pool: Pool, request: Request, terms: Terms, look: _Look
    ) -> tuple[Lease, ...] | None:
        survey = look.survey
        members = self._members(pool, survey)
        if not members:
            raise UnsupportedError(
                "has no VFs now",
                subject=pool.wanted.name,
                hint="'sriovctl apply' makes those that its state wants",
            )
        used = used_in_groups(survey.pfs, survey.owners) if request.group_disjoint else {}
        offer = Offer(pool, members, used, look.freshness)
        borrowing = Borrowing(self._host, offer, request, terms)
        with self._book.writing() as table:
            drafts = borrowing.drafts(table)
            return None if drafts is None else tuple(table.add(lease) for lease in drafts)

    def bind(self, leases: Iterable[Lease], process: Process | None) -> tuple[Lease, ...]:
        """Let leases end with another process, or with none.

        :raises LostError: one of them is not held any more.
        """
        pid, started = (None, None) if process is None else process
        with self._book.writing() as table:
            bound = tuple(
                self._held(table, lease.lease_id)._replace(pid=pid, pid_started=started)
                for lease in leases
            )
            for lease in bound:
                table.update(lease)
        return bound

    def renew(self, lease_id: int, ttl_s: float | None) -> Lease:
        """Let a lease last on from now.

        :param ttl_s: None: as long as it was taken for.
        :raises InputError: there is no such lease.
        :raises LostError: it is not held any more.
        """
        with self._book.writing() as table:
            lease = self._held(table, lease_id)
            ttl_s = lease.ttl_s if ttl_s is None else ttl_s
            expires = None if ttl_s is None else self._host.clock.now() + ttl_s
            lease = lease._replace(ttl_s=ttl_s, expires=expires)
            table.update(lease)
        return lease

    def _held(self, table: LeaseTable, lease_id: int) -> Lease:
        (lease,) = judge_all(self._host, [_find(table, lease_id)])
        if lease.status is not LeaseStatus.HELD:
            raise LostError(
                f"is not held any more: {lease.reason or lease.status}",
                subject=f"lease {lease_id}",
                hint="whatever still uses its VF must let go of it; take another one",
                evidence={"generation": lease.generation},
            )
        return lease

    # --- giving back ---------------------------------------------------------------------

    def release(self, lease_ids: Sequence[int]) -> tuple[Lease, ...]:
        """Give leases back, and make their VFs clean; say what became of each.

        One that is ``dirty`` afterwards was given back, but its VF is lent to nobody as long as
        the reason in its note holds.

        :raises InputError: there is no such lease; then none is given back.
        """
        return self._give_back(lease_ids, released=True)

    def reap(self) -> tuple[Lease, ...]:
        """Bring the book up to date, and make VFs clean whose leases are over.

        :return: the leases that changed, as they are now.
        """
        return self._reap(self._book.leases(), None)

    # What need not look at each VF that is lent.
    def _reap_questionable(self, survey: Survey) -> tuple[Lease, ...]:
        sight = Sight(self._host)
        stored = self._book.questionable(now_s=sight.now_s, boot_id=sight.boot_id)
        return self._reap(stored, survey)

    def _reap(self, stored: Sequence[Lease], survey: Survey | None) -> tuple[Lease, ...]:
        judged = zip(judge_all(self._host, stored), stored, strict=True)
        due = [now for now, before in judged if now != before or now.status in TO_SCRUB]
        if any(lease.status is LeaseStatus.DIRTY for lease in due):
            # Not tried in vain each time that somebody comes.
            owners = (survey or self._survey()).owners or {}
            due = [lease for lease in due if not _is_dirty_as_before(lease, owners)]
        return self._give_back([lease.lease_id for lease in due], released=False)

    def _give_back(self, lease_ids: Sequence[int], *, released: bool) -> tuple[Lease, ...]:
        if not lease_ids:
            return ()
        claims = Claims(read_process(self._host.files), released=released)
        with self._book.writing() as table:
            found = {one: table.find(one) for one in lease_ids}
            if released:
                _require_all(found)
            # What is over may have been taken up, and forgotten, since it was looked at.
            stored = [lease for lease in found.values() if lease is not None]
            for before, now in zip(stored, judge_all(self._host, stored), strict=True):
                after = claims.add(now)
                if after != before:
                    table.update(after)
        if claims.claimed:
            self._scrub(claims)
        return tuple(claims.outcome[lease.lease_id] for lease in stored)

    def _scrub(self, claims: Claims) -> None:
        claimed = tuple(claims.claimed)
        try:
            self._scrub_claimed(claims)
        except SriovctlError as error:
            claims.fail(claims.claimed, str(error))
        finally:
            # Whoever lives on after a failure, or Ctrl-C, must not seem to be at it for ever.
            claims.give_up("scrubbing it was cut short")
            with self._book.writing() as table:
                for lease in claimed:
                    table.update(claims.outcome[lease.lease_id])

    def _scrub_claimed(self, claims: Claims) -> None:
        devices = sorted({str(lease.pf_device) for lease in claims.claimed})
        with self._book.sharing(devices) as locks:
            # Only what is looked at from here on is sure to stay as it is: they are ours now.
            survey = self._survey()
            claims.spare(survey.owners or {})
            for device in devices:
                leases = [lease for lease in claims.claimed if lease.pf_device == device]
                if device not in locks.devices:
                    claims.fail(leases, "another sriovctl changes its PF at this moment")
                elif leases:
                    self._site.progress(f"scrubbing {len(leases)} VFs of {device}")
                    claims.conclude(scrub_vfs(self._site, locks, survey.pfs, leases))


def _is_dirty_as_before(lease: Lease, owners: OwnerMap) -> bool:
    return lease.status is LeaseStatus.DIRTY and lease.note == in_use(lease, owners)


def _find(table: LeaseTable, lease_id: int) -> Lease:
    lease = table.find(lease_id)
    if lease is None:
        raise no_such_lease(lease_id)
    return lease


def _require_all(found: Mapping[int, Lease | None]) -> None:
    for lease_id, lease in found.items():
        if lease is None:
            raise no_such_lease(lease_id)
