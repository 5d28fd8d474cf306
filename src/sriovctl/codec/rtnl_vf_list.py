"""All VFs of a netdev in route netlink: ``IFLA_VFINFO_LIST``.  Pure, but for :class:`KnownVFs`.

Nearly always all VFs are told of at the same length.  Their headers are then the same four octets
at equal distances, and a thousand VFs are found, compared and read in a few steps.

Source: kernel ``net/core/rtnetlink.c`` (``rtnl_fill_vf()``).
"""

from __future__ import annotations

from sriovctl.codec.netlink import ATTRIBUTE_HEADER_SIZE, attribute_header, attributes, malformed
from sriovctl.codec.rtnl_vf import (
    IFLA_VF_INFO,
    decode_vf_attributes,
    vf_index_in,
)
from sriovctl.errors import HostError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from sriovctl.model.functions import VFAttributes

_BLOCK = 32  # VFs that are compared in one step, where some of all have changed
_FEW = 16  # VFs that are read sooner one by one than column by column


# --- reading again ---------------------------------------------------------------------------


class KnownVFs:
    """What a netdev's VFs were when they were read last, for who reads them again and again.

    Begin with an empty one for each netdev, and hand it to each reading.  What the kernel says is
    compared with what it said the time before, and only the VFs are read of which it says something
    else.  The others come again as the same records, and in the same tuple where none has changed.
    """

    __slots__ = ("_blocks", "_mac_size", "_size", "_stride", "vfs")

    def __init__(self) -> None:
        self.vfs: tuple[VFAttributes, ...] = ()
        self._blocks: list[bytes] = []  # what the kernel said, some VFs in each
        self._size = 0  # bytes of all of it
        self._stride = 0  # bytes of each VF; 0: not alike, and never compared
        self._mac_size = 0

    def read(self, message: bytes, start: int, end: int, *, mac_size: int) -> None:
        """Make :attr:`vfs` those of this list.

        :raises HostError: a VF is malformed; they are what they were then.
        """
        if not self._stride or (self._size, self._mac_size) != (end - start, mac_size):
            self._read_all(message, start, end, mac_size)
            return
        places = range(start, end, _BLOCK * self._stride)
        same = list(map(message.startswith, self._blocks, places))
        if all(same):
            return
        others = {
            number: message[at : min(at + places.step, end)]
            for number, at in enumerate(places)
            if not same[number]
        }
        most = len(same) > 1 and len(others) > len(same) // 2
        if most or not self._read_blocks(others):
            self._read_all(message, start, end, mac_size)

    def _read_all(self, message: bytes, start: int, end: int, mac_size: int) -> None:
        self.vfs = _decode_each(message, *_places(message, start, end), mac_size)
        self._stride = _stride_of_alike(message, start, end)
        self._size, self._mac_size = end - start, mac_size
        size = _BLOCK * self._stride
        places = range(start, end, size) if size else ()
        self._blocks = [message[at : min(at + size, end)] for at in places]

    # False where VFs are not as long as they were, or malformed: to be told where it stands.
    def _read_blocks(self, blocks: Mapping[int, bytes]) -> bool:
        changed = dict(self._changed_in(blocks))
        header = self._blocks[0][:ATTRIBUTE_HEADER_SIZE]
        if not all(row.startswith(header) for row in changed.values()):
            return False
        rows = b"".join(changed.values())
        try:
            read = _decode_each(rows, *_places(rows, 0, len(rows)), self._mac_size)
        except HostError:
            return False
        vfs = list(self.vfs)
        for place, vf in zip(changed, read, strict=True):
            vfs[place] = vf
        self.vfs = tuple(vfs)
        for number, block in blocks.items():
            self._blocks[number] = block
        return True

    # Places in the list of VFs, and what is said of them now.
    def _changed_in(self, blocks: Mapping[int, bytes]) -> Iterator[tuple[int, bytes]]:
        for number, block in blocks.items():
            places = range(0, len(block), self._stride)
            rows = [block[at : at + self._stride] for at in places]
            same = map(self._blocks[number].startswith, rows, places)
            for n, (row, is_same) in enumerate(zip(rows, same, strict=True), number * _BLOCK):
                if not is_same:
                    yield n, row


# --- reading ---------------------------------------------------------------------------------


def decode_vf_list(
    message: bytes,
    start: int,
    end: int,
    *,
    mac_size: int,
    only: Collection[int] | None = None,
    known: KnownVFs | None = None,
) -> tuple[VFAttributes, ...]:
    """Read the payload of ``IFLA_VFINFO_LIST``.

    :param mac_size: octets in use of the 32 that every MAC field has.
    :param only: indices of the VFs that matter; with it *known* is left alone.
    :raises HostError: a VF is malformed.
    """
    if known is not None and only is None:
        known.read(message, start, end, mac_size=mac_size)
        return known.vfs
    starts, ends = _places(message, start, end)
    if only is None:
        return _decode_each(message, starts, ends, mac_size)
    if len(only) < len(starts):  # else all are read, which tells their indices too
        starts, ends = _places_of(only, message, starts, ends)
    found = _decode_each(message, starts, ends, mac_size)
    return tuple([vf for vf in found if vf.vf_index in only])


def _decode_each(
    message: bytes, starts: Sequence[int], ends: Sequence[int], mac_size: int
) -> tuple[VFAttributes, ...]:
    if len(starts) > _FEW:
        from sriovctl.codec.rtnl_vf_columns import decode_usual_vfs

        start, end = starts[0] - ATTRIBUTE_HEADER_SIZE, ends[-1]
        usual = decode_usual_vfs(message, start, end, count=len(starts), mac_size=mac_size)
        if usual is not None:
            return usual
    return tuple(
        decode_vf_attributes(message, first, last, mac_size=mac_size)
        for first, last in zip(starts, ends, strict=True)
    )


# Where the payload of each VF begins, and where it ends.
def _places(message: bytes, start: int, end: int) -> tuple[Sequence[int], Sequence[int]]:
    if stride := _stride_of_alike(message, start, end):
        _, length = attribute_header(message, start, end)
        head = ATTRIBUTE_HEADER_SIZE
        return range(start + head, end + head, stride), range(start + length, end + length, stride)
    places = [(first, last) for _, first, last in attributes(message, start, end)]
    return [first for first, _ in places], [last for _, last in places]


def _places_of(
    only: Collection[int], message: bytes, starts: Sequence[int], ends: Sequence[int]
) -> tuple[Sequence[int], Sequence[int]]:
    # Each stands at its number, unless the driver could not describe one before it.
    numbers: Sequence[int] = [n for n in sorted(only) if n < len(starts)]
    if [vf_index_in(message, starts[n], ends[n]) for n in numbers] != sorted(only):
        numbers = range(len(starts))
    places = [(starts[n], ends[n]) for n in numbers]
    wanted = [place for place in places if vf_index_in(message, *place) in only]
    return [first for first, _ in wanted], [last for _, last in wanted]


# --- finding ---------------------------------------------------------------------------------


def vf_list_end(message: bytes, start: int, end: int, num_vfs: int) -> int:
    """Find where the VFs end, whose list may be longer than its length can say.

    ``rtnl_fill_vf()`` puts one ``IFLA_VF_INFO`` for each VF into the list, without its length ever
    being checked against the 16 bits that ``nla_nest_end()`` has for it (seen up to Linux 6.12).
    Two things tell where the list really ends: the number of VFs, which stands before it, and the
    type of what follows; no netdev attribute behind the list has the number of ``IFLA_VF_INFO``,
    as that is ``IFLA_ADDRESS``.  A VF whose driver gives no answer is left out of the list,
    therefore the second.

    :raises HostError: a VF is longer than the message, or shorter than its own head.
    """
    if (alike := _end_of_alike(message, start, num_vfs)) is not None and alike <= end:
        return alike
    for _ in range(num_vfs):
        if end - start < ATTRIBUTE_HEADER_SIZE:
            break
        kind, length = attribute_header(message, start, end)
        if kind != IFLA_VF_INFO:
            break
        if length < ATTRIBUTE_HEADER_SIZE or start + length > end:
            raise malformed(f"a VF of length {length}", start)
        start += length + 3 & ~3
    return min(start, end)


# None unless so many are alike.  Four slices show it: to walk through a thousand headers takes as
# long as to read half of their VFs.
def _end_of_alike(message: bytes, start: int, num_vfs: int) -> int | None:
    header = message[start : start + ATTRIBUTE_HEADER_SIZE]
    if not num_vfs or len(header) < ATTRIBUTE_HEADER_SIZE:
        return None
    kind, length = attribute_header(message, start, start + ATTRIBUTE_HEADER_SIZE)
    end = start + num_vfs * (length + 3 & ~3)
    if kind != IFLA_VF_INFO or length < ATTRIBUTE_HEADER_SIZE or end > len(message):
        return None
    same = all(
        message[start + n : end : length + 3 & ~3] == header[n : n + 1] * num_vfs
        for n in range(ATTRIBUTE_HEADER_SIZE)
    )
    return end if same else None


# How far apart the VFs between two places stand, all alike; 0 where they are not.
def _stride_of_alike(message: bytes, start: int, end: int) -> int:
    if end - start < ATTRIBUTE_HEADER_SIZE:
        return 0
    _, length = attribute_header(message, start, end)
    stride = max(length, ATTRIBUTE_HEADER_SIZE) + 3 & ~3
    return stride if _end_of_alike(message, start, (end - start) // stride) == end else 0
