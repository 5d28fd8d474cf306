"""``sriovctl groups``."""

from __future__ import annotations

from sriovctl.errors import EXIT_DONE
from sriovctl.render.groups import format_groups, groups_as_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sriovctl.cli.context import Context
    from sriovctl.model.functions import IOMMUGroup
    from sriovctl.model.snapshot import HostSnapshot

SUMMARY = "list the IOMMU groups and their members"
EXAMPLES = """\
  sriovctl groups
  sriovctl groups --shared
  sriovctl groups --json | jq '.groups[] | {id, members}'
  sriovctl groups --predict
  sriovctl groups --iommu-on
  sriovctl --lspci dump.txt groups --predict
"""

NOTHING_SHARED = "no group has more than one member"
NO_GROUPS = (
    "no IOMMU groups: the IOMMU is absent, disabled in the firmware, or off in the kernel; "
    "without them no device can be given safely to a guest\n"
    "sriovctl doctor says which it is and how to mend it; sriovctl predict --iommu-on says what "
    "the groups would be"
)
NOT_IN_DUMP = (
    "the dump does not tell the kernel's groups (lspci -v does where there are some); "
    "sriovctl groups --predict works them out"
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of prediction."""
    parser.add_argument(
        "--predict",
        action="store_true",
        help="work the groups out from config space instead of asking the kernel",
    )
    add_iommu_on(parser)
    add_shared(parser)


def add_shared(parser: argparse.ArgumentParser) -> None:
    """Add ``--shared``, which listing and prediction share."""
    parser.add_argument(
        "--shared", action="store_true", help="only groups with more than one member"
    )


def add_iommu_on(parser: argparse.ArgumentParser) -> None:
    """Add ``--iommu-on``, which prediction and explanation share."""
    parser.add_argument(
        "--iommu-on",
        action="store_true",
        help="as the groups would be with the IOMMU on and the ACS bits that the kernel sets "
        "then; a prediction",
    )


def run(args: argparse.Namespace, context: Context) -> int:
    """List IOMMU groups; what would be with the IOMMU on can only be predicted."""
    if args.predict or args.iommu_on:
        from sriovctl.cli.predict import print_prediction

        print_prediction(args, context, verb="groups")
        return EXIT_DONE
    return _list(args, context)


def _list(args: argparse.Namespace, context: Context) -> int:
    from sriovctl.cli.function_labels import labels_of
    from sriovctl.topology.groups import predict_groups
    from sriovctl.topology.report import only_shared, report_kernel_groups

    snapshot = context.snapshot()
    groups = _kernel_groups(context, snapshot)
    report = report_kernel_groups(groups, predict_groups(snapshot, iommu_on=False))
    if args.shared:
        report = only_shared(report)
    if args.json:
        context.print_json("groups", groups_as_json(report))
    elif not groups:
        context.print(NO_GROUPS if context.has_host else NOT_IN_DUMP)
    else:
        context.print(format_groups(report, labels_of(snapshot)) or NOTHING_SHARED)
    return EXIT_DONE


def _kernel_groups(context: Context, snapshot: HostSnapshot) -> tuple[IOMMUGroup, ...]:
    # The kernel's own list has devices of other buses, too.
    if context.has_host:
        from sriovctl.engine.inventory import read_iommu_groups

        return read_iommu_groups(context.host().files)
    from sriovctl.topology.report import kernel_groups_of

    return kernel_groups_of(snapshot)
