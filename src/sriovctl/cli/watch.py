"""``sriovctl watch``."""

from __future__ import annotations

import argparse
import sys

from sriovctl.cli.context import HostKind
from sriovctl.cli.pf_argument import find_pf
from sriovctl.codec.durations import duration_s
from sriovctl.engine.counters import read_wedged
from sriovctl.engine.inventory import read_inventory
from sriovctl.engine.watching import Watcher
from sriovctl.errors import EXIT_DONE, InputError
from sriovctl.render.watch import SortKey, format_rates, rates_as_json, sort_vfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sriovctl.cli.context import Context
    from sriovctl.model.counters import RatedPF
    from sriovctl.model.functions import PF

SUMMARY = "show what PFs and VFs send and receive, as it happens"
EXAMPLES = """\
  sriovctl watch
  sriovctl watch --pf enp1s0f0 --sort bits
  sriovctl watch --interval 5s --count 12 >> traffic.log
  sriovctl watch --json | jq -c '.pfs[].vfs[] | {address, bytes: .rates.rx_bytes}'
"""

_KEYS = "q ends, s sorts, arrows scroll"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add how often, how many, and what to show."""
    parser.add_argument(
        "--interval",
        metavar="TIME",
        type=duration_s,
        default=2.0,
        help="from one look to the next, as 5s or 1m (default: 2s)",
    )
    parser.add_argument(
        "--count",
        metavar="N",
        type=_positive,
        help="end after so many tables (default: at 'q' or Ctrl-C)",
    )
    parser.add_argument(
        "--pf",
        metavar="PF",
        action="append",
        default=[],
        help="show this PF and its VFs only: an address or a netdev; may be given several times",
    )
    parser.add_argument(
        "--sort",
        choices=list(SortKey),
        type=SortKey,
        default=SortKey.INDEX,
        help="order of the VFs of a PF, the busiest first (default: %(default)s)",
    )
    parser.add_argument(
        "--no-owners",
        action="store_true",
        help="do not ask who uses what, which means a look at each process every ten seconds",
    )


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"'{text}' is not a number from 1 up")
    return int(text)


def run(args: argparse.Namespace, context: Context) -> int:
    """Show rates until somebody has seen enough."""
    on_screen = not args.json and context.at_terminal()
    if context.kind is HostKind.SIMULATED and not (on_screen or args.count):
        raise InputError("time flies on a simulated host", subject="watch", hint="give --count N")
    watcher = _watcher(args, context)
    try:
        if on_screen:
            _on_screen(args, context, watcher)
        else:
            _one_after_another(args, context, watcher)
    except KeyboardInterrupt:
        pass  # the way in which it is meant to end
    return EXIT_DONE


def _watcher(args: argparse.Namespace, context: Context) -> Watcher:
    host = context.host()
    live = context.kind is not HostKind.RECORDED
    return Watcher(
        host,
        ask_owners=None if args.no_owners else context.owner_report,
        note_wedged=(lambda pfs: read_wedged(context.journal(), pfs)) if live else lambda pfs: pfs,
        wanted=_wanted(args, context),
    )


# What was named is looked for once: its netdev may get another name meanwhile.
def _wanted(args: argparse.Namespace, context: Context) -> Callable[[PF], bool]:
    if not args.pf:
        return lambda _: True
    pfs = read_inventory(context.host(), name_of=lambda *_: None, with_links=False)
    devices = {find_pf(pfs, text).device for text in args.pf}
    return lambda pf: pf.device in devices


# --- one table after the other ---------------------------------------------------------------


def _one_after_another(args: argparse.Namespace, context: Context, watcher: Watcher) -> None:
    clock = context.host().clock
    due_s = clock.now()
    watcher.look()  # rates need two
    for note in watcher.notes:
        context.warn(note)
    left = args.count
    while left is None or left:
        due_s = max(due_s + args.interval, clock.now())
        clock.sleep(due_s - clock.now())
        _print(sort_vfs(watcher.look(), args.sort), args, context)
        left = None if left is None else left - 1


def _print(pfs: tuple[RatedPF, ...], args: argparse.Namespace, context: Context) -> None:
    now = _now()
    if args.json:
        context.print_json_line("watch", rates_as_json(pfs, time=now))
    else:
        context.print(f"{now}\n{format_rates(pfs)}\n")
    context.flush()


def _now() -> str:
    from datetime import UTC, datetime

    return datetime.now(UTC).isoformat(timespec="seconds")


# --- a screen --------------------------------------------------------------------------------


def _on_screen(args: argparse.Namespace, context: Context, watcher: Watcher) -> None:
    from sriovctl.cli.watch_screen import WatchScreen
    from sriovctl.host.terminal import Terminal

    with Terminal(sys.stdin.fileno(), sys.stdout.fileno()).whole() as terminal:
        screen = WatchScreen(terminal, context, watcher, keys=_KEYS, interval_s=args.interval)
        screen.run(sort=args.sort, count=args.count)
