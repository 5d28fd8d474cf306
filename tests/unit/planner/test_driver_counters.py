"""Which zeros of the kernel's mean nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriovctl.model.functions import PF, VFAttributes, VFCounters
from sriovctl.planner.driver_counters import ROWS, meaningful_counters, representors_count

ZERO = VFCounters(*[0] * 8)
NEW, OLD = "6.12.117+deb12-amd64", "5.14.0-503.el9.x86_64"
COUNTERS = st.builds(VFCounters, *[st.integers(0, 3)] * 8)


def pf(driver: str | None, pci_class: str = "020000") -> PF:
    fields = dict.fromkeys(PF._fields[2:13])
    return PF("0000:01:00.0", None, **{**fields, "driver": driver, "pci_class": pci_class})  # type: ignore[arg-type]


def known(driver: str | None, *counters: VFCounters, kernel: str | None = NEW) -> frozenset[str]:
    vfs = [VFAttributes(index, counters=each) for index, each in enumerate(counters)]
    return meaningful_counters(pf(driver), vfs, kernel=kernel)


@pytest.mark.parametrize("driver", ["igb", "bnxt_en", "netdevsim", "no_such_driver", None])
def test_zeros_of_a_driver_without_the_function_mean_nothing(driver: str | None) -> None:
    assert known(driver, ZERO, ZERO) == frozenset()


def test_zeros_of_a_driver_with_it_are_zeros() -> None:
    assert known("ice", ZERO) == frozenset(VFCounters._fields)
    basic = {"rx_packets", "tx_packets", "rx_bytes", "tx_bytes"}
    assert known("mlx4_core", ZERO) == basic
    assert known("ixgbe", ZERO) == basic | {"multicast"}
    assert known("ice") == frozenset(VFCounters._fields)  # no VFs yet


@pytest.mark.parametrize("kernel", [OLD, "4.18", "", None, "strange"])
def test_of_a_kernel_that_the_table_does_not_cover_only_what_counts_is_believed(
    kernel: str | None,
) -> None:
    assert known("ixgbe", ZERO, kernel=kernel) == frozenset()
    one = ZERO._replace(rx_packets=1)
    # It has the function, then: so its other counters are true as well.
    assert known("ixgbe", ZERO, one, kernel=kernel) == known("ixgbe", ZERO)


@pytest.mark.parametrize("kernel", ["6.1.0-18-amd64", "6.12.117", "7.0", "10.0.1"])
def test_kernels_that_it_covers(kernel: str) -> None:
    assert known("ixgbe", ZERO, kernel=kernel)


@given(st.lists(COUNTERS, max_size=4))
def test_a_driver_that_nobody_knows_is_believed_where_it_counts(seen: list[VFCounters]) -> None:
    counting = {name for name in VFCounters._fields if any(getattr(vf, name) for vf in seen)}
    assert known("out_of_tree", *seen) == counting
    assert known("igb", *seen) == counting
    assert known("mlx4_core", *seen) >= counting


def test_infiniband_has_a_row_of_its_own() -> None:
    on_infiniband = pf("mlx5_core", "020700")
    assert meaningful_counters(on_infiniband, (), kernel=NEW) < known("mlx5_core")
    assert meaningful_counters(pf("mlx4_core", "020700"), (), kernel=NEW) == frozenset()


def test_rows_name_counters_that_there_are() -> None:
    for row in ROWS:
        assert row.counts <= set(VFCounters._fields)
        assert row.source.endswith("()")


def test_representors_that_see_the_slow_path_alone_stand_for_no_vf() -> None:
    assert representors_count(pf("nfp"))
    assert not representors_count(pf("bnxt_en"))
    assert not representors_count(pf("netdevsim"))
