"""The door to a person's terminal: a whole screen, and keys as they are pressed."""

from __future__ import annotations

import os
import select
import signal
import termios
import tty
from contextlib import contextmanager

from sriovctl.render.screen import ENTER, LEAVE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType
    from typing import Any

_KEYS = {
    b"\x1b[A": "up",
    b"\x1b[B": "down",
    b"\x1b[5~": "page up",
    b"\x1b[6~": "page down",
    b"\x1b[H": "home",
    b"\x1b[F": "end",
    b"\x1b[1~": "home",
    b"\x1b[4~": "end",
    b"\x1bOA": "up",
    b"\x1bOB": "down",
}
RESIZED = "resized"


class Terminal:
    """A terminal that this process has for itself; used as a context.

    However it is left (an exception, Ctrl-C, SIGTERM, Ctrl-Z), it is as it was before.

    :param keyboard: file descriptor that keys come from.
    :param screen: file descriptor of the screen.
    """

    def __init__(self, keyboard: int = 0, screen: int = 1) -> None:
        self._keyboard = keyboard
        self._screen = screen
        self._as_before: list[Any] = []
        self._wake, self._woken = -1, -1

    @contextmanager
    def whole(self) -> Iterator[Terminal]:
        """Take the whole screen, and give it back.

        :raises SystemExit: on SIGTERM or SIGHUP, with 128 and its number.
        """
        with self._waking(), self._handling():
            self._enter()
            try:
                yield self
            finally:
                self._leave()

    def size(self) -> tuple[int, int]:
        """Columns and lines, as they are now."""
        columns, lines = os.get_terminal_size(self._screen)
        return columns or 80, lines or 24

    def write(self, text: str) -> None:
        """Send control sequences and text."""
        data = text.encode("utf-8", "replace")
        while data:
            data = data[os.write(self._screen, data) :]

    def wait_for_key(self, timeout_s: float) -> str | None:
        """Wait for a key; None when none came in time, :data:`RESIZED` when the size changed."""
        ready, _, _ = select.select([self._keyboard, self._woken], [], [], max(0.0, timeout_s))
        if self._woken in ready:
            os.read(self._woken, 64)
            return RESIZED
        if self._keyboard not in ready:
            return None
        pressed = os.read(self._keyboard, 32)
        # The terminal is gone: nobody sees what would be shown.
        return _KEYS.get(pressed, pressed.decode("utf-8", "replace")[:1]) if pressed else "q"

    def _enter(self) -> None:
        self._as_before = termios.tcgetattr(self._keyboard)
        tty.setcbreak(self._keyboard, termios.TCSADRAIN)
        self.write(ENTER)

    def _leave(self) -> None:
        self.write(LEAVE)
        termios.tcsetattr(self._keyboard, termios.TCSADRAIN, self._as_before)

    @contextmanager
    def _waking(self) -> Iterator[None]:
        # A signal that arrives just before select() would wait for its end.
        self._woken, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        before = signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)
            os.close(self._woken)
            os.close(self._wake)

    @contextmanager
    def _handling(self) -> Iterator[None]:
        handlers = {
            signal.SIGWINCH: _note,
            signal.SIGTERM: _end,
            signal.SIGHUP: _end,
            signal.SIGTSTP: self._pause,
        }
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _pause(self, number: int, _frame: FrameType | None) -> None:
        self._leave()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)  # here the shell takes over, until it lets us go on
        signal.signal(number, self._pause)
        self._enter()


def _note(_number: int, _frame: FrameType | None) -> None:
    # That it came is what counts: it woke whoever waits.
    return


def _end(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
