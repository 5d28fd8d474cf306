"""YAML of any kind to a tree in which each value has its line and column, by PyYAML.

The tree is built here, from the parser's events: PyYAML's own constructors lose where a value
stood, merge duplicate keys silently, read ``on`` as a boolean where a name was meant, and run out
of stack when input is nested deeply.
"""

from __future__ import annotations

import re

import yaml

from sriovctl.codec.yaml_nodes import NULLS, Tree
from sriovctl.codec.yaml_text import MAX_CHARACTERS
from sriovctl.errors import InputError
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Protocol

    from yaml import Mark, MarkedYAMLError

    class _Event(Protocol):
        # An event of PyYAML's; not each kind has all of these.
        start_mark: Mark
        anchor: str | None
        tag: str | None
        value: str
        implicit: tuple[bool, bool]  # the tag may be left out when written plain, when quoted


MAX_DEPTH = 50  # of values in values; ten times what any file of ours needs

_TAG = "tag:yaml.org,2002:"
_TAGS = (
    None,
    "!",
    *(_TAG + word for word in ("str", "int", "bool", "float", "null", "map", "seq")),
)
# YAML 1.2: what production c-printable leaves out, and a byte order mark that is not first.
_UNPRINTABLE = "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\ufffe\uffff]"
_LINE_ENDS_AND_TABS = str.maketrans("", "", "\n\r\t")


def compose(text: str, *, source: str) -> Tree:
    """Read one YAML document.

    :param source: the name of the file, for complaints.
    :raises InputError: it is not YAML, not one document, empty, or far too large or deep.
    """
    _check_characters(text, source)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one is not in every build
    try:
        # As yaml.parse() does it, with half of the calls; None is after the last.
        root = _Composer(source).compose(iter(loader(text).get_event, None))
    except yaml.MarkedYAMLError as error:
        raise _not_yaml(error, text, source) from None
    if root is None:
        raise InputError("is empty", subject=source, hint="a state file starts with 'version: 1'")
    return root


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
        is_null = (plain and event.value in NULLS) or event.tag == _TAG + "null"
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
