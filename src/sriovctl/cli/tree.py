"""``sriovctl tree``."""

from __future__ import annotations

import sys

from sriovctl.cli.what_if_arguments import add_what_if, try_wishes
from sriovctl.errors import EXIT_DONE
from sriovctl.host.pci_ids import PCINames
from sriovctl.topology.picture import picture_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sriovctl.cli.context import Context
    from sriovctl.model.address import PCIAddress
    from sriovctl.model.picture import Picture
    from sriovctl.model.snapshot import HostSnapshot
    from sriovctl.topology.groups import Prediction

SUMMARY = "draw the PCI tree: ports and their ACS, PFs with their VFs, IOMMU groups"
EXAMPLES = """\
  sriovctl tree
  sriovctl tree --ascii
  sriovctl tree --svg tree.svg
  sriovctl tree --vfs 0000:01:00.0=4
  sriovctl --lspci dump.txt tree --svg tree.svg
  sriovctl --host-tree recording tree --json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the kinds of picture."""
    parser.add_argument("--svg", metavar="FILE", help="write the picture to a file (-: stdout)")
    parser.add_argument("--ascii", action="store_true", help="draw with ASCII characters only")
    add_what_if(parser)


def run(args: argparse.Namespace, context: Context) -> int:
    """Draw the tree."""
    picture = _picture(args, context.snapshot())
    if args.svg is not None:
        _write_svg(picture, args, context)
    elif args.json:
        from sriovctl.render.tree import tree_as_json

        context.print_json("tree", tree_as_json(picture))
    else:
        from sriovctl.render.tree import ASCII, UNICODE, format_tree

        glyphs = ASCII if args.ascii or not _prints("├■") else UNICODE
        context.print(format_tree(picture, glyphs=glyphs, color=context.color))
    return EXIT_DONE


def _prints(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def _write_svg(picture: Picture, args: argparse.Namespace, context: Context) -> None:
    from sriovctl.render.tree_svg import tree_as_svg

    drawing, path = tree_as_svg(picture), args.svg
    if path == "-":
        context.print(drawing.rstrip("\n"))
        return
    from sriovctl.host.output_file import write_output_file

    write_output_file(path, drawing)
    if args.json:
        context.print_json("tree", {"file": path})
    else:
        context.print(f"drew {path}")


def _picture(args: argparse.Namespace, snapshot: HostSnapshot) -> Picture:
    # What the kernel says, where it can be asked; a dump of config space knows no groups, so
    # those are shown that its kernel would form.
    knows_groups = snapshot.groups_known or any(
        one.iommu_group is not None for one in snapshot.functions
    )
    tried = try_wishes(args, snapshot, iommu_on=not knows_groups)
    if tried is not None:
        groups = _numbered(tried.prediction)
        return picture_of(tried.snapshot, predicted_groups=groups, name_of=PCINames().name_of)
    if knows_groups:
        return picture_of(snapshot, name_of=PCINames().name_of)
    from sriovctl.topology.groups import predict_groups

    groups = _numbered(predict_groups(snapshot, iommu_on=True))
    return picture_of(snapshot, predicted_groups=groups, name_of=PCINames().name_of)


def _numbered(prediction: Prediction) -> dict[PCIAddress, int]:
    return {
        member: number for number, group in enumerate(prediction.groups) for member in group.members
    }
