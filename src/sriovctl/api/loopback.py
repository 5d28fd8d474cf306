"""Who is at the other end of a connection over the loopback.

There the kernel knows of both ends whose they are, though it does not say so by itself.  A browser
sends a cookie to whatever listens on localhost, on any port; so a session there belongs to the user
whose browser began it, and is of no use to another who got hold of its cookie.
"""

from __future__ import annotations

from sriovctl.codec.tcp_table import user_of_connection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_LOOPBACK = "127."


def user_over_loopback(
    remote: object, local: object, *, read: Callable[[str], str] | None = None
) -> int | None:
    """Find whose the other end is; None: it is not known, or on another host.

    :param remote: address of the other end, as a socket has it.
    :param local: address of our end.
    """
    if not (_is_loopback(remote) and _is_loopback(local)):
        return None
    assert isinstance(remote, tuple)
    assert isinstance(local, tuple)
    for path in TABLES:
        try:
            table = (read or _read_table)(path)
        except OSError:
            continue
        user = user_of_connection(table, remote[:2], local[:2])
        if user is not None:
            return user
    return None


def _is_loopback(address: object) -> bool:
    return isinstance(address, tuple) and str(address[0]).startswith(_LOOPBACK)


def _read_table(path: str) -> str:
    with open(path, encoding="ascii") as stream:
        return stream.read()
