"""``sriovctl drift``."""

from __future__ import annotations

from sriovctl.cli.state_arguments import add_file_argument, read_wanted
from sriovctl.errors import EXIT_DONE, EXIT_PENDING
from sriovctl.planner.drift import find_drift
from sriovctl.render.drift import drift_as_json, format_drift

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sriovctl.cli.context import Context

SUMMARY = "compare this host with a state file, and change nothing"
EXAMPLES = """\
  sriovctl drift host.yaml
  sriovctl drift host.yaml --json | jq -r '.drift[] | [.subject, .key] | @tsv'
  sriovctl drift host.yaml || mail -s 'SR-IOV drift' root
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the file."""
    add_file_argument(parser)


def run(args: argparse.Namespace, context: Context) -> int:
    """Show the differences; the exit code says whether there are any."""
    drift = find_drift(*read_wanted(args.file, context))
    if args.json:
        context.print_json("drift", drift_as_json(drift))
    else:
        context.print(format_drift(drift))
    return EXIT_PENDING if drift else EXIT_DONE
