"""``capacity`` against what the kernel did in the recorded QEMU scenarios."""

from __future__ import annotations

import pytest

from sriovctl.errors import InputError
from sriovctl.model.address import PCIAddress, parse_pci_address
from sriovctl.model.capacity import LimitKind
from sriovctl.topology.capacity import capacity_of
from tests.unit.topology.recorded import (
    WHY_SKIPPED,
    recorded_snapshot,
    scenario,
    scenario_names,
)

# A function that the kernel did not find: ARI's chain of functions ends before it.
HIDDEN = ("igb-two-pf-functions", "0000:01:00.1")
WRITES = [
    pytest.param(name, one["bdf"], one["n"], one["rc"], id=f"{name}-{one['bdf']}")
    for name in scenario_names()
    for one in scenario(name).get("set_vf") or ()
    if (name, one["bdf"]) != HIDDEN
]
pytestmark = pytest.mark.skipif(not scenario_names(), reason=WHY_SKIPPED)


def kernels_vfs(name: str, pf: PCIAddress) -> list[PCIAddress]:
    after = recorded_snapshot(name, "vfs")
    return sorted(one.address for one in after.functions if one.pf_address == pf)


@pytest.mark.parametrize(("name", "pf", "vfs", "status"), WRITES)
def test_the_forecast_is_what_the_kernel_did(name: str, pf: str, vfs: int, status: int) -> None:
    address = parse_pci_address(pf)
    capacity = capacity_of(recorded_snapshot(name, "initial"), address, vfs=vfs)
    assert capacity.placement is not None
    assert capacity.max_usable_vfs is not None
    if status:
        assert capacity.placement.first_limit is not None
        assert capacity.max_usable_vfs < vfs
    else:
        assert capacity.placement.first_limit is None
        assert capacity.max_usable_vfs >= vfs
        assert list(capacity.placement.addresses) == kernels_vfs(name, address)


@pytest.mark.parametrize(("name", "pf", "vfs", "status"), WRITES)
def test_with_vfs_on_it_is_no_forecast(name: str, pf: str, vfs: int, status: int) -> None:
    address = parse_pci_address(pf)
    after = recorded_snapshot(name, "vfs")
    if all(function.config is None for function in after.functions):
        pytest.skip("its configuration space with VFs on was not kept: too large")
    capacity = capacity_of(after, address, vfs=vfs)
    assert capacity.num_vfs == (0 if status else vfs)
    assert capacity.is_forecast == bool(status)
    if not status:
        assert capacity.placement is not None
        assert list(capacity.placement.addresses) == kernels_vfs(name, address)


def test_a_function_that_the_kernel_does_not_see_has_no_capacity() -> None:
    name, pf = HIDDEN
    with pytest.raises(InputError, match="no such PCI device"):
        capacity_of(recorded_snapshot(name, "initial"), parse_pci_address(pf))


def test_exhausted_memory_is_named_and_the_remedy_is_the_right_one() -> None:
    name = "nvme-vf-mmio-exhausted-realloc-off"
    capacity = capacity_of(
        recorded_snapshot(name, "initial"), parse_pci_address("01:00.0"), vfs=127
    )
    assert capacity.max_usable_vfs == 0
    assert capacity.placement is not None
    assert capacity.placement.first_limit == LimitKind.MMIO
    assert capacity.binding is not None
    assert capacity.binding.refusal is not None
    log = recorded_snapshot(name, "vfs").kernel_log or ()
    assert any("not enough MMIO resources for SR-IOV" in line for line in log)
    assert "not enough MMIO resources for SR-IOV" in capacity.binding.refusal
    # The same machine without the parameter takes all 127.
    assert capacity.binding.remedy is not None
    assert "without pci=realloc=off" in capacity.binding.remedy
    assert capacity.binding.max_vfs_after == 127


def test_the_memory_is_what_the_kernel_reserved() -> None:
    capacity = capacity_of(
        recorded_snapshot("nvme-127vfs-realloc", "initial"), parse_pci_address("01:00.0"), vfs=127
    )
    assert capacity.placement is not None
    assert capacity.placement.memory_bytes == 0x1FC000
