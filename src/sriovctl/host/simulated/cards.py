"""The cards and the machines that can be simulated."""

from __future__ import annotations

from enum import StrEnum

from sriovctl.model.capabilities import BAR, SRIOVCapability
from sriovctl.model.record import NamedTuple


class CardModel(NamedTuple):
    """One kind of PF.  ``first_vf_offset`` and ``vf_stride`` are those below a port with ARI."""

    vendor_id: int
    device_id: int
    vf_device_id: int
    class_code: int
    revision: int
    total_vfs: int
    first_vf_offset: int
    vf_stride: int
    vf_bars: tuple[tuple[int, int, bool], ...]  # bar_index, bytes, prefetchable; 64 bits wide
    has_mac: bool = True


INTEL_82576 = CardModel(
    vendor_id=0x8086,
    device_id=0x10C9,
    vf_device_id=0x10CA,
    class_code=0x020000,
    revision=1,
    total_vfs=8,
    first_vf_offset=128,
    vf_stride=2,
    vf_bars=((0, 0x4000, True), (3, 0x4000, True)),
)
QEMU_NVME = CardModel(
    vendor_id=0x1B36,
    device_id=0x0010,
    vf_device_id=0x0010,
    class_code=0x010802,
    revision=2,
    total_vfs=4,
    first_vf_offset=1,
    vf_stride=1,
    vf_bars=((0, 0x4000, False),),
    has_mac=False,
)
INTEL_82599 = CardModel(
    vendor_id=0x8086,
    device_id=0x10FB,
    vf_device_id=0x10ED,
    class_code=0x020000,
    revision=1,
    total_vfs=64,
    first_vf_offset=128,
    vf_stride=2,
    vf_bars=((0, 0x4000, True), (3, 0x4000, True)),
)
INTEL_X710 = CardModel(
    vendor_id=0x8086,
    device_id=0x1572,
    vf_device_id=0x154C,
    class_code=0x020000,
    revision=2,
    total_vfs=64,
    first_vf_offset=16,
    vf_stride=1,
    vf_bars=((0, 0x10000, True), (3, 0x4000, True)),
)
BROADCOM_57416 = CardModel(
    vendor_id=0x14E4,
    device_id=0x16D8,
    vf_device_id=0x16DC,
    class_code=0x020000,
    revision=1,
    total_vfs=64,
    first_vf_offset=8,
    vf_stride=1,
    vf_bars=((0, 0x4000, True), (2, 0x100000, True), (4, 0x4000, True)),
)
INTEL_E810 = CardModel(
    vendor_id=0x8086,
    device_id=0x1592,
    vf_device_id=0x1889,
    class_code=0x020000,
    revision=2,
    total_vfs=256,
    first_vf_offset=8,
    vf_stride=1,
    vf_bars=((0, 0x20000, True), (3, 0x4000, True)),
)
CONNECTX_6_DX = CardModel(
    vendor_id=0x15B3,
    device_id=0x101D,
    vf_device_id=0x101E,
    class_code=0x020000,
    revision=0,
    total_vfs=127,
    first_vf_offset=2,
    vf_stride=1,
    vf_bars=((0, 0x100000, True),),
)


class Place(StrEnum):
    """What a card is plugged into."""

    ACS_PORT = "root port with ACS"
    PLAIN_PORT = "root port without ACS"
    SWITCH = "switch without ACS"


class Card(NamedTuple):
    """One PF of the machine, on a root port of its own.

    :param total_vfs: instead of the model's.
    :param mac: what the card was born with; by default made from its number.
    :param serial: of an NVMe controller.
    :param serial_number: the Device Serial Number in config space, as lspci writes it.
    """

    model: CardModel = INTEL_82576
    place: Place = Place.ACS_PORT
    total_vfs: int | None = None
    numa_node: int = -1
    mac: str | None = None
    serial: str | None = None
    serial_number: str | None = None


class MachineSpec(NamedTuple):
    """A machine to simulate; cards are plugged in from slot 6 up, as the lab does."""

    cards: tuple[Card, ...] = (Card(),)
    iommu: bool = True


def capability_of(card: Card, *, base: int) -> SRIOVCapability:
    """Make the SR-IOV capability of a card.  Pure.

    :param base: where its VF BARs begin.
    """
    total = card.total_vfs or card.model.total_vfs
    bars = []
    for bar_index, size, prefetchable in card.model.vf_bars:
        bars.append(BAR(bar_index, base, width=64, prefetchable=prefetchable, size=size))
        base += size * total
    return SRIOVCapability(
        total_vfs=total,
        initial_vfs=total,
        num_vfs=0,
        first_vf_offset=card.model.first_vf_offset,
        vf_stride=card.model.vf_stride,
        vf_device_id=card.model.vf_device_id,
        ari_capable_hierarchy=True,
        vf_bars=tuple(bars),
        offset=0x160,
    )
