"""Writes through a child: what the kernel refuses, and what never returns."""

from __future__ import annotations

import errno
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.host.hung_writes import child_left_behind

from sriovctl.errors import HostError, WedgedError
from sriovctl.host import guarded
from sriovctl.host.guarded import GuardedWriter, Refused


@pytest.fixture
def writer() -> Iterator[GuardedWriter]:
    one = GuardedWriter(timeout_s=30)
    yield one
    one.close()


def test_what_is_written_is_there(writer: GuardedWriter, tmp_path: Path) -> None:
    for name, content in (("a", b"1"), ("b", "größer".encode()), ("c", b"x" * 9000)):
        (tmp_path / name).touch()
        writer.write(str(tmp_path / name), content)
        assert (tmp_path / name).read_bytes() == content


def test_a_refusal_has_its_errno(writer: GuardedWriter, tmp_path: Path) -> None:
    for path, number in ((tmp_path / "none", errno.ENOENT), (tmp_path, errno.EISDIR)):
        with pytest.raises(OSError, match=os.strerror(number)) as caught:
            writer.write(str(path), b"1")
        assert caught.value.errno == number


def test_a_write_that_hangs_is_given_up_and_others_go_on(
    writer: GuardedWriter, tmp_path: Path
) -> None:
    (tmp_path / "works").touch()
    with child_left_behind(tmp_path / "hangs") as pid:
        assert Path(f"/proc/{pid}").exists(), "the child is left behind, not ended"
        writer.write(str(tmp_path / "works"), b"2")
        assert (tmp_path / "works").read_bytes() == b"2"


def test_a_child_holds_files_but_nobodys_connection(writer: GuardedWriter, tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    here, there = socket.socketpair()
    with there:
        there.settimeout(60)
        with here, (tmp_path / "lock").open("w") as lock:
            writer.write(str(tmp_path / "a"), b"1")
            child = writer._child
            assert child is not None
            held = [os.path.realpath(one) for one in Path(f"/proc/{child.pid}/fd").iterdir()]
            assert str(tmp_path / "lock") in held
            assert lock.writable()
        assert there.recv(1) == b"", "the child is there, and does not keep it open"


def test_a_killed_child_is_an_error_and_is_replaced(writer: GuardedWriter, tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    writer.write(str(tmp_path / "a"), b"1")
    assert writer._child is not None
    os.kill(writer._child.pid, signal.SIGKILL)
    os.waitpid(writer._child.pid, 0)
    with pytest.raises(HostError, match="was killed"):
        writer.write(str(tmp_path / "a"), b"2")
    writer.write(str(tmp_path / "a"), b"3")
    assert (tmp_path / "a").read_bytes() == b"3"


def test_ctrl_c_does_not_end_the_child(writer: GuardedWriter, tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    writer.write(str(tmp_path / "a"), b"1")
    assert writer._child is not None
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        os.kill(writer._child.pid, number)
    writer.write(str(tmp_path / "a"), b"2")
    assert (tmp_path / "a").read_bytes() == b"2"


# --- several at once -------------------------------------------------------------------------


def files_in(directory: Path, names: str) -> dict[str, Path]:
    for name in names:
        (directory / name).touch()
    return {name: directory / name for name in names}


def each(files: dict[str, Path], names: str) -> list[tuple[str, bytes]]:
    return [(str(files[name]), name.encode()) for name in names]


def contents(files: dict[str, Path]) -> bytes:
    return b"".join(path.read_bytes() for path in files.values())


def test_many_are_written_in_order(writer: GuardedWriter, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.touch()
    lines = [str(number).rjust(200).encode() for number in range(2000)]  # more than a pipe holds
    assert writer.write_each([(str(log), line) for line in lines]) is None
    assert log.read_bytes() == lines[-1]
    files = files_in(tmp_path, "abc")
    assert writer.write_each(each(files, "abc")) is None
    assert contents(files) == b"abc"
    assert writer.write_each([]) is None


def test_the_first_that_is_refused_ends_them(writer: GuardedWriter, tmp_path: Path) -> None:
    files = files_in(tmp_path, "abcd")
    files["c"].unlink()
    assert writer.write_each(each(files, "abcd")) == Refused(2, errno.ENOENT)
    files["c"].touch()
    assert contents(files) == b"ab"
    writer.write(str(files["d"]), b"d")
    assert contents(files) == b"abd"


def test_what_follows_a_write_that_hangs_is_never_done(tmp_path: Path) -> None:
    files = files_in(tmp_path, "ac")
    files["b"] = tmp_path / "b"
    os.mkfifo(files["b"])
    writer = GuardedWriter(timeout_s=1.0)  # the write before must have had its time
    with pytest.raises(WedgedError) as caught:
        writer.write_each(each(files, "abc"))
    assert caught.value.subject == str(files["b"])
    pid = caught.value.evidence["pid"]
    assert isinstance(pid, int)
    with files["b"].open("rb") as reader:  # it hangs no more
        assert reader.read() == b"b"
    os.waitpid(pid, 0)
    assert (files["a"].read_bytes(), files["c"].read_bytes()) == (b"a", b"")


def test_answers_that_nobody_waited_for_are_not_taken_for_others(
    writer: GuardedWriter, tmp_path: Path
) -> None:
    files = files_in(tmp_path, "ab")
    writer.write(str(files["a"]), b"1")
    assert writer._child is not None
    writer._child.send([(str(tmp_path / "none"), b"")])  # then Ctrl-C came
    writer.write(str(files["b"]), b"b")
    assert contents(files) == b"1b"


def test_of_half_a_request_nothing_is_done(tmp_path: Path) -> None:
    files = files_in(tmp_path, "ab")
    writer = GuardedWriter()
    writer.write(str(files["a"]), b"a")
    child = writer._child
    assert child is not None
    whole = guarded._pack((str(files["b"]), b"b"))
    os.write(child._requests, guarded._REQUEST.pack(9, 2 * len(whole)) + whole)
    writer.close()
    assert contents(files) == b"a"


def test_a_request_that_ctrl_c_cuts_off_is_followed_by_a_child_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = files_in(tmp_path, "ab")
    writer = GuardedWriter()
    writer.write(str(files["a"]), b"a")
    first = writer._child
    assert first is not None
    with monkeypatch.context() as patched:
        patched.setattr(guarded, "_write_all", interrupt)
        with pytest.raises(KeyboardInterrupt):
            writer.write(str(files["b"]), b"x")
    writer.write(str(files["b"]), b"b")
    assert contents(files) == b"ab"
    os.waitpid(first.pid, 0)
    writer.close()


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt
