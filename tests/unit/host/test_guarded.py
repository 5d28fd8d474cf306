"""Writes through a child: what the kernel refuses, and what never returns."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from sriovctl.errors import HostError, WedgedError
from sriovctl.host.guarded import GuardedWriter


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


def test_a_write_that_hangs_is_given_up_and_others_go_on(tmp_path: Path) -> None:
    # Opening a pipe that nobody reads hangs as a driver's store function does.
    os.mkfifo(tmp_path / "hangs")
    (tmp_path / "works").touch()
    writer = GuardedWriter(timeout_s=0.05)
    with pytest.raises(WedgedError, match="still hangs") as caught:
        writer.write(str(tmp_path / "hangs"), b"1")
    pid = caught.value.evidence["pid"]
    assert isinstance(pid, int)
    assert Path(f"/proc/{pid}").exists(), "the child is left behind, not ended"
    patient = GuardedWriter(timeout_s=30)
    patient.write(str(tmp_path / "works"), b"2")
    assert (tmp_path / "works").read_bytes() == b"2"
    patient.close()
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


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
