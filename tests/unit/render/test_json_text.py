"""JSON on one line is what json makes of it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriovctl.model.functions import VLAN, LinkState
from sriovctl.render.json_text import format_json, format_json_rows

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
def test_it_is_what_json_writes(value: object) -> None:
    assert format_json(value) == json.dumps(value)


def test_our_records_and_words_are_lists_and_text() -> None:
    document = {"state": LinkState.AUTO, "vlan": VLAN(5), "both": (1, 2)}
    assert format_json(document) == json.dumps(document)


def test_what_has_no_json_is_refused() -> None:
    with pytest.raises(TypeError, match="set has no JSON"):
        format_json({"a": {1}})


COLUMNS = (
    st.integers(),
    st.text(),
    st.booleans() | st.none(),
    st.integers() | st.none(),
    st.text() | st.none(),
    st.sampled_from(list(LinkState)),
    st.none(),
)
KEYS = ("n", 'quo"ted', "per%cent %s", "d", "e", "f", "ü")


@given(st.lists(st.tuples(*COLUMNS), min_size=1))
def test_rows_are_what_json_writes_of_their_objects(rows: list[tuple[object, ...]]) -> None:
    objects = [dict(zip(KEYS, row, strict=True)) for row in rows]
    columns = dict(zip(KEYS, zip(*rows, strict=True), strict=True))
    assert format_json_rows(columns, shapes={}) == json.dumps(objects)


def test_values_without_json_are_shaped_first() -> None:
    columns = {"a": (1, 2, 3), "b": (VLAN(5), None, VLAN(5))}
    written = format_json_rows(columns, shapes={"b": lambda one: one and str(one)})
    rows = zip(*columns.values(), strict=True)
    assert json.loads(written) == [{"a": a, "b": b and str(b)} for a, b in rows]
