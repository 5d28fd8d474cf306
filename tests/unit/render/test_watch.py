"""Rates as a table and on a screen."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriovctl.model.counters import PFTraffic, RatedPF, RatedVF, Rates, VFTraffic
from sriovctl.model.functions import PF, VF, VFAttributes
from sriovctl.render.screen import paint
from sriovctl.render.watch import SortKey, format_frame, format_rate, format_rates, sort_vfs

LINES = st.lists(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=8))
UNITS = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}


def rated(*rates: Rates, **pf: object) -> RatedPF:
    fields = dict.fromkeys(PF._fields[1:13])
    known = {**fields, "netdev": "eth0", "num_vfs": len(rates), "up": True, **pf}
    vfs = tuple(
        RatedVF(VFTraffic(VF(index, None, None, None, None, None, VFAttributes(index))), each)
        for index, each in enumerate(rates)
    )
    function = PF("0000:01:00.0", **known)  # type: ignore[arg-type]
    return RatedPF(PFTraffic(function, 1.0, carrier=True), Rates(rx_packets=1234.0), 1.0, vfs)


def test_a_row_for_each_function_with_what_is_known() -> None:
    busy = Rates(rx_packets=5.0, tx_packets=0.0, rx_bytes=125_000.0, rx_missed=2.0)
    lines = format_rates([rated(busy, Rates())]).splitlines()
    assert lines == [
        "PF / VF    address       netdev  link  rx pkt/s  tx pkt/s  rx bit/s  tx bit/s"
        "  drop/s  used by",
        "PF, 2 VFs  0000:01:00.0  eth0    up       1.23k         -         -         -       -  -",
        "  VF 0     -             -       -            5         0        1M         -       2  -",
        "  VF 1     -             -       -            -         -         -         -       -  -",
    ]


def test_links_in_words() -> None:
    words = [
        format_rates([rated(**{"up": up})._replace()]).splitlines()[1].split()[5]
        for up in (False, True)
    ]
    assert words == ["down", "up"]
    no_link = rated()
    no_link = no_link._replace(traffic=no_link.traffic._replace(carrier=False))
    assert " no link " in format_rates([no_link])
    hangs = no_link._replace(traffic=no_link.traffic._replace(wedged=True))
    assert " wedged " in format_rates([hangs])
    assert format_rates([]) == "no PF"


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (0.0, "0"),
        (0.004, "0.01"),
        (1.0, "1"),
        (9.994, "9.99"),
        (9.996, "10"),
        (99.96, "100"),
        (999.4, "999"),
        (999.6, "1k"),
        (12_340.0, "12.3k"),
        (940_000_000.0, "940M"),
        (1e24, "1000000E"),
    ],
)
def test_three_digits_and_a_prefix(rate: float, text: str) -> None:
    assert format_rate(rate) == text


@given(st.floats(0.01, 9e20))
def test_what_is_shown_is_near_the_truth_and_narrow(rate: float) -> None:
    text = format_rate(rate)
    match = re.fullmatch(r"([\d.]+)([kMGTPE]?)", text)
    assert match
    assert len(text) <= 5
    assert float(match[1]) * UNITS[match[2]] == pytest.approx(rate, rel=0.006, abs=0.006)


def test_the_busiest_come_first_and_equals_by_index() -> None:
    pf = rated(
        Rates(rx_packets=1.0, tx_bytes=9.0),
        Rates(),
        Rates(rx_packets=1.0, tx_packets=1.0),
        Rates(tx_dropped=1.0, rx_packets=1.0),
    )

    def order(key: SortKey) -> list[int]:
        (found,) = sort_vfs([pf], key)
        return [vf.traffic.vf.vf_index for vf in found.vfs]

    assert order(SortKey.INDEX) == [0, 1, 2, 3]
    assert order(SortKey.PACKETS) == [2, 0, 3, 1]
    assert order(SortKey.BITS) == [0, 1, 2, 3]
    assert order(SortKey.DROPS) == [3, 0, 1, 2]


def test_a_screen_shows_a_part_and_never_less_than_its_end() -> None:
    pf = rated(*[Rates()] * 20)

    def shown(height: int, offset: int) -> tuple[list[str], int]:
        frame = format_frame([pf], title="title", notes=["n"], height=height, offset=offset)
        assert len(frame.lines) <= height
        return [line[:7].strip() for line in frame.lines], frame.offset

    assert shown(6, 0) == (["title", "note: n", "PF / VF", "PF, 20", "VF 0", "VF 1"], 0)
    assert shown(6, 3) == (["title", "note: n", "PF / VF", "VF 2", "VF 3", "VF 4"], 3)
    assert shown(6, 10**9) == (["title", "note: n", "PF / VF", "VF 17", "VF 18", "VF 19"], 18)
    assert shown(100, 5)[1] == 0
    assert shown(1, 0)[0] == ["title"]


def test_names_cannot_command_the_terminal() -> None:
    pf = rated(owner="process:\x1b]0;mine\x07-1")
    assert "\x1b" not in format_rates([pf])
    assert "process:?]0;mine?-1" in format_rates([pf])
    frame = format_frame([pf], title="\x1b[2J", notes=["\x9b"], height=9, offset=0)
    assert all(line.isprintable() for line in frame.lines)


# --- a screen, painted -----------------------------------------------------------------------


class Emulated:
    """What a terminal makes of the few control sequences that are used."""

    def __init__(self) -> None:
        self.lines: dict[int, str] = {}
        self.written = 0

    def feed(self, text: str) -> None:
        if text.startswith("\x1b[2J"):
            self.lines.clear()
            text = text[4:]
        for row, line in re.findall(r"\x1b\[(\d+);1H([^\x1b]*)\x1b\[K", text):
            self.lines[int(row)] = line
            self.written += 1

    def shown(self) -> list[str]:
        last = max((row for row, line in self.lines.items() if line), default=0)
        return [self.lines.get(row, "") for row in range(1, last + 1)]


def without_empty_end(lines: list[str]) -> list[str]:
    while lines and not lines[-1]:
        lines = lines[:-1]
    return lines


@given(st.lists(LINES, min_size=1, max_size=5))
def test_the_screen_is_as_it_should_be_after_each_painting(frames: list[list[str]]) -> None:
    terminal, before = Emulated(), None
    terminal.feed("\x1b[1;1Hrubbish of before\x1b[K")
    for frame in frames:
        terminal.feed(paint(before, frame))
        assert terminal.shown() == without_empty_end(frame)
        before = frame


@given(LINES, LINES)
def test_only_lines_that_changed_are_written(before: list[str], after: list[str]) -> None:
    terminal = Emulated()
    terminal.feed(paint(before, after))
    length = max(len(before), len(after))
    padded = [lines + [""] * (length - len(lines)) for lines in (before, after)]
    assert terminal.written == sum(a != b for a, b in zip(*padded, strict=True))
    assert paint(after, after) == ""
