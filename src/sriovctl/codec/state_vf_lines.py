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
    from typing import Any

    from sriovctl.codec.state_keys import Key, Level

    VFs = tuple[tuple[int, WantedVF], ...]

_NOWHERE = Node("", "", Tree(0, 0))  # what is complained of there is complained of again, in place
_NOBODY = WantedVF()
_NOTHING = list[object](_NOBODY)
_CLOSED: list[object] = [None] * len(_NOBODY)  # takes no more
_LOW, _HIGH = map(WantedVF._fields.index, ("min_tx_rate_mbps", "max_tx_rate_mbps"))
_QUOTES = "\"'"


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

    def __init__(self, level: Level, fields: tuple[str, ...]) -> None:
        self._places = {key.name: (fields.index(key.name), key) for key in level}
        self.known: dict[str, tuple[int, Any]] = {}

    def read(self, text: str) -> tuple[int, Any]:
        name, _, value = text.partition(": ")
        if not value or name not in self._places:
            raise NotPlainError
        place, key = self._places[name]
        self.known[text] = place, self._value(key, value)
        return self.known[text]

    def _value(self, key: Key, written: str) -> object:
        said = _unquoted(written) if written[0] in _QUOTES else said_by(written)
        quick = key.value.quick
        value = None if quick is None or said is None else quick(said)
        return key.value.read(Node("", "", Tree(0, 0, said))) if value is None else value


class _VFPairs(_Pairs):
    # The one value that is a mapping itself is read like the others.

    def __init__(self) -> None:
        super().__init__(VF_KEYS, WantedVF._fields)
        self._vlan = _Pairs(VLAN_KEYS, VLAN._fields)

    def _value(self, key: Key, written: str) -> object:
        if key.name != "vlan":
            return super()._value(key, written)
        known, read = self._vlan.known, self._vlan.read
        parts = _flow(written).split(", ")
        pairs = [known[part] if part in known else read(part) for part in parts]
        said = dict(pairs)
        if len(said) < len(pairs) or 0 not in said:  # twice, or without an id
            raise NotPlainError
        return VLAN(**{VLAN._fields[place]: value for place, value in pairs})


class _Block:
    def __init__(self, column: int) -> None:
        self._column = column
        self._pairs = _VFPairs()
        self._lines: dict[str, tuple[int, Any]] = {}  # those of attributes, with their indentation
        self._of_vfs = self._of_attributes = -1  # their columns
        self._slots: list[Any] = _CLOSED  # what is said of the VFs that we are at
        self._indices = range(0)
        self._found: dict[int, WantedVF] = {}

    def read(self, lines: list[str], start: int) -> tuple[VFs, int]:
        known, end = self._lines, start
        for line in islice(lines, start, None):
            if line in known:
                place, value = known[line]
                if self._slots[place] is not UNSET:
                    raise NotPlainError
                self._slots[place] = value
            elif not self._other(line):
                break
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
    if written[:1] != "{" or written[-1] != "}":
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
