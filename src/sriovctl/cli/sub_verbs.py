"""Verbs of a verb: ``lease take``, ``pool list``."""

from __future__ import annotations

import argparse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sriovctl.cli.context import Context

    Run = Callable[[argparse.Namespace, Context], int]


class SubVerbs:
    """The verbs below one verb; each takes the global options, too."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self._verbs = parser.add_subparsers(dest="sub_verb", metavar="VERB", required=True)

    def add(self, name: str, summary: str, run: Run) -> argparse.ArgumentParser:
        """Add one verb; return its parser."""
        from sriovctl.cli.main import add_global_options
        from sriovctl.cli.parsers import HelpFormatter

        # Without defaults, so as not to overwrite what stood before the verb.
        options = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
        add_global_options(options)
        parser = self._verbs.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            parents=[options],
            formatter_class=HelpFormatter,
        )
        parser.set_defaults(run_sub_verb=run)
        return parser


def run_sub_verb(args: argparse.Namespace, context: Context) -> int:
    """Run the verb that was named."""
    status: int = args.run_sub_verb(args, context)
    return status
