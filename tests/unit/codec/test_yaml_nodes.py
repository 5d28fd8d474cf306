from __future__ import annotations

import re
import sys

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sriovctl.codec.yaml_nodes import Node, Tree
from sriovctl.codec.yaml_text import parse_yaml
from sriovctl.errors import InputError

WORDS = st.text(max_size=5)


@pytest.fixture(params=[True, False], ids=["libyaml", "python"])
def _either_parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if not request.param:
        monkeypatch.delattr(yaml, "CSafeLoader")


def plain(tree: Tree) -> object:
    """The tree as PyYAML's own constructor would have it, were all scalars text or null."""
    if tree.pairs is not None:
        return {plain(key): plain(value) for key, value in tree.pairs}
    return tree.scalar if tree.items is None else [plain(item) for item in tree.items]


def read(text: str) -> Node:
    return parse_yaml(text, source="f")


def refusal(text: str) -> str:
    with pytest.raises(InputError) as caught:
        read(text)
    return str(caught.value)


@pytest.mark.usefixtures("_either_parser")
class TestEitherParser:
    def test_values_and_where_they_stand(self) -> None:
        root = read("a: [1, 'x y']\r\nb:\r\n  c: ~\r\n").tree
        assert plain(root) == {"a": ["1", "x y"], "b": {"c": None}}
        assert root.pairs is not None
        (_, items), (key, _) = root.pairs
        assert items.items is not None
        assert (items.items[1].line, items.items[1].column) == (0, 7)
        assert (key.line, key.column) == (1, 0)

    @pytest.mark.parametrize("written", ["", "~", "null", "Null", "NULL", "!!null x"])
    def test_what_is_null(self, written: str) -> None:
        assert plain(read(f"a: {written}").tree) == {"a": None}

    @pytest.mark.parametrize("written", ["''", '"~"', "'null'", "nUll", "!!str ~"])
    def test_what_is_text(self, written: str) -> None:
        found = plain(read(f"a: {written}").tree)
        assert isinstance(found, dict)
        assert isinstance(found["a"], str)

    def test_an_alias_is_what_its_anchor_was_last(self) -> None:
        assert plain(read("[&x 1, *x, &x 2, *x, &y [*x], *y]").tree) == [
            "1", "1", "2", "2", ["2"], ["2"],
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("text", "where", "what"),
        [
            ("a: *x", "f:1:4", "nothing above is called '&x'"),
            ("a: &x [*x]", "f:1:8", "'*x' stands inside of what it repeats"),
            ("a: !x b", "f:1:4", "the tag '!x' means nothing here"),
            ("a: b\n--- \nc: d", "f:2:1", "a second document begins here"),
            ("a: b\n\tc: d", "f:2:1", "indent with spaces, not with tabs"),
            ("a: [\n", "f:2:1", "is not YAML"),
            ("a: b\nc: \x07", "f:2:4", "the character U+0007 is not allowed in YAML"),
            ("a: \ud800", "f:1:4", "the character U+D800 is not allowed in YAML"),
            ("a: b\ufeff", "f:1:5", "the character U+FEFF is not allowed in YAML"),
        ],
    )
    def test_a_complaint_names_the_place(self, text: str, where: str, what: str) -> None:
        assert re.match(rf"{where}: .*{re.escape(what)}", refusal(text))

    @pytest.mark.parametrize("nested", ["[", "- ", "{a: ", "? "])
    def test_deep_nesting_is_a_complaint(self, nested: str) -> None:
        assert "nested more than 50 levels deep" in refusal(nested * sys.getrecursionlimit() * 10)

    @given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(WORDS, inner)))
    def test_what_pyyaml_writes_is_read_as_it_reads_it(self, value: object) -> None:
        text = yaml.safe_dump(value)
        assert plain(read(text).tree) == yaml.load(text, Loader=yaml.BaseLoader)
