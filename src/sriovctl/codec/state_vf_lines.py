"""The VFs of a plain state file, from lines to records.

A thousand VFs are seven thousand lines of some dozen kinds, and most of them stand there more than
once.  So each line is read once, by what ``state_keys`` has for its key, and remembered; no tree is
made of them, which takes three times as long.  Whatever is not as sriovctl itself writes it, or
is wrong, is left to the tree: that alone says what is wrong, and where.  Tests hold both against
each other.
"""

from __future__ import annotations

from itertools import islice

from sriovctl.codec.state_keys import VF_KEYS, VLAN_KEYS
from sriovctl.codec.state_values import read_indices
from sriovctl.codec.yaml_nodes import Node, Tree
from sriovctl.codec.yaml_text import NotPlainError, said_by
from sriovctl.errors import InputError
from sriovctl.model.functions import VLAN
from sriovctl.model.state import UNSET, WantedVF

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sriovctl.codec.state_keys import Level
    from sriovctl.codec.state_values import Value

    Reader = Callable[[str], object]  # of a value as it is written

    VFs = tuple[tuple[int, WantedVF], ...]

_NOWHERE = Node("", "", Tree(0, 0))  # what is complained of there is complained of again, in place
_NOBODY = WantedVF()
_NOTHING = list[object](_NOBODY)
_CLOSED: list[object] = [None] * len(_NOBODY)  # takes no more
_LOW, _HIGH = map(WantedVF._fields.index, ("min_tx_rate_mbps", "max_tx_rate_mbps"))
_QUOTES = ('"', "'")


def read_vf_lines(lines: list[str], start: int, column: int) -> tuple[VFs, int] | None:
    """Read the VFs that stand below ``vfs:``; None: they are to be read in another way.  Pure.

    :param start: the first line of them.
    :param column: where ``vfs`` stands.
    :return: what is wanted of each by ascending index, and the first line that is not of them.
    """
    try:
        return _Block(column).read(lines, start)
    except (InputError, NotPlainError):
        return None


class _Pairs:
    # What pairs of one level say, as text: the place of the field, and the value.

    def __init__(self, level: Level, fields: tuple[str, ...], *others: tuple[str, Reader]) -> None:
        readers = {key.name: _scalar(key.value) for key in level} | dict(others)
        self.readers = {name: (fields.index(name), read) for name, read in readers.items()}
        self.known: dict[str, tuple[int, Any]] = {}

    def read(self, text: str) -> tuple[int, Any]:
        name, _, written = text.partition(": ")
        if name not in self.readers:
            raise NotPlainError
        place, read = self.readers[name]
        self.known[text] = place, read(written)
        return self.known[text]


def _scalar(value: Value) -> Reader:
    slow, quick = value.read, value.quick

    def read(written: str) -> object:
        said = _unquoted(written) if written[:1] in _QUOTES else said_by(written)
        found = quick(said) if quick is not None and said is not None else None
        return slow(Node("", "", Tree(0, 0, said))) if found is None else found

    return read


def _vlan() -> Reader:
    pairs_of_vlan = _Pairs(VLAN_KEYS, VLAN._fields)
    known, read_pair = pairs_of_vlan.known, pairs_of_vlan.read

    def read(written: str) -> VLAN:
        parts = _flow(written).split(", ")
        pairs = [known[part] if part in known else read_pair(part) for part in parts]
        said = dict(pairs)
        if len(said) < len(pairs) or 0 not in said:  # twice, or without an id
            raise NotPlainError
        return VLAN(**{VLAN._fields[place]: value for place, value in pairs})

    return read


class _Block:
    def __init__(self, column: int) -> None:
        self._column = column
        self._pairs = _Pairs(VF_KEYS, WantedVF._fields, ("vlan", _vlan()))
        # Lines of attributes, and how they begin, with their indentation.
        self._lines: dict[str, tuple[int, Any]] = {}
        self._heads: dict[str, tuple[int, Reader]] = {}
        self._of_vfs = self._of_attributes = -1  # their columns
        self._slots: list[Any] = _CLOSED  # what is said of the VFs that we are at
        self._indices = range(0)
        self._found: dict[int, WantedVF] = {}

    def read(self, lines: list[str], start: int) -> tuple[VFs, int]:
        known, heads, end = self._lines, self._heads, start
        for line in islice(lines, start, None):
            pair = known.get(line)
            if pair is None:
                head, _, written = line.partition(": ")
                if head in heads:
                    place, read = heads[head]
                    pair = known[line] = place, read(written)
                elif not self._other(line):
                    break
            if pair is not None:
                place, value = pair
                if self._slots[place] is not UNSET:
                    raise NotPlainError
                self._slots[place] = value
            end += 1
        self._close()
        if not self._found:
            raise NotPlainError
        return tuple(sorted(self._found.items())), end

    # Whether it is still of the block.
    def _other(self, line: str) -> bool:
        content = line.lstrip(" ")
        here = len(line) - len(content)
        if not content or content[0] == "#":
            return True
        if here <= self._column:
            return False
        if self._of_vfs < 0:
            self._of_vfs = here
        elif self._of_attributes < 0 and here > self._of_vfs:
            self._of_attributes = here
        if here == self._of_attributes:
            self._lines[line] = pair = self._pairs.read(content)
            self._set(*pair)
            head, _, _ = line.partition(": ")
            self._heads[head] = self._pairs.readers[head.lstrip(" ")]
        elif here == self._of_vfs:
            self._close()
            self._open(content)
        else:
            raise NotPlainError
        return True

    def _open(self, content: str) -> None:
        key, colon, rest = content.partition(":")
        if not colon or (rest and rest[0] != " "):
            raise NotPlainError
        self._indices = read_indices(_NOWHERE, key)
        self._slots = _NOTHING.copy()
        if not rest:
            return
        known, read = self._pairs.known, self._pairs.read
        for part in _parts(_flow(rest)):
            self._set(*(known[part] if part in known else read(part)))
        self._close()

    def _set(self, place: int, value: object) -> None:
        if self._slots[place] is not UNSET:
            raise NotPlainError
        self._slots[place] = value

    def _close(self) -> None:
        if self._slots is _CLOSED:
            return
        wanted = WantedVF(*self._slots)
        low, high = self._slots[_LOW], self._slots[_HIGH]
        if wanted == _NOBODY or (low and high and high < low):
            raise NotPlainError
        for vf_index in self._indices:
            if vf_index in self._found:
                raise NotPlainError
            self._found[vf_index] = wanted
        self._slots = _CLOSED


# --- text --------------------------------------------------------------------------------------


def _unquoted(written: str) -> str:
    inner = written[1:-1]
    if len(written) < 2 or written[-1] != written[0] or written[0] in inner:
        raise NotPlainError
    return inner


# What stands in braces.
def _flow(written: str) -> str:
    written = written.lstrip(" ")
    if written[:1] != "{" or written[-1:] != "}":
        raise NotPlainError
    return written[1:-1]


# At commas, but for those in braces.  A part of something else, as of quoted text, is no pair.
def _parts(text: str) -> list[str]:
    parts: list[str] = []
    for part in text.split(", "):
        if parts and "{" in parts[-1] and "}" not in parts[-1]:
            parts[-1] += f", {part}"
        else:
            parts.append(part)
    return parts
