"""What a kernel log says of memory for VF BARs."""

from __future__ import annotations

import pytest

from sriovctl.model.address import parse_pci_address
from sriovctl.model.capabilities import BAR, ConfigSpace, SRIOVCapability
from sriovctl.model.capacity import Limit, LimitKind
from sriovctl.model.snapshot import FunctionSnapshot, HostSnapshot, SourceKind
from sriovctl.topology.capacity import capacity_of
from sriovctl.topology.mmio_log import find_shortage

PF = parse_pci_address("0000:01:00.0")
NO_SPACE = "pci 0000:01:00.0: VF BAR 0 [mem size 0x001fc000 64bit]: can't assign; no space"
FAILED = "pci 0000:01:00.0: VF BAR 0 [mem size 0x001fc000 64bit]: failed to assign"
ASSIGNED = "pci 0000:01:00.0: VF BAR 0 [mem 0xfe800000-0xfe9fbfff 64bit]: assigned"
REFUSED = "nvme 0000:01:00.0: not enough MMIO resources for SR-IOV"
OLD_FAILED = "pci 0000:01:00.0: BAR 7: no space for [mem size 0x001fc000 64bit]"
OLD_ASSIGNED = "pci 0000:01:00.0: BAR 7: assigned [mem 0xfe800000-0xfe9fbfff 64bit]"
OTHER_BAR = "pci 0000:01:00.0: VF BAR 2 [mem 0xfea00000-0xfea03fff 64bit]: assigned"


@pytest.mark.parametrize(
    ("log", "found"),
    [
        ((), ()),
        ((NO_SPACE, FAILED, REFUSED), (NO_SPACE, FAILED, REFUSED)),
        ((NO_SPACE, FAILED, ASSIGNED), ()),
        ((ASSIGNED, NO_SPACE), (NO_SPACE,)),
        ((NO_SPACE, OTHER_BAR), (NO_SPACE,)),
        ((REFUSED, ASSIGNED), ()),
        ((OLD_FAILED,), (OLD_FAILED,)),
        ((OLD_FAILED, OLD_ASSIGNED), ()),
        ((NO_SPACE.replace("01:00.0", "02:00.0"),), ()),
        (("pci 0000:01:00.0: enabling Extended Tags",), ()),
    ],
)
def test_what_still_holds(log: tuple[str, ...], found: tuple[str, ...]) -> None:
    assert find_shortage(log, PF) == found


def sriov(*, on: int = 0) -> SRIOVCapability:
    return SRIOVCapability(
        total_vfs=127,
        initial_vfs=127,
        num_vfs=on,
        vf_enable=bool(on),
        first_vf_offset=1,
        vf_stride=1,
        vf_device_id=0x10,
        vf_bars=(BAR(0, None, width=64, prefetchable=False),),
        offset=0x120,
    )


def mmio(capability: SRIOVCapability | None, *log: str, cmdline: str = "") -> Limit:
    config = ConfigSpace(header=None, sriov=capability)
    function = FunctionSnapshot(PF, config, sriov_total_vfs=None if capability else 127)
    dump = HostSnapshot(
        SourceKind.HEX_DUMP, "dump", (function,), cmdline=cmdline, kernel_log=tuple(log)
    )
    (limit,) = (one for one in capacity_of(dump, PF).limits if one.kind == LimitKind.MMIO)
    return limit


def test_a_dump_takes_the_logs_word() -> None:
    limit = mmio(sriov(), NO_SPACE, FAILED, REFUSED, REFUSED, cmdline="pci=realloc=off")
    assert limit.max_vfs == 0
    assert [one.value for one in limit.evidence] == [NO_SPACE, FAILED, REFUSED]
    assert limit.remedy is not None
    assert "without pci=realloc=off" in limit.remedy


def test_registers_need_not_be_known() -> None:
    assert mmio(None, REFUSED).max_vfs == 0


def test_what_found_its_place_later_is_no_shortage() -> None:
    assert mmio(sriov(), NO_SPACE, ASSIGNED).max_vfs is None


def test_vfs_that_are_on_have_their_memory() -> None:
    assert mmio(sriov(on=2), REFUSED).max_vfs is None
