"""Which process is at the other end of a unix socket."""

from __future__ import annotations

import socket
import struct

from sriovctl.api.contract.messages import Peer

_PEER = struct.Struct("3i")  # struct ucred: pid, uid, gid


def peer_of(connection: socket.socket) -> Peer:
    """Say which it is, as the kernel names it; of whoever listens, the one that began to."""
    told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
    return Peer(*_PEER.unpack(told))
