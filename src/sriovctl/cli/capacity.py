"""``sriovctl capacity``."""

from __future__ import annotations

import argparse

from sriovctl.cli.pf_argument import find_pf_address
from sriovctl.errors import EXIT_DONE
from sriovctl.render.capacity import capacity_as_json, format_capacities, format_capacity
from sriovctl.topology.capacity import capacity_of, pfs_of
from sriovctl.topology.tree import build_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.cli.context import Context

SUMMARY = "say how many VFs a PF can really have here, and which limit binds"
EXAMPLES = """\
  sriovctl capacity
  sriovctl capacity 0000:01:00.0
  sriovctl capacity enp1s0f0 --vfs 16
  sriovctl --lspci dump.txt capacity 01:00.0
  sriovctl capacity 01:00.0 --json | jq '.limits[] | {kind, max_vfs}'
"""

NO_PFS = "no PFs: no function here has an SR-IOV capability that can be seen"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the PF and the number to try."""
    parser.add_argument(
        "pf",
        metavar="ADDRESS|NETDEV",
        nargs="?",
        help="a PF's PCI address (0000:01:00.0) or netdev; all PFs without",
    )
    parser.add_argument(
        "--vfs",
        metavar="N",
        type=int,
        help="also say where N VFs would be, and which limit they would hit",
    )


def run(args: argparse.Namespace, context: Context) -> int:
    """Say how many VFs will work."""
    snapshot = context.snapshot()
    if args.pf is None:
        tree = build_tree(snapshot)  # once for all
        capacities = [
            capacity_of(snapshot, pf.address, vfs=args.vfs, tree=tree) for pf in pfs_of(snapshot)
        ]
        if args.json:
            context.print_json("capacity", {"pfs": [capacity_as_json(one) for one in capacities]})
        else:
            context.print(format_capacities(capacities) or NO_PFS)
        return EXIT_DONE
    capacity = capacity_of(snapshot, find_pf_address(snapshot, args.pf), vfs=args.vfs)
    if args.json:
        context.print_json("capacity", capacity_as_json(capacity))
    else:
        context.print(format_capacity(capacity))
    return EXIT_DONE
