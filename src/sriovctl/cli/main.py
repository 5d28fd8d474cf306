"""Read the command line and hand over to one verb."""

from __future__ import annotations

import argparse
import os

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
    "explain": "say why a function is in its IOMMU group, and what would part it from others",
    "predict": "work out the IOMMU groups that the kernel would form, from config space alone",
    "tree": "draw the PCI tree: ports and their ACS, PFs with their VFs, IOMMU groups",
    "capacity": "say how many VFs a PF can really have here, and which limit binds",
    "representors": "list the eswitch mode of PFs, and the representors of their VFs",
    "abilities": "say what a PF's driver can set, key by key, why, and how that is known",
    "doctor": "say what keeps this host from SR-IOV, why, and how to fix it",
    "owners": "say who uses which PF or VF, and how it is known",
    "record": "copy what a host shows into a directory, for tests and bug reports",
    "schema": "print the JSON Schema of the state file, for editors and generators",
    "plan": "show the steps between this host and a state file, and change nothing",
    "apply": "bring this host to the state of a file, and verify each step",
    "undo": "take back what the last apply changed",
    "persist": "have systemd bring this host to the state of a file at each boot",
    "verify-boot": "check that this boot brought back what was persisted, and in time",
    "drift": "compare this host with a state file, and change nothing",
    "confirm": "keep what 'apply --confirm-within' changed",
    "history": "list what apply and undo did on this host, and how far they came",
    "export": "write this host, or a state file, as a state or in the format of another tool",
    "import": "read what files of another tool say of SR-IOV, and print it as a state file",
    "bind": "give VFs to a driver, such as vfio-pci, or back to their original one",
    "unbind": "take VFs from their drivers, and leave them without one",
    "guests": "list which guest has which VF, now and after its next boot",
    "attach": "give VFs to a libvirt guest, with their MACs and VLANs",
    "detach": "take a VF back from a libvirt guest",
    "xml": "print the libvirt XML of a VF, or of a pool of VFs, and change nothing",
    "network": "make pools of VFs out of which libvirt gives one to each guest that asks",
    "pool": "say which VFs can be leased together, and how many are free",
    "lease": "lend VFs to one owner at a time, and make them clean when they come back",
    "qemu": "give VFs to a QEMU without libvirt: its arguments, hot plug, old command lines",
    "lab": "run things on emulated SR-IOV hardware under QEMU",
    "completion": "print the shell completion for bash or zsh",
}

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

# Global options that take a value: the word after one of them is no verb.
VALUE_OPTIONS = ("--host-tree", "--lspci", "--dmesg")


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Keeps our own line ends, and its width."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=HELP_WIDTH)


def module_of(verb: str) -> VerbModule:
    """Import the module of one verb."""
    # Python has a word of its own for that one.
    name = "import_" if verb == "import" else verb.replace("-", "_")
    module: VerbModule = __import__(f"sriovctl.cli.{name}", fromlist=("run",))
    return module


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse one command line; wrong usage ends the process with 2, ``--help`` with 0.

    Global options may stand before or after the verb.
    """
    verb, others = split_verb(arguments)
    return general_parser().parse_args(others) if verb is None else parse_verb(verb, others)


def split_verb(arguments: Sequence[str]) -> tuple[str | None, list[str]]:
    """Find the verb; return it and the other words, or None and all words.  Pure."""
    is_value = False
    for position, word in enumerate(arguments):
        if not (is_value or word.startswith("-")):
            others = [*arguments[:position], *arguments[position + 1 :]]
            return (word, others) if word in VERBS else (None, list(arguments))
        is_value = word in VALUE_OPTIONS
    return None, list(arguments)


def parse_verb(verb: str, others: Sequence[str]) -> argparse.Namespace:
    """Parse the words of one verb."""
    args = verb_parser(verb).parse_args(others)
    args.verb = verb
    return args


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


def add_global_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that every verb has."""
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--host-tree",
        metavar="DIR",
        help="read a recorded host (made by 'record') instead of this one",
    )
    source.add_argument(
        "--simulated",
        action="store_true",
        help="use a simulated host with two 82576 and one NVMe PF",
    )
    source.add_argument(
        "--lspci",
        metavar="FILE",
        help="read what 'lspci -vvvxxxx' printed on some host instead of this one (-: stdin); "
        "less than that works too, and tells less",
    )
    parser.add_argument(
        "--dmesg",
        metavar="FILE",
        help="take the kernel log from a file (-: stdin)",
    )
    parser.add_argument("--json", action="store_true", help="answer as JSON")
    parser.add_argument("--no-color", action="store_true", help="never colour the output")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")


def run_verb(args: argparse.Namespace, context: Context) -> int:
    """Run what was parsed, and return its exit code.

    :raises SriovctlError: as the verb does.
    """
    return module_of(args.verb).run(args, context)
