"""The pages say what the program does: every verb, key, exit code and error family, and no more."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path

import pytest

import sriovctl.api.jobs
import sriovctl.lab.runner  # noqa: F401  (defines an error family of its own)
from sriovctl import errors
from sriovctl.cli.main import VERBS, module_of, parse_arguments
from sriovctl.cli.parsers import verb_parser
from sriovctl.cli.schema import format_schema
from sriovctl.cli.state_arguments import read_plan
from sriovctl.codec.state_file import parse_state
from sriovctl.codec.state_keys import LEVELS, Key
from sriovctl.host.simulated import simulated_82576
from sriovctl.lab.machines import MACHINES
from sriovctl.render.plan import format_plan
from tests.unit.docs.pages import (
    ROOT,
    anchors_of,
    code_blocks,
    context_of,
    headings,
    links,
    pages,
    without_code_blocks,
)

README = ROOT / "README.md"
README_ZH = ROOT / "README.zh-CN.md"
DOCS = ROOT / "docs"
STATE_KEYS = [
    pytest.param(key, id=f"{level}.{key.name}") for level, keys in LEVELS.items() for key in keys
]
FORBIDDEN = (r"/[w]ork/", r"\.\./[s]hared", r"/root\b", r"(?<![\w&;/])#\d+", r"(?i)\bTODO\b")


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def command_lines(text: str) -> list[str]:
    """Lines that call sriovctl itself, not as an argument of something else."""
    return [line.strip() for line in text.splitlines() if line.strip().startswith("sriovctl ")]


def arguments_of(line: str) -> list[str]:
    """What the shell hands to the sriovctl at the head of a line."""
    words = shlex.shlex(line, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    arguments = []
    for word in words:
        if word[0] in "|<>;&()":
            break
        arguments.append(word)
    return arguments[1:]


def error_families() -> list[type[errors.SriovctlError]]:
    found: list[type[errors.SriovctlError]] = [errors.SriovctlError]
    for family in found:
        found += [child for child in family.__subclasses__() if child not in found]
    return [family for family in found if not family.__name__.startswith("_")]


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_its_summary_in_one_wording(verb: str) -> None:
    assert VERBS[verb] == module_of(verb).SUMMARY
    assert f"| `{verb}` | {VERBS[verb]} |" in read(README)


@pytest.mark.parametrize("verb", VERBS)
def test_the_chinese_readme_lists_each_verb(verb: str) -> None:
    assert f"| `{verb}` | " in read(README_ZH)


def test_each_module_with_a_summary_is_a_verb() -> None:
    modules = {path.stem for path in (ROOT / "src/sriovctl/cli").glob("[a-z]*.py")}
    verbs = {name for name in modules if hasattr(module_of(name), "SUMMARY")}
    # A module cannot be called like a word of Python, nor have a hyphen.
    assert {name.rstrip("_").replace("_", "-") for name in verbs} == set(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_examples_that_parse(verb: str) -> None:
    lines = [line.strip() for line in module_of(verb).EXAMPLES.splitlines()]
    commands = command_lines("\n".join(lines))
    assert commands
    parsed = [parse_arguments(arguments_of(line)) for line in commands]
    assert verb in {args.verb for args in parsed}
    assert all("sriovctl" in line for line in lines)


@pytest.mark.parametrize("page", pages(), ids=str)
def test_each_command_on_a_page_parses(page: Path) -> None:
    for language, block in code_blocks(read(ROOT / page)):
        if language in ("sh", "console"):
            for line in command_lines(block):
                parse_arguments(arguments_of(line))


def test_a_shell_line_is_cut_at_what_the_shell_takes() -> None:
    assert arguments_of("sriovctl ls --json | jq '.a[]'") == ["ls", "--json"]
    assert arguments_of("sriovctl plan a.yaml >/dev/null; test 1") == ["plan", "a.yaml"]
    assert arguments_of("sriovctl xml --vf 01:10.0 > a && b") == ["xml", "--vf", "01:10.0"]
    assert arguments_of("sriovctl undo   # and back") == ["undo"]


def test_each_verb_of_the_lab_and_each_machine_is_on_its_page() -> None:
    page = read(DOCS / "lab.md")
    parser = verb_parser("lab")
    (lab_verbs,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    for verb in lab_verbs.choices:
        assert f"`lab {verb}" in page
    for machine in MACHINES:
        assert f"| `{machine.name}` |" in page


def rows_of_state_keys() -> list[list[str]]:
    rows = re.findall(r"^\| (`\w+` \|.*) \|$", read(DOCS / "state-file.md"), re.MULTILINE)
    return [[cell.strip() for cell in row.split(" |")] for row in rows]


@pytest.mark.parametrize("key", STATE_KEYS)
def test_each_key_of_the_state_file_has_a_row_with_its_meaning_and_values(key: Key) -> None:
    (row,) = (
        cells
        for cells in rows_of_state_keys()
        if cells[0] == f"`{key.name}`" and key.meaning in cells
    )
    schema = key.value.schema
    words = schema.get("enum", ())
    assert isinstance(words, list | tuple)
    assert all(f"`{word}`" in row[1] for word in words)
    if schema.get("type") == "integer":
        assert row[1] == f"{schema['minimum']} to {schema['maximum']}"


def test_no_key_has_a_row_that_the_state_file_does_not_know() -> None:
    assert len(rows_of_state_keys()) == len(STATE_KEYS)


def test_the_schema_is_the_one_that_the_program_prints() -> None:
    assert read(DOCS / "state-file.schema.json") == format_schema() + "\n"


@pytest.mark.parametrize("page", pages(), ids=str)
def test_each_state_file_on_a_page_is_right(page: Path) -> None:
    for language, block in code_blocks(read(ROOT / page)):
        if language == "yaml":
            assert parse_state(block, source=str(page)).pfs


@pytest.mark.parametrize("readme", [README, README_ZH], ids=lambda path: path.name)
def test_each_exit_code_is_in_the_readmes(readme: Path) -> None:
    codes = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}
    rows = re.findall(r"^\| (\d+) \|", read(readme), re.MULTILINE)
    assert sorted(map(int, rows)) == sorted(codes)


def test_each_error_family_has_a_row_with_its_exit_code() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| `([\w-]+)` \| .* \| (\d+) \|$",
        read(DOCS / "architecture.md"),
        re.MULTILINE,
    )
    told = {(name, code, int(exit_code)) for name, code, exit_code in rows}
    assert told == {(one.__name__, one.code, one.exit_code) for one in error_families()}


def test_the_tour_shows_what_plan_prints(tmp_path: Path) -> None:
    blocks = code_blocks(read(README))
    tour = next(block for _, block in blocks if "cat > host.yaml" in block)
    shown = next(block for _, block in blocks if block.startswith("1. 0000:01:00.0"))
    file = tmp_path / "host.yaml"
    file.write_text(tour.split("<<'END'\n")[1].split("END\n")[0], encoding="utf-8")
    plan = read_plan(str(file), context_of(simulated_82576()))
    assert format_plan(plan) + "\n" == shown


def test_both_readmes_have_the_same_bones() -> None:
    english, chinese = read(README), read(README_ZH)
    assert code_blocks(english) == code_blocks(chinese)
    assert [level for level, _ in headings(english)] == [level for level, _ in headings(chinese)]
    assert [len(re.findall(rf"^{mark}", english, re.MULTILINE)) for mark in (r"- ", r"\|")] == [
        len(re.findall(rf"^{mark}", chinese, re.MULTILINE)) for mark in (r"- ", r"\|")
    ]


def test_both_readmes_link_to_the_same_and_to_each_other() -> None:
    first = {path: read(path).splitlines()[0] for path in (README, README_ZH)}
    assert README_ZH.name in first[README]
    assert README.name in first[README_ZH]

    def others(text: str) -> list[str]:
        found = links(text.partition("\n")[2])
        return [target for target in found if not target.startswith("#")]

    assert others(read(README)) == others(read(README_ZH))


@pytest.mark.parametrize("page", pages(), ids=str)
def test_each_link_leads_somewhere(page: Path) -> None:
    for target in links(read(ROOT / page)):
        if target.startswith(("https://", "http://")):
            continue
        path, _, anchor = target.partition("#")
        aim = (ROOT / page).parent / path if path else ROOT / page
        assert aim.exists(), target
        assert not anchor or anchor in anchors_of(read(aim)), target


def test_each_page_is_linked_from_the_readme() -> None:
    linked = set(links(read(README)))
    assert {str(page) for page in pages()} - {"README.md"} <= linked


@pytest.mark.parametrize("page", pages(), ids=str)
@pytest.mark.parametrize("pattern", FORBIDDEN)
def test_no_page_speaks_of_what_is_not_the_projects(page: Path, pattern: str) -> None:
    text = read(ROOT / page)
    searched = without_code_blocks(text) if pattern.startswith("(?<!") else text
    assert re.search(pattern, searched) is None
