"""Writes to sysfs that may hang, made by a child process and given up after a deadline.

A driver can keep ``write(2)`` to ``sriov_numvfs`` from ever returning ("other operation is
pending"), and a process in such a write cannot be killed.  So it is not ours: a child is forked at
the first write, does one after the other, and is left behind when one takes too long.  It keeps
what it inherited, among it the lock of the PF, until the kernel lets go of it.
"""

from __future__ import annotations

import os
from struct import Struct

from sriovctl.errors import HostError, WedgedError

DEFAULT_TIMEOUT_S = 120.0  # creating some hundred VFs takes a minute with some drivers

_REQUEST = Struct("=II")  # length of the path, length of what is written
_ANSWER = Struct("=i")  # errno, 0 when all went well
_LOST = -1


def write_file(path: str, data: bytes) -> None:
    """Write to a file that exists, in one ``write(2)``: for sysfs each write is a command.

    :raises OSError: as the kernel refuses.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, data)
    finally:
        os.close(descriptor)


class GuardedWriter:
    """Writes through a child process.

    :param timeout_s: how long one write may take.
    """

    def __init__(self, *, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._child: _Child | None = None

    def write(self, path: str, data: bytes) -> None:
        """Do what :func:`write_file` does.

        :raises OSError: as the kernel refuses.
        :raises WedgedError: the kernel has not answered in time; the write still hangs.
        :raises HostError: the child was killed.
        """
        if self._child is None:
            self._child = _start_child()
        number = self._child.ask(path, data, self._timeout_s)
        if number is None:
            raise self._give_up(path, data)
        if number == _LOST:
            self._child = None
            raise HostError(
                "the process that writes for sriovctl was killed; whether the kernel took the "
                "value is not known",
                subject=path,
            )
        if number:
            raise OSError(number, os.strerror(number))

    def _give_up(self, path: str, data: bytes) -> WedgedError:
        assert self._child is not None
        child, self._child = self._child, None
        return WedgedError(
            f"the kernel did not finish the write within {self._timeout_s:g} s, and still hangs",
            subject=path,
            hint="the kernel log may say why ('dmesg | tail'); often only a reboot frees it",
            evidence={"value": repr(data.decode("utf-8", "replace")), "pid": child.pid},
        )

    def close(self) -> None:
        """End the child, if there is one."""
        if self._child is not None:
            self._child.end()
            self._child = None


class _Child:
    # One forked writer and the two pipes to and from it.

    def __init__(self, pid: int, requests: int, answers: int) -> None:
        self.pid = pid
        self._requests = requests
        self._answers = answers

    # The errno; None when there was no answer in time, _LOST when there will be none.
    def ask(self, path: str, data: bytes, timeout_s: float) -> int | None:
        import select

        raw = os.fsencode(path)
        try:
            os.write(self._requests, _REQUEST.pack(len(raw), len(data)) + raw + data)
        except BrokenPipeError:
            return _LOST
        poll = select.poll()
        poll.register(self._answers, select.POLLIN)
        if not poll.poll(timeout_s * 1000):
            self._close_pipes()
            return None
        answer = os.read(self._answers, _ANSWER.size)
        return int(_ANSWER.unpack(answer)[0]) if len(answer) == _ANSWER.size else _LOST

    def end(self) -> None:
        self._close_pipes()
        os.waitpid(self.pid, 0)

    def _close_pipes(self) -> None:
        os.close(self._requests)
        os.close(self._answers)


def _start_child() -> _Child:
    requests_out, requests_in = os.pipe()
    answers_out, answers_in = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(requests_in)
            os.close(answers_out)
            _serve(requests_out, answers_in)
            status = 0
        finally:
            os._exit(status)  # nothing that the parent began is to be ended twice
    os.close(requests_out)
    os.close(answers_in)
    return _Child(pid, requests_in, answers_out)


# Until the parent closes its end, or is gone.
def _serve(requests: int, answers: int) -> None:
    import signal

    # A Ctrl-C or a lost terminal is for the parent, which then needs us to take things back.
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    # Should it hang for ever, nobody who reads the parent's output is to wait for it.
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nowhere, stream)
    while head := _read_exactly(requests, _REQUEST.size):
        path_length, data_length = _REQUEST.unpack(head)
        path = os.fsdecode(_read_exactly(requests, path_length))
        data = _read_exactly(requests, data_length)
        os.write(answers, _ANSWER.pack(_attempt(path, data)))


def _attempt(path: str, data: bytes) -> int:
    try:
        write_file(path, data)
    except OSError as error:
        return error.errno or 5  # EIO, where Python knows no number
    return 0


def _read_exactly(descriptor: int, size: int) -> bytes:
    chunks = b""
    while len(chunks) < size:
        chunk = os.read(descriptor, size - len(chunks))
        if not chunk:
            return b""
        chunks += chunk
    return chunks
