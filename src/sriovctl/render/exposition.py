"""Metric families as text: OpenMetrics, and the Prometheus text format.  Pure.

The two differ in little, and no reader takes one for the other: the textfile collector of
node_exporter refuses a family of type ``info``, and an OpenMetrics reader wants ``# EOF``.

Source: https://prometheus.io/docs/specs/om/open_metrics_spec/ (1.0.0) and
https://prometheus.io/docs/instrumenting/exposition_formats/ (0.0.4).
"""

from __future__ import annotations

from sriovctl.model.metrics import MetricKind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sriovctl.model.metrics import MetricFamily, MetricSample

_SUFFIXES = {MetricKind.COUNTER: "_total", MetricKind.INFO: "_info", MetricKind.GAUGE: ""}


def sample_name(family: MetricFamily) -> str:
    """Name that the samples of a family have, in either format.  Pure."""
    return family.name + _SUFFIXES[family.kind]


def format_prometheus(families: Iterable[MetricFamily]) -> str:
    """Write families in the Prometheus text format; one without samples is left out.  Pure."""
    return "".join(f"{line}\n" for family in families for line in _prometheus_lines(family))


def format_openmetrics(families: Iterable[MetricFamily]) -> str:
    """Write families as OpenMetrics; one without samples is left out.  Pure."""
    lines = [line for family in families for line in _openmetrics_lines(family)]
    return "".join(f"{line}\n" for line in (*lines, "# EOF"))


def _prometheus_lines(family: MetricFamily) -> Iterator[str]:
    if family.samples:
        name = sample_name(family)
        # Of an info it knows nothing.
        kind = MetricKind.GAUGE if family.kind is MetricKind.INFO else family.kind
        yield f"# HELP {name} {_escape_meaning(family.meaning)}"
        yield f"# TYPE {name} {kind}"
        yield from _sample_lines(family)


def _openmetrics_lines(family: MetricFamily) -> Iterator[str]:
    if family.samples:
        yield f"# TYPE {family.name} {family.kind}"
        if family.unit is not None:
            yield f"# UNIT {family.name} {family.unit}"
        yield f"# HELP {family.name} {_escape(family.meaning)}"
        yield from _sample_lines(family)


def _sample_lines(family: MetricFamily) -> Iterator[str]:
    name = sample_name(family)
    return (f"{name}{_format_labels(sample)} {sample.value}" for sample in family.samples)


def _format_labels(sample: MetricSample) -> str:
    told = [f'{name}="{_escape(value)}"' for name, value in sample.labels if value]
    return f"{{{','.join(told)}}}" if told else ""


def _escape(text: str) -> str:
    # Nearly all there is: thousands of addresses and names.
    if text.isprintable() and '"' not in text and "\\" not in text:
        return text
    return _escape_meaning(text).replace('"', '\\"')


# The Prometheus format leaves quotation marks in a HELP line alone.
def _escape_meaning(text: str) -> str:
    # A netdev's name may be no UTF-8, which both formats are.
    printable = text.encode("utf-8", "replace").decode("utf-8")
    return printable.replace("\\", "\\\\").replace("\n", "\\n")
