"""Locks on PFs, across processes: one file for each in a directory, held by ``flock``.

The kernel drops a lock when the last process that holds it is gone.  A child that hangs in a
write to sysfs holds it too (see ``guarded.py``), so that nobody else touches a PF on which the
kernel is still at work, even after the sriovctl that asked for it was killed.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager

from sriovctl.errors import BusyError
from sriovctl.host.kernel_errors import kernel_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class HeldLocks:
    """Locks that this process holds: sysfs device name of the PF -> open file."""

    def __init__(self, handles: dict[str, int]) -> None:
        self._handles = handles

    def abandon(self, device: str) -> None:
        """Leave a lock to the child that hangs in the kernel for this PF."""
        if device in self._handles:
            os.close(self._handles.pop(device))


@contextmanager
def hold_locks(directory: str, devices: Sequence[str]) -> Iterator[HeldLocks]:
    """Hold the lock of each PF in *devices*.

    :raises BusyError: another process holds one of them.
    :raises PermissionDenied: the directory may not be written.
    :raises HostError: a lock cannot be made (disk full, read-only).
    """
    handles: dict[str, int] = {}
    try:
        for device in sorted(set(devices)):
            handles[device] = _take(f"{directory}/{device}.lock", device)
        yield HeldLocks(handles)
    finally:
        for handle in handles.values():
            _let_go(handle)


def _take(path: str, device: str) -> int:
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise kernel_error(error, subject=path, action="cannot make the lock of a PF") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _sign(handle)
    except BlockingIOError:
        raise _busy(handle, device, path) from None
    except BaseException:
        os.close(handle)
        raise
    return handle


def _sign(handle: int) -> None:
    # For the message of the next one alone: a full disk is no reason to give up here.
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"pid {os.getpid()}\n".encode(), 0)
    except OSError:
        pass


def _busy(handle: int, device: str, path: str) -> BusyError:
    holder = os.pread(handle, 200, 0).decode("utf-8", "replace").strip()
    os.close(handle)
    return BusyError(
        "another sriovctl is at work on this PF, or the kernel still is for one that was killed",
        subject=device,
        hint="wait for it; 'sriovctl history' shows what it does",
        evidence={"lock": path, "held by": holder or "an unknown process"},
    )


def _let_go(handle: int) -> None:
    # Closing alone would leave the lock with children that were forked meanwhile.
    fcntl.flock(handle, fcntl.LOCK_UN)
    os.close(handle)
