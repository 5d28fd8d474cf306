"""``sriovctl predict``."""

from __future__ import annotations

from sriovctl.cli.groups import add_iommu_on
from sriovctl.errors import EXIT_DONE
from sriovctl.render.groups import format_groups, groups_as_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sriovctl.cli.context import Context

SUMMARY = "work out the IOMMU groups that the kernel would form, from config space alone"
EXAMPLES = """\
  sriovctl predict
  sriovctl predict --iommu-on
  sriovctl --lspci dump.txt predict --json
  sriovctl --host-tree recording predict --iommu-on
"""

NOTHING = "nothing to predict: there are no PCI functions"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of prediction."""
    add_iommu_on(parser)


def run(args: argparse.Namespace, context: Context) -> int:
    """Predict the IOMMU groups."""
    print_prediction(args, context, verb="predict")
    return EXIT_DONE


def print_prediction(args: argparse.Namespace, context: Context, *, verb: str) -> None:
    """Predict the IOMMU groups and print them, for ``predict`` and ``groups --predict``.

    :param verb: names the schema of the JSON; the rest is the same.
    """
    from sriovctl.cli.function_labels import labels_of
    from sriovctl.topology.groups import predict_groups
    from sriovctl.topology.report import report_prediction

    snapshot = context.snapshot()
    report = report_prediction(predict_groups(snapshot, iommu_on=args.iommu_on))
    if args.json:
        context.print_json(verb, groups_as_json(report))
    else:
        context.print(format_groups(report, labels_of(snapshot)) or NOTHING)
