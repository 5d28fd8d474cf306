from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriovctl.codec.vf_indices import parse_vf_indices
from sriovctl.errors import InputError


@pytest.mark.parametrize(
    ("text", "indices"),
    [("0", (0,)), ("0-3", (0, 1, 2, 3)), ("6,0-2, 1", (0, 1, 2, 6)), ("4-4", (4,))],
)
def test_indices_and_ranges(text: str, indices: tuple[int, ...]) -> None:
    assert parse_vf_indices(text) == indices


@pytest.mark.parametrize("text", ["", "-1", "3-1", "a", "0-", "0,,1", "0..3", "65535", "1-99999"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="0-3,6"):
        parse_vf_indices(text)


@given(st.sets(st.integers(0, 300), min_size=1))
def test_a_list_of_all_reads_back(indices: set[int]) -> None:
    assert parse_vf_indices(",".join(map(str, indices))) == tuple(sorted(indices))
