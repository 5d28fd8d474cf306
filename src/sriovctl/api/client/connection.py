"""One connection of HTTP to a unix socket, and what is known of who listens on it."""

from __future__ import annotations

import os
import socket
from http.client import HTTPConnection, HTTPException

from sriovctl.api.contract.messages import JSON, Peer
from sriovctl.api.peers import peer_of


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

    def exchange(
        self, method: str, target: str, body: bytes | None, *, timeout_s: float
    ) -> tuple[int, bytes]:
        """Send a request and read the answer: its status, and its body.

        :param timeout_s: for each read and write.
        :raises TimeoutError: one took longer.
        :raises OSError: the connection is lost, or what answers does not speak HTTP.
        """
        headers = {"Cache-Control": "no-cache"}
        if body is not None:
            headers["Content-Type"] = JSON
        self.timeout = timeout_s
        if self.sock is not None:
            self.sock.settimeout(timeout_s)
        try:
            self.request(method, target, body, headers)
            response = self.getresponse()
            return response.status, response.read()
        except HTTPException as error:
            raise ConnectionError(str(error) or type(error).__name__) from error

    @property
    def peer(self) -> Peer:
        """Whoever listens, as the kernel names them."""
        return peer_of(self.sock)


def may_be_trusted(uid: int) -> bool:
    """Say whether what this user's daemon claims may be believed: root's, or our own's."""
    return uid in (0, os.geteuid())
