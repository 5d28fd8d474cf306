"""A second reader of VF attributes, for as many VFs as there are."""

from __future__ import annotations

import socket
import struct

from sriovctl.model.functions import VLAN
from sriovctl.model.state import WantedVF


# Knows nothing of attributes: cuts the kernel's answer into pieces of 196 bytes and reads each at
# fixed offsets, as rtnl_fill_vfinfo() of Linux 5.3 to 6.12 writes them.
def seen_by_fixed_offsets(netdev: str, num_vfs: int) -> dict[int, WantedVF]:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as raw:
        mask = struct.pack("=HHI", 8, 29, 9)
        body = struct.pack("=BxHiII", 0, 0, socket.if_nametoindex(netdev), 0, 0) + mask
        raw.send(struct.pack("=IHHII", 16 + len(body), 18, 1, 1, 0) + body)
        answer = raw.recv(1 << 21)
    start = answer.index(struct.pack("=HHI", 8, 21, num_vfs)) + 8 + 4
    pieces = (answer[start + 196 * n : start + 196 * (n + 1)] for n in range(num_vfs))
    return dict(at_fixed_offsets(piece) for piece in pieces)


def at_fixed_offsets(piece: bytes) -> tuple[int, WantedVF]:
    def number(offset: int) -> int:
        return int(struct.unpack_from("=I", piece, offset)[0])

    return number(8), WantedVF(
        admin_mac=piece[12:18].hex(":"),
        vlan=VLAN(number(88), number(92)),
        spoofchk=number(132) == 1,
        trust=number(168) == 1,
        min_tx_rate_mbps=number(104),
        max_tx_rate_mbps=number(108),
    )
