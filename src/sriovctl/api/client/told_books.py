"""Journal, leases and users as root sees them, for others: the daemon tells.

Theory of operation.  To the rest of the command these are the doors that it has anyway; only what
the state directory keeps for root comes from the daemon.  What it does not tell is looked for here,
and is refused as it always was.
"""

from __future__ import annotations

from sriovctl.api.client.answers import (
    parse_leases,
    parse_pools,
    parse_recorded_steps,
    parse_run,
)
from sriovctl.api.client.teller import Door
from sriovctl.engine.leases.lending import Desk, Survey
from sriovctl.model.owner import OwnerKind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from sriovctl.api.client.teller import Teller
    from sriovctl.host.api import Journal
    from sriovctl.host.lease_api import LeaseBook
    from sriovctl.model.functions import PF
    from sriovctl.model.lease import Lease, StoredPool
    from sriovctl.model.owner import OwnerReport
    from sriovctl.model.run import RecordedStep, Run

    Document = Mapping[str, Any]

_NOT_USERS = (OwnerKind.LEASE, OwnerKind.FOREIGN)


def _parse_runs(said: Document) -> tuple[Run, ...]:
    return tuple(map(parse_run, said["runs"]))


class _ToldJournal(Door):
    def runs(self) -> tuple[Run, ...]:
        told = self._teller.tell("/v1/runs", _parse_runs)
        here: Journal = self._behind
        return here.runs() if told is None else told

    def run(self, run_id: int) -> Run | None:
        told = self._teller.tell("/v1/runs", _parse_runs)
        if told is None:
            here: Journal = self._behind
            return here.run(run_id)
        return next((one for one in told if one.run_id == run_id), None)

    def steps(self, run_id: int) -> tuple[RecordedStep, ...]:
        told = self._teller.tell(
            f"/v1/runs/{run_id}", lambda said: parse_recorded_steps(said["run"])
        )
        here: Journal = self._behind
        return here.steps(run_id) if told is None else told


def told_journal(journal: Journal, teller: Teller) -> Journal:
    """Return a journal whose runs the daemon tells."""
    told: Any = _ToldJournal(journal, teller)
    return told  # type: ignore[no-any-return]


class _ToldBook(Door):
    def pools(self) -> tuple[StoredPool, ...]:
        told = self._teller.tell("/v1/pools", parse_pools)
        here: LeaseBook = self._behind
        return here.pools() if told is None else told


def told_book(book: LeaseBook, teller: Teller) -> LeaseBook:
    """Return a book of leases whose pools the daemon tells."""
    told: Any = _ToldBook(book, teller)
    return told  # type: ignore[no-any-return]


class ToldDesk(Desk):
    """A desk whose leases the daemon tells."""

    def __init__(self, desk: Desk, teller: Teller) -> None:
        super().__init__(desk._site, desk._book, desk._survey)
        self._teller = teller

    def leases(self, *, ended: bool = False) -> tuple[Lease, ...]:
        """Read leases, each as it is at this moment."""
        told = self._teller.tell(f"/v1/leases?all={str(ended).lower()}", parse_leases)
        if told is None:
            return super().leases(ended=ended)
        now_s = self._host.clock.now()
        return tuple(
            one.lease
            if one.lease.expires is None
            else one.lease._replace(expires=now_s + one.lease.expires)
            for one in told
        )


def told_survey(pfs: tuple[PF, ...], report: OwnerReport) -> Survey:
    """Say who uses *pfs* in fact, lent or not."""
    owners = {
        name: tuple(one for one in owners if one.kind not in _NOT_USERS)
        for name, owners in report.owners.items()
    }
    return Survey(pfs, {name: each for name, each in owners.items() if each})
