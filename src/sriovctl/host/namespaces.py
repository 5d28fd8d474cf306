"""The live kernel's other network namespaces."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager

from sriovctl.codec.rtnl_change import LinkChange, encode_set_link
from sriovctl.errors import LostError, UnsupportedError
from sriovctl.host.kernel_errors import kernel_error
from sriovctl.host.rtnl import KernelRouteNetlink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sriovctl.errors import SriovctlError
    from sriovctl.model.netlink import NetlinkAnswer

_CLONE_NEWNET = 0x40000000  # include/uapi/linux/sched.h
_OWN = "/proc/self/ns/net"  # of the process's first thread, which never leaves it
# The process ended, or what stands there is the handle of nothing (a name that was not unmounted).
_GONE = (errno.ENOENT, errno.ESRCH, errno.EINVAL, errno.ENOTDIR)


class KernelNetworkNamespaces:
    """Asks route netlink of other network namespaces.

    A socket belongs to the network namespace of the thread that opens it, for good.  So a thread
    of its own enters the namespace, opens the socket, and ends; this process never leaves its own.
    """

    def exchange(self, path: str, requests: Sequence[bytes]) -> tuple[NetlinkAnswer, ...]:
        """Send requests in a namespace; see :class:`sriovctl.host.api.NetworkNamespaces`."""
        with KernelRouteNetlink() as door:
            _run_inside(path, door.open)
            return door.exchange(requests)

    def move_netdev(
        self, ifindex: int, *, source: str | None, target: str | None, name: str | None
    ) -> NetlinkAnswer:
        """Move a netdev; see :class:`sriovctl.host.api.NetworkNamespaces`."""
        with _opened(_OWN if target is None else target) as descriptor:
            change = LinkChange(ifindex, name=name, namespace_fd=descriptor)
            (answer,) = self.exchange(_OWN if source is None else source, [encode_set_link(change)])
            return answer


def _run_inside(path: str, action: Callable[[], None]) -> None:
    from threading import Thread  # here, as setns below: few need it, and each costs start-up time

    failures: list[Exception] = []

    def enter() -> None:
        try:
            _enter(path)
            action()
        except Exception as failure:
            failures.append(failure)

    thread = Thread(target=enter)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


def _enter(path: str) -> None:
    with _opened(path) as descriptor:
        try:
            _setns(descriptor)
        except OSError as error:
            raise _refusal(error, path) from error


@contextmanager
def _opened(path: str) -> Iterator[int]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise _refusal(error, path) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _refusal(error: OSError, path: str) -> SriovctlError:
    family = LostError if error.errno in _GONE else None
    return kernel_error(error, subject=path, action="cannot enter the namespace", family=family)


def _setns(descriptor: int) -> None:
    # os.setns() came with Python 3.12.
    if hasattr(os, "setns"):
        os.setns(descriptor, _CLONE_NEWNET)
        return
    try:
        import ctypes
    except ImportError as error:
        raise UnsupportedError("entering a network namespace needs Python's ctypes") from error
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, _CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
