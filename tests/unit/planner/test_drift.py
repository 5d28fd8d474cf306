"""Drift: what differs, no more and no less than a plan would change."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from sriovctl.engine.inventory import read_inventory
from sriovctl.errors import InputError
from sriovctl.host.simulated import simulated_82576
from sriovctl.model.drift import Difference
from sriovctl.model.functions import VLAN
from sriovctl.model.state import DesiredState, PFMatch, WantedPF, WantedVF
from sriovctl.planner.diff import plan_state
from sriovctl.planner.drift import find_drift
from tests.unit.engine.test_apply import states
from tests.unit.planner.samples import igb_pf, wanted

PF = "0000:01:00.0"


def test_each_difference_has_its_place_and_both_values() -> None:
    state = wanted(num_vfs=2, vfs=((1, WantedVF(vlan=VLAN(42), trust=True)),))
    assert find_drift(state, [igb_pf(2)]) == (
        Difference(
            f"{PF} vf 1",
            "vlan",
            {"id": 42, "qos": 0, "protocol": "802.1q"},
            {"id": 0, "qos": 0, "protocol": "802.1q"},
        ),
        Difference(f"{PF} vf 1", "trust", True, False),
    )


def test_a_wrong_count_is_one_difference_and_vfs_that_are_there_are_compared() -> None:
    state = wanted(num_vfs=4, vfs=((0, WantedVF(trust=True)), (3, WantedVF(trust=True))))
    assert find_drift(state, [igb_pf(2)]) == (
        Difference(PF, "num_vfs", 4, 2),
        Difference(f"{PF} vf 0", "trust", True, False),
    )


def test_lost_vfs_are_one_difference() -> None:
    state = wanted(num_vfs=4, vf_default=WantedVF(vlan=VLAN(42)))
    assert find_drift(state, [igb_pf(0)]) == (Difference(PF, "num_vfs", 4, 0),)


def test_a_pf_that_is_gone_is_a_difference() -> None:
    assert find_drift(wanted(num_vfs=4), []) == (
        Difference("uplink", "match", f"address {PF}", None),
    )


def test_a_match_that_means_several_is_an_error() -> None:
    state = DesiredState((WantedPF("a", PFMatch(driver="igb"), num_vfs=1),))
    other = igb_pf()._replace(device="0000:02:00.0")
    with pytest.raises(InputError, match="2 PFs fit"):
        find_drift(state, [igb_pf(), other])


@settings(deadline=None, max_examples=60)
@given(state=states())
def test_there_is_drift_where_there_is_something_to_plan(state: DesiredState) -> None:
    pfs = read_inventory(simulated_82576(), name_of=lambda *_: None)
    assert bool(find_drift(state, pfs)) == bool(plan_state(state, pfs).steps)


def test_no_admin_mac_is_as_wanted_whatever_the_vfs_driver_chose() -> None:
    state = wanted(vf_default=WantedVF(admin_mac="00:00:00:00:00:00"))
    assert find_drift(state, [igb_pf(1, vf_driver="igbvf")]) == ()
    for driver in (None, "vfio-pci"):
        (one,) = find_drift(state, [igb_pf(1, vf_driver=driver)])
        assert (one.key, one.found) == ("admin_mac", "52:54:00:00:00:00")
