"""What would be, against what the recorded kernels made of it, and on the simulated host."""

from __future__ import annotations

import pytest

from sriovctl.engine.snapshot import read_snapshot
from sriovctl.engine.what_if import try_changes
from sriovctl.errors import InputError, UnsupportedError
from sriovctl.host.simulated import simulated_82576
from sriovctl.model.address import PCIAddress, parse_pci_address
from sriovctl.model.snapshot import HostSnapshot
from sriovctl.topology.groups import predict_groups
from sriovctl.topology.what_if import with_acs, with_vfs
from tests.unit.topology.recorded import (
    WHY_SKIPPED,
    recorded_snapshot,
    scenario,
    scenario_names,
)

IGB = parse_pci_address("01:00.0")
IGB_ON_SWITCH = parse_pci_address("04:00.0")
DOWNSTREAM_PORT = parse_pci_address("03:00.0")


def successful_writes(name: str) -> dict[PCIAddress, int]:
    found = {one.address for one in recorded_snapshot(name, "initial").functions}
    writes = {
        parse_pci_address(one["bdf"]): one["n"]
        for one in scenario(name).get("set_vf") or ()
        if one["rc"] == 0
    }
    return {pf: vfs for pf, vfs in writes.items() if pf in found}


def kernels_partition(snapshot: HostSnapshot) -> set[frozenset[PCIAddress]]:
    groups: dict[int, set[PCIAddress]] = {}
    for function in snapshot.functions:
        if function.iommu_group is not None:
            groups.setdefault(function.iommu_group, set()).add(function.address)
    return set(map(frozenset, groups.values()))


def partition(snapshot: HostSnapshot) -> set[frozenset[PCIAddress]]:
    return {frozenset(one.members) for one in predict_groups(snapshot, iommu_on=False).groups}


def simulated(*, vfs: int = 0) -> HostSnapshot:
    host = simulated_82576()
    if vfs:
        host.files.write_text(f"/sys/bus/pci/devices/{IGB_ON_SWITCH}/sriov_numvfs", str(vfs))
    return read_snapshot(host)


@pytest.mark.skipif(not scenario_names(), reason=WHY_SKIPPED)
@pytest.mark.parametrize("name", [name for name in scenario_names() if successful_writes(name)])
def test_groups_with_vfs_are_those_that_the_kernel_formed(name: str) -> None:
    snapshot = recorded_snapshot(name, "initial")
    for pf, vfs in successful_writes(name).items():
        snapshot = with_vfs(snapshot, pf, vfs)
    after = recorded_snapshot(name, "vfs")
    assert [one.address for one in snapshot.functions] == [one.address for one in after.functions]
    if any(one.iommu_group is not None for one in after.functions):
        assert partition(snapshot) == kernels_partition(after)


def test_vfs_appear_as_the_simulated_kernel_makes_them() -> None:
    wished = with_vfs(simulated(), IGB_ON_SWITCH, 3)
    made = simulated(vfs=3)
    for ours, kernels in zip(wished.functions, made.functions, strict=True):
        for key in ("address", "vendor_id", "device_id", "class_code", "path", "is_vf"):
            assert getattr(ours, key) == getattr(kernels, key)
        assert ours.pf_address == kernels.pf_address
        assert ours.vf_index == kernels.vf_index
        assert ours.virtfn_addresses == kernels.virtfn_addresses
        assert ours.sriov_num_vfs == kernels.sriov_num_vfs
    assert partition(wished) == kernels_partition(made)


@pytest.mark.parametrize("vfs", [0, 2, 5])
def test_vfs_that_are_there_are_replaced(vfs: int) -> None:
    wished = with_vfs(simulated(vfs=3), IGB_ON_SWITCH, vfs)
    assert [one.address for one in wished.functions] == [
        one.address for one in with_vfs(simulated(), IGB_ON_SWITCH, vfs).functions
    ]


def test_more_than_works_is_refused_with_the_limit_named() -> None:
    with pytest.raises(UnsupportedError, match="limit sriov-totalvfs allows 7") as caught:
        with_vfs(simulated(), IGB, 8)
    assert caught.value.subject == str(IGB)


def test_places_that_cannot_be_told_are_refused() -> None:
    snapshot = simulated()
    functions = tuple(
        one._replace(config=None) if one.address == IGB else one for one in snapshot.functions
    )
    with pytest.raises(UnsupportedError, match="cannot be told"):
        with_vfs(snapshot._replace(functions=functions), IGB, 1)


def test_acs_in_the_slot_parts_a_card_from_its_port() -> None:
    snapshot = with_vfs(simulated(), IGB_ON_SWITCH, 2)
    together = {DOWNSTREAM_PORT, IGB_ON_SWITCH, *_vfs(snapshot)}
    assert frozenset(together) in partition(snapshot)
    parted = partition(with_acs(snapshot, DOWNSTREAM_PORT))
    assert {frozenset({one}) for one in together} <= parted


def _vfs(snapshot: HostSnapshot) -> list[PCIAddress]:
    return [one.address for one in snapshot.functions if one.is_vf]


def test_acs_keeps_what_a_port_has() -> None:
    port = parse_pci_address("00:06.0")
    before = {one.address: one.config for one in simulated().functions}[port]
    after = {one.address: one.config for one in with_acs(simulated(), port).functions}[port]
    assert before is not None
    assert after is not None
    assert before.acs is not None
    assert after.acs is not None
    assert before.acs[:3] == after.acs[:3]  # offset, capabilities, control


@pytest.mark.parametrize("address", [str(IGB), "00:1f.0"])
def test_acs_belongs_to_ports(address: str) -> None:
    with pytest.raises(InputError, match="is not a root port"):
        with_acs(simulated(), parse_pci_address(address))


def test_what_is_not_there_cannot_change() -> None:
    with pytest.raises(InputError, match="no such PCI device"):
        with_acs(simulated(), parse_pci_address("77:00.0"))


def test_several_changes_are_tried_together() -> None:
    tried = try_changes(
        simulated(), vfs={IGB: 2, IGB_ON_SWITCH: 1}, acs_ports=[DOWNSTREAM_PORT], iommu_on=False
    )
    assert [one.placement.vfs for one in tried.capacities if one.placement] == [2, 1]
    assert len(_vfs(tried.snapshot)) == 3
    assert all(len(one.members) == 1 for one in tried.prediction.groups if IGB in one.members)
