"""``sriovctl show``."""

from __future__ import annotations

from sriovctl.errors import EXIT_DONE
from sriovctl.host.pci_ids import PCINames

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sriovctl.cli.context import Context
    from sriovctl.model.description import FunctionDescription

SUMMARY = "decode one function's PCI capabilities and say what they mean here"
EXAMPLES = """\
  sriovctl show 0000:01:00.0
  sriovctl show enp1s0f0
  sriovctl show 01:00.0 --json | jq '.capabilities.sriov | {total_vfs, vf_bars}'
  sriovctl show 0000:00:1c.0 --json | jq .capabilities.acs
  sriovctl --host-tree recording show 0000:01:00.0
  sriovctl --lspci dump.txt show 01:00.0
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the target."""
    parser.add_argument(
        "target", metavar="ADDRESS|NETDEV", help="a PCI address (0000:01:00.0) or a netdev's name"
    )


def run(args: argparse.Namespace, context: Context) -> int:
    """Show one function."""
    function = _function(args.target, context)
    if args.json:
        from sriovctl.render.show_json import function_as_json

        context.print_json("show", function_as_json(function))
    else:
        from sriovctl.render.show import format_function

        context.print(format_function(function))
    return EXIT_DONE


def _function(target: str, context: Context) -> FunctionDescription:
    names = PCINames()
    if not context.has_host:
        from sriovctl.engine.dump import describe_function

        return describe_function(context.snapshot(), target, name_of=names.name_of)
    from sriovctl.engine.describe import read_function, resolve_target

    host = context.host()
    return read_function(host, resolve_target(host, target), name_of=names.name_of)
