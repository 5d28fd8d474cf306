"""Route netlink link messages: what sriovctl asks the kernel to change.  Pure.

How many VFs fit into one message, and what the kernel does beyond, stands in ``rtnl.py``.

Source: kernel ``net/core/rtnetlink.c`` (``do_setlink()``), ``include/uapi/linux/if_link.h``.
"""

from __future__ import annotations

from itertools import groupby
from struct import Struct

from sriovctl.codec.netlink import (
    ATTRIBUTE_HEADER_SIZE,
    HEADER_SIZE,
    MAX_ATTRIBUTE_LENGTH,
    attribute_head,
    attributes,
    decode_text,
    encode_attribute,
)
from sriovctl.codec.rtnl import (
    IFF_UP,
    IFLA_IFNAME,
    IFLA_MTU,
    IFLA_NET_NS_FD,
    IFLA_VFINFO_LIST,
    LINK_BODY,
    RTM_SETLINK,
    decode_link_body,
    decode_u32,
    encode_ifname,
    encode_link_message,
)
from sriovctl.codec.rtnl_vf import ETHERNET_MAC_SIZE, decode_vf_attributes
from sriovctl.codec.rtnl_vf_encode import encode_alike, encode_wanted_vf, lacks_maximum
from sriovctl.model.record import NamedTuple
from sriovctl.model.state import UNSET, WantedVF

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sriovctl.model.functions import VFAttributes

    Buffer = bytes | memoryview

_U32 = Struct("=I")
_FLAGS_AND_MASK = Struct("=II")  # the last two of struct ifinfomsg
_FLAGS_OFFSET = HEADER_SIZE + 8


class LinkChange(NamedTuple):
    """What an ``RTM_SETLINK`` wants of a netdev itself; None leaves it alone."""

    ifindex: int
    up: bool | None = None
    mtu: int | None = None  # bytes
    name: str | None = None  # in the namespace where it is then
    namespace_fd: int | None = None  # of the sender's open files: the namespace to move into


def encode_set_vfs(
    ifindex: int,
    changes: Sequence[tuple[int, WantedVF]],
    *,
    current_of: Callable[[int], VFAttributes | None] | None = None,
) -> tuple[bytes, ...]:
    """Encode what is wanted of VFs in as few ``RTM_SETLINK`` messages as possible.  Pure.

    The kernel's cost is per message, not per VF.  It works through a message in order and stops
    at the first VF that fails; what came before stays applied.

    :param changes: (vf_index, what is wanted); UNSET is left alone, ``driver`` is not for here.
    :param current_of: says what a VF has now; asked for VFs alone of which ``min_tx_rate_mbps`` is
        wanted but not ``max_tx_rate_mbps``.
    :raises InputError: a value does not fit into its field.
    :raises UnsupportedError: a minimum rate alone, and no current maximum to keep.
    """
    return tuple(
        encode_link_message(RTM_SETLINK, ifindex, [attribute_head(IFLA_VFINFO_LIST, size), *rows])
        for rows, size in _fill_lists(_encode_entries(changes, current_of))
    )


# Counted in bytes, not in VFs: how many fit depends on how much is wanted of each.
def _fill_lists(entries: Iterator[tuple[Buffer, int]]) -> Iterator[tuple[list[Buffer], int]]:
    room = MAX_ATTRIBUTE_LENGTH - ATTRIBUTE_HEADER_SIZE
    batch: list[Buffer] = []
    left = room
    for rows, size in entries:
        while rows:
            if left < size:
                yield batch, room - left
                batch, left = [], room
            fitting = rows[: left // size * size]
            batch.append(fitting)
            left -= len(fitting)
            rows = rows[len(fitting) :]
    if batch:
        yield batch, room - left


# Rows of one size each: entries of VFs, and how long one of them is.
def _encode_entries(
    changes: Sequence[tuple[int, WantedVF]], current_of: Callable[[int], VFAttributes | None] | None
) -> Iterator[tuple[Buffer, int]]:
    rows = encode_alike(changes)
    if rows is not None:
        yield memoryview(rows), len(rows) // len(changes)
        return
    for _, group in groupby(changes, key=_said):
        some = list(group)
        rows = encode_alike(some) if len(some) < len(changes) else None
        if rows is not None:
            yield memoryview(rows), len(rows) // len(some)
            continue
        for vf_index, wanted in some:
            current = current_of(vf_index) if current_of and lacks_maximum(wanted) else None
            entry = encode_wanted_vf(vf_index, wanted, current=current)
            yield entry, len(entry)


def _said(change: tuple[int, WantedVF]) -> tuple[bool, ...]:
    return tuple([value is UNSET for value in change[1]])


def encode_set_vf(
    ifindex: int, vf_index: int, wanted: WantedVF, *, current: VFAttributes | None
) -> bytes:
    """Encode what is wanted of one VF, in a message of its own.  Pure.

    :param current: what the VF has now; see :func:`encode_set_vfs`.
    :raises InputError: a value does not fit into its field.
    :raises UnsupportedError: a minimum rate alone, and no current maximum to keep.
    """
    entry = encode_wanted_vf(vf_index, wanted, current=current)
    return encode_link_message(RTM_SETLINK, ifindex, [encode_attribute(IFLA_VFINFO_LIST, entry)])


def decode_set_vfs(message: bytes) -> tuple[int, tuple[tuple[int, WantedVF], ...]]:
    """Read an ``RTM_SETLINK`` as the kernel does: (ifindex, ((vf_index, what is wanted), …)).

    Pure.  Empty when the message is about something else.

    :raises HostError: *message* is malformed, or of another type.
    """
    ifindex, _, _, end = decode_link_body(message, RTM_SETLINK)
    changes: tuple[tuple[int, WantedVF], ...] = ()
    for kind, start, stop in attributes(message, LINK_BODY, end):
        if kind == IFLA_VFINFO_LIST:
            changes = tuple(
                _decode_wanted_vf(message, first, last)
                for _, first, last in attributes(message, start, stop)
            )
    return ifindex, changes


# A VF is asked for and told of in the same structures.
def _decode_wanted_vf(message: bytes, start: int, end: int) -> tuple[int, WantedVF]:
    asked = decode_vf_attributes(message, start, end, mac_size=ETHERNET_MAC_SIZE)
    wanted = {
        name: value
        for name, value in zip(asked._fields, asked, strict=True)
        if value is not None and name in WantedVF._fields
    }
    # The fields that both types have are of one type in both.
    return asked.vf_index, WantedVF(**wanted)  # type: ignore[arg-type]


def encode_set_link(change: LinkChange) -> bytes:
    """Encode ``ip link set … up`` (or ``down``), ``mtu``, ``name`` and ``netns``.  Pure.

    The kernel moves a netdev first, which takes it down, and renames it then.

    :raises InputError: the name is none that a netdev can have.
    """
    parts = []
    if change.mtu is not None:
        parts.append(encode_attribute(IFLA_MTU, _U32.pack(change.mtu)))
    if change.name is not None:
        parts.append(encode_ifname(change.name))
    if change.namespace_fd is not None:
        parts.append(encode_attribute(IFLA_NET_NS_FD, _U32.pack(change.namespace_fd)))
    return encode_link_message(
        RTM_SETLINK,
        change.ifindex,
        parts,
        flags=IFF_UP if change.up else 0,
        change=0 if change.up is None else IFF_UP,
    )


def decode_set_link(message: bytes) -> LinkChange:
    """Read an ``RTM_SETLINK``, but for what it says of VFs.  Pure.

    :raises HostError: *message* is malformed, or of another type.
    """
    ifindex, _, _, end = decode_link_body(message, RTM_SETLINK)
    flags, mask = _FLAGS_AND_MASK.unpack_from(message, _FLAGS_OFFSET)
    found = LinkChange(ifindex, bool(flags & IFF_UP) if mask & IFF_UP else None)
    for kind, first, last in attributes(message, LINK_BODY, end):
        if kind == IFLA_MTU:
            found = found._replace(mtu=decode_u32(message, first, last))
        elif kind == IFLA_IFNAME:
            found = found._replace(name=decode_text(message, first, last))
        elif kind == IFLA_NET_NS_FD:
            found = found._replace(namespace_fd=decode_u32(message, first, last))
    return found
