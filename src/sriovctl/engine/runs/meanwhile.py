"""What others have done since the host was looked at.

A plan is made of what a look shows, and carried out under the locks of its PFs.  Whatever ends in
between makes it wrong: its steps would set what nobody wants any more, and undoing it would bring
back what the look saw.  So the journal is read before the host, and once more under the lock.
So is the book of leases: what a borrower had set of a VF is gone when it has been given back.
"""

from __future__ import annotations

from sriovctl.engine.boot import read_boot_id
from sriovctl.errors import BusyError, StalePlanError
from sriovctl.model.record import NamedTuple
from sriovctl.model.run import RunStatus

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from sriovctl.host.api import Host, Journal
    from sriovctl.host.lease_api import LeaseBook
    from sriovctl.model.lease import BookMark
    from sriovctl.model.run import Run


class JournalMark(NamedTuple):
    """How far the journal was before the host was looked at."""

    boot_id: str | None
    newest: int
    running: tuple[int, ...]  # they may end, or be undone, without another run
    book: LeaseBook | None = None
    lent: BookMark | None = None  # how far that was


def mark_journal(host: Host, journal: Journal, book: LeaseBook | None = None) -> JournalMark:
    """Note how far the journal is; before the host is looked at for a plan.

    :param book: which VFs are lent, if there is such a book and leases matter to the plan.
    :raises HostError: one of them cannot be read.
    """
    boot_id = read_boot_id(host.files)
    newest = journal.newest()
    running = journal.standing(boot_id, (RunStatus.RUNNING,))
    lent = None if book is None else book.mark()
    return JournalMark(boot_id, newest, tuple(run.run_id for run in running), book, lent)


def refuse_stale(journal: Journal, mark: JournalMark, devices: AbstractSet[str]) -> None:
    """Refuse a plan for PFs on which a run has come, or ended, since; under their locks.

    Likewise one for PFs of which a VF has been given back.

    :raises StalePlanError: there is such a run, or VF.
    :raises HostError: the journal, or the book of leases, cannot be read.
    """
    for run in _moved(journal, mark):
        if devices & set(run.devices):
            raise StalePlanError(
                f"run {run.run_id} ({run.kind}) changed it since it was looked at",
                subject=", ".join(sorted(devices & set(run.devices))),
                hint="run it again, to have it planned anew",
            )

    for device in sorted(devices & _given_back(mark)):
        raise StalePlanError(
            "a VF of it was given back, and made clean, since it was looked at",
            subject=device,
            hint="run it again, to have it planned anew",
        )


# What is lent still, whoever looks for users sees.
def _given_back(mark: JournalMark) -> set[str]:
    if mark.book is None or mark.lent is None:
        return set()
    now = mark.book.mark()
    found = {device for device, _ in mark.lent.kept - now.kept}
    if now.newest > mark.lent.newest:
        from sriovctl.model.lease import LeaseStatus

        found |= {
            lease.pf_device
            for lease in mark.book.leases(ended=True)
            if lease.lease_id > mark.lent.newest and lease.status is LeaseStatus.ENDED
        }
    return {device for device in found if device is not None}


def moved_devices(journal: Journal, mark: JournalMark) -> set[str]:
    """Find the PFs on which runs have come, or ended, since.

    :raises HostError: the journal cannot be read.
    """
    return {device for run in _moved(journal, mark) for device in run.devices}


def _moved(journal: Journal, mark: JournalMark) -> list[Run]:
    were_open = [journal.run(run_id) for run_id in mark.running]
    ended = [run for run in were_open if run is not None and run.status is not RunStatus.RUNNING]
    return [*ended, *journal.since(mark.newest, mark.boot_id)]


def require_as_it_was(journal: Journal, run: Run) -> None:
    """Make sure that nobody has brought a run further since it was read; under its locks.

    :raises BusyError: somebody has.
    """
    if journal.run(run.run_id) != run:
        raise BusyError(
            "was ended, confirmed or undone by somebody else meanwhile",
            subject=f"run {run.run_id}",
            hint="'sriovctl history' shows what became of it",
        )
