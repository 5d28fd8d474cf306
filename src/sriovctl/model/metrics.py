"""Metrics as monitoring systems take them: families of samples with labels."""

from __future__ import annotations

from enum import StrEnum

from sriovctl.model.record import NamedTuple


class MetricKind(StrEnum):
    """What the samples of a family are."""

    GAUGE = "gauge"  # goes up and down
    COUNTER = "counter"  # goes up, and begins anew at times
    INFO = "info"  # is 1; its labels are what it tells


class MetricSample(NamedTuple):
    """One value.  A label whose value is empty is the same as no label."""

    labels: tuple[tuple[str, str], ...]  # in the order in which they are written
    value: int | float


class MetricFamily(NamedTuple):
    """Samples of one name.

    :param name: without the ``_total`` of a counter and the ``_info`` of an info, and with the
        unit at its end where it has one.
    """

    name: str
    kind: MetricKind
    meaning: str  # one sentence, without a full stop
    samples: tuple[MetricSample, ...]
    unit: str | None = None
