"""``sriovctl representors``."""

from __future__ import annotations

from sriovctl.engine.eswitch import read_eswitch_report
from sriovctl.engine.inventory import read_inventory
from sriovctl.errors import EXIT_DONE, InputError
from sriovctl.model.address import is_pci_address, parse_pci_address
from sriovctl.render.representors import format_reports, reports_as_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from sriovctl.cli.context import Context
    from sriovctl.model.functions import PF

SUMMARY = "list the eswitch mode of PFs, and the representors of their VFs"
EXAMPLES = """\
  sriovctl representors
  sriovctl representors 0000:03:00.0
  sriovctl representors enp3s0f0np0 --json | jq '.pfs[].representors[] | {vf_index, netdev}'
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the target."""
    parser.add_argument(
        "target",
        metavar="PF",
        nargs="?",
        help="a PCI address (0000:03:00.0), a netdev's name, or a device of another bus "
        "(netdevsim10); all PFs if left out",
    )


def run(args: argparse.Namespace, context: Context) -> int:
    """List them."""
    host = context.host()
    pfs = read_inventory(host, name_of=lambda *_: None)
    chosen = pfs if args.target is None else [_find(pfs, args.target)]
    reports = [read_eswitch_report(host, pf) for pf in chosen]
    if args.json:
        context.print_json("representors", reports_as_json(reports))
    else:
        context.print(format_reports(reports))
    return EXIT_DONE


def _find(pfs: Sequence[PF], text: str) -> PF:
    device = str(parse_pci_address(text)) if is_pci_address(text) else text
    for pf in pfs:
        if device in (pf.device, pf.netdev):
            return pf
    raise InputError("is no PF here", subject=text, hint="'sriovctl ls' lists the PFs")
