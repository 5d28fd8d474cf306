"""A guest's memory and pinning, out of its XML."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriovctl.codec.libvirt_placement import parse_cpu_set, parse_placement
from sriovctl.model.guest import GuestPlacement


def placement(inner: str) -> GuestPlacement:
    return parse_placement(ElementTree.fromstring(f"<domain>{inner}</domain>"))


def test_nothing_said_is_nothing_known() -> None:
    assert placement("") == GuestPlacement(None, None, (), (), False)


@pytest.mark.parametrize(
    ("unit", "kib"),
    [
        ("", 1024),
        (" unit='KiB'", 1024),
        (" unit='k'", 1024),
        (" unit='b'", 1),
        (" unit='KB'", 1000),
        (" unit='MiB'", 1 << 20),
        (" unit='G'", 1 << 30),
        (" unit='TB'", 1_000_000_000_000),
    ],
)
def test_sizes_come_in_all_of_libvirts_units(unit: str, kib: int) -> None:
    assert placement(f"<memory{unit}>1024</memory>").memory_kib == kib * 1024 // 1024


def test_a_size_that_is_none_is_not_known() -> None:
    assert placement("<memory unit='parsec'>1</memory>").memory_kib is None
    assert placement("<memory>many</memory>").memory_kib is None


def test_pinned_memory_and_cpus_are_read() -> None:
    found = placement(
        "<memtune><hard_limit unit='KiB'>4096</hard_limit></memtune>"
        "<vcpu cpuset='0-63'>2</vcpu>"
        "<cputune><vcpupin vcpu='0' cpuset='4'/><vcpupin vcpu='1' cpuset='6-7'/></cputune>"
        "<numatune><memory mode='strict' nodeset='0'/><memnode cellid='0' nodeset='2'/></numatune>"
        "<devices><iommu model='intel'/></devices>"
    )
    assert found == GuestPlacement(None, 4096, (0, 2), (4, 6, 7), True)
    assert placement("<vcpu cpuset='8-9,^8'>2</vcpu>").cpus == (9,)


@pytest.mark.parametrize("text", ["", "x", "1-", "1,,2", "-", "^"])
def test_what_is_no_set_is_empty(text: str) -> None:
    assert parse_cpu_set(text) == frozenset()


@given(st.sets(st.integers(0, 200), min_size=1))
def test_a_set_reads_back(numbers: set[int]) -> None:
    assert parse_cpu_set(",".join(map(str, numbers))) == numbers
