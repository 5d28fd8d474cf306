"""An end from outside, as by Ctrl-C, and what is set back before it.

Theory of operation.  The first signal raises :class:`Stopped` wherever the program is, and those
after it are ignored.  What is to be set back is written down before anything is changed, and done
with signals held back.  A signal may come in the very moment between the two, in which the block's
own way out is skipped: so the program's last act is to do what is written down still.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """Somebody wants the program to end; no failure of a case."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


class NotSetBackError(Exception):
    """What was lent is not as it was; says what is otherwise."""


def heed_signals() -> None:
    """Have signals end the program in order; one that is ignored, as below nohup, stays so."""
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)


def _stop(number: int, _frame: FrameType | None) -> None:
    for one in SIGNALS:
        signal.signal(one, signal.SIG_IGN)
    raise Stopped(number)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Hold signals back until the block ends."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class SettingBack:
    """What is still to be set back."""

    def __init__(self) -> None:
        self._due: list[Callable[[], None]] = []

    @contextmanager
    def afterwards(self, set_back: Callable[[], None]) -> Iterator[None]:
        """Set something back when the block ends.

        :param set_back: may be called when nothing was changed, and twice.
        :raises NotSetBackError: as *set_back* does.
        """
        self._due.append(set_back)
        try:
            yield
        finally:
            self._do(set_back)

    def do_all(self) -> list[str]:
        """Do what no block has done; say what could not be set back."""
        left = []
        for one in reversed(list(self._due)):
            try:
                self._do(one)
            except NotSetBackError as error:
                left.append(str(error))
        return left

    def _do(self, set_back: Callable[[], None]) -> None:
        with undisturbed():
            try:
                set_back()
            finally:
                self._due.remove(set_back)
