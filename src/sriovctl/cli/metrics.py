"""``sriovctl metrics``."""

from __future__ import annotations

from sriovctl import __version__
from sriovctl.cli.context import HostKind
from sriovctl.engine.counters import read_traffic, read_wedged
from sriovctl.errors import EXIT_DONE, PermissionDenied
from sriovctl.host.pci_ids import PCINames
from sriovctl.render.exposition import format_openmetrics, format_prometheus
from sriovctl.render.metrics import HostMetrics, metric_families, metrics_as_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sriovctl.cli.context import Context
    from sriovctl.model.counters import PFTraffic
    from sriovctl.model.lease import Lease
    from sriovctl.model.owner import OwnerMap

SUMMARY = "print counters and states of PFs and VFs for Prometheus"
EXAMPLES = """\
  sriovctl metrics
  sriovctl metrics --owners --output /var/lib/prometheus/node-exporter/sriov.prom
  sriovctl metrics --format openmetrics | promtool check metrics
  sriovctl metrics --json | jq '.pfs[].vfs[] | {address, source, counters}'
"""

_FORMATS = {"prometheus": format_prometheus, "openmetrics": format_openmetrics}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the format, the file, and whether to ask who uses what."""
    parser.add_argument(
        "--format",
        choices=_FORMATS,
        default="prometheus",
        help="the Prometheus text format, which the textfile collector of node_exporter wants, "
        "or OpenMetrics (default: %(default)s)",
    )
    parser.add_argument(
        "--output",
        metavar="FILE",
        help="write into a file; who reads it finds the old one or the new one, never half of it",
    )
    parser.add_argument(
        "--owners",
        action="store_true",
        help="say too who uses each VF, and how many are free; takes longer",
    )


def run(args: argparse.Namespace, context: Context) -> int:
    """Read the host once, and print or write what was found."""
    found = _look(context, with_owners=args.owners)
    if args.output is None:
        _print(found, args, context)
    else:
        _write(found, args, context)
    return EXIT_DONE


def _print(found: HostMetrics, args: argparse.Namespace, context: Context) -> None:
    if args.json:
        context.print_json("metrics", metrics_as_json(found))
    else:
        context.print(_FORMATS[args.format](metric_families(found)).removesuffix("\n"))


def _write(found: HostMetrics, args: argparse.Namespace, context: Context) -> None:
    from io import StringIO

    from sriovctl.host.output_file import write_output_file

    text = StringIO()
    _print(found, args, context.writing_to(text))
    write_output_file(args.output, text.getvalue())


def _look(context: Context, *, with_owners: bool) -> HostMetrics:
    pfs = read_traffic(context.host(), name_of=PCINames().name_of)
    if context.kind is not HostKind.RECORDED:
        pfs = read_wedged(context.journal(), pfs)
    owners = _owners(context, pfs) if with_owners else None
    return HostMetrics(pfs, __version__, leases=_leases(context), owners=owners)


def _owners(context: Context, pfs: tuple[PFTraffic, ...]) -> OwnerMap:
    report = context.owner_report([one.pf for one in pfs])
    for note in report.notes:
        context.warn(note)
    return report.owners


def _leases(context: Context) -> tuple[Lease, ...] | None:
    # They are this host's, whatever was recorded; and root's alone to know.
    if context.kind is HostKind.RECORDED:
        return None
    try:
        return context.desk().leases()
    except PermissionDenied:
        return None
