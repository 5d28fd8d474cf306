"""``sriovctl plan``."""

from __future__ import annotations

from sriovctl.cli.state_arguments import add_file_argument, read_plan
from sriovctl.errors import EXIT_DONE, EXIT_PENDING
from sriovctl.render.plan import format_plan, plan_as_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sriovctl.cli.context import Context

SUMMARY = "show the steps between this host and a state file, and change nothing"
EXAMPLES = """\
  sriovctl plan host.yaml
  sriovctl plan host.yaml --json | jq -r '.steps[].command'
  sriovctl --host-tree recording plan host.yaml
  sriovctl plan host.yaml >/dev/null; test $? -eq 3 && echo 'changes are pending'
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the file."""
    add_file_argument(parser)


def run(args: argparse.Namespace, context: Context) -> int:
    """Show the plan; the exit code says whether there is anything to do."""
    plan = read_plan(args.file, context)
    if args.json:
        context.print_json("plan", plan_as_json(plan))
    else:
        context.print(format_plan(plan))
    return EXIT_PENDING if plan.steps else EXIT_DONE
