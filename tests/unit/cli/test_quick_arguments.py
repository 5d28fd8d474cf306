"""What is read without argparse is what argparse reads, and everything else is left to it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriovctl.cli.main import VERBS, parse_arguments, quick_parser
from sriovctl.cli.parsers import verb_parser
from sriovctl.cli.quick_arguments import NotQuickError, QuickParser

VALUES = (
    "a",
    "0000:01:00.0",
    "-",
    "",
    "5",
    "60s",
    "2m",
    "-5",
    "--",
    "x y",
    "no",
    "vfio-pci",
    "all",
)
QUICK = ("ls", "apply", "plan", "undo", "history", "groups", "tree", "doctor", "show")


@st.composite
def command_lines(draw: st.DrawFn) -> tuple[str, list[str]]:
    verb = draw(st.sampled_from(tuple(VERBS)))
    options = [o for action in verb_parser(verb)._actions for o in action.option_strings]
    shortened = [option[:-1] for option in options] + [f"{option}=5" for option in options]
    words = st.sampled_from((*VALUES, *options, *options, *draw(st.permutations(shortened))[:2]))
    return verb, draw(st.lists(words, max_size=5))


@given(command_lines())
def test_what_is_quick_is_as_argparse_reads_it(line: tuple[str, list[str]]) -> None:
    verb, words = line
    try:
        found = quick_parser(verb).parse(words)
    except NotQuickError:
        return
    assert found == vars(verb_parser(verb).parse_args(words))


@pytest.mark.parametrize("verb", QUICK)
def test_plain_command_lines_are_quick(verb: str) -> None:
    needed = ["0000:01:00.0"] if verb in ("apply", "plan", "show") else []
    found = quick_parser(verb).parse([*needed, "--json", "--host-tree", "DIR"])
    assert (found["json"], found["host_tree"], found["lspci"]) == (True, "DIR", None)


def test_a_plain_apply_needs_no_argparse() -> None:
    code = (
        "import sys; from sriovctl.cli.main import parse_arguments\n"
        "args = parse_arguments(['apply', 'f', '--allow', 'a', '--wait', '60s', '--allow', 'b'])\n"
        "assert (args.file, args.allow, args.wait) == ('f', ['a', 'b'], 60.0)\n"
        "assert (args.verb, args.resume, args.write_timeout) == ('apply', False, 120.0)\n"
        "assert not {'argparse', 're'} & sys.modules.keys()"
    )
    subprocess.run((sys.executable, "-I", "-c", code), check=True)


@pytest.mark.parametrize(
    "words",
    [
        ["--no-such"],
        ["a", "b"],
        ["--wait"],
        ["--wait", "--json"],
        ["--wait", "soon"],
        ["--simulated", "--host-tree", "x"],
        ["--sim"],
        ["--help"],
    ],
)
def test_what_is_wrong_is_argparse_s_to_say(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(NotQuickError):
        quick_parser("apply").parse(words)
    if words != ["--sim"]:  # which argparse takes for --simulated
        with pytest.raises(SystemExit):
            parse_arguments(["apply", *words])
        assert "usage: sriovctl apply" in "".join(capsys.readouterr())


def test_the_lists_of_two_command_lines_are_two() -> None:
    parser = QuickParser()
    parser.add_argument("--allow", action="append", default=[])
    parser.parse(["--allow", "a"])
    assert parser.parse([]) == {"allow": []}


@pytest.mark.parametrize(
    "how",
    [
        {"action": "count"},
        {"nargs": "*"},
        {"required": True},
        {"type": int, "default": "5"},
        {"action": "append"},
    ],
)
def test_kinds_that_it_does_not_know(how: dict[str, object]) -> None:
    with pytest.raises(NotQuickError):
        QuickParser().add_argument("--it", **how)


def test_words_that_options_part_are_left_to_argparse() -> None:
    parser = QuickParser()
    parser.add_argument("first")
    parser.add_argument("second", nargs="?")
    parser.add_argument("--json", action="store_true")
    assert parser.parse(["a", "b", "--json"])["second"] == "b"
    with pytest.raises(NotQuickError):
        parser.parse(["a", "--json", "b"])
