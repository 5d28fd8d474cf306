"""Long sentences on lines that a terminal shows whole."""

from __future__ import annotations

from textwrap import wrap

WIDTH = 96


def wrap_text(text: str, *, first: str = "", rest: str | None = None) -> list[str]:
    """Break a sentence between its words.  Pure.

    Options, paths and addresses stay whole, to be copied.

    :param first: stands before the first line.
    :param rest: stands before the others; None: as before the first.
    """
    lines = wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=first if rest is None else rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return lines or [first.rstrip()]
