"""Read the command line and hand over to one verb."""

from __future__ import annotations

from sriovctl.cli.quick_arguments import Arguments, NotQuickError, QuickParser

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
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
    "metrics": "print counters and states of PFs and VFs for Prometheus",
    "watch": "show what PFs and VFs send and receive, as it happens",
    "events": "tell what happens to PFs and VFs, as it happens",
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
    "netns": "give a VF's netdev to a network namespace or a container, and bring it back",
    "page": "show this host in a browser: the card, the groups, the guests, and change them",
    "api": "serve this host over HTTP: REST on a unix socket, or TLS with tokens",
    "lab": "run things on emulated SR-IOV hardware under QEMU",
    "completion": "print the shell completion for bash or zsh",
}

# Global options that take a value: the word after one of them is no verb.
VALUE_OPTIONS = ("--host-tree", "--lspci", "--dmesg")


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
    if verb is not None:
        return parse_verb(verb, others)
    from sriovctl.cli.parsers import general_parser

    return general_parser().parse_args(others)


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
    try:
        values = quick_parser(verb).parse(others)
    except NotQuickError:
        from sriovctl.cli.parsers import verb_parser

        args = verb_parser(verb).parse_args(others)
        args.verb = verb
        return args
    return Arguments({**values, "verb": verb})  # type: ignore[return-value]


def quick_parser(verb: str) -> QuickParser:
    """Build the parser of one verb for command lines that are plain.

    :raises NotQuickError: the verb has arguments that it does not know.
    """
    parser = QuickParser()
    described: argparse.ArgumentParser = parser  # type: ignore[assignment]
    add_global_options(described)
    module_of(verb).configure(described)
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
    parser.add_argument(
        "--direct",
        action="store_true",
        help="never ask the daemon (sriovctld), though it runs",
    )
    parser.add_argument("--json", action="store_true", help="answer as JSON")
    parser.add_argument("--no-color", action="store_true", help="never colour the output")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")


def run_verb(args: argparse.Namespace, context: Context) -> int:
    """Run what was parsed, and return its exit code.

    :raises SriovctlError: as the verb does.
    """
    return module_of(args.verb).run(args, context)
