"""Writes to sysfs that may hang, made by a child process and given up after a deadline.

A driver can keep ``write(2)`` to ``sriov_numvfs`` from ever returning ("other operation is
pending"), and a process in such a write cannot be killed.  So it is not ours: a child is forked at
the first write, does one after the other, and is left behind when one takes too long.  It keeps
what it inherited, among it the lock of the PF, until the kernel lets go of it.

Binding a thousand VFs takes thousands of writes, and a round trip through two pipes takes longer
than most of them.  So a request holds any number of writes, and has one answer.  How far the child
is stands in memory that both share, so that the deadline is for each write.  Before each, the
child looks whether its parent is still there and has not given it up: what follows a write that
hung is never done.
"""

from __future__ import annotations

import os
from contextlib import suppress
from struct import Struct

from sriovctl.errors import HostError, WedgedError
from sriovctl.host.sysfs import WRITE_TIMEOUT_S, write_file
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_REQUEST = Struct("=II")  # its number, and the length of all its writes
_WRITE = Struct("=II")  # length of the path, length of what is written
_ANSWER = Struct("=IIi")  # number of the request, how many writes went well, errno of the next
_HUNG, _LOST = -1, -2  # in place of an errno
_LOOKS = 8  # at how far the child is, while one write may take
_DONE, _GIVEN_UP = 0, 1  # places in the memory that both share


class Refused(NamedTuple):
    """The first of several writes that the kernel refused."""

    position: int
    errno: int


class GuardedWriter:
    """Writes through a child process.

    :param timeout_s: how long one write may take.
    """

    def __init__(self, *, timeout_s: float = WRITE_TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._child: _Child | None = None

    def write(self, path: str, data: bytes) -> None:
        """Do what :func:`write_file` does.

        :raises OSError: as the kernel refuses.
        :raises WedgedError: the kernel has not answered in time; the write still hangs.
        :raises HostError: the child was killed.
        """
        refused = self.write_each([(path, data)])
        if refused is not None:
            raise OSError(refused.errno, os.strerror(refused.errno))

    def write_each(self, writes: Sequence[tuple[str, bytes]]) -> Refused | None:
        """Do what :func:`write_file` does, one after the other, up to the first that is refused.

        :raises WedgedError: the kernel has not answered one in time; it still hangs.
        :raises HostError: the child was killed.
        """
        if not writes:
            return None
        if self._child is None:
            self._child = _start_child()
        done, number = self._ask(self._child, writes)
        position = min(done, len(writes) - 1)  # it may have died of an earlier request
        if number == _HUNG:
            raise self._give_up(*writes[position])
        if number == _LOST:
            self._child = None
            raise HostError(
                "the process that writes for sriovctl was killed; whether the kernel took the "
                "value is not known",
                subject=writes[position][0],
            )
        return Refused(position, number) if number else None

    def _ask(self, child: _Child, writes: Sequence[tuple[str, bytes]]) -> tuple[int, int]:
        try:
            child.send(writes)
        except BrokenPipeError:
            return 0, _LOST
        except BaseException:
            # Of half a request nothing is done, and no other can follow it.
            child.leave()
            self._child = None
            raise
        return child.wait_for_answer(self._timeout_s)

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
    # One forked writer, the two pipes to and from it, and the memory that it shares with us.

    def __init__(self, pid: int, requests: int, answers: int, shared: memoryview) -> None:
        import select

        self.pid = pid
        self._requests = requests
        self._answers = answers
        self._shared = shared
        self._number = 0
        self._poll = select.poll()
        self._poll.register(answers, select.POLLIN)

    def send(self, writes: Sequence[tuple[str, bytes]]) -> None:
        self._number += 1
        body = b"".join(map(_pack, writes))
        _write_all(self._requests, _REQUEST.pack(self._number, len(body)) + body)

    # How many writes went well, and the errno of the next: 0 when there is none; _HUNG when there
    # was no answer in time, _LOST when there will be none.
    def wait_for_answer(self, timeout_s: float) -> tuple[int, int]:
        while True:
            if not self._answers_in_time(timeout_s):
                self._shared[_GIVEN_UP] = 1
                self.leave()
                return self._shared[_DONE], _HUNG
            answer = os.read(self._answers, _ANSWER.size)
            if len(answer) < _ANSWER.size:
                return self._shared[_DONE], _LOST
            number, done, refusal = _ANSWER.unpack(answer)
            # A Ctrl-C may have left the answer to an earlier request unread.
            if number == self._number:
                return done, refusal

    # In time: while no write takes longer than *timeout_s*.
    def _answers_in_time(self, timeout_s: float) -> bool:
        looks, done = 0, self._shared[_DONE]
        while looks < _LOOKS:
            if self._poll.poll(timeout_s * 1000 / _LOOKS):
                return True
            looks, done = (looks + 1 if done == self._shared[_DONE] else 0), self._shared[_DONE]
        return False

    def end(self) -> None:
        self.leave()
        os.waitpid(self.pid, 0)

    def leave(self) -> None:
        os.close(self._requests)
        os.close(self._answers)


def _pack(write: tuple[str, bytes]) -> bytes:
    path, data = os.fsencode(write[0]), write[1]
    return _WRITE.pack(len(path), len(data)) + path + data


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _start_child() -> _Child:
    import mmap

    requests_out, requests_in = os.pipe()
    answers_out, answers_in = os.pipe()
    shared = memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("Q")
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(requests_in)
            os.close(answers_out)
            _serve(requests_out, answers_in, shared, parent)
            status = 0
        finally:
            os._exit(status)  # nothing that the parent began is to be ended twice
    os.close(requests_out)
    os.close(answers_in)
    return _Child(pid, requests_in, answers_out, shared)


# Until the parent closes its end, is gone, or gave us up.
def _serve(requests: int, answers: int, shared: memoryview, parent: int) -> None:
    import signal

    # A Ctrl-C or a lost terminal is for the parent, which then needs us to take things back.
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    # Should it hang for ever, nobody who reads the parent's output is to wait for it.
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nowhere, stream)
    _close_sockets()
    while head := _read_exactly(requests, _REQUEST.size):
        request, size = _REQUEST.unpack(head)
        # Of a request that was not sent to its end, nothing is to be done.
        body = _read_exactly(requests, size)
        refusal, shared[_DONE] = 0, 0
        for path, data in _unpack(body):
            if shared[_GIVEN_UP] or os.getppid() != parent:
                return
            refusal = _attempt(path, data)
            if refusal:
                break
            shared[_DONE] += 1
        os.write(answers, _ANSWER.pack(request, shared[_DONE], refusal))


# A daemon's clients are not to wait for us either, nor is the next daemon for its address.  Files
# stay open: the lock of a PF on which the kernel hangs is ours to hold.
def _close_sockets() -> None:
    from stat import S_ISSOCK

    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # the list itself is closed by now
            if S_ISSOCK(os.fstat(int(name)).st_mode):
                os.close(int(name))


def _unpack(body: bytes) -> Iterator[tuple[str, bytes]]:
    here = 0
    while here < len(body):
        path_length, data_length = _WRITE.unpack_from(body, here)
        start = here + _WRITE.size + path_length
        here = start + data_length
        yield os.fsdecode(body[start - path_length : start]), body[start:here]


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
