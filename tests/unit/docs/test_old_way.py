"""The tables of the page for those who come from the classic commands."""

from __future__ import annotations

import shlex
import string

import pytest

from sriovctl.cli.main import parse_arguments
from sriovctl.codec.state_file import parse_state
from tests.old_way import PAGE, our_commands, sections, tables
from tests.unit.docs.pages import code_blocks

WORDS = dict(
    line.split("=")
    for _, block in code_blocks(PAGE.read_text("utf-8"))[:1]
    for line in shlex.split(block.replace(";", " "), comments=True)
)


@pytest.mark.parametrize("command", dict.fromkeys(our_commands()))
def test_each_command_of_ours_parses(command: str) -> None:
    parse_arguments(shlex.split(string.Template(command).substitute(WORDS))[1:])


def test_each_row_of_the_state_file_is_right() -> None:
    for row in tables("Change")[0]:
        state = f"version: 1\npfs: {{a: {{match: {{netdev: a}}, {row.ours[0]}}}}}"
        assert parse_state(state, source=row.ours[0]).pfs


def test_no_row_is_half_a_row() -> None:
    rows = [row for section in sections() for table in tables(section) for row in table]
    assert len(rows) > 60
    assert all(row.ours for row in rows)
