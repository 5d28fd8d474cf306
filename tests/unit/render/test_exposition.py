"""The two text formats, read by the parsers of Prometheus's own client library."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

from sriovctl.model.metrics import MetricFamily, MetricKind, MetricSample
from sriovctl.render.exposition import format_openmetrics, format_prometheus, sample_name

Seen = dict[str, tuple[str, str, dict[frozenset[tuple[str, str]], float]]]

PACKETS = MetricFamily(
    "x_packets",
    MetricKind.COUNTER,
    "Packets",
    (MetricSample((("pf", "a"),), 7), MetricSample((("pf", "b"), ("netdev", "")), 0)),
)
BYTES = MetricFamily(
    "x_bytes", MetricKind.COUNTER, "Bytes", (MetricSample((), 2**53),), unit="bytes"
)
UP = MetricFamily("x_up", MetricKind.GAUGE, 'Whether it is "up"', (MetricSample((), 1),))
INFO = MetricFamily("x", MetricKind.INFO, "What it is", (MetricSample((("name", "A \\ B"),), 1),))

LABELS = st.dictionaries(
    st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True).filter(lambda name: name != "le"),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12),
    max_size=3,
)
VALUES = st.integers(0, 2**64 - 1) | st.floats(0, 1e12)


@st.composite
def families(draw: st.DrawFn) -> MetricFamily:
    labels = draw(st.lists(LABELS, unique_by=lambda each: tuple(sorted(each.items())), max_size=4))
    kind = draw(st.sampled_from(list(MetricKind)))
    values = st.just(1) if kind is MetricKind.INFO else VALUES
    samples = tuple(MetricSample(tuple(each.items()), draw(values)) for each in labels)
    meaning = draw(st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=30))
    return MetricFamily("some_thing", kind, meaning.strip(), samples)


def seen(parsed: object) -> Seen:
    return {
        sample_name_of(family): (
            family.type,
            family.documentation,
            {frozenset(s.labels.items()): s.value for s in family.samples},
        )
        for family in parsed  # type: ignore[attr-defined]
    }


def sample_name_of(family: object) -> str:
    (name,) = {sample.name for sample in family.samples}  # type: ignore[attr-defined]
    return str(name)


def expected(family: MetricFamily, kind: str) -> Seen:
    values = {frozenset(s.labels): s.value for s in family.samples}
    return {sample_name(family): (kind, family.meaning, values)} if values else {}


@given(families())
def test_openmetrics_is_what_its_parser_understands(family: MetricFamily) -> None:
    assert seen(openmetrics(format_openmetrics([family]))) == expected(family, family.kind)


@given(families())
def test_the_prometheus_format_is_what_its_parser_understands(family: MetricFamily) -> None:
    kind = "gauge" if family.kind is MetricKind.INFO else str(family.kind)
    found = seen(prometheus(format_prometheus([family])))
    assert {name: (kind, values) for name, (kind, _, values) in found.items()} == {
        name: (kind, values) for name, (_, _, values) in expected(family, kind).items()
    }


def test_openmetrics_names_units_and_ends() -> None:
    assert format_openmetrics([INFO, UP, PACKETS, BYTES]) == (
        "# TYPE x info\n"
        "# HELP x What it is\n"
        'x_info{name="A \\\\ B"} 1\n'
        "# TYPE x_up gauge\n"
        '# HELP x_up Whether it is \\"up\\"\n'
        "x_up 1\n"
        "# TYPE x_packets counter\n"
        "# HELP x_packets Packets\n"
        'x_packets_total{pf="a"} 7\n'
        'x_packets_total{pf="b"} 0\n'
        "# TYPE x_bytes counter\n"
        "# UNIT x_bytes bytes\n"
        "# HELP x_bytes Bytes\n"
        "x_bytes_total 9007199254740992\n"
        "# EOF\n"
    )


def test_the_prometheus_format_knows_neither_infos_nor_units() -> None:
    assert format_prometheus([INFO, UP, PACKETS]) == (
        "# HELP x_info What it is\n"
        "# TYPE x_info gauge\n"
        'x_info{name="A \\\\ B"} 1\n'
        '# HELP x_up Whether it is "up"\n'
        "# TYPE x_up gauge\n"
        "x_up 1\n"
        "# HELP x_packets_total Packets\n"
        "# TYPE x_packets_total counter\n"
        'x_packets_total{pf="a"} 7\n'
        'x_packets_total{pf="b"} 0\n'
    )


def test_a_name_that_is_no_utf_8_does_not_spoil_the_rest() -> None:
    family = UP._replace(samples=(MetricSample((("netdev", "eth\udcff"),), 1),))
    assert 'netdev="eth?"' in format_prometheus([family])
    format_openmetrics([family]).encode()


@pytest.mark.parametrize("write", [format_openmetrics, format_prometheus])
def test_a_family_without_samples_is_not_there(write: object) -> None:
    text = write([UP._replace(samples=())])  # type: ignore[operator]
    assert "x_up" not in text
    assert text in ("", "# EOF\n")
