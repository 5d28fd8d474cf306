"""Lines for the system's log: one for each thing that happened, with its priority in front.

systemd takes ``<N>`` at the head of a line of standard error for its priority (sd-daemon(3)).
"""

from __future__ import annotations

from enum import IntEnum

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO


class Priority(IntEnum):
    """As in syslog(3)."""

    ERROR = 3
    WARNING = 4
    NOTICE = 5
    INFO = 6
    DEBUG = 7


class Log:
    """Writes lines.

    :param priorities: put the priority in front, for the journal of systemd.
    """

    def __init__(self, out: TextIO, *, priorities: bool, least: Priority = Priority.INFO) -> None:
        self._out = out
        self._priorities = priorities
        self._least = least
        self._last: dict[str, str] = {}

    def say(self, priority: Priority, text: str) -> None:
        """Write one thing; a thing of several lines has its priority before each."""
        if priority > self._least:
            return
        head = f"<{int(priority)}>" if self._priorities else ""
        self._out.write("".join(f"{head}{line}\n" for line in text.splitlines()))
        self._out.flush()

    def say_once(self, priority: Priority, about: str, text: str) -> None:
        """Write what is about something, unless it is what was said of it last."""
        if self._last.get(about) != text:
            self._last[about] = text
            self.say(priority, text)

    def forget(self, about: str) -> None:
        """Let what is said of it next be said in any case."""
        self._last.pop(about, None)
