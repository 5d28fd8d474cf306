"""``sriovctl explain``."""

from __future__ import annotations

from sriovctl.cli.groups import add_iommu_on
from sriovctl.errors import EXIT_DONE
from sriovctl.render.groups import explanation_as_json, format_explanation

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sriovctl.cli.context import Context

SUMMARY = "say why a function is in its IOMMU group, and what would part it from others"
EXAMPLES = """\
  sriovctl explain 0000:01:00.0
  sriovctl explain enp1s0f0
  sriovctl explain 0000:01:00.0 --json | jq '.remedies[]'
  sriovctl --lspci dump.txt explain 01:00.0 --iommu-on
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the target and the options of prediction."""
    parser.add_argument(
        "target", metavar="ADDRESS|NETDEV", help="a PCI address (0000:01:00.0) or a netdev's name"
    )
    add_iommu_on(parser)


def run(args: argparse.Namespace, context: Context) -> int:
    """Explain the group of one function.

    :raises InputError: the target is neither a function nor a netdev of this host.
    """
    from sriovctl.cli.function_labels import labels_of
    from sriovctl.cli.pf_argument import find_pf_address
    from sriovctl.topology.explain import explain
    from sriovctl.topology.groups import predict_groups

    snapshot = context.snapshot()
    address = find_pf_address(snapshot, args.target)
    prediction = predict_groups(snapshot, iommu_on=args.iommu_on)
    explanation = explain(snapshot, prediction, address)
    if args.json:
        context.print_json("explain", explanation_as_json(explanation))
    else:
        context.print(format_explanation(explanation, labels_of(snapshot)))
    return EXIT_DONE
