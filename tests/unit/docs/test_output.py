"""What a page shows of the simulated host is what the command prints."""

from __future__ import annotations

import io
import re
import shlex
from pathlib import Path
from typing import NamedTuple

import pytest

from sriovctl.cli.context import Context
from sriovctl.cli.main import parse_arguments, run_verb
from sriovctl.host.pci_ids import PATHS
from sriovctl.host.simulated import simulated_82576
from sriovctl.model.capacity import LimitKind
from sriovctl.model.owner import OwnerKind
from sriovctl.topology.groups import JoinCode
from tests.unit.docs.pages import ROOT, code_blocks, links, pages

PROMPT = "$ sriovctl --simulated "
GAP = "..."
PICTURE = ROOT / "docs/pictures/tree.svg"
PAGE = ROOT / "docs/why-and-how-many.md"


class Example(NamedTuple):
    """A command and what a page shows of its output."""

    command: str
    shown: tuple[str, ...]


def examples_in(text: str) -> list[Example]:
    """Read the prompts in the console blocks of a page."""
    found: list[Example] = []
    for language, block in code_blocks(text):
        for part in re.split(r"^(?=\$ )", block, flags=re.MULTILINE):
            if language == "console" and part.startswith(PROMPT):
                command, *shown = part.splitlines()
                found.append(Example(command.removeprefix("$ "), tuple(shown)))
    return found


def is_shown(shown: tuple[str, ...], printed: list[str]) -> bool:
    """Whether the lines shown stand in what is printed, in order, with gaps only at ``...``."""
    parts = [tuple(filter(None, part.split("\n"))) for part in "\n".join(shown).split(GAP)]
    position = 0
    for number, part in enumerate(parts):
        starts = [position] if number == 0 else range(position, len(printed) + 1)
        ends = [n + len(part) for n in starts if tuple(printed[n : n + len(part)]) == part]
        if not ends:
            return False
        position = ends[0]
    return not parts[-1] or position == len(printed)


def output_of(command: str) -> list[str]:
    """Run a command on the simulated host."""
    out = io.StringIO()
    context = Context(
        open_host=simulated_82576,
        open_libvirt=lambda: pytest.fail("asks libvirt"),
        open_journal=lambda: pytest.fail("asks the journal"),
        out=out,
        color=False,
    )
    run_verb(parse_arguments(shlex.split(command)[1:]), context)
    return [line for line in out.getvalue().splitlines() if line]


def all_examples() -> list[Example]:
    return [each for page in pages() for each in examples_in((ROOT / page).read_text("utf-8"))]


@pytest.mark.skipif(
    not any(Path(path).exists() for path in PATHS), reason="no pci.ids: devices have no names here"
)
@pytest.mark.parametrize("example", dict.fromkeys(all_examples()), ids=lambda each: each.command)
def test_what_a_page_shows_is_what_the_command_prints(example: Example) -> None:
    printed = output_of(example.command)
    assert is_shown(example.shown, printed), "\n".join(printed)


def test_examples_are_found() -> None:
    verbs = {each.command.split()[2] for each in all_examples()}
    assert {"explain", "capacity", "doctor", "predict"} <= verbs


def test_gaps_are_where_they_are_said_to_be() -> None:
    printed = ["a", "b", "c", "d"]
    assert is_shown(("a", "b", "c", "d"), printed)
    assert is_shown(("a", GAP, "c", GAP), printed)
    assert is_shown((GAP, "d"), printed)
    assert not is_shown(("a", "c", GAP), printed)
    assert not is_shown(("a", "b"), printed)
    assert not is_shown((GAP, "c", GAP, "b", GAP), printed)


def test_the_picture_is_of_the_simulated_host() -> None:
    picture = PICTURE.read_text(encoding="utf-8")
    assert picture.startswith("<svg")
    assert "a simulated host" in picture
    for name in ("eth0", "eth1", "nvme", "no ACS"):
        assert name in picture


def test_each_picture_is_shown_somewhere() -> None:
    shown = {
        ((ROOT / page).parent / target).resolve()
        for page in pages()
        for target in links((ROOT / page).read_text("utf-8"))
        if target.endswith(".svg")
    }
    assert set((ROOT / "docs/pictures").glob("*.svg")) <= shown


@pytest.mark.parametrize("kind", LimitKind)
def test_each_limit_has_a_row(kind: LimitKind) -> None:
    assert f"| `{kind}` |" in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("code", [code for code in JoinCode if code is not JoinCode.FOUNDER])
def test_each_reason_of_a_group_has_a_row(code: JoinCode) -> None:
    assert f"| `{code}` |" in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", OwnerKind)
def test_each_kind_of_user_has_a_row_with_a_token(kind: OwnerKind) -> None:
    page = (ROOT / "docs/owners.md").read_text(encoding="utf-8")
    assert re.search(rf"^\| `{kind}` \| .* \| `{kind}:[^`]+` \|$", page, re.MULTILINE)
