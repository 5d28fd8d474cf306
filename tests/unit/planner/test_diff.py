from __future__ import annotations

import pytest

from sriovctl.errors import InputError, UnsupportedError
from sriovctl.model.functions import PF, VLAN
from sriovctl.model.plan import Action, Disruption
from sriovctl.model.state import DesiredState, PFMatch, WantedPF, WantedVF
from sriovctl.planner.diff import plan_state
from tests.unit.planner.samples import igb_pf, wanted


def actions(state: DesiredState, pf: PF) -> list[tuple[str, dict[str, object]]]:
    return [(step.action, step.after) for step in plan_state(state, [pf]).steps]


def test_nothing_said_is_nothing_done() -> None:
    assert plan_state(wanted(), [igb_pf(2)]).steps == ()


def test_what_is_so_already_is_left_alone() -> None:
    said = wanted(
        num_vfs=2,
        drivers_autoprobe=True,
        link_up=True,
        vf_default=WantedVF(spoofchk=True, vlan=VLAN(0), driver="igbvf"),
    )
    assert plan_state(said, [igb_pf(2, vf_driver="igbvf")]).steps == ()


def test_a_pf_whose_vfs_are_not_known_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="is not known"):
        plan_state(wanted(num_vfs=2), [igb_pf()._replace(num_vfs=None)])


def test_order_is_autoprobe_link_count_attributes_drivers() -> None:
    said = wanted(
        num_vfs=2,
        drivers_autoprobe=False,
        link_up=True,
        vf_default=WantedVF(trust=True, driver="vfio-pci"),
    )
    assert actions(said, igb_pf()._replace(up=False)) == [
        (Action.SET_AUTOPROBE, {"drivers_autoprobe": False}),
        (Action.SET_LINK_UP, {"up": True}),
        (Action.SET_NUM_VFS, {"num_vfs": 2}),
        (Action.SET_VF, {"trust": True}),
        (Action.SET_VF, {"trust": True}),
        (Action.BIND_DRIVER, {"driver": "vfio-pci"}),
        (Action.BIND_DRIVER, {"driver": "vfio-pci"}),
    ]


def test_resize_goes_through_zero_and_names_what_dies() -> None:
    plan = plan_state(wanted(num_vfs=1), [igb_pf(2)])
    destroy, create, restore = plan.steps
    assert (destroy.after, create.after) == ({"num_vfs": 0}, {"num_vfs": 1})
    assert destroy.disruption is Disruption.VF_DESTROYED
    assert "0000:01:10.0, 0000:01:10.2" in destroy.reason
    assert restore.vf_index == 0
    assert restore.after["admin_mac"] == "52:54:00:00:00:00"  # what VF 0 had before


def test_what_the_user_says_beats_what_a_survivor_had() -> None:
    said = wanted(num_vfs=3, vfs=((0, WantedVF(vlan=VLAN(42))),))
    vf0 = next(s for s in plan_state(said, [igb_pf(2)]).steps if s.vf_index == 0)
    assert vf0.after["vlan"] == {"id": 42, "qos": 0, "protocol": "802.1q"}
    assert vf0.after["spoofchk"] is True


def test_vfs_in_guests_are_marked() -> None:
    plan = plan_state(wanted(num_vfs=0), [igb_pf(2, vf_driver="vfio-pci")])
    assert plan.disruption is Disruption.GUEST_AFFECTED


def test_only_what_differs_is_set() -> None:
    said = wanted(vfs=((1, WantedVF(spoofchk=True, trust=True)),))
    (step,) = plan_state(said, [igb_pf(2)]).steps
    assert (step.before, step.after) == ({"trust": False}, {"trust": True})
    assert step.commands == ("ip link set dev eth0 vf 1 trust on",)


def test_a_vlan_with_all_its_words() -> None:
    said = wanted(vfs=((0, WantedVF(vlan=VLAN(5, 3, "802.1ad"))),))
    (step,) = plan_state(said, [igb_pf(1)._replace(driver="netdevsim")]).steps
    assert step.commands == ("ip link set dev eth0 vf 0 vlan 5 qos 3 proto 802.1ad",)


@pytest.mark.parametrize(
    ("said", "pf", "error", "words"),
    [
        ({"num_vfs": 8}, igb_pf(), UnsupportedError, "at most 7"),
        ({"num_vfs": 1}, igb_pf()._replace(driver=None), UnsupportedError, "no driver"),
        ({"vfs": ((2, WantedVF()),)}, igb_pf(2), InputError, "VF 2 is out of range"),
        (
            {"num_vfs": 1, "vf_default": WantedVF(trust=True)},
            igb_pf()._replace(netdev=None),
            UnsupportedError,
            "has no netdev",
        ),
        ({"link_up": True}, igb_pf()._replace(netdev=None, up=None), UnsupportedError, "no netdev"),
        (
            {"drivers_autoprobe": False},
            igb_pf()._replace(drivers_autoprobe=None),
            UnsupportedError,
            "no sriov_drivers_autoprobe",
        ),
        (
            {"vf_default": WantedVF(driver="vfio-pci")},
            igb_pf(1)._replace(address=None),
            UnsupportedError,
            "no PCI functions",
        ),
    ],
)
def test_what_cannot_be_is_refused_before_any_step(
    said: dict[str, object], pf: PF, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        plan_state(wanted(**said), [pf])


def test_a_match_must_fit_exactly_one_pf() -> None:
    other = igb_pf()._replace(device="0000:02:00.0")
    with pytest.raises(InputError, match=r"no PF fits netdev eth9.*0000:01:00.0 \(eth0\)"):
        plan_state(DesiredState((WantedPF("a", PFMatch(netdev="eth9")),)), [igb_pf()])
    with pytest.raises(InputError, match="2 PFs fit driver igb"):
        plan_state(DesiredState((WantedPF("a", PFMatch(driver="igb")),)), [igb_pf(), other])


def test_a_pf_is_meant_once() -> None:
    same = WantedPF("b", PFMatch(netdev="eth0"))
    state = DesiredState((*wanted().pfs, same))
    with pytest.raises(InputError, match="both 'uplink' and 'b'"):
        plan_state(state, [igb_pf()])
