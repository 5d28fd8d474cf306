"""``sriovctl ls``."""

from __future__ import annotations

from sriovctl.errors import EXIT_DONE
from sriovctl.host.pci_ids import PCINames
from sriovctl.render.inventory import format_inventory, inventory_as_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sriovctl.cli.context import Context
    from sriovctl.model.functions import PF

SUMMARY = "list the PFs of this host and their VFs"
EXAMPLES = """\
  sriovctl ls
  sriovctl ls --json | jq '.pfs[].vfs[] | {address, admin_mac}'
  sriovctl --host-tree recording ls
  sriovctl --lspci dump.txt ls
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """``ls`` has no arguments of its own."""


def run(args: argparse.Namespace, context: Context) -> int:
    """List PFs and VFs."""
    pfs = _pfs(context)
    # Of a dump it must be said what it cannot tell; a host is as it is.
    notes = () if context.has_host else context.snapshot().notes
    if args.json:
        context.print_json("ls", inventory_as_json(pfs) | ({"notes": notes} if notes else {}))
    else:
        context.print("\n".join([format_inventory(pfs), *(f"note: {note}" for note in notes)]))
    return EXIT_DONE


def _pfs(context: Context) -> tuple[PF, ...]:
    names = PCINames()
    if not context.has_host:
        from sriovctl.engine.dump import list_pfs

        return list_pfs(context.snapshot(), name_of=names.name_of)
    from sriovctl.engine.inventory import read_inventory

    return read_inventory(context.host(), name_of=names.name_of)
