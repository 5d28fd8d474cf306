"""``sriovctl unbind``."""

from __future__ import annotations

from sriovctl.cli.binding import rebind_vfs
from sriovctl.cli.change_arguments import add_change_arguments
from sriovctl.cli.vf_arguments import add_vf_arguments
from sriovctl.engine.runs.rebind import NONE

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sriovctl.cli.context import Context

SUMMARY = "take VFs from their drivers, and leave them without one"
EXAMPLES = """\
  sriovctl unbind 0000:01:10.0
  sriovctl unbind --pf enp1s0 --vfs 0-3
  sriovctl bind 0000:01:10.0 --driver original
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the VFs."""
    add_vf_arguments(parser)
    add_change_arguments(parser)


def run(args: argparse.Namespace, context: Context) -> int:
    """Unbind VFs, and show their IOMMU groups."""
    return rebind_vfs(args, context, NONE)
