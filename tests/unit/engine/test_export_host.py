"""A host's own state plans empty on it, and brings a fresh one to the same."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sriovctl.engine.exchange.export_host import export_host, state_of_host
from sriovctl.engine.inventory import read_inventory
from sriovctl.engine.runs.apply import ApplyOptions, apply_plan
from sriovctl.engine.runs.execute import Site
from sriovctl.host.journal import SQLiteJournal
from sriovctl.host.simulated import SimulatedHost, simulated_82576
from sriovctl.model.functions import PF, VF, VLAN, VFAttributes
from sriovctl.model.state import UNSET, DesiredState, PFMatch, WantedPF, WantedVF
from sriovctl.model.translation import LeftOut
from sriovctl.planner.diff import plan_state

IGB = "0000:01:00.0"
NVME = "0000:05:00.0"

unset = st.just(UNSET)
flags = st.booleans() | unset
drivers = st.sampled_from([UNSET, None, "vfio-pci", "igbvf"])
vlans = st.builds(VLAN, st.integers(0, 4094), st.integers(0, 7), st.just("802.1q")) | unset
wanted_vfs = st.tuples(vlans, flags, flags, drivers).map(
    lambda said: WantedVF(UNSET, *said[:3], driver=said[3])
)


@st.composite
def states(draw: st.DrawFn) -> DesiredState:
    num_vfs = draw(st.integers(0, 7))
    said = draw(st.dictionaries(st.integers(0, num_vfs - 1), wanted_vfs)) if num_vfs else {}
    with_mac = draw(st.sets(st.sampled_from(sorted(said)))) if said else set()
    said |= {n: said[n]._replace(admin_mac=f"52:54:00:00:00:{n:02x}") for n in with_mac}
    of_igb = WantedPF(
        "uplink",
        PFMatch(address=IGB),
        num_vfs=num_vfs,
        drivers_autoprobe=draw(flags),
        link_up=draw(flags),
        vf_default=draw(wanted_vfs),
        vfs=tuple(sorted(said.items(), key=lambda pair: pair[0])),
    )
    of_nvme = WantedPF(
        "storage",
        PFMatch(address=NVME),
        num_vfs=draw(st.integers(0, 4)),
        drivers_autoprobe=draw(flags),
        vf_default=WantedVF(driver=draw(st.sampled_from([UNSET, None, "vfio-pci"]))),
    )
    return DesiredState((of_igb, of_nvme))


def inventory(host: SimulatedHost) -> tuple[PF, ...]:
    return read_inventory(host, name_of=lambda *_: None)


def bring(host: SimulatedHost, state: DesiredState) -> None:
    plan = plan_state(state, inventory(host))
    allowed = frozenset(token for step in plan.steps for token in step.affected)
    site = Site(host, SQLiteJournal(None), lambda _: None)
    apply_plan(site, plan, options=ApplyOptions(allowed=allowed))


@settings(deadline=None, max_examples=60)
@given(state=states())
def test_it_plans_empty_and_brings_a_fresh_host_to_the_same(state: DesiredState) -> None:
    host = simulated_82576()
    bring(host, state)
    exported, left_out = export_host(host)
    assert left_out == ()
    assert plan_state(exported, inventory(host)).steps == ()
    fresh = simulated_82576()
    bring(fresh, exported)
    assert export_host(fresh) == (exported, ())


def test_a_host_without_vfs_says_so_and_no_more() -> None:
    exported, _ = export_host(simulated_82576())
    assert [(pf.label, pf.num_vfs) for pf in exported.pfs] == [
        ("eth0", 0),
        ("eth1", 0),
        (NVME, 0),
    ]
    mac = inventory(simulated_82576())[0].permanent_mac
    assert exported.pfs[0] == WantedPF("eth0", PFMatch(address=IGB, permanent_mac=mac), num_vfs=0)


def test_what_all_vfs_share_is_said_once() -> None:
    host = simulated_82576()
    vfio = WantedVF(driver="vfio-pci", vlan=VLAN(42))
    others = ((1, WantedVF(vlan=VLAN(43))),)
    wanted = WantedPF("a", PFMatch(address=IGB), num_vfs=3, vf_default=vfio, vfs=others)
    bring(host, DesiredState((wanted,)))
    exported = export_host(host)[0].pfs[0]
    assert exported.vf_default.driver == "vfio-pci"
    assert exported.vf_default.spoofchk is True
    assert exported.vf_default.vlan is UNSET
    assert [vf.vlan for _, vf in exported.vfs] == [VLAN(42), VLAN(43), VLAN(42)]


def test_a_vlan_of_an_odd_protocol_is_left_out_by_name() -> None:
    pf = inventory(simulated_82576())[0]
    odd = VF(0, None, None, None, None, None, VFAttributes(0, vlan=VLAN(42, 0, "0x9100")))
    state, left_out = state_of_host([pf._replace(num_vfs=1, vfs=(odd,))])
    assert left_out == (
        LeftOut("vlan", "eth0", "its protocol is neither 802.1q nor 802.1ad", (0,)),
    )
    assert state.pfs[0].vfs == ()


def test_msix_counts_are_said_only_where_they_differ() -> None:
    pf = inventory(simulated_82576())[0]
    even = [VF(n, None, None, None, None, None, msix_count=8) for n in range(2)]
    odd = [even[0], even[1]._replace(msix_count=16)]
    for vfs, told in ((even, []), (odd, [8, 16])):
        state, _ = state_of_host([pf._replace(num_vfs=2, vfs=tuple(vfs))])
        assert [vf.msix_count for _, vf in state.pfs[0].vfs] == told


def test_jumbo_frames_and_switchdev_are_said() -> None:
    pf = inventory(simulated_82576())[0]._replace(mtu=9000, eswitch_mode="switchdev")
    wanted = state_of_host([pf])[0].pfs[0]
    assert (wanted.mtu, wanted.eswitch_mode) == (9000, "switchdev")
