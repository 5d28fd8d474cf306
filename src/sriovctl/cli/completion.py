"""``sriovctl completion``."""

from __future__ import annotations

import argparse

from sriovctl.errors import EXIT_DONE
from sriovctl.render.completion import format_completion

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sriovctl.cli.context import Context

SUMMARY = "print the shell completion for bash or zsh"
EXAMPLES = """\
  source <(sriovctl completion bash)
  sriovctl completion bash > /etc/bash_completion.d/sriovctl
  sriovctl completion zsh > ~/.zfunc/_sriovctl
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the shell."""
    parser.add_argument("shell", choices=("bash", "zsh"), help="the shell to complete in")


def run(args: argparse.Namespace, context: Context) -> int:
    """Print a script that completes verbs and their options."""
    from sriovctl.cli.main import VERBS
    from sriovctl.cli.parsers import verb_parser

    verbs = {verb: tuple(_words(verb_parser(verb))) for verb in VERBS}
    context.print(format_completion(args.shell, verbs))
    return EXIT_DONE


def _words(parser: argparse.ArgumentParser) -> Iterator[str]:
    # argparse has no public way to walk a finished parser; its actions are stable since 3.2.
    for action in parser._actions:
        yield from action.option_strings
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices
        elif not action.option_strings and action.choices is not None:
            yield from (str(choice) for choice in action.choices)
