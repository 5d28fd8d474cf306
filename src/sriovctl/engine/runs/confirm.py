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
    :raises BusyError: it is being taken back at this moment.
    """
    run = _waiting(host, journal, run_id)
    with journal.locked(run.devices):
        _waiting(host, journal, run.run_id)  # its time may have ended while we took the lock
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


def expire_run(site: Site, run_id: int) -> Undone | None:
    """Wait for a run's time to be over, and take it back if nobody has confirmed it by then.

    Also takes back what was cut short: that was not confirmed either.

    :return: what was undone; None when the run was confirmed, or taken back by somebody else.
    :raises SriovctlError: it could not be taken back.
    """
    while True:
        run = site.journal.run(run_id)
        assert run is not None, "runs are never taken out of the journal"
        if run.status in _CLOSED or run.confirm_by is None:
            return None
        left_s = run.confirm_by - site.host.clock.now()
        if left_s <= 0:
            try:
                return undo_run(site, run_id)
            except BusyError:  # it is still being applied, or confirmed at this moment
                left_s = _LOOK_AGAIN_S
        site.host.clock.sleep(left_s)
