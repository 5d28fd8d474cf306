"""Read the command line and hand over to one verb."""

from __future__ import annotations

import argparse
from importlib import import_module

from sriovctl import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from sriovctl.cli.context import Context

    class VerbModule(Protocol):
        """What each module in this package exports."""

        SUMMARY: str
        EXAMPLES: str

        def configure(self, parser: argparse.ArgumentParser) -> None:
            """Add the verb's own arguments."""

        def run(self, args: argparse.Namespace, context: Context) -> int:
            """Do it, and return the exit code."""


# In the order of a newcomer's questions.  The summaries stand here as well, so that the general
# help need not import a verb; a test keeps them equal to the modules' own.
VERBS = {
    "ls": "list the PFs of this host and their VFs",
    "show": "decode one function's PCI capabilities and say what they mean here",
    "groups": "list the IOMMU groups and their members",
    "record": "copy what a host shows into a directory, for tests and bug reports",
    "plan": "show the steps between this host and a state file, and change nothing",
    "apply": "bring this host to the state of a file, and verify each step",
    "undo": "take back what the last apply changed",
    "guests": "list which guest has which VF, now and after its next boot",
    "attach": "give a VF to a libvirt guest, with its MAC and VLAN",
    "detach": "take a VF back from a libvirt guest",
    "xml": "print the libvirt XML of a VF, and change nothing",
    "lab": "run things on emulated SR-IOV hardware under QEMU",
    "completion": "print the shell completion for bash or zsh",
}

EXIT_CODES = """\
exit codes:
  0  done, or nothing to do
  1  failed
  2  wrong usage, or an invalid file
  3  changes are pending (plan)
  4  refused for safety

run 'sriovctl VERB --help' for a verb's options and examples"""


def module_of(verb: str) -> VerbModule:
    """Import the module of one verb."""
    module: VerbModule = import_module(f"sriovctl.cli.{verb}")
    return module


def build_parser(verbs: Sequence[str]) -> argparse.ArgumentParser:
    """Build the parser of *verbs*, importing only them; of all verbs' names when none is given."""
    parser = argparse.ArgumentParser(
        prog="sriovctl",
        description="SR-IOV on Linux, from bare host to a VM with its own virtual function.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"sriovctl {__version__}")
    add_global_options(parser, suppress=False)
    # With a prog of our own argparse need not format one, for which it would import shutil.
    subparsers = parser.add_subparsers(
        dest="verb", metavar="VERB", required=True, prog="sriovctl"
    )
    if verbs:
        for verb in verbs:
            add_verb(subparsers, verb)
    else:
        for verb, summary in VERBS.items():
            subparsers.add_parser(verb, help=summary, add_help=False)
    return parser


def add_global_options(parser: argparse.ArgumentParser, *, suppress: bool) -> None:
    """Add the options that may stand before or after the verb.

    :param suppress: leave out the defaults, so that the parser of a verb does not overwrite what
        stood before the verb.
    """
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--host-tree",
        metavar="DIR",
        default=argparse.SUPPRESS if suppress else None,
        help="read a recorded host (made by 'record') instead of this one",
    )
    source.add_argument(
        "--simulated",
        action="store_true",
        default=argparse.SUPPRESS if suppress else False,
        help="use a simulated host with two 82576 and one NVMe PF",
    )
    for option, text in (
        ("--json", "answer as JSON"),
        ("--no-color", "never colour the output"),
        ("--debug", "show the traceback of an error"),
    ):
        default = argparse.SUPPRESS if suppress else False
        parser.add_argument(option, action="store_true", default=default, help=text)


def add_verb(
    subparsers: argparse._SubParsersAction[argparse.ArgumentParser], verb: str
) -> None:
    """Add one verb with its own arguments."""
    module = module_of(verb)
    parser = subparsers.add_parser(
        verb,
        help=VERBS[verb],
        description=module.SUMMARY[0].upper() + module.SUMMARY[1:] + ".",
        epilog=f"examples:\n{module.EXAMPLES.rstrip()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_global_options(parser, suppress=True)
    module.configure(parser)


def wanted_verb(arguments: Sequence[str]) -> list[str]:
    """Find the verb, so that no other verb's module is imported."""
    return [word for word in arguments if word in VERBS][:1]


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse one command line; wrong usage ends the process with 2, ``--help`` with 0."""
    return build_parser(wanted_verb(arguments)).parse_args(arguments)


def run_verb(args: argparse.Namespace, context: Context) -> int:
    """Run what was parsed, and return its exit code.

    :raises SriovctlError: as the verb does.
    """
    return module_of(args.verb).run(args, context)
