"""Whose a TCP connection of this host is, by the kernel's own tables."""

from __future__ import annotations

from struct import pack, unpack

TYPE_CHECKING = False
if TYPE_CHECKING:
    Place = tuple[str, int]  # an IPv4 address and a port

_LOCAL, _REMOTE, _UID = 1, 2, 7
# How a socket of IPv6 has an address of IPv4.
_MAPPED = f"{0:016X}{unpack('=I', bytes((0, 0, 255, 255)))[0]:08X}"


def user_of_connection(table: str, local: Place, remote: Place) -> int | None:
    """Find the user of one end of a connection; None: it is not there.

    :param table: /proc/net/tcp or tcp6: IPv4 may be spoken by sockets of either.

    Source: net/ipv4/tcp_ipv4.c, get_tcp4_sock(); net/ipv6/tcp_ipv6.c, get_tcp6_sock().
    """
    wanted = [_format(local), _format(remote)]
    for line in table.splitlines()[1:]:
        fields = line.split()
        ends = [one.removeprefix(_MAPPED) for one in fields[_LOCAL : _REMOTE + 1]]
        if len(fields) > _UID and ends == wanted:
            return int(fields[_UID])
    return None


# The address as a number of this machine, whatever its byte order; the port as people write it.
def _format(place: Place) -> str:
    address, port = place
    (number,) = unpack("=I", pack("4B", *map(int, address.split("."))))
    return f"{number:08X}:{port:04X}"
