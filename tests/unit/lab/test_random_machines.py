from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

import pytest

from sriovctl.lab.argv import FIRST_ROOT_BUS_SLOT
from sriovctl.lab.machines import (
    IGB,
    IOMMU,
    Bridge,
    BridgeModel,
    HostBridge,
    Machine,
    MultiFunction,
    NVMe,
    Plain,
    PlainModel,
    RootPort,
    Switch,
)
from sriovctl.lab.random_machines import random_machine

SEEDS_IN_CI = range(20)


def parts(value: object) -> Iterator[object]:
    """Walk over all that a machine consists of, itself included."""
    yield value
    if is_dataclass(value):
        for one in fields(value):
            yield from parts(getattr(value, one.name))
    elif isinstance(value, tuple):
        for item in value:
            yield from parts(item)


@pytest.fixture(scope="module")
def everything() -> list[object]:
    return [part for seed in SEEDS_IN_CI for part in parts(random_machine(seed))]


def slots_with_functions(machine: Machine) -> Iterator[MultiFunction]:
    return (part for part in parts(machine) if isinstance(part, MultiFunction))


def test_a_seed_makes_the_same_machine_each_time() -> None:
    assert random_machine(5) == random_machine(5)
    assert random_machine(5).root_bus != random_machine(6).root_bus


def test_the_seeds_in_ci_have_every_kind_of_device(everything: list[object]) -> None:
    kinds = {IGB, NVMe, Plain, MultiFunction, Switch, Bridge, RootPort, HostBridge}
    assert kinds <= set(map(type, everything))
    assert set(PlainModel) | set(BridgeModel) | {IOMMU.INTEL, IOMMU.AMD} <= {
        part for part in everything if isinstance(part, (PlainModel, BridgeModel, IOMMU))
    }


def test_the_seeds_in_ci_have_every_kind_of_place(everything: list[object]) -> None:
    switches = [part for part in everything if isinstance(part, Switch)]
    assert any(isinstance(below, Switch) for switch in switches for below in switch.devices)
    assert {switch.one_slot for switch in switches if len(switch.devices) > 1} == {True, False}
    assert {part.acs for part in everything if isinstance(part, RootPort)} == {True, False}
    slots = [part.functions for part in everything if isinstance(part, MultiFunction)]
    assert any(len(functions) == 1 for functions in slots)
    assert any(len(functions) > 1 and isinstance(functions[0], RootPort) for functions in slots)
    assert any(isinstance(functions[0], Switch) for functions in slots)
    integrated = {type(one) for seed in SEEDS_IN_CI for one in random_machine(seed).root_bus}
    assert {Plain, IGB} <= integrated or {Plain, NVMe} <= integrated


@pytest.mark.parametrize("seed", range(200))
def test_a_machine_is_one_that_qemu_can_be(seed: int) -> None:
    machine = random_machine(seed)
    pfs = [part for part in parts(machine) if isinstance(part, (IGB, NVMe))]
    assert 1 <= len(pfs) <= 3
    # VFs of an igb on the root bus have numbers 16 and 17 slots further on, up to slot 1e.
    igbs = [n for n, one in enumerate(machine.root_bus, FIRST_ROOT_BUS_SLOT) if one == IGB()]
    assert len(igbs) <= 1
    assert all(slot + 17 <= 0x1E for slot in igbs)
    for slot in slots_with_functions(machine):
        assert not any(isinstance(one, NVMe) for one in slot.functions[:-1])
        vfs = sum(one.total_vfs for one in slot.functions if isinstance(one, NVMe))
        assert len(slot.functions) + vfs <= 8
