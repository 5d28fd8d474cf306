"""What the journal writes of steps it reads back, however they share its rows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriovctl.errors import HostError
from sriovctl.host.journal_steps import decode_steps, encode_steps
from sriovctl.model.plan import Action, Disruption, Step

KEYS = st.sampled_from((("trust",), ("vlan", "trust"), ("trust", "vlan"), ()))
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=3), st.just({"id": 7, "qos": 0})
)


@st.composite
def steps(draw: st.DrawFn) -> Step:
    """One of few kinds, so that neighbours are alike."""
    vf_index = draw(st.one_of(st.none(), st.integers(0, 9)))
    before, after = draw(KEYS), draw(KEYS)
    return Step(
        action=draw(st.sampled_from((Action.SET_VF, Action.BIND_DRIVER))),
        subject=draw(st.sampled_from(("a", 'b "ä"'))),
        device=draw(st.sampled_from(("a", "b"))),
        vf_index=vf_index,
        before={key: draw(VALUES) for key in before},
        after={key: draw(VALUES) for key in after},
        disruption=draw(st.sampled_from((Disruption.NONE, Disruption.GUEST_AFFECTED))),
        reason=draw(st.sampled_from(("because", "why not"))),
        commands=draw(st.sampled_from(((), ("x",), ("x", "y")))),
        affected=draw(st.sampled_from(((), ("guest:a",)))),
    )


@given(st.lists(steps(), max_size=8))
def test_what_is_written_is_read_back_in_order(written: list[Step]) -> None:
    rows = list(encode_steps(written))
    read = [decode_steps(row.text) for row in rows]
    assert [step for one in read for step in one] == written
    assert [row.position for row in rows] == [sum(map(len, read[:n])) for n in range(len(rows))]
    for row, (first, *_) in zip(rows, read, strict=True):
        assert (row.action, row.device) == (first.action, first.device)


def vf_step(vf_index: int) -> Step:
    return Step(
        Action.SET_VF, f"a vf {vf_index}", "a", vf_index, {"trust": False}, {"trust": True},
        Disruption.NONE, "because", (f"ip link set dev a vf {vf_index} trust on",),
    )  # fmt: skip


def test_a_thousand_vfs_are_one_row() -> None:
    (row,) = encode_steps([vf_step(n) for n in range(1000)])
    assert row.position == 0


def test_what_is_done_to_a_pf_has_a_row_of_its_own() -> None:
    count = vf_step(0)._replace(action=Action.SET_NUM_VFS, subject="a", vf_index=None)
    rows = list(encode_steps([count, count, vf_step(0), vf_step(1)]))
    assert [row.position for row in rows] == [0, 1, 2]


def row_of_two() -> str:
    (row,) = encode_steps([vf_step(0), vf_step(1)])
    return row.text


def test_what_all_have_stands_there_once() -> None:
    assert '"before": {"trust": [false]}, "after": {"trust": [true]}' in row_of_two()


@pytest.mark.parametrize(
    "spoilt",
    [
        *("{", "[]", "1", '{"subject": []}', '{"action": "set-vf"}', '{"subject": "a"}'),
        row_of_two().replace('"a vf 1"', '"a vf 1", "a vf 2"'),
        row_of_two().replace('"after": {"trust": [true]}', '"after": {"trust": [true, 1, 2]}'),
        row_of_two().replace('"after": {"trust": [true]}', '"after": 1'),
        row_of_two().replace('"set-vf"', '"set-fire"'),
    ],
)
def test_what_cannot_be_read_is_one_clear_error(spoilt: str) -> None:
    with pytest.raises(HostError, match="holds a step that cannot be read"):
        decode_steps(spoilt)
