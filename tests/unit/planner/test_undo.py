from __future__ import annotations

from sriovctl.model.functions import VLAN
from sriovctl.model.plan import Action
from sriovctl.model.state import DesiredState, WantedVF
from sriovctl.planner.diff import plan_state
from sriovctl.planner.undo import plan_undo
from tests.unit.planner.samples import igb_pf, wanted


def way_back(state: DesiredState, num_vfs: int) -> list[tuple[str, int | None, dict[str, object]]]:
    plan = plan_state(state, [igb_pf(num_vfs)])
    return [(s.action, s.vf_index, s.after) for s in plan_undo(plan.steps).steps]


def test_vfs_that_were_created_just_go() -> None:
    said = wanted(num_vfs=2, drivers_autoprobe=False, vf_default=WantedVF(trust=True, driver=None))
    assert way_back(said, 0) == [
        (Action.SET_NUM_VFS, None, {"num_vfs": 0}),
        (Action.SET_AUTOPROBE, None, {"drivers_autoprobe": True}),
    ]


def test_attributes_of_standing_vfs_return() -> None:
    said = wanted(vfs=((1, WantedVF(vlan=VLAN(42), trust=True)),))
    before = {"vlan": {"id": 0, "qos": 0, "protocol": "802.1q"}, "trust": False}
    assert way_back(said, 2) == [(Action.SET_VF, 1, before)]


def test_vfs_that_were_destroyed_return_with_what_they_had() -> None:
    back = way_back(wanted(num_vfs=0), 2)
    assert back[0] == (Action.SET_NUM_VFS, None, {"num_vfs": 2})
    assert [(action, vf) for action, vf, _ in back[1:]] == [
        (Action.SET_VF, 0),
        (Action.SET_VF, 1),
    ]
    assert back[1][2]["admin_mac"] == "52:54:00:00:00:00"


def test_a_resize_goes_back_through_zero() -> None:
    counts = [
        after["num_vfs"]
        for action, _, after in way_back(wanted(num_vfs=4), 2)
        if action == Action.SET_NUM_VFS
    ]
    assert counts == [0, 2]


def test_vfs_that_may_be_there_still_keep_their_drivers() -> None:
    pf = igb_pf(1, vf_driver="igbvf")
    (destroy,) = plan_state(wanted(num_vfs=0), [pf]).steps
    unbound = [step for step in plan_undo([destroy]).steps if step.after == {"driver": None}]
    assert [step.vf_index for step in unbound] == [0]
    unsure = plan_undo([destroy], sure=[]).steps
    assert [step.after for step in unsure if step.action is Action.BIND_DRIVER] == [
        {"driver": "igbvf"}
    ]
