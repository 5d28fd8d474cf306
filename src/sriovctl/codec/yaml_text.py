"""YAML text to a tree in which each value has its line and column.

Nearly every state file is plain: mappings below one another, and on one line words, quoted text,
``{a: 1}`` and ``[a, b]``.  That is read here, line by line, since importing PyYAML takes as long
as all that ``apply`` does with a hundred VFs.  Of whatever is not so plain nothing is guessed:
PyYAML reads the file (``yaml_composer.py``), and judges it where it is wrong.  Of a plain file
both make the same tree, and tests hold them against each other.
"""

from __future__ import annotations

from itertools import islice

from sriovctl.codec.yaml_nodes import NULLS, Node, Tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Pairs = list[tuple[Tree, Tree]]

    # Makes something of the block below a key, from all lines, the first of the block, and the
    # key's column; returns it and the first line that is not of it.  None: a tree is to be made.
    BlockReader = Callable[[list[str], int, int], tuple[object, int] | None]

MAX_CHARACTERS = 8 << 20

_MARKS_IN_WORDS = str.maketrans("", "", "_-./:")
_LONGEST_KEY = 128  # YAML has a limit, too: 1024
_DELIMITERS = "\"'{["
_DEEPEST = 16  # values in values; less than the composer takes


def parse_yaml(text: str, *, source: str, readers: Mapping[str, BlockReader] | None = None) -> Node:
    """Read one YAML document.

    :param source: the name of the file, for complaints.
    :param readers: by key, who reads the block below it where the document is plain.
    :raises InputError: it is not YAML, not one document, empty, or far too large or deep.
    """
    text = text.removeprefix("\ufeff")
    tree = read_plain(text, readers)
    if tree is None:
        from sriovctl.codec.yaml_composer import compose

        tree = compose(text, source=source)
    return Node(source, "", tree)


class NotPlainError(Exception):
    """Something that only PyYAML is to judge, be it right or wrong."""


def read_plain(text: str, readers: Mapping[str, BlockReader] | None = None) -> Tree | None:
    """Read one document that is plain; None for any other, right or wrong.  Pure."""
    if not text.isascii() or "\\" in text or len(text) > MAX_CHARACTERS:
        return None
    if not text.replace("\n", "").isprintable():
        return None
    try:
        return _PlainReader(readers or {}).read(text.split("\n"))
    except NotPlainError:
        return None


class _PlainReader:
    # A thousand VFs are some twenty thousand values, so little is done for each.

    def __init__(self, readers: Mapping[str, BlockReader]) -> None:
        self._readers = readers
        # What is seen to be a key, or a word, and what it says.
        self._keys: dict[str, str | None] = {}
        self._words: dict[str, str | None] = {}

    def read(self, lines: list[str]) -> Tree | None:
        root = opened = None  # opened: a key whose value begins on a line below
        column, pairs = -1, list[tuple[Tree, Tree]]()  # of the mapping that we are in
        outer: list[tuple[int, Pairs]] = []
        rows = iter(enumerate(lines))
        for row, line in rows:
            content = line.lstrip(" ")
            if not content or content[0] == "#" or (line == "---" and root is None):
                continue
            here = len(line) - len(content)
            if opened is not None or root is None:
                if here <= column or len(outer) > _DEEPEST:
                    raise NotPlainError
                outer.append((column, pairs))
                inner: Pairs = []
                tree = Tree(row, here, None, inner)
                if opened is None:
                    root = tree
                else:
                    pairs.append((opened, tree))
                column, pairs = here, inner
            while here < column:
                column, pairs = outer.pop()
            if here != column:
                raise NotPlainError
            opened = self._pair(line, row, here, pairs)
            if opened is not None and (read := self._by_reader(opened, lines)) is not None:
                tree, taken = read
                pairs.append((opened, tree))
                opened = None
                next(islice(rows, taken, taken), None)
        if opened is not None:
            raise NotPlainError
        return root

    # What a reader of blocks makes of what is below a key, and of how many lines.
    def _by_reader(self, key: Tree, lines: list[str]) -> tuple[Tree, int] | None:
        reader = self._readers.get(key.scalar or "")
        read = None if reader is None else reader(lines, key.line + 1, key.column)
        if read is None:
            return None
        made, end = read
        return Tree(key.line, key.column, made=made), end - key.line - 1

    # Returns the key, where its value is yet to come.
    def _pair(self, line: str, row: int, here: int, pairs: Pairs) -> Tree | None:
        word, colon, rest = line[here:].partition(":")
        key = Tree(row, here, self._keys[word] if word in self._keys else self._key(word))
        if (rest and rest[0] != " ") or not colon:
            raise NotPlainError
        value = rest.lstrip(" ")
        start = len(line) - len(value)
        if value in self._words:
            tree = Tree(row, start, self._words[value])
        elif not value or value[0] == "#":
            return key
        elif value[0] in _DELIMITERS:
            tree, end = self._delimited(line, row, start, 0)
            _require_end(line, end)
        else:
            tree = Tree(row, start, self._word(value.partition(" #")[0].rstrip(" ")))
        pairs.append((key, tree))
        return None

    def _key(self, text: str) -> str | None:
        if ":" in text or len(text) > _LONGEST_KEY:
            raise NotPlainError
        self._keys[text] = said_by(text)
        return self._keys[text]

    def _word(self, text: str) -> str | None:
        self._words[text] = said_by(text)
        return self._words[text]

    # --- what begins and ends with a mark of its own ------------------------------------------

    def _delimited(self, line: str, row: int, here: int, depth: int) -> tuple[Tree, int]:
        first = line[here]
        if first == "{":
            return self._mapping(line, row, here, depth)
        if first == "[":
            return self._list(line, row, here, depth)
        end = line.find(first, here + 1)
        if end < 0 or (first == "'" and line.startswith("'", end + 1)):  # '' is a quote in quotes
            raise NotPlainError
        return Tree(row, here, line[here + 1 : end]), end + 1

    def _mapping(self, line: str, row: int, start: int, depth: int) -> tuple[Tree, int]:
        pairs: Pairs = []
        here = _after_spaces(line, start + 1)
        while not line.startswith("}", here):
            if pairs:
                here = _after_comma(line, here)
            colon = line.find(": ", here)
            word = line[here : max(colon, here)]
            key = Tree(row, here, self._keys[word] if word in self._keys else self._key(word))
            value, here = self._inner(line, row, _after_spaces(line, colon + 2), "}", depth)
            pairs.append((key, value))
        return Tree(row, start, None, pairs), here + 1

    def _list(self, line: str, row: int, start: int, depth: int) -> tuple[Tree, int]:
        items: list[Tree] = []
        here = _after_spaces(line, start + 1)
        while not line.startswith("]", here):
            if items:
                here = _after_comma(line, here)
            item, here = self._inner(line, row, here, "]", depth)
            items.append(item)
        return Tree(row, start, None, None, items), here + 1

    # A value, and the place after it and its spaces.
    def _inner(self, line: str, row: int, here: int, closing: str, depth: int) -> tuple[Tree, int]:
        first = line[here : here + 1]
        if first and first in _DELIMITERS:
            if depth >= _DEEPEST:
                raise NotPlainError
            value, end = self._delimited(line, row, here, depth + 1)
            return value, _after_spaces(line, end)
        end, comma = line.find(closing, here), line.find(",", here)
        if end < 0:
            raise NotPlainError
        if 0 <= comma < end:
            end = comma
        word = line[here:end].rstrip(" ")
        said = self._words[word] if word in self._words else self._word(word)
        return Tree(row, here, said), end


def said_by(word: str) -> str | None:
    """Say what a plain word says; None: null.  Pure.

    :raises NotPlainError: it is not so plain.
    """
    if word.isalnum():
        return None if word in NULLS else word
    is_word = word.translate(_MARKS_IN_WORDS).isalnum()
    if not is_word or word[0] in "-./:" or word[-1] == ":":
        raise NotPlainError
    return word


def _require_end(line: str, here: int) -> None:
    after = line[here:].lstrip(" ")
    if after and not (after[0] == "#" and line[here] == " "):
        raise NotPlainError


def _after_comma(line: str, here: int) -> int:
    if not line.startswith(",", here):
        raise NotPlainError
    return _after_spaces(line, here + 1)


def _after_spaces(line: str, here: int) -> int:
    while line.startswith(" ", here):
        here += 1
    return here
