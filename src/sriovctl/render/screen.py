"""What to send to a terminal so that it shows some lines.  Pure.

Source: ECMA-48 (CUP, EL, ED, SGR); the alternate screen and modes of xterm's ``ctlseqs``.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# The other screen, no cursor, no wrapping of lines that are too long; and back.
ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l"
LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l"

_CLEAR = "\x1b[2J"
_REVERSE, _PLAIN = "\x1b[7m", "\x1b[0m"


def paint(before: Sequence[str] | None, after: Sequence[str]) -> str:
    """Write what turns one screen into another: the lines that differ, and nothing else.

    :param before: what is shown; None: it is not known.
    """
    if before is None:
        return _CLEAR + "".join(_changes((), after))
    return "".join(_changes(before, after))


def _changes(before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    for row in range(max(len(before), len(after))):
        old = before[row] if row < len(before) else ""
        new = after[row] if row < len(after) else ""
        if old != new:
            yield f"\x1b[{row + 1};1H{new}\x1b[K"


def reverse(line: str, *, color: bool) -> str:
    """Show a line in reverse video, if the terminal may have colours."""
    return f"{_REVERSE}{line}{_PLAIN}" if color else line
