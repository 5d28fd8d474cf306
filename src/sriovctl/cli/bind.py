"""``sriovctl bind``."""

from __future__ import annotations

from sriovctl.cli.binding import rebind_vfs
from sriovctl.cli.change_arguments import add_change_arguments
from sriovctl.cli.vf_arguments import add_vf_arguments
from sriovctl.engine.runs.rebind import ORIGINAL

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sriovctl.cli.context import Context

SUMMARY = "give VFs to a driver, such as vfio-pci, or back to their original one"
EXAMPLES = """\
  sriovctl bind 0000:01:10.0 --driver vfio-pci
  sriovctl bind --pf enp1s0 --vfs 0-3 --driver vfio-pci
  sriovctl bind 0000:01:10.0 --driver original
  sriovctl undo                # and back, whichever it was
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the VFs and the driver."""
    add_vf_arguments(parser)
    parser.add_argument(
        "--driver",
        metavar="DRIVER",
        required=True,
        help=f"a driver that is loaded; or {ORIGINAL}: the one that the kernel would choose by "
        "itself, with no override left",
    )
    add_change_arguments(parser)


def run(args: argparse.Namespace, context: Context) -> int:
    """Bind VFs, and show their IOMMU groups."""
    return rebind_vfs(args, context, args.driver)
