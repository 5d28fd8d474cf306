"""``sriovctl undo``."""

from __future__ import annotations

from sriovctl.cli.by_daemon import jobs_by_daemon
from sriovctl.cli.change_arguments import add_change_arguments, refuse_recording
from sriovctl.engine.runs.undo import Undone, undo_run
from sriovctl.errors import EXIT_DONE
from sriovctl.host.signals import stopping_in_order
from sriovctl.render.plan import format_change, steps_as_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sriovctl.cli.context import Context

SUMMARY = "take back what the last apply changed"
EXAMPLES = """\
  sriovctl undo
  sriovctl undo 3              # run 3 of 'sriovctl history'
  sriovctl undo --json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the run, and what must be allowed by name."""
    parser.add_argument(
        "run", nargs="?", type=int, metavar="RUN", help="this run (default: the newest that stands)"
    )
    add_change_arguments(parser)


def run(args: argparse.Namespace, context: Context) -> int:
    """Undo a run that stands.

    :raises PermissionDenied: the host is a recording.
    """
    refuse_recording(args)
    with stopping_in_order():
        undone = jobs_by_daemon(
            args,
            context,
            lambda office: office.undo(args.run, allowed=args.allow),
            lambda: _undo(args, context),
        )
    if args.json:
        run_id = undone.run.run_id if undone.run else None
        context.print_json("undo", {"run": run_id, "steps": steps_as_json(undone.steps)})
    else:
        context.print(_format(undone))
    return EXIT_DONE


def _undo(args: argparse.Namespace, context: Context) -> Undone:
    check = context.users().checking(frozenset(args.allow))
    return undo_run(context.site(), args.run, check=check)


def _format(undone: Undone) -> str:
    if undone.run is None:
        earlier = (
            f"; {undone.earlier_boots} went with an earlier boot" if undone.earlier_boots else ""
        )
        return f"nothing to undo: no apply stands in the journal of this host{earlier}"
    lines = [f"{step.subject}: {format_change(step)}  verified" for step in undone.steps]
    run_id = undone.run.run_id
    lines.append(f"{len(undone.steps)} done; the host is as it was before run {run_id}")
    return "\n".join(lines)
