"""``sriovctl events``."""

from __future__ import annotations

from sriovctl.cli.pf_argument import find_pf
from sriovctl.codec.durations import duration_s
from sriovctl.engine.counters import read_wedged
from sriovctl.engine.following import Follower
from sriovctl.errors import EXIT_DONE, PermissionDenied
from sriovctl.host.event_wait import wait_for_events
from sriovctl.planner.changes import name_causes
from sriovctl.render.events import change_as_json, format_change

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from sriovctl.cli.context import Context
    from sriovctl.host.events_api import EventSource
    from sriovctl.model.change import HostChange

_LONGEST_RUN_S = 600.0

SUMMARY = "tell what happens to PFs and VFs, as it happens"
EXAMPLES = """\
  sriovctl events
  sriovctl events --pf enp1s0f0 --for 10m
  sriovctl events --json | jq -c 'select(.what == "admin_mac")'
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add which PFs, and for how long."""
    parser.add_argument(
        "--pf",
        metavar="PF",
        action="append",
        default=[],
        help="tell of this PF and its VFs only: an address or a netdev; may be given several times",
    )
    parser.add_argument(
        "--for",
        dest="duration",
        metavar="TIME",
        type=duration_s,
        help="end after this time, as 60s or 10m (default: at Ctrl-C)",
    )


def run(args: argparse.Namespace, context: Context) -> int:
    """Follow the host until somebody has heard enough."""
    source = context.open_events()
    try:
        _Telling(args, context, source).run()
    except KeyboardInterrupt:
        pass  # the way in which it is meant to end
    finally:
        source.close()
    return EXIT_DONE


class _Telling:
    # Follows, and prints what was found.

    def __init__(self, args: argparse.Namespace, context: Context, source: EventSource) -> None:
        self._args = args
        self._context = context
        self._clock = context.host().clock
        self._follower = Follower(
            context.host(),
            source,
            wait=lambda events, timeout_s: wait_for_events(events, timeout_s, self._clock),
            note_wedged=lambda pfs: read_wedged(context.journal(), pfs),
        )
        pfs = [one.pf for one in self._follower.pfs]
        self._wanted = {find_pf(pfs, text).device for text in args.pf}
        self._looked_at = _now()

    def run(self) -> None:
        duration_s = self._args.duration
        end_s = float("inf") if duration_s is None else self._clock.now() + duration_s
        while self._clock.now() < end_s:
            changes = self._follower.next_changes(end_s)
            if self._follower.lost:
                self._context.warn("events were lost; what differs now is told all the same")
            self._tell(changes)

    def _tell(self, changes: Iterable[HostChange]) -> None:
        now, since = _now(), self._looked_at
        self._looked_at = now
        wanted = [one for one in changes if not self._wanted or one.device in self._wanted]
        if not wanted:
            return
        for change in self._with_causes(wanted, since):
            if self._args.json:
                self._context.print_json_line("events", change_as_json(change, time=now))
            else:
                self._context.print(format_change(change, time=now))
        self._context.flush()

    def _with_causes(self, changes: list[HostChange], since: str) -> tuple[HostChange, ...]:
        try:
            runs = self._context.journal().runs()
        except PermissionDenied:
            return tuple(changes)
        return name_causes(changes, runs, since=since, oldest=_now(less_s=_LONGEST_RUN_S))


# As the journal writes times.
def _now(*, less_s: float = 0.0) -> str:
    from datetime import UTC, datetime, timedelta

    then = datetime.now(UTC) - timedelta(seconds=less_s)
    return then.isoformat(timespec="seconds")
