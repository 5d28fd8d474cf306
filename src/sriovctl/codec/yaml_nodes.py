"""Strict reading of YAML: every complaint names the file, the line and the column.

The tree is built here, from the parser's events: PyYAML's own constructors lose where a value
stood, merge duplicate keys silently, read ``on`` as a boolean where a name was meant, and run out
of stack when input is nested deeply.
"""

from __future__ import annotations

import re

from sriovctl.errors import InputError
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Protocol

    from yaml import Mark, MarkedYAMLError

    class _Event(Protocol):
        # An event of PyYAML's; not each kind has all of these.
        start_mark: Mark
        anchor: str | None
        tag: str | None
        value: str
        implicit: tuple[bool, bool]  # the tag may be left out when written plain, when quoted


MAX_CHARACTERS = 8 << 20
MAX_DEPTH = 50  # of values in values; ten times what any file of ours needs

_BOOLEANS = {"true": True, "false": False, "on": True, "off": False, "yes": True, "no": False}
_NULLS = ("", "~", "null", "Null", "NULL")
_TAG = "tag:yaml.org,2002:"
_TAGS = (
    None,
    "!",
    *(_TAG + word for word in ("str", "int", "bool", "float", "null", "map", "seq")),
)
# YAML 1.2: what production c-printable leaves out, and a byte order mark that is not first.
_UNPRINTABLE = "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\ufffe\uffff]"
_LINE_ENDS_AND_TABS = str.maketrans("", "", "\n\r\t")


class Tree(NamedTuple):
    """A value and where it stands.  One of the last three says what it is; all None: null."""

    line: int  # 0-based, as the column
    column: int
    scalar: str | None = None
    pairs: list[tuple[Tree, Tree]] | None = None
    items: list[Tree] | None = None


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


def parse_yaml(text: str, *, source: str) -> Node:
    """Read one YAML document.

    :param source: the name of the file, for complaints.
    :raises InputError: it is not YAML, not one document, empty, or far too large or deep.
    """
    import yaml

    text = text.removeprefix("\ufeff")
    _check_characters(text, source)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one is not in every build
    try:
        # As yaml.parse() does it, with half of the calls; None is after the last.
        root = _Composer(source).compose(iter(loader(text).get_event, None))
    except yaml.MarkedYAMLError as error:
        raise _not_yaml(error, text, source) from None
    if root is None:
        raise InputError("is empty", subject=source, hint="a state file starts with 'version: 1'")
    return Node(source, "", root)


def _check_characters(text: str, source: str) -> None:
    if len(text) > MAX_CHARACTERS:
        raise InputError(f"is longer than {MAX_CHARACTERS >> 20} MiB", subject=source)
    if text.isascii() and text.translate(_LINE_ENDS_AND_TABS).isprintable():
        return  # nearly every file; to compile the pattern takes longer than to read one
    if (found := re.search(_UNPRINTABLE, text)) is not None:
        line = text.count("\n", 0, found.start())
        column = found.start() - text.rfind("\n", 0, found.start())
        raise InputError(
            f"the character U+{ord(found[0]):04X} is not allowed in YAML",
            subject=f"{source}:{line + 1}:{column}",
        )


def _not_yaml(error: MarkedYAMLError, text: str, source: str) -> InputError:
    mark = error.problem_mark
    where = f"{source}:{mark.line + 1}:{mark.column + 1}" if mark else source
    line = text.split("\n")[mark.line : mark.line + 1] if mark else []
    tabbed = line and "\t" in line[0][: len(line[0]) - len(line[0].lstrip())]
    hint = "indent with spaces, not with tabs" if tabbed else None
    return InputError(f"is not YAML: {error.problem}", subject=where, hint=hint)


# --- from events to the tree ---------------------------------------------------------------


class _Open(NamedTuple):
    # A mapping or list that has not ended; its children so far, keys and values in turn.
    event: _Event
    children: list[Tree]


class _Composer:
    # Builds the tree of one document.  A loop, since recursion ends where a file wants it to.

    def __init__(self, source: str) -> None:
        self._source = source
        self._stack: list[_Open] = []
        self._anchors: dict[str, Tree | None] = {}  # None: has not ended yet
        self._root: Tree | None = None

    def compose(self, events: Iterable[_Event]) -> Tree | None:
        # There are documents' and stream's ends as well; they say nothing.
        steps = {
            "DocumentStartEvent": self._begin_document,
            "MappingStartEvent": self._open,
            "SequenceStartEvent": self._open,
            "MappingEndEvent": self._close,
            "SequenceEndEvent": self._close,
            "ScalarEvent": self._scalar,
            "AliasEvent": self._alias,
        }
        for event in events:
            if (step := steps.get(type(event).__name__)) is not None:
                step(event)
        return self._root

    def _begin_document(self, event: _Event) -> None:
        if self._root is not None:
            raise self._complain(
                event, "a second document begins here", hint="one file holds one document"
            )

    def _open(self, event: _Event) -> None:
        if len(self._stack) >= MAX_DEPTH:
            raise self._complain(event, f"is nested more than {MAX_DEPTH} levels deep")
        self._check_tag(event)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        self._stack.append(_Open(event, []))

    def _close(self, _: _Event) -> None:
        event, children = self._stack.pop()
        line, column = event.start_mark.line, event.start_mark.column
        if type(event).__name__ == "SequenceStartEvent":
            self._add(Tree(line, column, items=children), event.anchor)
        else:
            pairs = list(zip(children[::2], children[1::2], strict=True))
            self._add(Tree(line, column, pairs=pairs), event.anchor)

    def _scalar(self, event: _Event) -> None:
        self._check_tag(event)
        plain = event.implicit[0]
        is_null = (plain and event.value in _NULLS) or event.tag == _TAG + "null"
        mark = event.start_mark
        self._add(Tree(mark.line, mark.column, None if is_null else event.value), event.anchor)

    def _alias(self, event: _Event) -> None:
        name = str(event.anchor)
        if name not in self._anchors:
            raise self._complain(event, f"nothing above is called '&{name}'")
        if (tree := self._anchors[name]) is None:
            raise self._complain(event, f"'*{name}' stands inside of what it repeats")
        self._add(tree, None)

    def _add(self, tree: Tree, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = tree
        if self._stack:
            self._stack[-1].children.append(tree)
        else:
            self._root = tree

    def _check_tag(self, event: _Event) -> None:
        if event.tag not in _TAGS:
            raise self._complain(event, f"the tag '{event.tag}' means nothing here")

    def _complain(self, event: _Event, cause: str, *, hint: str | None = None) -> InputError:
        mark = event.start_mark
        where = f"{self._source}:{mark.line + 1}:{mark.column + 1}"
        return InputError(cause, subject=where, hint=hint)


# --- what readers ask of a node --------------------------------------------------------------


def mapping(node: Node, *, allowed: Iterable[str] | None = None) -> dict[str, Node]:
    """Read a mapping; each key once.

    :param allowed: the only keys that may appear; None admits any.
    :raises InputError: it is no mapping, or has a wrong or repeated key.
    """
    if node.tree.pairs is None:
        raise node.complain("must be a mapping of keys to values")
    known = None if allowed is None else list(allowed)
    found: dict[str, Node] = {}
    for key_tree, value_tree in node.tree.pairs:
        key = key_tree.scalar if key_tree.scalar is not None else _odd_key(node, key_tree)
        if key in found or (known is not None and key not in known):
            raise _wrong_key(Node(node.source, node.path, key_tree), key, known, found)
        found[key] = Node(node.source, f"{node.path}.{key}".lstrip("."), value_tree)
    return found


def _odd_key(node: Node, key: Tree) -> str:
    if key.pairs is None and key.items is None:
        return "null"  # as it may have been written
    raise Node(node.source, node.path, key).complain("a key must be a plain word")


def _wrong_key(
    at_key: Node, key: str, known: list[str] | None, found: dict[str, Node]
) -> InputError:
    if key == "<<":
        return at_key.complain(
            "merge keys ('<<') are not read",
            hint="repeat the keys; what all VFs of a PF share stands in vf_default",
        )
    if key in found:
        return at_key.complain(f"the key '{key}' stands here twice")
    return at_key.complain(f"unknown key '{key}'", hint=nearest(key, known or []))


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
