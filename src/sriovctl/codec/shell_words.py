"""Words of a shell command line, and where they stand, so that single ones can be replaced.  Pure.

As much of the shell's grammar as it takes to find the words of simple commands: quotes,
backslashes, line continuations, comments, and the characters that end a command.  Nothing is
expanded: ``$VF`` stays as it is.

Source: POSIX.1-2017, Shell Command Language, 2.2 and 2.3.
"""

from __future__ import annotations

import re

from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_BLANK = re.compile(r"(?:[ \t]|\\\n)+")
_COMMENT = re.compile(r"#[^\n]*")
_OPERATOR = re.compile(r"[\n;&|()<>]")
_PIECE = re.compile(
    r"""'(?P<single>[^']*)'?          # everything literally, to the next quote
      | "(?P<double>(?:[^"\\]|\\.)*)"?  # here a backslash quotes only some characters
      | \\(?P<escaped>.)
      | \\$                           # a last one, which quotes nothing
      | (?P<plain>[^\s'"\\;&|()<>]+)
    """,
    re.VERBOSE | re.DOTALL,
)
_IN_DOUBLE = re.compile(r'\\([$`"\\\n])')
_SAFE = re.compile(r"[A-Za-z0-9@%+=:,./_$-]+")


class ShellWord(NamedTuple):
    """One word of a command line."""

    start: int
    end: int
    raw: str  # as it is written
    value: str  # without its quotes, nothing expanded
    ends_command: bool  # an operator, and no word at all


def split_shell_words(text: str) -> tuple[ShellWord, ...]:
    """Find the words and operators of a text, in order."""
    words, position = [], 0
    while position < len(text):
        if (blank := _BLANK.match(text, position)) is not None:
            position = blank.end()
        elif (comment := _COMMENT.match(text, position)) is not None:
            position = comment.end()
        elif (operator := _OPERATOR.match(text, position)) is not None:
            words.append(ShellWord(position, operator.end(), operator[0], operator[0], True))
            position = operator.end()
        else:
            words.append(_word_at(text, position))
            position = words[-1].end
    return tuple(words)


def _word_at(text: str, start: int) -> ShellWord:
    value, position = "", start
    while (piece := _PIECE.match(text, position)) is not None and piece.end() > position:
        value += _meaning(piece)
        position = piece.end()
    if position == start:  # some other white space, such as a form feed
        position += 1
    return ShellWord(start, position, text[start:position], value, False)


def _meaning(piece: re.Match[str]) -> str:
    if piece["double"] is not None:
        return _IN_DOUBLE.sub(lambda match: "" if match[1] == "\n" else match[1], piece["double"])
    if piece["escaped"] is not None:
        return "" if piece["escaped"] == "\n" else piece["escaped"]
    return piece["single"] or piece["plain"] or ""


def replace_shell_words(text: str, changes: Sequence[tuple[ShellWord, str]]) -> str:
    """Write other values in the place of some words; everything else stays as it is.

    :param changes: words of *text*, in order, with their new values.
    """
    pieces, position = [], 0
    for word, value in changes:
        pieces += [text[position : word.start], quote_like(word.raw, value)]
        position = word.end
    return "".join([*pieces, text[position:]])


def quote_like(raw: str, value: str) -> str:
    """Write a value for the shell, quoted as the word that it replaces was.

    What the shell would expand in that word, it expands in this one.
    """
    expands = "$" in raw and not raw.startswith("'")
    if _SAFE.fullmatch(value) and raw[:1] not in ("'", '"') and (expands or "$" not in value):
        return value
    if expands:
        return '"' + re.sub(r'(["\\`])', r"\\\1", value) + '"'
    if raw[:1] == '"' and not re.search(r'[$`"\\]', value):
        return f'"{value}"'
    return "'" + value.replace("'", "'\\''") + "'"
