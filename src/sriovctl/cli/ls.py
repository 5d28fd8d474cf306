"""``sriovctl ls``."""

from __future__ import annotations

from sriovctl.errors import EXIT_DONE
from sriovctl.host.pci_ids import PCINames

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sriovctl.cli.context import Context
    from sriovctl.model.functions import PF

SUMMARY = "list the PFs of this host and their VFs"
EXAMPLES = """\
  sriovctl ls
  sriovctl ls --owners
  sriovctl ls --json | jq '.pfs[].vfs[] | {address, admin_mac}'
  sriovctl --host-tree recording ls
  sriovctl --lspci dump.txt ls
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add whether to ask who uses what."""
    parser.add_argument(
        "--owners", action="store_true", help="say too who uses each PF and VF; takes longer"
    )


def run(args: argparse.Namespace, context: Context) -> int:
    """List PFs and VFs."""
    pfs = _pfs(context)
    # Of a dump it must be said what it cannot tell; a host is as it is.
    notes = () if context.has_host else context.snapshot().notes
    if args.owners:
        pfs, notes = _with_owners(context, pfs)
    if args.json:
        _print_json(pfs, notes, context)
        return EXIT_DONE
    from sriovctl.render.inventory import format_inventory

    shown = format_inventory(pfs, with_owners=args.owners) if pfs else _nothing(context)
    context.print("\n".join([shown, *(f"note: {note}" for note in notes)]))
    return EXIT_DONE


def _nothing(context: Context) -> str:
    from sriovctl.render.inventory import NO_PF, NO_PF_SEEN

    if context.has_host:  # there sysfs says it, whatever config space hides
        return NO_PF
    configs = (function.config for function in context.snapshot().functions)
    return NO_PF if all(one and one.knows_extended for one in configs) else NO_PF_SEEN


def _print_json(pfs: tuple[PF, ...], notes: tuple[str, ...], context: Context) -> None:
    from sriovctl.render.inventory_json import format_inventory_json, inventory_as_json

    if context.answers_programs:
        context.print_json_text("ls", format_inventory_json(pfs, notes=notes))
    else:
        context.print_json("ls", inventory_as_json(pfs, notes=notes))


def _with_owners(context: Context, pfs: tuple[PF, ...]) -> tuple[tuple[PF, ...], tuple[str, ...]]:
    from sriovctl.model.owner import name_owners

    context.host()  # a dump has no users
    report = context.owner_report(pfs)
    return name_owners(pfs, report.owners), report.notes


def _pfs(context: Context) -> tuple[PF, ...]:
    names = PCINames()
    if not context.has_host:
        from sriovctl.engine.dump import list_pfs

        return list_pfs(context.snapshot(), name_of=names.name_of)
    from sriovctl.engine.inventory import read_inventory

    return read_inventory(context.host(), name_of=names.name_of)
