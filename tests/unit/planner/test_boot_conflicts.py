"""Who else sets the VFs of a PF is found by name, address, MAC or driver."""

from __future__ import annotations

import pytest

from sriovctl.model.persistence import BootSetting, Selector, SettingKind
from sriovctl.model.state import DesiredState, WantedVF
from sriovctl.planner.boot_conflicts import Surroundings, find_conflicts
from tests.unit.planner.samples import igb_pf, wanted

PF = igb_pf(2)
COUNTS = wanted(num_vfs=2)


def devices(
    selector: Selector,
    *,
    kind: SettingKind = SettingKind.VF_COUNT,
    state: DesiredState = COUNTS,
    netdevs: tuple[str, ...] = ("eth0", "eth9"),
) -> list[str | None]:
    setting = BootSetting(kind, "udev", "/etc/a.rules", 3, "…", selector)
    around = Surroundings(((state.pfs[0], PF),), frozenset(netdevs))
    return [conflict.device for conflict in find_conflicts([setting], around)]


@pytest.mark.parametrize(
    "selector",
    [
        Selector(netdevs=("eth0",)),
        Selector(netdevs=("en*", "eth?")),
        Selector(addresses=("0000:01:00.0",)),
        Selector(macs=("52:54:00:00:01:00",)),
        Selector(drivers=("igb",)),
        Selector(drivers=("i*",)),
    ],
)
def test_a_line_that_means_the_pf_names_it(selector: Selector) -> None:
    assert devices(selector) == ["0000:01:00.0"]


@pytest.mark.parametrize(
    "selector",
    [
        Selector(netdevs=("eth9",)),
        Selector(addresses=("0000:02:00.0",)),
        Selector(macs=("52:54:00:00:01:01",)),
        Selector(drivers=("mlx5_core",)),
    ],
)
def test_a_line_that_means_another_device_is_no_conflict(selector: Selector) -> None:
    assert devices(selector) == []


def test_a_line_that_does_not_tell_may_mean_the_pf() -> None:
    assert devices(Selector()) == [None]


def test_a_name_that_no_netdev_has_may_be_one_of_the_moment() -> None:
    assert devices(Selector(netdevs=("eth3",))) == [None]


def test_a_pf_whose_count_the_state_leaves_alone_has_no_conflict() -> None:
    assert devices(Selector(netdevs=("eth0",)), state=wanted(link_up=True)) == []


def test_drivers_of_vfs_are_told_by_the_vfs_address() -> None:
    vf = str(PF.vfs[1].address)
    state = wanted(vf_default=WantedVF(driver="vfio-pci"))
    selector = Selector(addresses=(vf,))
    assert devices(selector, kind=SettingKind.DRIVER, state=state) == ["0000:01:00.0"]
    assert devices(selector, kind=SettingKind.DRIVER) == []
    assert devices(Selector(addresses=("0000:07:00.0",)), kind=SettingKind.DRIVER) == []


def test_a_group_number_is_wrong_wherever_it_stands() -> None:
    assert devices(Selector(), kind=SettingKind.GROUP_NUMBER, state=wanted()) == [None]
