"""``sriovctl undo``."""

from __future__ import annotations

from sriovctl.engine.apply import undo_last
from sriovctl.errors import EXIT_DONE
from sriovctl.render.plan import format_change, steps_as_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sriovctl.cli.context import Context

SUMMARY = "take back what the last apply changed"
EXAMPLES = """\
  sriovctl undo
  sriovctl undo --json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add what must be allowed by name."""
    parser.add_argument(
        "--allow-guest-disruption",
        action="store_true",
        help="also destroy VFs that vfio-pci holds, which may be inside a guest",
    )


def run(args: argparse.Namespace, context: Context) -> int:
    """Undo the newest run that still stands."""
    outcome = undo_last(
        context.host(),
        context.journal(),
        allow_guest_disruption=args.allow_guest_disruption,
        progress=context.progress,
    )
    if args.json:
        context.print_json("undo", {"run": outcome.run_id, "steps": steps_as_json(outcome.steps)})
        return EXIT_DONE
    if outcome.run_id is None:
        context.print("nothing to undo: no apply stands in the journal of this host")
        return EXIT_DONE
    for step in outcome.steps:
        context.print(f"{step.subject}: {format_change(step)}  verified")
    context.print(f"{len(outcome.steps)} done; the host is as it was before the last apply")
    return EXIT_DONE
