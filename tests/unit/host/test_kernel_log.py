from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from sriovctl.errors import HostError, PermissionDenied
from sriovctl.host import kernel_log
from sriovctl.host.kernel_log import read_kernel_log
from sriovctl.host.live import KERNEL_LOG, LiveTree

RECORDS = (
    b"6,1,1234567,-;pci 0000:00:1c.0: Adding to iommu group 14\n SUBSYSTEM=pci\n DEVICE=+pci:x\n",
    b"30,2,2000000,-;systemd[1]: Hostname set to <secret>.\n",  # a program's, not the kernel's
    b"4,3,3000000,c,caller=T1;two\\x0alines and a \\xe2\\x82\\xac\n",
    b"garbage",
    b"x,y,z;nothing\n",
)
DMESG = (
    b"[    1.234567] pci 0000:00:1c.0: Adding to iommu group 14\n"
    b"[    3.000000] two\n"
    b"[    3.000000] lines and a \xe2\x82\xac\n"
)


def answer(monkeypatch: pytest.MonkeyPatch, answers: list[bytes | OSError]) -> None:
    pending = iter(answers)

    def read(_descriptor: int, _size: int) -> bytes:
        found = next(pending, BlockingIOError(errno.EAGAIN, "no more"))
        if isinstance(found, OSError):
            raise found
        return found

    monkeypatch.setattr(os, "read", read)


def test_records_become_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    overwritten = OSError(errno.EPIPE, "overwritten")
    answer(monkeypatch, [RECORDS[0], overwritten, *RECORDS[1:]])
    assert read_kernel_log(os.devnull) == DMESG


def test_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, [OSError(errno.EIO, "bad")])
    with pytest.raises(HostError, match="cannot read"):
        read_kernel_log(os.devnull)


def test_no_log_is_an_answer(tmp_path: Path) -> None:
    assert read_kernel_log(str(tmp_path / "absent")) is None
    assert read_kernel_log(os.devnull) == b""


def test_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_path: str, _flags: int) -> int:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(PermissionDenied, match="run as root"):
        read_kernel_log()


def test_it_is_one_file_among_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(kernel_log, "read_kernel_log", lambda: b"[    0.000000] hello\n")
    (tmp_path / "file").write_text("x\n")
    tree = LiveTree()
    assert tree.read_text(KERNEL_LOG) == "[    0.000000] hello"
    assert tree.read_text(str(tmp_path / "file")) == "x"
