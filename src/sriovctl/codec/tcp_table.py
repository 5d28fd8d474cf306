"""Whose a TCP connection of this host is, by the kernel's own table."""

from __future__ import annotations

from struct import pack, unpack

TYPE_CHECKING = False
if TYPE_CHECKING:
    Place = tuple[str, int]  # an IPv4 address and a port

_LOCAL, _REMOTE, _UID = 1, 2, 7


def user_of_connection(table: str, local: Place, remote: Place) -> int | None:
    """Find the user of one end of a connection in /proc/net/tcp; None: it is not there.

    Source: net/ipv4/tcp_ipv4.c, get_tcp4_sock().
    """
    wanted = [_format(local), _format(remote)]
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) > _UID and fields[_LOCAL : _REMOTE + 1] == wanted:
            return int(fields[_UID])
    return None


# The address as a number of this machine, whatever its byte order; the port as people write it.
def _format(place: Place) -> str:
    address, port = place
    (number,) = unpack("=I", pack("4B", *map(int, address.split("."))))
    return f"{number:08X}:{port:04X}"
