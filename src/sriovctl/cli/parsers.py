"""The parsers of the command line: for what needs help, is wrong, or is not plain."""

from __future__ import annotations

import argparse
import os

from sriovctl import __version__
from sriovctl.cli.main import VERBS, add_global_options, module_of

EXIT_CODES = """\
exit codes:
  0  done, or nothing to do
  1  failed
  2  wrong usage, or an invalid file
  3  changes are pending (plan), or there is drift
  4  refused for safety

run 'sriovctl VERB --help' for a verb's options and examples"""

# As wide as the terminal says; argparse would import shutil to ask it, for each argument added.
COLUMNS = os.environ.get("COLUMNS", "")
HELP_WIDTH = max(60, int(COLUMNS) if COLUMNS.isdigit() else 100) - 2


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Keeps our own line ends, and its width."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=HELP_WIDTH)


def general_parser() -> argparse.ArgumentParser:
    """Build the parser for command lines without a verb: it can only help or complain."""
    width = max(len(verb) for verb in VERBS)
    listed = "\n".join(f"  {verb:{width}}  {summary}" for verb, summary in VERBS.items())
    parser = argparse.ArgumentParser(
        prog="sriovctl",
        description="SR-IOV on Linux, from bare host to a VM with its own virtual function.",
        epilog=f"verbs:\n{listed}\n\n{EXIT_CODES}",
        formatter_class=HelpFormatter,
    )
    parser.add_argument("verb", metavar="VERB", choices=VERBS, help="what to do, see below")
    parser.add_argument("--version", action="version", version=f"sriovctl {__version__}")
    add_global_options(parser)
    return parser


def verb_parser(verb: str) -> argparse.ArgumentParser:
    """Build the parser of one verb; only its module is imported."""
    module = module_of(verb)
    parser = argparse.ArgumentParser(
        prog=f"sriovctl {verb}",
        description=module.SUMMARY[0].upper() + module.SUMMARY[1:] + ".",
        epilog=f"examples:\n{module.EXAMPLES.rstrip()}",
        formatter_class=HelpFormatter,
    )
    add_global_options(parser)
    module.configure(parser)
    return parser
