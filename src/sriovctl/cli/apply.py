"""``sriovctl apply``."""

from __future__ import annotations

from sriovctl.cli.state_arguments import add_file_argument, read_plan
from sriovctl.engine.apply import apply_plan
from sriovctl.errors import EXIT_DONE, PermissionDenied
from sriovctl.render.plan import format_change, steps_as_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sriovctl.cli.context import Context
    from sriovctl.engine.apply import Outcome

SUMMARY = "bring this host to the state of a file, and verify each step"
EXAMPLES = """\
  sriovctl plan host.yaml      # look first
  sriovctl apply host.yaml
  sriovctl undo                # and back
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the file, and what must be allowed by name."""
    add_file_argument(parser)
    parser.add_argument(
        "--allow-guest-disruption",
        action="store_true",
        help="also change or destroy VFs that vfio-pci holds, which may be inside a guest",
    )


def run(args: argparse.Namespace, context: Context) -> int:
    """Apply the plan; an error has taken back what was done.

    :raises PermissionDenied: the host is a recording.
    """
    if args.host_tree is not None:
        raise PermissionDenied(
            "a recording is read-only",
            subject=args.host_tree,
            hint="to see the steps: sriovctl plan; to change a host, leave --host-tree out",
        )
    outcome = apply_plan(
        context.host(),
        context.journal(),
        read_plan(args.file, context),
        allow_guest_disruption=args.allow_guest_disruption,
        progress=context.progress,
    )
    if args.json:
        context.print_json("apply", {"run": outcome.run_id, "steps": steps_as_json(outcome.steps)})
    else:
        context.print(format_outcome(outcome, can_undo=not args.simulated))
    return EXIT_DONE


def format_outcome(outcome: Outcome, *, can_undo: bool) -> str:
    """Say what was done.

    :param can_undo: whether a later ``undo`` finds the same host again.
    """
    if not outcome.steps:
        return "nothing to do: the host is as the file wants it"
    lines = [f"{step.subject}: {format_change(step)}  verified" for step in outcome.steps]
    after = "'sriovctl undo' takes them back" if can_undo else "this simulated host ends here"
    lines.append(f"{len(outcome.steps)} done; {after}")
    return "\n".join(lines)
