"""``sriovctl predict``."""

from __future__ import annotations

from sriovctl.cli.groups import NOTHING_SHARED, add_iommu_on, add_shared
from sriovctl.cli.what_if_arguments import add_what_if, try_wishes
from sriovctl.errors import EXIT_DONE
from sriovctl.render.groups import format_changes, format_groups, groups_as_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sriovctl.cli.context import Context
    from sriovctl.engine.what_if import WhatIf
    from sriovctl.model.snapshot import HostSnapshot

SUMMARY = "work out the IOMMU groups that the kernel would form, from config space alone"
EXAMPLES = """\
  sriovctl predict
  sriovctl predict --iommu-on
  sriovctl --lspci dump.txt predict --json
  sriovctl --host-tree recording predict --iommu-on
  sriovctl predict --shared
  sriovctl predict --vfs 0000:01:00.0=4 --slot-acs 0000:03:00.0=on
"""

NOTHING = "nothing to predict: there are no PCI functions"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of prediction."""
    add_iommu_on(parser)
    add_what_if(parser)
    add_shared(parser)


def run(args: argparse.Namespace, context: Context) -> int:
    """Predict the IOMMU groups."""
    tried = try_wishes(args, context.snapshot(), iommu_on=args.iommu_on)
    if tried is None:
        print_prediction(args, context, verb="predict")
    else:
        _print_what_if(args, context, tried)
    return EXIT_DONE


def _print_what_if(args: argparse.Namespace, context: Context, tried: WhatIf) -> None:
    from sriovctl.cli.function_labels import labels_of
    from sriovctl.render.what_if import format_what_if, what_if_as_json
    from sriovctl.topology.groups import predict_groups
    from sriovctl.topology.report import changes_between, only_shared, report_prediction

    complete = report_prediction(tried.prediction)
    report = only_shared(complete) if args.shared else complete
    if args.json:
        change = what_if_as_json(tried.capacities, tried.acs_ports)
        context.print_json("predict", {**groups_as_json(report), "what_if": change})
    else:
        present = predict_groups(context.snapshot(), iommu_on=args.iommu_on)
        changes = changes_between(report_prediction(present), complete)
        wish = format_what_if(tried.capacities, tried.acs_ports)
        groups = format_groups(report, labels_of(tried.snapshot), changes) or NOTHING_SHARED
        context.print(f"{wish}\n{format_changes(changes)}\n\n{groups}")


def print_prediction(args: argparse.Namespace, context: Context, *, verb: str) -> None:
    """Predict the IOMMU groups and print them, for ``predict`` and ``groups --predict``.

    :param verb: names the schema of the JSON; the rest is the same.
    """
    from sriovctl.cli.function_labels import labels_of
    from sriovctl.topology.groups import predict_groups
    from sriovctl.topology.report import only_shared, report_prediction

    snapshot = context.snapshot()
    report = report_prediction(predict_groups(snapshot, iommu_on=args.iommu_on))
    if args.shared:
        report = only_shared(report)
    if args.json:
        context.print_json(verb, groups_as_json(report))
    else:
        context.print(format_groups(report, labels_of(snapshot)) or _nothing(snapshot))


def _nothing(snapshot: HostSnapshot) -> str:
    return NOTHING_SHARED if snapshot.functions else NOTHING
