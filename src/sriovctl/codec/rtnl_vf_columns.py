"""Many VFs of the layout that every kernel writes nowadays, read column by column.  Pure.

A stride through the words of all rows is one step in C, where a thousand rows would be a thousand
calls.  What is the same for all, as most settings are, is read once.
"""

from __future__ import annotations

from itertools import repeat
from struct import Struct

from sriovctl.codec.rtnl_vf import (
    IFLA_VF_INFO,
    LINK_STATES,
    PROTOCOLS,
    SWITCHES,
    USUAL,
    USUAL_HEADERS,
    USUAL_STATS,
    USUAL_STATS_HEADERS,
)
from sriovctl.model.functions import VLAN, VFAttributes, VFCounters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any, TypeVar

    Record = TypeVar("Record", bound=tuple[Any, ...])

_HEADER = Struct("=HH")
_WORD = _HEADER.size
# Of a row, which begins with the header of IFLA_VF_INFO: where its words stand.
_HEADERS = (1, 11, 20, 24, 28, 31, 34, 37, 40, 43, 44)
_INDEX, _MAC, _MINIMUM, _MAXIMUM = 2, 3, 26, 27
_SPOOFCHK, _STATE, _RSS_QUERY, _TRUST, _VLAN_ID, _PRIORITY, _PROTOCOL = 33, 36, 39, 42, 46, 47, 48
_WIDTH = 1 + USUAL.size // _WORD
# With counters there are these behind: a nest, and in it a header and two words for each.
_WIDTH_WITH_COUNTERS = _WIDTH + USUAL_STATS.size // _WORD
_STATS_HEADERS = (_WIDTH, *range(_WIDTH + 1, _WIDTH_WITH_COUNTERS, 3))
_COUNTERS = Struct(f"={(_WIDTH + 1) * _WORD}x" + "4xQ" * len(VFCounters._fields))

_EXPECTED = dict(zip(_HEADERS, USUAL_HEADERS, strict=True))
_EXPECTED_OF_STATS = dict(zip(_STATS_HEADERS, USUAL_STATS_HEADERS, strict=True))
_ETHERTYPES = {Struct("=H").unpack(raw)[0]: name for raw, name in PROTOCOLS.items()}
_STATES = dict(enumerate(LINK_STATES))
_SHARED = 4  # VFs in one VLAN, on average, from which on its record is looked up


def decode_usual_vfs(
    message: bytes, start: int, end: int, *, count: int, mac_size: int
) -> tuple[VFAttributes, ...] | None:
    """Read so many ``IFLA_VF_INFO`` that all have the usual layout; None: some do not.  Pure.

    :param count: at least 1.
    """
    width = (end - start) // count // _WORD
    if width not in (_WIDTH, _WIDTH_WITH_COUNTERS) or end - start != count * width * _WORD:
        return None
    rows = _Rows(message, start, count, width)
    if not rows.are_usual():
        return None
    nothing = repeat(None, count)
    # fmt: off
    try:
        columns = (
            rows.numbers(_INDEX), rows.macs(mac_size), rows.vlans(),
            rows.named(_SPOOFCHK, SWITCHES), rows.named(_TRUST, SWITCHES),
            rows.named(_STATE, _STATES), rows.numbers(_MINIMUM), rows.numbers(_MAXIMUM),
            rows.named(_RSS_QUERY, SWITCHES), nothing, repeat(None, count),
            rows.counters(),
        )
        return tuple(_records(VFAttributes, zip(*columns, strict=True)))
    except KeyError:  # a value that has no name is shown as it is, one VF after the other
        return None
    # fmt: on


class _Rows:
    # So many VFs, equally long.  A column is named by the place of its word in a row.

    def __init__(self, message: bytes, start: int, count: int, width: int) -> None:
        self._message = message
        self._start = start
        self._end = start + count * width * _WORD
        self._count = count
        self._width = width  # words
        octets = memoryview(message)[start : self._end]
        self._words, self._halves = octets.cast("I"), octets.cast("H")

    def are_usual(self) -> bool:
        expected = {0: _HEADER.pack(self._width * _WORD, IFLA_VF_INFO), **_EXPECTED}
        if self._width == _WIDTH_WITH_COUNTERS:
            expected.update(_EXPECTED_OF_STATS)
        return all(self._is(column, word) for column, word in expected.items())

    # Octet by octet, which is the fastest stride that there is.
    def _is(self, column: int, word: bytes) -> bool:
        place = self._start + column * _WORD
        return all(
            self._message[place + n : self._end : self._width * _WORD]
            == word[n : n + 1] * self._count
            for n in range(_WORD)
        )

    # Whether all are as the first.
    def _is_same(self, column: int) -> bool:
        return self._is(column, self._words[column : column + 1].tobytes())

    def numbers(self, column: int) -> list[int]:
        return self._words[column :: self._width].tolist()

    def named(self, column: int, names: Mapping[int, Any]) -> Iterable[Any]:
        if self._is_same(column):
            return repeat(names[self._words[column]], self._count)
        return map(names.__getitem__, self.numbers(column))

    # All in one text, which is then split: the octets of all VFs are written in one step.
    def macs(self, size: int) -> list[str]:
        octets = bytearray(size * self._count)
        halves = memoryview(octets).cast("H")
        for n in range(size // 2):
            halves[n :: size // 2] = self._halves[2 * _MAC + n :: 2 * self._width]
        text = bytearray(octets.hex(":"), "ascii")
        text[3 * size - 1 :: 3 * size] = b" " * (self._count - 1)
        return text.decode("ascii").split(" ")

    def vlans(self) -> Iterable[VLAN]:
        ids = self.numbers(_VLAN_ID)
        protocols = self._halves[2 * _PROTOCOL :: 2 * self._width].tolist()
        if not self._is_same(_PRIORITY) or protocols.count(protocols[0]) < self._count:
            names = map(_ETHERTYPES.__getitem__, protocols)
            return _records(VLAN, zip(ids, self.numbers(_PRIORITY), names, strict=True))
        rest = self._words[_PRIORITY], _ETHERTYPES[protocols[0]]
        different = set(ids)
        if len(different) * _SHARED <= self._count:
            shared = {vlan_id: VLAN(vlan_id, *rest) for vlan_id in different}
            return map(shared.__getitem__, ids)
        return _records(VLAN, zip(ids, *map(repeat, rest), strict=False))

    def counters(self) -> Iterable[VFCounters | None]:
        if self._width == _WIDTH:
            return repeat(None, self._count)
        return _records(VFCounters, _COUNTERS.iter_unpack(self._words))


def _records(kind: type[Record], values: Iterable[tuple[object, ...]]) -> Iterator[Record]:
    return map(tuple.__new__, repeat(kind), values)
