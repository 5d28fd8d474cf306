"""The kernel's own events, by two netlink sockets.

Route netlink's group of links tells of netdevs, and of what is set of VFs while the PF is up; for
devices there are uevents.  The kernel's own are taken, and udev's beside them: the kernel tells at
once that VFs are gone, also where no udev runs, and udev tells that it is done with a netdev that
has come back, which must not be touched before.  Only root can send to either.
"""

from __future__ import annotations

import socket
from struct import Struct

from sriovctl.codec.link_event import RTNLGRP_LINK
from sriovctl.codec.netlink import split_messages
from sriovctl.errors import HostError
from sriovctl.host.events_api import Received
from sriovctl.host.kernel_errors import kernel_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_NETLINK_ROUTE = 0
_NETLINK_KOBJECT_UEVENT = 15
_KERNEL_GROUP, _UDEV_GROUP = 1, 2  # bits
_SCM_CREDENTIALS = 2
_CREDENTIALS = Struct("=iII")  # pid, uid, gid
_SO_RCVBUFFORCE = 33
_BUFFER = 1 << 20  # bytes that the kernel keeps for us; beyond them events are lost, and it says so
_DATAGRAM = 64 * 1024
_AT_ONCE = 512  # datagrams of one socket
_MSG_TRUNC = int(socket.MSG_TRUNC)  # as an enum, each test would be a call


class KernelEvents:
    """A subscription to the events of the network namespace in which it is made.

    :raises HostError: a socket cannot be opened.
    """

    def __init__(self) -> None:
        self._links = _open(_NETLINK_ROUTE, 1 << (RTNLGRP_LINK - 1))
        try:
            self._uevents = _open(_NETLINK_KOBJECT_UEVENT, _KERNEL_GROUP | _UDEV_GROUP)
        except BaseException:
            self._links.close()
            raise
        self._uevents.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)

    def filenos(self) -> tuple[int, ...]:
        """Files that can be read when something has come."""
        return self._links.fileno(), self._uevents.fileno()

    def receive(self) -> Received:
        """Take what has come, and do not wait.

        :raises HostError: a socket failed.
        """
        links, lost_links = _drain(self._links)
        uevents, lost_uevents = _drain(self._uevents)
        try:
            messages = tuple(one for data in links for _, one in split_messages(data))
        except HostError:  # cut short, as no kernel does: then it is not known what it told
            return Received((), uevents, lost=True)
        return Received(messages, uevents, lost=lost_links or lost_uevents)

    def close(self) -> None:
        """End the subscription."""
        self._links.close()
        self._uevents.close()


def _open(protocol: int, groups: int) -> socket.socket:
    try:
        opened = socket.socket(
            socket.AF_NETLINK,
            socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK,
            protocol,
        )
        _widen(opened)
        opened.bind((0, groups))
    except OSError as error:
        raise kernel_error(error, subject="kernel events", action="cannot subscribe") from error
    return opened


def _widen(opened: socket.socket) -> None:
    try:
        opened.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
    except PermissionError:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)


def _drain(opened: socket.socket) -> tuple[tuple[bytes, ...], bool]:
    found: list[bytes] = []
    lost = False
    for _ in range(_AT_ONCE):
        try:
            data, ancillary, flags, sender = opened.recvmsg(_DATAGRAM, 256)
        except BlockingIOError:
            break
        except OSError as error:
            lost = _is_overrun(error)
            continue
        if flags & _MSG_TRUNC:
            lost = True
        elif _is_trusted(sender, ancillary):
            found.append(data)
    return tuple(found), lost


def _is_overrun(error: OSError) -> bool:
    import errno

    if error.errno == errno.ENOBUFS:
        return True
    raise kernel_error(error, subject="kernel events", action="cannot receive") from error


# A port of 0 is the kernel.  What udev sends on comes from a process of root's.
def _is_trusted(sender: tuple[int, int], ancillary: list[tuple[int, int, bytes]]) -> bool:
    return sender[0] == 0 or any(uid == 0 for uid in _uids(ancillary))


def _uids(ancillary: list[tuple[int, int, bytes]]) -> Iterator[int]:
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == _SCM_CREDENTIALS and len(data) >= 12:
            yield _CREDENTIALS.unpack_from(data)[1]
