"""``sriovctl representors``."""

from __future__ import annotations

from sriovctl.cli.pf_argument import find_pf
from sriovctl.engine.eswitch import read_eswitch_report
from sriovctl.engine.inventory import read_inventory
from sriovctl.errors import EXIT_DONE
from sriovctl.render.representors import format_reports, reports_as_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sriovctl.cli.context import Context

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
    chosen = pfs if args.target is None else [find_pf(pfs, args.target)]
    reports = [read_eswitch_report(host, pf) for pf in chosen]
    if args.json:
        context.print_json("representors", reports_as_json(reports))
    else:
        context.print(format_reports(reports))
    return EXIT_DONE
