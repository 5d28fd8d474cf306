"""The steps that move a VF's netdev to another network namespace and back."""

from __future__ import annotations

from sriovctl.model.functions import VLAN
from sriovctl.model.netns import HOST, Namespace, NetdevPlace, NetnsWish
from sriovctl.model.owner import Owner, OwnerKind
from sriovctl.model.plan import Action, Plan
from sriovctl.model.run import RecordedStep, StepStatus
from sriovctl.model.state import WantedVF
from sriovctl.planner.declared import overlay_steps
from sriovctl.planner.diff import plan_state
from sriovctl.planner.netns import plan_move, plan_return
from sriovctl.planner.safety import name_affected
from sriovctl.planner.undo import plan_undo
from tests.unit.planner.samples import igb_pf, wanted

PF = igb_pf(2, vf_driver="igbvf")
VF = PF.vfs[0]
BLUE = Namespace("net:[4026532281]", ("/run/netns/blue",), ())
OF_A_PROCESS = Namespace("net:[4026532282]", (), ("812", "813"))
HERE = NetdevPlace(HOST, None, 7, "enp1s0v0", up=True, mac=None)
ADDRESS = str(VF.address)


def test_a_standing_netdev_goes_and_has_a_way_back() -> None:
    (step,) = plan_move(Plan(()), (PF, VF), HERE, BLUE, NetnsWish("data0", up=True)).steps
    assert (step.action, step.vf_index) == (Action.MOVE_NETDEV, 0)
    assert step.before == {"namespace": HOST, "netdev": "enp1s0v0", "up": True}
    assert step.after == {"namespace": BLUE.handle, "netdev": "data0", "up": True}
    assert step.commands == ("ip link set dev enp1s0v0 netns blue name data0 up",)
    (back,) = plan_undo([step]).steps
    assert (back.before, back.after) == (step.after, step.before)


def test_what_was_down_may_come_up_by_others_hands() -> None:
    down = HERE._replace(up=False)
    (step,) = plan_move(Plan(()), (PF, VF), down, OF_A_PROCESS, NetnsWish(up=True)).steps
    assert step.after == {"namespace": OF_A_PROCESS.handle, "netdev": "enp1s0v0", "up": True}
    assert step.commands == ("ip link set dev enp1s0v0 netns /proc/812/ns/net up",)
    (back,) = plan_undo([step]).steps
    assert back.after == {"namespace": HOST, "netdev": "enp1s0v0"}


def test_a_netdev_that_the_plan_makes_goes_with_its_driver() -> None:
    bind = plan_state(wanted(vfs=((0, WantedVF(driver="vfio-pci", vlan=VLAN(5))),)), [PF])
    *before, step = plan_move(bind, (PF, VF), HERE, BLUE, NetnsWish()).steps
    assert (tuple(before), step.before) == (bind.steps, {"namespace": None})
    assert step.after == {"namespace": BLUE.handle, "netdev": "enp1s0v0"}
    assert step.commands[0].startswith(f"ip link set dev $(ls /sys/bus/pci/devices/{ADDRESS}/net)")
    assert Action.MOVE_NETDEV not in [one.action for one in plan_undo([*before, step]).steps]
    (alone,) = plan_move(Plan(()), (PF, VF), None, BLUE, NetnsWish()).steps
    assert alone.after == {"namespace": BLUE.handle}


def test_one_of_which_nothing_is_known_keeps_its_name() -> None:
    there = HERE._replace(namespace=BLUE.handle, path=BLUE.path, ifname="data0")
    (step,) = plan_return((PF, VF), there, BLUE).steps
    assert (step.before, step.after) == ({"namespace": BLUE.handle}, {"namespace": HOST})
    assert step.commands == ("nsenter --net=/run/netns/blue ip link set dev data0 netns 1",)


def test_who_uses_the_vf_feels_it() -> None:
    plan = plan_move(Plan(()), (PF, VF), HERE, BLUE, NetnsWish())
    owners = {ADDRESS: (Owner(OwnerKind.ADDRESS, "192.0.2.9"),)}
    (step,) = name_affected(plan, [PF], owners).steps
    assert step.affected == ("address:192.0.2.9",)


def test_the_daemon_keeps_what_a_namespace_got_and_where_its_netdev_is() -> None:
    said = wanted(vfs=((0, WantedVF(vlan=VLAN(42))),)).pfs[0]
    other = plan_state(wanted(vfs=((0, WantedVF(vlan=VLAN(43))),)), [PF])
    steps = plan_move(other, (PF, VF), HERE, BLUE, NetnsWish("data0", up=True)).steps
    recorded = [RecordedStep(n, StepStatus.DONE, step) for n, step in enumerate(steps)]
    kept = overlay_steps(said, PF.device, recorded)
    assert kept.wanted_vf(0) == WantedVF(vlan=VLAN(43))
