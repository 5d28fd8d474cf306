"""``sriovctl confirm``."""

from __future__ import annotations

from sriovctl.cli.by_daemon import jobs_by_daemon
from sriovctl.engine.runs.confirm import confirm_run
from sriovctl.errors import EXIT_DONE

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sriovctl.cli.context import Context

SUMMARY = "keep what 'apply --confirm-within' changed"
EXAMPLES = """\
  sriovctl apply host.yaml --confirm-within 60s
  sriovctl confirm
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the run."""
    parser.add_argument(
        "run", nargs="?", type=int, metavar="RUN", help="this run (default: the newest that waits)"
    )


def run(args: argparse.Namespace, context: Context) -> int:
    """Confirm the run that waits for it."""
    kept = jobs_by_daemon(
        args,
        context,
        lambda office: office.confirm(args.run),
        lambda: confirm_run(context.host(), context.journal(), args.run),
    )
    if args.json:
        context.print_json("confirm", {"run": kept.run_id, "pfs": list(kept.devices)})
    else:
        context.print(f"run {kept.run_id} stays; 'sriovctl undo' takes it back")
    return EXIT_DONE
