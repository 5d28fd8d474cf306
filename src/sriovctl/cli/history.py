"""``sriovctl history``."""

from __future__ import annotations

from sriovctl.errors import EXIT_DONE, InputError
from sriovctl.render.history import format_run, format_runs, run_as_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sriovctl.cli.context import Context
    from sriovctl.host.api import Journal
    from sriovctl.model.run import Run

SUMMARY = "list what apply and undo did on this host, and how far they came"
EXAMPLES = """\
  sriovctl history
  sriovctl history 3           # the steps of run 3
  sriovctl history --json | jq -r '.runs[] | select(.status == "running") | .run'
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the run."""
    parser.add_argument("run", nargs="?", type=int, metavar="RUN", help="show this run's steps")


def run(args: argparse.Namespace, context: Context) -> int:
    """List the runs, the newest first, or the steps of one.

    :raises InputError: there is no such run.
    """
    journal = context.journal()
    runs = journal.runs() if args.run is None else _named(journal, args.run)
    steps = journal.steps(args.run) if args.run is not None else ()
    if args.json:
        now_s = context.host().clock.now()
        shown = [run_as_json(one, steps, now_s=now_s) for one in runs]
        context.print_json("history", {"runs": shown})
    else:
        context.print(format_run(runs[0], steps) if steps else format_runs(runs))
    return EXIT_DONE


def _named(journal: Journal, run_id: int) -> tuple[Run, ...]:
    run = journal.run(run_id)
    if run is None:
        raise InputError("there is no such run", subject=f"run {run_id}", hint="sriovctl history")
    return (run,)
