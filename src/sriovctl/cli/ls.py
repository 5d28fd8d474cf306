"""``sriovctl ls``."""

from __future__ import annotations

from sriovctl.engine.inventory import read_inventory
from sriovctl.errors import EXIT_DONE
from sriovctl.host.pci_ids import PCINames
from sriovctl.render.inventory import format_inventory, inventory_as_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sriovctl.cli.context import Context

SUMMARY = "list the PFs of this host and their VFs"
EXAMPLES = """\
  sriovctl ls
  sriovctl ls --json | jq '.pfs[].vfs[] | {address, admin_mac}'
  sriovctl --host-tree recording ls
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """``ls`` has no arguments of its own."""


def run(args: argparse.Namespace, context: Context) -> int:
    """List PFs and VFs."""
    pfs = read_inventory(context.host(), name_of=PCINames().name_of)
    if args.json:
        context.print_json("ls", inventory_as_json(pfs))
    else:
        context.print(format_inventory(pfs))
    return EXIT_DONE
