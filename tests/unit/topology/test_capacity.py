"""Each limit on machines made for it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriovctl.errors import InputError, UnsupportedError
from sriovctl.model.address import parse_pci_address
from sriovctl.model.capabilities import ResizableBAR
from sriovctl.model.capacity import Capacity, Limit, LimitKind
from sriovctl.model.snapshot import FunctionSnapshot, HostSnapshot, ResourceLine, SourceKind
from sriovctl.topology.capacity import capacity_of, pfs_of
from tests.unit.topology.made import (
    ENOUGH,
    MEMORY_64,
    NONE,
    PF,
    PORT,
    PREFETCHABLE_64,
    integrated,
    machine,
    sriov,
)


def limit(capacity: Capacity, kind: LimitKind) -> Limit:
    return next(one for one in capacity.limits if one.kind == kind)


def values(one: Limit) -> str:
    return "; ".join(f"{fact.source}: {fact.value}" for fact in one.evidence)


def first_limit(snapshot: HostSnapshot, vfs: int) -> LimitKind | None:
    placement = capacity_of(snapshot, PF, vfs=vfs).placement
    assert placement is not None
    return placement.first_limit


def test_without_a_narrower_limit_totalvfs_binds() -> None:
    capacity = capacity_of(machine(sriov(64)), PF, vfs=64)
    assert (capacity.total_vfs, capacity.max_usable_vfs, capacity.at_most_vfs) == (64, 64, 64)
    assert capacity.binding is not None
    assert capacity.binding.kind == LimitKind.TOTAL_VFS
    assert capacity.placement is not None
    assert capacity.placement.first_limit is None
    assert capacity.placement.memory_bytes == 1 << 20
    assert capacity.placement.buses == (3,)
    assert capacity.placement.addresses[-1] == parse_pci_address("03:1f.6")
    assert first_limit(machine(sriov(64)), 65) == LimitKind.TOTAL_VFS


def test_the_driver_may_allow_fewer() -> None:
    snapshot = machine(sriov(64), pf={"sriov_total_vfs": 63})
    assert capacity_of(snapshot, PF).max_usable_vfs == 63
    assert first_limit(snapshot, 64) == LimitKind.SRIOV_TOTALVFS
    assert first_limit(snapshot, 65) == LimitKind.SRIOV_TOTALVFS


# --- driver ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("driver", "parameters", "usable"),
    [
        (None, None, 0),
        ("pci-stub", None, 0),
        ("ixgbe", None, 64),
        ("vfio-pci", {"vfio_pci.enable_sriov": "N"}, 0),
        ("vfio-pci", {"vfio_pci.enable_sriov": "Y"}, 64),
        ("vfio-pci", None, 64),
    ],
)
def test_a_driver_is_needed_that_creates_vfs(
    driver: str | None, parameters: dict[str, str] | None, usable: int
) -> None:
    snapshot = machine(sriov(64), pf={"driver": driver}, parameters=parameters)
    capacity = capacity_of(snapshot, PF)
    assert capacity.max_usable_vfs == usable
    assert first_limit(snapshot, 1) == (None if usable else LimitKind.DRIVER)
    if not usable:
        driver_limit = limit(capacity, LimitKind.DRIVER)
        assert driver_limit.remedy
        assert driver_limit.max_vfs_after == 64
        assert driver_limit.refusal is not None
        assert driver_limit.refusal.startswith("ENOENT")


def test_a_function_that_the_kernel_does_not_take_for_a_pf() -> None:
    capacity = capacity_of(machine(sriov(64), pf={"sriov_total_vfs": None}), PF, vfs=1)
    assert capacity.max_usable_vfs == 0
    assert limit(capacity, LimitKind.KERNEL).max_vfs == 0
    assert capacity.placement is not None
    assert capacity.placement.first_limit == LimitKind.KERNEL


# --- registers ---------------------------------------------------------------------------


def test_initial_vfs_that_contradict_totalvfs() -> None:
    snapshot = machine(sriov(64, initial_vfs=32))
    assert first_limit(snapshot, 1) == LimitKind.INITIAL_VFS
    assert capacity_of(snapshot, PF).max_usable_vfs == 0


def test_fewer_initial_vfs_are_right_with_vf_migration() -> None:
    snapshot = machine(sriov(64, initial_vfs=32, vf_migration_capable=True))
    assert first_limit(snapshot, 1) is None


def test_a_dependency_on_a_pf_that_is_not_there() -> None:
    snapshot = machine(sriov(64, dependency_link=1))
    capacity = capacity_of(snapshot, PF, vfs=1)
    assert "0000:03:00.1" in values(limit(capacity, LimitKind.DEPENDENCY_LINK))
    assert first_limit(snapshot, 1) == LimitKind.DEPENDENCY_LINK
    second = snapshot.functions[1]._replace(address=parse_pci_address("03:00.1"))
    both = snapshot._replace(functions=(*snapshot.functions, second))
    assert first_limit(both, 1) is None


# --- bus numbers -------------------------------------------------------------------------


@pytest.mark.parametrize(("last_bus", "usable"), [(3, 0), (4, 64), (5, 64)])
def test_vfs_of_a_82599_without_ari_need_the_next_bus(last_bus: int, usable: int) -> None:
    snapshot = machine(sriov(64, offset=384, stride=2), last_bus=last_bus)
    capacity = capacity_of(snapshot, PF)
    assert capacity.max_usable_vfs == usable
    if not usable:
        buses = limit(capacity, LimitKind.BUS_NUMBERS)
        assert buses.refusal is not None
        assert "bus 04 out of range" in buses.refusal
        assert "subordinate bus of 0000:00:1c.0: 03" in values(buses)
        assert first_limit(snapshot, 1) == LimitKind.BUS_NUMBERS


def test_some_vfs_fit_before_the_bus_ends() -> None:
    snapshot = machine(sriov(127, offset=8, stride=4))
    # RIDs 0x308, 0x30c, … 0x3fc: 62 of them.
    assert capacity_of(snapshot, PF).max_usable_vfs == 62
    assert first_limit(snapshot, 62) is None
    assert first_limit(snapshot, 63) == LimitKind.BUS_NUMBERS


def test_routing_ids_end_at_bus_ff() -> None:
    snapshot, place = integrated(sriov(64, offset=0xFFE0, stride=1), last_bus=0xFF)
    capacity = capacity_of(snapshot, place, vfs=64)
    assert limit(capacity, LimitKind.BUS_NUMBERS).max_vfs == 16
    assert capacity.placement is not None
    assert len(capacity.placement.addresses) == 16


@pytest.mark.parametrize(
    ("offset", "last_bus", "said"), [(8, 0x1F, 8), (8, None, 8), (512, 1, 0), (512, None, None)]
)
def test_on_a_root_bus_the_host_bridge_says_where_buses_end(
    offset: int, last_bus: int | None, said: int | None
) -> None:
    snapshot, place = integrated(sriov(8, offset=offset, stride=1), last_bus=last_bus)
    capacity = capacity_of(snapshot, place)
    assert limit(capacity, LimitKind.BUS_NUMBERS).max_vfs == said
    assert capacity.max_usable_vfs == said


@pytest.mark.parametrize("stride_and_total", [(0, 2), (1, 2)])
def test_a_card_that_tells_its_offset_only_with_vfs_on(stride_and_total: tuple[int, int]) -> None:
    stride, total = stride_and_total
    capacity = capacity_of(machine(sriov(total, offset=0, stride=stride)), PF, vfs=1)
    assert limit(capacity, LimitKind.BUS_NUMBERS).max_vfs is None
    assert capacity.max_usable_vfs is None
    assert capacity.at_most_vfs == total
    assert capacity.placement is not None
    assert capacity.placement.addresses == ()


def test_a_single_vf_needs_no_stride() -> None:
    capacity = capacity_of(machine(sriov(1, offset=1, stride=0)), PF, vfs=1)
    assert capacity.max_usable_vfs == 1
    assert capacity.placement is not None
    assert capacity.placement.addresses == (parse_pci_address("03:00.1"),)


def test_a_bridge_whose_numbers_were_not_read_leaves_it_open() -> None:
    snapshot = machine(sriov(64, offset=384))
    blind = snapshot.functions[0]._replace(config=None)
    snapshot = snapshot._replace(functions=(blind, snapshot.functions[1]))
    assert limit(capacity_of(snapshot, PF), LimitKind.BUS_NUMBERS).max_vfs is None


@given(
    total=st.integers(1, 300),
    offset=st.integers(1, 600),
    stride=st.integers(1, 9),
    last_bus=st.integers(3, 8),
)
def test_the_bus_limit_is_the_largest_number_that_fits(
    total: int, offset: int, stride: int, last_bus: int
) -> None:
    snapshot = machine(sriov(total, offset=offset, stride=stride), last_bus=last_bus)
    said = limit(capacity_of(snapshot, PF), LimitKind.BUS_NUMBERS).max_vfs
    fits = [(0x300 + offset + index * stride) >> 8 <= last_bus for index in range(total)]
    assert said == sum(fits)


# --- memory ------------------------------------------------------------------------------

SHORTAGE_LOG = (
    "pci 0000:03:00.0: VF BAR 0 [mem 0x00000000-0x000fffff 64bit pref]: contains BAR 0 for 64 VFs",
)
SHORTAGE_LOG_OLD = (
    "pci 0000:03:00.0: VF(n) BAR0 space: [mem 0x00000000-0x000fffff 64bit] "
    "(contains BAR0 for 64 VFs)",
)


def shortage(**host: Any) -> Limit:  # noqa: ANN401 (fields of the snapshot)
    snapshot = machine(sriov(64), vf_bar=NONE, **({"kernel_log": SHORTAGE_LOG} | host))
    assert first_limit(snapshot, 1) == LimitKind.MMIO
    return limit(capacity_of(snapshot, PF), LimitKind.MMIO)


def test_a_vf_bar_without_address_means_no_vf() -> None:
    mmio = shortage(cmdline="quiet")
    assert mmio.max_vfs == 0
    assert "needs 1 MiB anywhere (16 KiB for each of 64 VFs)" in values(mmio)
    assert (
        mmio.remedy == "boot with pci=realloc: the kernel then lays the bridges' windows out anew"
    )
    assert mmio.max_vfs_after == 64


@pytest.mark.parametrize(
    ("cmdline", "remedy"),
    [
        ("pci=realloc=off", "without pci=realloc=off"),
        ("pci=noaer,realloc=off quiet", "without pci=realloc=off"),
        ("pci=realloc", "Above 4G Decoding"),
        ("pci=realloc=on", "Above 4G Decoding"),
        (None, "boot with pci=realloc"),
    ],
)
def test_the_remedy_depends_on_what_was_tried(cmdline: str | None, remedy: str) -> None:
    assert remedy in (shortage(cmdline=cmdline).remedy or "")


def test_memory_that_is_not_prefetchable_must_lie_below_4_gib() -> None:
    mmio = shortage(kernel_log=SHORTAGE_LOG_OLD, iomem="e0000000-e01fffff : PCI Bus 0000:00")
    assert "below 4 GiB" in values(mmio)
    assert "TOLUD" in (mmio.remedy or "")
    assert mmio.max_vfs_after is None


def test_a_gap_below_4_gib_that_would_do() -> None:
    mmio = shortage(kernel_log=SHORTAGE_LOG_OLD)
    assert "largest gap that could serve: 13 MiB" in values(mmio)
    assert mmio.max_vfs_after == 64


def test_without_root_iomem_tells_nothing() -> None:
    mmio = shortage(iomem="00000000-00000000 : PCI Bus 0000:00")
    assert "root only" in values(mmio)
    assert mmio.max_vfs_after is None


def test_without_a_log_the_size_stays_unknown() -> None:
    mmio = shortage(kernel_log=None)
    assert mmio.max_vfs == 0
    assert "unassigned, 64-bit prefetchable" in values(mmio)


@pytest.mark.parametrize(
    "line",
    [ResourceLine(0, 0xFFFFF, MEMORY_64 | 0x20000000), ResourceLine(0, 0xFFFFF, MEMORY_64)],
)
def test_a_line_with_a_size_but_no_place_is_not_assigned(line: ResourceLine) -> None:
    assert first_limit(machine(sriov(64), vf_bar=line), 1) == LimitKind.MMIO


def test_a_vf_bar_that_left_no_trace_is_not_denied() -> None:
    capacity = capacity_of(machine(sriov(64, vf_bars=()), vf_bar=NONE), PF, vfs=3)
    assert limit(capacity, LimitKind.MMIO).max_vfs is None
    assert (capacity.max_usable_vfs, capacity.at_most_vfs) == (None, 64)
    assert capacity.placement is not None
    assert capacity.placement.memory_bytes is None


def test_an_enlarged_vf_bar_leaves_room_for_fewer() -> None:
    snapshot = machine(sriov(64))
    pf = snapshot.functions[1]
    assert pf.config is not None
    resized = pf.config._replace(vf_resizable_bars=(ResizableBAR(0, 0x10000, (0x4000, 0x10000)),))
    snapshot = snapshot._replace(functions=(snapshot.functions[0], pf._replace(config=resized)))
    assert capacity_of(snapshot, PF).max_usable_vfs == 16
    assert first_limit(snapshot, 17) == LimitKind.MMIO


def test_the_window_above_is_evidence() -> None:
    mmio = limit(capacity_of(machine(sriov(64)), PF), LimitKind.MMIO)
    assert "window of 0000:00:1c.0: 0xe0000000-0xe01fffff" in values(mmio)


def test_memory_outside_every_window_is_no_evidence() -> None:
    far = ResourceLine(ENOUGH.start + (1 << 40), ENOUGH.end + (1 << 40), ENOUGH.flags)
    mmio = limit(capacity_of(machine(sriov(64), vf_bar=far), PF), LimitKind.MMIO)
    assert mmio.max_vfs == 64
    assert "window of" not in values(mmio)


# --- what a source cannot tell ------------------------------------------------------------


def test_a_dump_leaves_the_answer_open_but_keeps_what_it_shows() -> None:
    capacity = capacity_of(machine(sriov(64), source=SourceKind.HEX_DUMP), PF, vfs=8)
    assert capacity.max_usable_vfs is None
    assert capacity.at_most_vfs == 64
    unknown = {one.kind for one in capacity.limits if one.max_vfs is None}
    assert unknown == {LimitKind.SRIOV_TOTALVFS, LimitKind.DRIVER, LimitKind.MMIO}
    assert capacity.placement is not None
    assert len(capacity.placement.addresses) == 8
    assert capacity.placement.memory_bytes is None
    assert capacity.placement.first_limit is None


def test_a_dump_can_still_say_no() -> None:
    snapshot = machine(sriov(64, offset=384), source=SourceKind.HEX_DUMP)
    assert capacity_of(snapshot, PF).max_usable_vfs == 0


def test_without_root_sysfs_alone_speaks() -> None:
    capacity = capacity_of(machine(sriov(64), pf={"config": None}), PF, vfs=4)
    assert capacity.total_vfs is None
    assert capacity.max_usable_vfs is None
    assert capacity.at_most_vfs == 64
    assert capacity.placement is not None
    assert capacity.placement.addresses == ()


def test_a_vf_bar_is_a_power_of_two() -> None:
    # 128 KiB for 8 VFs, of which the driver allows 7; without root TotalVFs cannot be read.
    bar = ResourceLine(0xE000_0000, 0xE001_FFFF, PREFETCHABLE_64)
    snapshot = machine(sriov(8), vf_bar=bar, pf={"config": None, "sriov_total_vfs": 7})
    mmio = limit(capacity_of(snapshot, PF), LimitKind.MMIO)
    assert mmio.evidence[0].value.endswith("16 KiB for each VF")


# --- what is on now -----------------------------------------------------------------------


def test_registers_read_with_vfs_on_are_no_forecast() -> None:
    capacity = capacity_of(machine(sriov(64, num_vfs=4)), PF, vfs=4)
    assert (capacity.is_forecast, capacity.num_vfs, capacity.notes) == (False, 4, ())


def test_a_forecast_is_said_to_be_one() -> None:
    capacity = capacity_of(machine(sriov(64)), PF)
    assert capacity.is_forecast
    assert "forecast" in capacity.notes[0]


def test_another_number_while_vfs_are_on_needs_a_zero_first() -> None:
    notes = capacity_of(machine(sriov(64, num_vfs=4)), PF, vfs=5).notes
    assert any("EBUSY" in note for note in notes)


def test_interrupts_are_a_note_where_vfs_show_them() -> None:
    snapshot = machine(sriov(64, num_vfs=4), cpuinfo="processor\t: 0\nprocessor\t: 1\n")
    pf = snapshot.functions[1]
    assert pf.config is not None
    vf = FunctionSnapshot(
        parse_pci_address("03:10.0"), pf.config._replace(sriov=None), pf_address=PF, is_vf=True
    )
    capacity = capacity_of(snapshot._replace(functions=(*snapshot.functions, vf)), PF, vfs=4)
    assert "each VF offers 10 MSI-X vectors, 4 VFs 40; 2 CPUs have about 400" in capacity.notes[0]


# --- what is no PF ------------------------------------------------------------------------


def test_pfs_are_found() -> None:
    assert [one.address for one in pfs_of(machine(sriov(64)))] == [PF]


def test_a_port_is_no_pf() -> None:
    with pytest.raises(UnsupportedError, match="is not a PF"):
        capacity_of(machine(sriov(64)), PORT)


def test_a_vf_names_its_pf() -> None:
    snapshot = machine(sriov(64))
    vf = FunctionSnapshot(parse_pci_address("03:10.0"), None, pf_address=PF, is_vf=True)
    with pytest.raises(UnsupportedError, match=r"its PF is 0000:03:00\.0"):
        capacity_of(snapshot._replace(functions=(*snapshot.functions, vf)), vf.address)


def test_what_cannot_be_read_is_not_denied() -> None:
    snapshot = machine(sriov(64), pf={"config": None, "sriov_total_vfs": None})
    with pytest.raises(UnsupportedError, match="cannot be seen"):
        capacity_of(snapshot, PF)


def test_an_address_that_is_not_there() -> None:
    with pytest.raises(InputError, match="no such PCI device"):
        capacity_of(machine(sriov(64)), parse_pci_address("77:00.0"))


@pytest.mark.parametrize("vfs", [-1, 0x10000])
def test_a_number_that_the_kernel_would_not_read(vfs: int) -> None:
    with pytest.raises(InputError, match="0 to 65535"):
        capacity_of(machine(sriov(64)), PF, vfs=vfs)
