"""The form of one translated kernel message."""

from __future__ import annotations

from sriovctl.model.finding import Severity
from sriovctl.model.record import NamedTuple


class Message(NamedTuple):
    """One thing that the kernel says, and what it means.

    :param patterns: regular expressions, newest spelling first; found anywhere in a line.
    :param where: kernel file and function that prints it.
    :param errno: what the one who asked gets; empty when nobody asked.
    :param cleared_by: a later line about the same function (and the same BAR, where both name
        one) that takes the message back.
    :param state_decides: a live host shows by itself whether this is still so.
    """

    id: str
    severity: Severity
    patterns: tuple[str, ...]
    where: str
    meaning: str
    fix: tuple[str, ...]
    gain: str = ""
    errno: str = ""
    cleared_by: str | None = None
    state_decides: bool = False
