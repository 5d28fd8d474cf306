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
    from collections.abc import Collection, Sequence

    from sriovctl.model.functions import VFAttributes

_BLOCK = 32  # VFs that are compared in one step, where some of all have changed
_FEW = 16  # VFs that are read sooner one by one than column by column


# --- reading again ---------------------------------------------------------------------------


class KnownVFs:
    """What a netdev's VFs were when they were read last, for who reads them again and again.

    Begin with an empty one for each netdev, and hand it to each reading.  All VFs are compared in
    one step with those of the time before, and only what is not as it was is read.  VFs that have
    not changed come again as the same records, and as the same tuple where none has.
    """

    __slots__ = ("_mac_size", "_rows", "_stride", "vfs")

    def __init__(self) -> None:
        self.vfs: tuple[VFAttributes, ...] = ()
        self._rows = b""  # what the kernel said of them
        self._stride = 0  # bytes of each; 0: not alike, and never compared
        self._mac_size = 0

    def end_of_same(self, message: bytes, start: int, end: int, num_vfs: int) -> tuple[int, int]:
        """Find what stands there as it was: (where it ends, how many VFs it is)."""
        last = start + len(self._rows)
        if not self._stride or len(self.vfs) > num_vfs or last > end:
            return start, 0
        return (last, len(self.vfs)) if message.startswith(self._rows, start) else (start, 0)

    def read(self, message: bytes, start: int, end: int, *, mac_size: int) -> None:
        """Make :attr:`vfs` those of this list.

        :raises HostError: a VF is malformed; they are what they were then.
        """
        comparable = self._stride and (len(self._rows), self._mac_size) == (end - start, mac_size)
        if comparable and message.startswith(self._rows, start):
            return
        rows = message[start:end]
        changed = self._read_changed(rows) if comparable else None
        if changed is None:
            changed = _decode_each(message, *_places(message, start, end), mac_size)
            self._stride = _stride_of_alike(message, start, end)
        self.vfs, self._mac_size = changed, mac_size
        self._rows = rows

    # None where all are to be read.
    def _read_changed(self, rows: bytes) -> tuple[VFAttributes, ...] | None:
        starts = _unequal(rows, self._rows, self._stride)
        if starts is None:
            return None
        changed = [rows[start : start + self._stride] for start in starts]
        header = self._rows[:ATTRIBUTE_HEADER_SIZE]
        if not all(row.startswith(header) for row in changed):
            return None  # as long all together, but not each
        joined = b"".join(changed)
        try:
            read = _decode_each(joined, *_places(joined, 0, len(joined)), self._mac_size)
        except HostError:
            return None  # to be told where in the message it stands
        vfs = list(self.vfs)
        for start, vf in zip(starts, read, strict=True):
            vfs[start // self._stride] = vf
        return tuple(vfs)


# Where those rows begin that are not the same in both; None where they are spread over most.
def _unequal(rows: bytes, others: bytes, stride: int) -> list[int] | None:
    size = _BLOCK * stride
    starts = range(0, len(rows), size)
    blocks = [at for at in starts if rows[at : at + size] != others[at : at + size]]
    if len(starts) > 1 and len(blocks) > len(starts) // 2:
        return None
    return [
        at
        for block in blocks
        for at in range(block, min(block + size, len(rows)), stride)
        if rows[at : at + stride] != others[at : at + stride]
    ]


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
    if only is not None:
        starts, ends = _places_of(only, message, starts, ends)
    return _decode_each(message, starts, ends, mac_size)


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


def vf_list_end(
    message: bytes, start: int, end: int, num_vfs: int, known: KnownVFs | None = None
) -> int:
    """Find where the VFs end, whose list may be longer than its length can say.

    ``rtnl_fill_vf()`` puts one ``IFLA_VF_INFO`` for each VF into the list, without its length ever
    being checked against the 16 bits that ``nla_nest_end()`` has for it (seen up to Linux 6.12).
    Two things tell where the list really ends: the number of VFs, which stands before it, and the
    type of what follows; no netdev attribute behind the list has the number of ``IFLA_VF_INFO``,
    as that is ``IFLA_ADDRESS``.  A VF whose driver gives no answer is left out of the list,
    therefore the second.

    :raises HostError: a VF is longer than the message, or shorter than its own head.
    """
    if known is not None:
        start, same = known.end_of_same(message, start, end, num_vfs)
        num_vfs -= same
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
