"""``sriovctl abilities``."""

from __future__ import annotations

from sriovctl.cli.pf_argument import find_pf
from sriovctl.engine.abilities import read_abilities
from sriovctl.engine.inventory import read_inventory
from sriovctl.errors import EXIT_DONE, InputError, PermissionDenied
from sriovctl.render.abilities import abilities_as_json, format_abilities

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sriovctl.cli.context import Context

SUMMARY = "say what a PF's driver can set, key by key, why, and how that is known"
EXAMPLES = """\
  sriovctl abilities
  sriovctl abilities 0000:01:00.0
  sriovctl abilities enp1s0f0 --probe
  sriovctl abilities --json | jq '.pfs[].abilities[] | select(.can == "no") | .key'
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the PF, and leave to ask its driver."""
    parser.add_argument(
        "target",
        metavar="PF",
        nargs="?",
        help="a PCI address (0000:01:00.0), a netdev's name, or a device of another bus "
        "(netdevsim10); all PFs if left out",
    )
    parser.add_argument(
        "--probe",
        action="store_true",
        help="ask the driver as well, with requests that it must refuse and that change nothing; "
        "it may log 'Invalid VF'",
    )


def run(args: argparse.Namespace, context: Context) -> int:
    """Tell it.

    :raises PermissionDenied: a recording cannot be asked.
    :raises InputError: there is no such PF, or none at all.
    """
    if args.probe and args.host_tree is not None:
        raise PermissionDenied(
            "a recording has no driver to ask", subject=args.host_tree, hint="leave --probe out"
        )
    host = context.host()
    pfs = read_inventory(host, name_of=lambda *_: None)
    chosen = pfs if args.target is None else (find_pf(pfs, args.target),)
    if not chosen:
        raise InputError("has no PF", subject=host.description, hint="run 'sriovctl doctor'")
    told = [read_abilities(host, pf, probe=args.probe) for pf in chosen]
    if args.json:
        context.print_json("abilities", {"pfs": [abilities_as_json(*one) for one in told]})
    else:
        context.print("\n\n".join(format_abilities(*one) for one in told))
    return EXIT_DONE
