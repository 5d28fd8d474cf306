"""Writes that hang, as one to a driver's attribute may."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sriovctl.errors import WedgedError
from sriovctl.host.guarded import GuardedWriter


@contextmanager
def child_left_behind(fifo: Path) -> Iterator[int]:
    """A child that a writer has given up in a write that hangs; it ends with the block."""
    # Opening a pipe that nobody reads hangs as a driver's store function does.
    os.mkfifo(fifo)
    with pytest.raises(WedgedError, match="still hangs") as caught:
        GuardedWriter(timeout_s=0.05).write(str(fifo), b"1")
    pid = caught.value.evidence["pid"]
    assert isinstance(pid, int)
    try:
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
