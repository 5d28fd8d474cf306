"""A command as a child that waits, before it begins, until what it needs is written down.

So its process is known while nothing has happened yet, and whatever is bound to it ends with it,
also when we are killed first.
"""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import FrameType

_NOT_FOUND, _NOT_EXECUTABLE = 127, 126  # as shells say it
_FORWARDED = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
# A terminal sends these to the command as well: it decides.
_LEFT_TO_IT = (signal.SIGINT, signal.SIGQUIT)


class HeldChild:
    """A child that waits for :meth:`go`, and ends without having done anything if it is dropped."""

    def __init__(self, pid: int, starter: int) -> None:
        self.pid = pid
        self._starter: int | None = starter

    def go(self) -> None:
        """Let it become the command."""
        assert self._starter is not None
        os.write(self._starter, b"1")
        self._close()

    def drop(self) -> None:
        """End it, if it did not become the command."""
        if self._starter is not None:
            self._close()
            os.waitpid(self.pid, 0)

    def _close(self) -> None:
        if self._starter is not None:
            os.close(self._starter)
            self._starter = None

    def wait(self) -> int:
        """Wait for its end; return its exit code, or as shells do 128 and the signal's number.

        Signals that ask us to end are passed on to it.
        """
        with _passing_on(self.pid):
            _, status = os.waitpid(self.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        return code if code >= 0 else 128 - code


def hold_command(command: Sequence[str], environment: Mapping[str, str]) -> HeldChild:
    """Start a child that will become *command*.

    :param environment: added to our own.
    """
    out, into = os.pipe()
    pid = os.fork()
    if pid:
        os.close(out)
        return HeldChild(pid, into)
    try:
        os.close(into)
        if os.read(out, 1):
            _become(list(command), {**os.environ, **environment})
    finally:
        os._exit(_NOT_EXECUTABLE)  # nothing that the parent began is to be ended twice


def _become(command: list[str], environment: Mapping[str, str]) -> None:
    try:
        os.execvpe(command[0], command, environment)
    except OSError as error:
        os.write(2, f"sriovctl: {command[0]}: {error.strerror}\n".encode())
        os._exit(_NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_EXECUTABLE)


@contextmanager
def _passing_on(pid: int) -> Iterator[None]:
    def pass_on(number: int, _frame: FrameType | None) -> None:
        os.kill(pid, number)

    before = {number: signal.signal(number, pass_on) for number in _FORWARDED}
    before |= {number: signal.signal(number, signal.SIG_IGN) for number in _LEFT_TO_IT}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
