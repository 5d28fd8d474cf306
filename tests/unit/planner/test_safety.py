from __future__ import annotations

import pytest

from sriovctl.model.functions import PF, VLAN
from sriovctl.model.owner import Owner, OwnerKind, OwnerMap
from sriovctl.model.plan import Action, Disruption, Plan
from sriovctl.model.state import WantedVF
from sriovctl.planner.diff import plan_state
from sriovctl.planner.safety import find_refusals
from tests.unit.planner.samples import igb_pf, wanted

PF_DEVICE = "0000:01:00.0"
VF0, VF1 = "0000:01:10.0", "0000:01:10.2"
GUEST = Owner(OwnerKind.GUEST, "web")
OFF = Owner(OwnerKind.GUEST_CONFIG, "db")
SSH = Owner(OwnerKind.SSH, "192.0.2.7")
FOREIGN = Owner(OwnerKind.FOREIGN, PF_DEVICE)


def affected(plan: Plan) -> list[tuple[Action, int | None, tuple[str, ...]]]:
    return [(step.action, step.vf_index, step.affected) for step in plan.steps]


def with_driver(driver: str, num_vfs: int = 0) -> PF:
    return igb_pf(num_vfs)._replace(driver=driver)


def test_a_resize_hurts_every_user_once_and_a_guest_that_is_off_only_without_its_vf() -> None:
    owners: OwnerMap = {VF0: (GUEST, OFF), VF1: (OFF._replace(name="mail"),), PF_DEVICE: (SSH,)}
    plan = plan_state(wanted(num_vfs=1), [with_driver("ice", 2)], owners=owners)
    assert affected(plan) == [
        (Action.SET_NUM_VFS, None, ("guest:web", "guest-config:mail")),
        (Action.SET_NUM_VFS, None, ()),
        (Action.SET_VF, 0, ()),
    ]
    assert plan.steps[0].disruption is Disruption.GUEST_AFFECTED


def test_a_network_of_libvirt_minds_the_vf_that_does_not_come_back() -> None:
    network = Owner(OwnerKind.NETWORK, "finance")
    owners: OwnerMap = {VF0: (network,), VF1: (network,)}
    fewer = plan_state(wanted(num_vfs=1), [with_driver("ice", 2)], owners=owners)
    assert fewer.steps[0].affected == ("network:finance",)
    more = plan_state(wanted(num_vfs=3), [with_driver("ice", 2)], owners=owners)
    assert not any(step.affected for step in more.steps)
    said = wanted(vfs=((0, WantedVF(vlan=VLAN(5))),))
    (change,) = plan_state(said, [igb_pf(2)], owners=owners).steps
    assert change.affected == ()


def test_a_driver_that_flaps_its_link_hurts_who_uses_the_pf() -> None:
    owners: OwnerMap = {PF_DEVICE: (SSH, Owner(OwnerKind.ADDRESS, "192.0.2.1/24"))}
    (step,) = plan_state(wanted(num_vfs=2), [igb_pf()], owners=owners).steps
    assert step.affected == ("ssh:192.0.2.7", "address:192.0.2.1/24")
    assert step.disruption is Disruption.LINK_FLAP
    (calm,) = plan_state(wanted(num_vfs=2), [with_driver("ice")], owners=owners).steps
    assert calm.affected == ()


def test_a_pf_that_is_down_has_no_link_to_lose() -> None:
    owners: OwnerMap = {PF_DEVICE: (SSH,)}
    down = igb_pf()._replace(up=False)
    (step,) = plan_state(wanted(num_vfs=2), [down], owners=owners).steps
    assert (step.affected, step.disruption) == ((), Disruption.NONE)
    up, step = plan_state(wanted(num_vfs=2, link_up=True), [down], owners=owners).steps
    assert (up.affected, step.affected) == ((), ("ssh:192.0.2.7",))


def test_vfs_of_somebody_else_are_named_when_they_are_destroyed_only() -> None:
    owners: OwnerMap = {PF_DEVICE: (FOREIGN,)}
    pf = with_driver("ice", 1)
    (destroy,) = plan_state(wanted(num_vfs=0), [pf], owners=owners).steps
    assert destroy.affected == (f"foreign:{PF_DEVICE}",)
    (change,) = plan_state(wanted(vf_default=WantedVF(trust=True)), [pf], owners=owners).steps
    assert change.affected == ()


def test_a_change_of_one_vf_hurts_its_users_alone() -> None:
    owners: OwnerMap = {VF0: (GUEST, OFF), VF1: (GUEST._replace(name="other"),), PF_DEVICE: (SSH,)}
    said = wanted(vfs=((0, WantedVF(vlan=VLAN(5), driver="vfio-pci")),))
    plan = plan_state(said, [igb_pf(2)], owners=owners)
    assert affected(plan) == [
        (Action.SET_VF, 0, ("guest:web",)),
        (Action.BIND_DRIVER, 0, ("guest:web",)),
    ]


def test_link_down_is_felt_by_all() -> None:
    owners: OwnerMap = {VF0: (GUEST,), VF1: (OFF,), PF_DEVICE: (SSH, FOREIGN)}
    (step,) = plan_state(wanted(link_up=False), [igb_pf(2)], owners=owners).steps
    assert step.affected == ("ssh:192.0.2.7", "guest:web")


def test_who_has_the_pf_in_user_space_feels_each_change_of_its_count() -> None:
    pf = with_driver("vfio-pci")._replace(netdev=None, up=None)
    owners: OwnerMap = {PF_DEVICE: (Owner(OwnerKind.PROCESS, "dpdk-812"),)}
    (step,) = plan_state(wanted(num_vfs=2), [pf], owners=owners).steps
    assert (step.affected, step.disruption) == (
        ("process:dpdk-812",),
        Disruption.GUEST_AFFECTED,
    )


def test_a_mount_on_an_nvme_controller_survives_its_vfs_but_not_an_unknown_driver() -> None:
    owners: OwnerMap = {PF_DEVICE: (Owner(OwnerKind.MOUNT, "/"),)}
    disk = with_driver("nvme")._replace(netdev=None, up=None, pci_class="010802")
    (step,) = plan_state(wanted(num_vfs=2), [disk], owners=owners).steps
    assert step.affected == ()
    (step,) = plan_state(wanted(num_vfs=2), [disk._replace(driver="new")], owners=owners).steps
    assert step.affected == ("mount:/",)


@pytest.mark.parametrize("owners", [None, {VF0: (Owner(OwnerKind.VFIO, VF0),)}])
def test_without_an_owner_map_vfio_means_in_use(owners: OwnerMap | None) -> None:
    pf = igb_pf(2, vf_driver="vfio-pci")
    destroy, *_ = plan_state(wanted(num_vfs=0), [pf], owners=owners).steps
    tokens = [f"vfio:{VF0}"] if owners else [f"vfio:{VF0}", f"vfio:{VF1}"]
    assert list(destroy.affected) == tokens
    assert destroy.disruption is Disruption.GUEST_AFFECTED
    (unused,) = plan_state(wanted(num_vfs=0), [pf], owners={}).steps
    assert (unused.affected, unused.disruption) == ((), Disruption.VF_DESTROYED)


def test_a_refusal_names_those_who_were_not_allowed() -> None:
    owners: OwnerMap = {VF0: (GUEST,), VF1: (GUEST._replace(name="other"),)}
    plan = plan_state(wanted(num_vfs=0), [igb_pf(2)], owners=owners)
    (refusal,) = find_refusals(plan, frozenset({"guest:web"}))
    assert (refusal.step, refusal.tokens) == (plan.steps[0], ("guest:other",))
    assert refusal.allow == "--allow guest:other"
    assert find_refusals(plan, frozenset({"guest:web", "guest:other"})) == ()
