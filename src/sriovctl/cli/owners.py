"""``sriovctl owners``."""

from __future__ import annotations

from sriovctl.engine.inventory import read_inventory
from sriovctl.errors import EXIT_DONE, InputError
from sriovctl.model.address import is_pci_address, parse_pci_address
from sriovctl.model.functions import name_of_vf
from sriovctl.render.owners import format_owners, owners_as_json, select_functions

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from sriovctl.cli.context import Context
    from sriovctl.model.functions import PF

SUMMARY = "say who uses which PF or VF, and how it is known"
EXAMPLES = """\
  sriovctl owners
  sriovctl owners enp1s0f0          # this PF and its VFs
  sriovctl owners 0000:01:10.0 --json | jq -r '.owners[].token'
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add which functions to look at."""
    parser.add_argument(
        "devices",
        metavar="DEVICE",
        nargs="*",
        help="a PF with its VFs, or a VF, by address or netdev; default: all",
    )


def run(args: argparse.Namespace, context: Context) -> int:
    """List owners."""
    pfs = read_inventory(context.host(), name_of=lambda *_: None)
    wanted = frozenset(name for text in args.devices for name in _find(pfs, text))
    report = context.owner_report(pfs)
    functions = select_functions(pfs, wanted if args.devices else None)
    if args.json:
        context.print_json("owners", owners_as_json(functions, report))
    else:
        context.print(format_owners(functions, report, all_of_them=bool(args.devices)))
    return EXIT_DONE


def _find(pfs: Sequence[PF], text: str) -> tuple[str, ...]:
    name = str(parse_pci_address(text)) if is_pci_address(text) else text
    for pf in pfs:
        if name in (pf.device, pf.netdev):
            return (pf.device, *(name_of_vf(pf, vf) for vf in pf.vfs))
        for vf in pf.vfs:
            if name in (name_of_vf(pf, vf), vf.netdev):
                return (name_of_vf(pf, vf),)
    raise InputError(
        "is no PF or VF here", subject=text, hint="'sriovctl ls' lists them by address and netdev"
    )
