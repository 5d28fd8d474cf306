"""One connection of HTTP to a unix socket, and what is known of who listens on it."""

from __future__ import annotations

import os
import socket
import struct
from http.client import HTTPConnection

_PEER = struct.Struct("3i")  # struct ucred: pid, uid, gid


class UnixConnection(HTTPConnection):
    """HTTP/1.1 over a unix socket.

    :raises OSError: from :meth:`connect`: nobody listens, or this user may not ask.
    """

    def __init__(self, path: str, *, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(self.timeout)
            connection.connect(self._path)
        except BaseException:
            connection.close()
            raise
        self.sock = connection

    def wait_at_most(self, seconds: float) -> None:
        """Give up reads and writes from now on that take longer."""
        self.timeout = seconds
        if self.sock is not None:
            self.sock.settimeout(seconds)

    @property
    def peer(self) -> tuple[int, int]:
        """Process and user of whoever listens, as the kernel names them."""
        told = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
        pid, uid, _ = _PEER.unpack(told)
        return pid, uid


def may_be_trusted(uid: int) -> bool:
    """Say whether what this user's daemon claims may be believed: root's, or our own's."""
    return uid in (0, os.geteuid())
