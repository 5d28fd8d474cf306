"""JSON on one line is what json makes of it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriovctl.model.functions import VLAN, LinkState
from sriovctl.render.json_text import format_json

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
