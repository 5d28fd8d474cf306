"""Keep a run that waits to be confirmed, or take it back when nobody confirmed it in time."""

from __future__ import annotations

from sriovctl.engine.boot import read_boot_id
from sriovctl.engine.runs.undo import Undone, undo_run
from sriovctl.errors import BusyError, InputError
from sriovctl.model.run import Ending, Run, RunStatus

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.engine.runs.execute import Site
    from sriovctl.host.api import Host, Journal

_LOOK_AGAIN_S = 1.0
_CLOSED = (RunStatus.DONE, RunStatus.UNDONE, RunStatus.TAKEN_BACK)


def confirm_run(host: Host, journal: Journal, run_id: int | None = None) -> Run:
    """Let a run stand that waits to be confirmed: the newest, or the one that is named.

    :raises InputError: no such run waits.
    :raises BusyError: it is being taken back at this moment, or was so and that was cut short.
    """
    run = _waiting(host, journal, run_id)
    with journal.locked(run.devices):
        _waiting(host, journal, run.run_id)  # its time may have ended while we took the lock
        _refuse_half_undone(host, journal, run)
        journal.finish(Ending(run.run_id, RunStatus.DONE))
    return run


def _waiting(host: Host, journal: Journal, run_id: int | None) -> Run:
    for run in journal.standing(read_boot_id(host.files)):
        if run.status is RunStatus.UNCONFIRMED and run_id in (None, run.run_id):
            return run
    raise InputError(
        "does not wait to be confirmed" if run_id else "no run waits to be confirmed",
        subject=f"run {run_id}" if run_id else "journal",
        hint="'sriovctl history' shows what became of it",
    )


def _refuse_half_undone(host: Host, journal: Journal, run: Run) -> None:
    for other in journal.standing(read_boot_id(host.files), (RunStatus.RUNNING,)):
        if other.undoes == run.run_id:
            raise BusyError(
                "was being undone, and that was cut short",
                subject=f"run {run.run_id}",
                hint="'sriovctl undo' brings it to its end",
            )


def expire_run(site: Site, run_id: int) -> Undone | None:
    """Wait for a run's time to be over, and take it back if nobody has confirmed it by then.

    Also takes back what was cut short: that was not confirmed either.

    :return: what was undone; None when the run was confirmed, or taken back by somebody else.
    :raises SriovctlError: it could not be taken back.
    """
    while True:
        run = _read(site.journal, run_id)
        if run.status in _CLOSED or run.confirm_by is None:
            return None
        left_s = run.confirm_by - site.host.clock.now()
        if left_s <= 0:
            try:
                return undo_run(site, run_id, check=lambda _: _require_unconfirmed(site, run_id))
            except BusyError:  # it is still being applied, or confirmed at this moment
                left_s = _LOOK_AGAIN_S
            except InputError:
                if not _is_closed(site.journal, run_id):
                    raise
                left_s = 0.0
        site.host.clock.sleep(left_s)


# Under the lock: whoever confirmed it before we had that was told that it stays.
def _require_unconfirmed(site: Site, run_id: int) -> None:
    if _read(site.journal, run_id).confirm_by is None:
        raise BusyError("was confirmed at the last moment", subject=f"run {run_id}")


def _is_closed(journal: Journal, run_id: int) -> bool:
    return _read(journal, run_id).status in _CLOSED


def _read(journal: Journal, run_id: int) -> Run:
    run = journal.run(run_id)
    assert run is not None, "runs are never taken out of the journal"
    return run
