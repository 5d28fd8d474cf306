"""What is read line by line is what PyYAML reads, and everything else is left to it."""

from __future__ import annotations

import sys

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.codec.state_samples import GOOD
from tests.unit.codec.states import states, wanted_vfs

from sriovctl.codec import yaml_text
from sriovctl.codec.state_file import parse_state
from sriovctl.codec.state_text import format_state
from sriovctl.codec.yaml_composer import compose
from sriovctl.codec.yaml_nodes import Tree
from sriovctl.codec.yaml_text import read_plain
from sriovctl.model.state import DesiredState, PFMatch, WantedPF, WantedVF

KEYS = st.sampled_from(("a", "key", "x-1", "0", "1-3", "null", "a_b", "802.1q", "_", "a/b", "a.."))
WORDS = st.sampled_from(
    [
        "1",
        "x",
        "true",
        "null",
        "~",
        "nUll",
        "a:b",
        "a::b",
        "x:",
        "52:54:00",
        "1-",
        "-1",
        "_a",
        "+1",
        ".5",
        "802.1q",
        "http://x",
        "12:30:45",
        "<<",
        "=",
        "*a",
        "|",
        ">",
        "!x",
        "?",
        "&",
        "a#b",
    ]
)
QUOTED = st.sampled_from(('"t"', "'t'", '""', "''", "'x, y}'", '"a"b', "'it''s'", '"\\n"', '"x'))
GAPS = st.sampled_from(("", " ", " ", " ", "  "))
COMMENTS = st.sampled_from(("", "", "", " ", " # c", "# c", " #: {"))


def _flows(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pair = st.builds("{}:{}{}".format, KEYS, GAPS, inner)
    comma = st.sampled_from((", ", ", ", ",", " , ", " "))
    mappings = st.builds(lambda parts, by: "{" + by.join(parts) + "}", st.lists(pair), comma)
    lists = st.builds(lambda parts, by: "[" + by.join(parts) + "]", st.lists(inner), comma)
    return st.one_of(mappings, lists)


VALUES = st.one_of(st.just(""), st.recursive(st.one_of(WORDS, QUOTED), _flows, max_leaves=5))


@st.composite
def texts(draw: st.DrawFn) -> str:
    """What somebody may have written: mostly right, mostly plain."""
    lines, indent = [], draw(st.sampled_from((0, 0, 0, 2)))
    for _ in range(draw(st.integers(1, 6))):
        value = draw(VALUES)
        gap = draw(GAPS) if value else ""
        lines.append(f"{' ' * indent}{draw(KEYS)}:{gap}{value}{draw(COMMENTS)}")
        deeper = (indent + 2,) if not value else (indent, indent, 0, max(indent - 2, 0))
        indent = draw(st.sampled_from(deeper))
        lines += draw(st.sampled_from(([], [], [], [""], ["# c"], ["---"], [" ---"], ["- a"])))
    text = "\n".join(lines)
    place, cut = draw(st.integers(0, len(text))), draw(st.integers(0, 2))
    spoilt = draw(st.sampled_from(("", "", "", " ", "\n", "\t", ":", "#", "'", ",", "}", "-", "ä")))
    return text[:place] + spoilt + text[place + (cut if spoilt else 0) :]


@pytest.fixture(params=[True, False], ids=["libyaml", "python"])
def _either_parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if not request.param:
        monkeypatch.delattr(yaml, "CSafeLoader")


@pytest.mark.usefixtures("_either_parser")
class TestBesidePyYAML:
    @given(texts())
    def test_what_is_plain_is_the_same_tree(self, text: str) -> None:
        found = read_plain(text)
        assert found is None or found == compose(text, source="f")

    @given(st.text(alphabet="ab1: {}[],\"'#-\n~&*", max_size=20))
    def test_noise_too(self, text: str) -> None:
        found = read_plain(text)
        assert found is None or found == compose(text, source="f")


@settings(max_examples=30)
@given(states())
def test_of_a_state_both_make_the_same_tree(state: DesiredState) -> None:
    text = format_state(state)
    found = read_plain(text)
    assert found is None or found == compose(text, source="f")


@given(st.lists(wanted_vfs(st.just("02:00:00:00:00:01")), max_size=3))
def test_what_sriovctl_writes_is_plain(vfs: list[WantedVF]) -> None:
    wanted = WantedPF("uplink", PFMatch(netdev="eth0"), vfs=tuple(enumerate(vfs)))
    assert read_plain(format_state(DesiredState((wanted,)))) is not None


def test_a_file_by_hand_is_plain() -> None:
    text = """\
---
# my host
version: 1
pfs:
  uplink:   # the first port
    match: {address: "0000:01:00.0"}
    num_vfs: 4

    link: {state: up, mtu: 9000}
    vfs:
      0: {admin_mac: "52:54:00:6d:90:02", vlan: {id: 42}}
      1-3: {admin_mac: auto, vlan: {id: 43, qos: 3, protocol: 802.1q}}  # the rest
pools:
  finance: {from: [uplink], vfs: 1-3, numa: preferred}
"""
    assert read_plain(text) == compose(text, source="f")


def test_a_plain_file_needs_no_pyyaml(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sriovctl.codec.yaml_composer", None)  # not to be imported
    assert parse_state(GOOD, source="f").pfs[0].label == "uplink"
    with pytest.raises(ImportError):
        parse_state("[", source="f")


def test_what_is_nested_deeply_is_left_to_pyyaml() -> None:
    deep = "a: " + "[" * 18 + "]" * 18
    assert read_plain(deep) is None
    below = "".join(f"{' ' * n}a:\n" for n in range(18)) + " " * 18 + "a: b"
    assert read_plain(below) is None
    assert isinstance(yaml_text.parse_yaml(below, source="f").tree, Tree)
