"""Locks on PFs, across processes: one file for each in a directory, held by ``flock``.

The kernel drops a lock when the last process that holds it is gone.  A child that hangs in a
write to sysfs holds it too (see ``guarded.py``), so that nobody else touches a PF on which the
kernel is still at work, even after the sriovctl that asked for it was killed.

Who changes a PF holds its lock alone.  Who lends its VFs, or cleans one of them, shares it with
others that do so: they keep changes of the PF away, but not each other.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager

from sriovctl.errors import BusyError, LockedError
from sriovctl.host.kernel_errors import kernel_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


# Sharers hold a lock for milliseconds, unless they clean a VF: worth waiting for.
_WAIT_FOR_SHARERS_S = 2.0
_PAUSE_S = 0.01


class HeldLocks:
    """Locks that this process holds: sysfs device name of the PF -> open file.

    The file is None where nobody else could want the lock: on a simulated host.
    """

    def __init__(self, handles: dict[str, int | None]) -> None:
        self._handles = handles

    @property
    def devices(self) -> frozenset[str]:
        """The PFs whose locks are held."""
        return frozenset(self._handles)

    def abandon(self, device: str) -> None:
        """Leave a lock to the child that hangs in the kernel for this PF."""
        handle = self._handles.pop(device, None)
        if handle is not None:
            os.close(handle)


@contextmanager
def hold_locks(directory: str, devices: Sequence[str]) -> Iterator[HeldLocks]:
    """Hold the lock of each PF in *devices*.

    :raises LockedError: another process holds one of them.
    :raises BusyError: VFs of one are being lent, or scrubbed, for longer than usual.
    :raises PermissionDenied: the directory may not be written.
    :raises HostError: a lock cannot be made (disk full, read-only).
    """
    handles: dict[str, int | None] = {}
    try:
        for device in sorted(set(devices)):
            handles[device] = _take(f"{directory}/{device}.lock", device)
        yield HeldLocks(handles)
    finally:
        for held in handles.values():
            if held is not None:
                _let_go(held)


@contextmanager
def share_locks(directory: str, devices: Sequence[str]) -> Iterator[HeldLocks]:
    """Share the locks of those PFs in *devices* that nobody changes at this moment.

    :return: those that could be had.
    :raises PermissionDenied: the directory may not be written.
    :raises HostError: a lock cannot be made (disk full, read-only).
    """
    handles: dict[str, int | None] = {}
    try:
        for device in sorted(set(devices)):
            handle = _open(f"{directory}/{device}.lock")
            if _try(handle, fcntl.LOCK_SH):
                handles[device] = handle
            else:
                os.close(handle)
        yield HeldLocks(handles)
    finally:
        for held in handles.values():
            if held is not None:
                _let_go(held)


def is_left(directory: str, device: str) -> bool:
    """Say whether the lock of a PF is held, and not by the process that took it.

    That one has ended or given up: what holds it is its child that hangs in the kernel.

    :raises PermissionDenied: this user may not know.
    :raises HostError: the lock cannot be read.
    """
    path = f"{directory}/{device}.lock"
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise kernel_error(error, subject=path, action="cannot read the lock of a PF") from error
    try:
        # Let go of at once; who wants it alone meanwhile waits for sharers.
        if _try(handle, fcntl.LOCK_SH):
            return False
        return not _has_open(_signed_by(handle), path, but=handle)
    finally:
        os.close(handle)


def _signed_by(handle: int) -> str:
    return os.pread(handle, 200, 0).decode("utf-8", "replace").strip().removeprefix("pid ")


def _has_open(pid: str, path: str, *, but: int) -> bool:
    # The process that asks may be the one that gave up: what it asks through does not count.
    ours = {str(but)} if pid == str(os.getpid()) else set()
    directory, real = f"/proc/{pid}/fd", os.path.realpath(path)
    try:
        others = set(os.listdir(directory)) - ours
        return any(_leads_to(f"{directory}/{number}", real) for number in others)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise kernel_error(error, subject=directory, action="cannot read") from error


def _leads_to(link: str, path: str) -> bool:
    try:
        return os.readlink(link) == path
    except FileNotFoundError:  # closed meanwhile
        return False


def _open(path: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise kernel_error(error, subject=path, action="cannot make the lock of a PF") from error


def _try(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _take(path: str, device: str) -> int:
    handle = _open(path)
    try:
        _wait_for_sharers(handle, path, device)
    except BaseException:
        os.close(handle)
        raise
    _sign(handle)
    return handle


def _wait_for_sharers(handle: int, path: str, device: str) -> None:
    deadline = time.monotonic() + _WAIT_FOR_SHARERS_S
    while not _try(handle, fcntl.LOCK_EX):
        if not _try(handle, fcntl.LOCK_SH):
            raise _locked(handle, device, path)
        fcntl.flock(handle, fcntl.LOCK_UN)
        if time.monotonic() > deadline:
            raise _shared(device, path)
        time.sleep(_PAUSE_S)


def _sign(handle: int) -> None:
    # For the message of the next one alone: a full disk is no reason to give up here.
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"pid {os.getpid()}\n".encode(), 0)
    except OSError:
        pass


def _locked(handle: int, device: str, path: str) -> LockedError:
    holder = os.pread(handle, 200, 0).decode("utf-8", "replace").strip()
    return LockedError(
        "another sriovctl is at work on this PF, or the kernel still is for one that was killed",
        subject=device,
        hint="wait for it; 'sriovctl history' shows what it does",
        evidence={"lock": path, "held by": holder or "an unknown process"},
    )


def _shared(device: str, path: str) -> BusyError:
    return BusyError(
        "VFs of this PF are being lent or scrubbed, or the kernel hangs in scrubbing one",
        subject=device,
        hint="try again; 'sriovctl lease list' shows which",
        evidence={"lock": path},
    )


def _let_go(handle: int) -> None:
    # Closing alone would leave the lock with children that were forked meanwhile.
    fcntl.flock(handle, fcntl.LOCK_UN)
    os.close(handle)
