from __future__ import annotations

import pytest

from sriovctl.model.state import DesiredState, PFMatch, WantedPF, WantedVF
from sriovctl.planner.boot_modules import drivers_named
from sriovctl.planner.readiness import Lack, find_lacks, without_lacking
from tests.unit.planner.samples import igb_pf, wanted

PF = igb_pf()
NO_DRIVER = PF._replace(driver=None, netdev=None, up=None)
NO_NETDEV = PF._replace(netdev=None, up=None)
MAC = WantedVF(admin_mac="52:54:00:00:00:01")


def lacks(state: DesiredState, *pfs: object) -> list[str]:
    return [lack.what for lack in find_lacks(state, pfs)]  # type: ignore[arg-type]


def test_nothing_is_lacking_when_the_pf_is_there() -> None:
    assert lacks(wanted(num_vfs=2, vf_default=MAC), PF) == []


def test_a_pf_that_is_not_there() -> None:
    assert lacks(wanted(num_vfs=2)) == ["no PF fits address 0000:01:00.0"]


def test_a_pf_waits_for_its_driver_only_when_the_driver_has_something_to_do() -> None:
    assert lacks(wanted(num_vfs=2), NO_DRIVER) == ["0000:01:00.0 has no driver"]
    assert lacks(wanted(num_vfs=0), NO_DRIVER) == []


@pytest.mark.parametrize(
    "state",
    [
        wanted(link_up=True),
        wanted(mtu=9000),
        wanted(num_vfs=1, vf_default=MAC),
        wanted(num_vfs=1, vfs=((0, MAC),)),
    ],
)
def test_a_pf_waits_for_its_netdev_when_something_goes_through_it(state: DesiredState) -> None:
    assert lacks(state, NO_NETDEV) == ["0000:01:00.0 has no netdev"]


def test_drivers_of_vfs_and_counts_need_no_netdev() -> None:
    assert lacks(wanted(num_vfs=1, vf_default=WantedVF(driver="vfio-pci")), NO_NETDEV) == []


def test_vfs_that_only_the_driver_can_make_are_waited_for() -> None:
    mlx4 = PF._replace(driver="mlx4_core")
    (lack,) = lacks(wanted(num_vfs=2), mlx4)
    assert lack.startswith("0000:01:00.0 has 0 VFs, and mlx4_core makes VFs only when")
    assert lacks(wanted(num_vfs=0), mlx4) == []


def test_several_pfs_where_one_is_meant_are_nothing_to_wait_for() -> None:
    state = DesiredState((WantedPF("a", PFMatch(driver="igb"), num_vfs=1),))
    assert lacks(state, PF, PF._replace(device="0000:02:00.0")) == []


def test_only_the_entries_that_lack_something_are_left_out() -> None:
    two = DesiredState((*wanted(num_vfs=1).pfs, WantedPF("other", PFMatch(netdev="eth7"))))
    found = find_lacks(two, [PF])
    assert [str(lack) for lack in found] == ["other: no PF fits netdev eth7"]
    assert [pf.label for pf in without_lacking(two, found).pfs] == ["uplink"]
    passing = [Lack("uplink", "udev is not done", is_fatal=False)]
    assert without_lacking(two, passing) == two


def test_each_driver_that_a_state_names_is_listed_once() -> None:
    state = wanted(
        vf_default=WantedVF(driver="vfio-pci"),
        vfs=((0, WantedVF(driver="igbvf")), (1, WantedVF(driver=None)), (2, MAC)),
    )
    assert drivers_named(state) == ("igbvf", "vfio-pci")
