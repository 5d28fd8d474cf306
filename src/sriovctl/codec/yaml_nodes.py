"""Strict reading of a YAML tree: every complaint names the file, the line and the column."""

from __future__ import annotations

from sriovctl.errors import InputError
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

_BOOLEANS = {"true": True, "false": False, "on": True, "off": False, "yes": True, "no": False}
NULLS = ("", "~", "null", "Null", "NULL")  # when they are not quoted


class Tree(NamedTuple):
    """A value and where it stands.  One of the last four says what it is; all None: null."""

    line: int  # 0-based, as the column
    column: int
    scalar: str | None = None
    pairs: list[tuple[Tree, Tree]] | None = None
    items: list[Tree] | None = None
    made: object = None  # by a reader of blocks, see ``yaml_text.py``


class Node(NamedTuple):
    """A value in a file, and how to name it in a complaint."""

    source: str  # the file's name
    path: str  # e.g. pfs.uplink.vfs.0.vlan
    tree: Tree

    @property
    def where(self) -> str:
        """File, line and column."""
        return f"{self.source}:{self.tree.line + 1}:{self.tree.column + 1}"

    def complain(self, cause: str, *, hint: str | None = None) -> InputError:
        """Make the error that says what is wrong here."""
        named = f"{self.path}: {cause}" if self.path else cause
        return InputError(named, subject=self.where, hint=hint)


# --- what readers ask of a node --------------------------------------------------------------


def mapping(node: Node, *, allowed: Collection[str] | None = None) -> dict[str, Node]:
    """Read a mapping; each key once.

    :param allowed: the only keys that may appear; None admits any.
    :raises InputError: it is no mapping, or has a wrong or repeated key.
    """
    if node.tree.pairs is None:
        raise node.complain("must be a mapping of keys to values")
    source, above = node.source, f"{node.path}." if node.path else ""
    found: dict[str, Node] = {}
    for key_tree, value_tree in node.tree.pairs:
        key = key_tree.scalar if key_tree.scalar is not None else _odd_key(node, key_tree)
        if key in found or (allowed is not None and key not in allowed):
            raise _wrong_key(Node(source, node.path, key_tree), key, allowed, found)
        found[key] = Node(source, above + key, value_tree)
    return found


def _odd_key(node: Node, key: Tree) -> str:
    if key.pairs is None and key.items is None:
        return "null"  # as it may have been written
    raise Node(node.source, node.path, key).complain("a key must be a plain word")


def _wrong_key(
    at_key: Node, key: str, known: Collection[str] | None, found: dict[str, Node]
) -> InputError:
    if key == "<<":
        return at_key.complain(
            "merge keys ('<<') are not read",
            hint="repeat the keys; what all VFs of a PF share stands in vf_default",
        )
    if key in found:
        return at_key.complain(f"the key '{key}' stands here twice")
    return at_key.complain(f"unknown key '{key}'", hint=nearest(key, list(known or ())))


def nearest(word: str, known: list[str]) -> str:
    """Word a hint at what was meant.  Pure."""
    from difflib import get_close_matches

    close = get_close_matches(word, known, n=1)
    return f"did you mean '{close[0]}'?" if close else f"known here: {', '.join(known)}"


def sequence(node: Node) -> Iterator[Node]:
    """Read a list.

    :raises InputError: it is none.
    """
    if node.tree.items is None:
        raise node.complain("must be a list")
    for number, item in enumerate(node.tree.items):
        yield Node(node.source, f"{node.path}[{number}]", item)


def is_sequence(node: Node) -> bool:
    """Say whether it is a list."""
    return node.tree.items is not None


def text(node: Node) -> str:
    """Read a scalar as it was written.

    :raises InputError: it is a mapping or a list, or null.
    """
    if node.tree.scalar is None:
        raise node.complain("must be a single value")
    return node.tree.scalar


def is_null(node: Node) -> bool:
    """Say whether the value was left out or written as null."""
    tree = node.tree
    return tree.scalar is None and tree.pairs is None and tree.items is None


def integer(node: Node, low: int, high: int) -> int:
    """Read a decimal number from *low* to *high*.

    :raises InputError: it is something else.
    """
    written = text(node)
    # Only plain digits: YAML 1.1 would read 010 as 8 and 1:30 as 90.
    plain = written.isascii() and written.isdigit() and len(written) < 20
    if not plain or (written[0] == "0" != written) or not low <= int(written) <= high:
        raise node.complain(f"must be a whole number from {low} to {high}, not '{written[:40]}'")
    return int(written)


def boolean(node: Node) -> bool:
    """Read true or false.

    :raises InputError: it is something else.
    """
    written = text(node)
    if written.lower() not in _BOOLEANS:
        raise node.complain(f"must be true or false, not '{written[:40]}'")
    return _BOOLEANS[written.lower()]


def one_of(node: Node, words: Iterable[str]) -> str:
    """Read one of a few words.

    :raises InputError: it is something else.
    """
    written, known = text(node), [str(word) for word in words]
    if written not in known:
        raise node.complain(f"must be one of {', '.join(known)}, not '{written[:40]}'")
    return written
