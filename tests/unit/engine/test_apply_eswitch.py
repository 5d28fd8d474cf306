"""Eswitch modes and MSI-X counts on simulated mlx5 and ice cards: planned, applied, taken back."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.engine.mortal import Fate, KilledError, mortal_site

from sriovctl.engine.inventory import read_inventory
from sriovctl.engine.runs.apply import ApplyOptions, apply_plan
from sriovctl.engine.runs.execute import Site
from sriovctl.engine.runs.undo import undo_run
from sriovctl.engine.wanted_details import with_wanted_details
from sriovctl.errors import HostError, UnsupportedError
from sriovctl.host.journal import SQLiteJournal
from sriovctl.host.simulated import (
    CONNECTX_6_DX,
    INTEL_E810,
    Card,
    CardModel,
    MachineSpec,
    SimulatedHost,
    simulate,
)
from sriovctl.model.functions import PF, VLAN, EswitchMode
from sriovctl.model.plan import Action, Plan
from sriovctl.model.state import UNSET, DesiredState, PFMatch, WantedPF, WantedVF
from sriovctl.planner.diff import plan_state

CARD = "0000:01:00.0"
MODELS = (CONNECTX_6_DX, INTEL_E810)
LEGACY, SWITCHDEV = EswitchMode.LEGACY, EswitchMode.SWITCHDEV


def wanted(**said: object) -> DesiredState:
    return DesiredState((WantedPF("a", PFMatch(address=CARD), **said),))  # type: ignore[arg-type]


def host_with(model: CardModel) -> SimulatedHost:
    return simulate(MachineSpec(cards=(Card(model),)))


def look(host: SimulatedHost) -> tuple[PF, ...]:
    """Read all that is known, the mode of the eswitch as well."""
    pfs = read_inventory(host, name_of=lambda _vendor, _device: None)
    return with_wanted_details(host, pfs, wanted(eswitch_mode=LEGACY))


def comparable(pf: PF) -> PF:
    # Numbers and names of what is made anew, and what a VF driver makes up, come out differently.
    vfs = tuple(
        vf._replace(
            iommu_group=None,
            netdev=None,
            driver=vf.driver if vf.driver == "vfio-pci" else None,
            attributes=vf.attributes._replace(admin_mac=None) if vf.attributes else None,
        )
        for vf in pf.vfs
    )
    return pf._replace(vfs=vfs)


def plan_for(host: SimulatedHost, state: DesiredState) -> Plan:
    pfs = read_inventory(host, name_of=lambda _vendor, _device: None)
    return plan_state(state, with_wanted_details(host, pfs, state))


def allowing_all(plan: Plan) -> ApplyOptions:
    return ApplyOptions(allowed=frozenset(t for step in plan.steps for t in step.affected))


def apply(host: SimulatedHost, journal: SQLiteJournal, state: DesiredState) -> Plan:
    plan = plan_for(host, state)
    apply_plan(Site(host, journal, lambda _: None), plan, options=allowing_all(plan))
    return plan


def representors(host: SimulatedHost) -> int:
    return len(host.files.list_dir(f"/sys/bus/pci/devices/{CARD}/net")) - 1


def actions(plan: Plan) -> list[Action]:
    return list(dict.fromkeys(step.action for step in plan.steps))


# --- one by one --------------------------------------------------------------------------------


def test_ice_sets_the_mode_before_vfs_and_mlx5_after() -> None:
    state = wanted(num_vfs=2, drivers_autoprobe=False, eswitch_mode=SWITCHDEV)
    both = {model: plan_for(host_with(model), state) for model in MODELS}
    assert actions(both[INTEL_E810])[-2:] == [Action.SET_ESWITCH_MODE, Action.SET_NUM_VFS]
    assert actions(both[CONNECTX_6_DX])[-2:] == [Action.SET_NUM_VFS, Action.SET_ESWITCH_MODE]


@pytest.mark.parametrize("model", MODELS)
def test_switchdev_comes_and_goes_with_vfs_in_use(model: CardModel) -> None:
    host, journal = host_with(model), SQLiteJournal(None)
    apply(host, journal, wanted(num_vfs=3, vf_default=WantedVF(driver="vfio-pci")))
    before = look(host)
    apply(host, journal, wanted(eswitch_mode=SWITCHDEV))
    assert representors(host) == 3
    assert [vf.driver for vf in look(host)[0].vfs] == ["vfio-pci"] * 3
    undo_run(Site(host, journal, lambda _: None))
    assert representors(host) == 0
    assert [comparable(pf) for pf in look(host)] == [comparable(pf) for pf in before]


def test_what_mlx5_refuses_in_switchdev_is_refused_by_the_plan() -> None:
    host = host_with(CONNECTX_6_DX)
    state = wanted(num_vfs=1, eswitch_mode=SWITCHDEV, vf_default=WantedVF(vlan=VLAN(42)))
    with pytest.raises(UnsupportedError, match="vlan"):
        plan_for(host, state)
    apply(host, SQLiteJournal(None), wanted(num_vfs=1, eswitch_mode=SWITCHDEV))
    # Also where the state does not speak of the mode: representors give it away.
    with pytest.raises(UnsupportedError, match="trust"):
        plan_for(host, wanted(vf_default=WantedVF(trust=True)))


@pytest.mark.parametrize("model", MODELS)
def test_msix_counts_are_set_and_survive_a_resize(model: CardModel) -> None:
    host, journal = host_with(model), SQLiteJournal(None)
    state = wanted(num_vfs=4, vfs=((1, WantedVF(msix_count=9)),))
    apply(host, journal, state)
    assert plan_for(host, state).steps == ()
    apply(host, journal, wanted(num_vfs=6))
    counts = [vf.msix_count for vf in look(host)[0].vfs]
    assert counts[1] == 9
    assert len(set(counts)) == 2


# --- in all combinations -----------------------------------------------------------------------

modes = st.sampled_from([LEGACY, SWITCHDEV, UNSET])
vf_wishes = st.builds(
    WantedVF,
    admin_mac=st.just(UNSET),
    vlan=st.just(UNSET),
    spoofchk=st.just(UNSET),
    trust=st.sampled_from([True, False, UNSET, UNSET]),
    link_state=st.just(UNSET),
    min_tx_rate_mbps=st.just(UNSET),
    max_tx_rate_mbps=st.sampled_from([0, 100, UNSET]),
    rss_query=st.just(UNSET),
    node_guid=st.just(UNSET),
    port_guid=st.just(UNSET),
    msix_count=st.sampled_from([0, 4, 20, UNSET, UNSET]),
    driver=st.sampled_from(["vfio-pci", None, UNSET]),
)


@st.composite
def states(draw: st.DrawFn) -> DesiredState:
    num_vfs = draw(st.integers(0, 4))
    indices = st.integers(0, num_vfs - 1) if num_vfs else st.nothing()
    vfs = draw(st.dictionaries(indices, vf_wishes, max_size=min(num_vfs, 2)))
    return wanted(
        num_vfs=num_vfs,
        drivers_autoprobe=draw(st.sampled_from([True, False, UNSET])),
        eswitch_mode=draw(modes),
        vf_default=draw(vf_wishes),
        vfs=tuple(sorted(vfs.items())),
    )


@settings(deadline=None, max_examples=80)
@given(model=st.sampled_from(MODELS), first=states(), second=states())
def test_applied_is_as_wanted_and_undone_is_as_before(
    model: CardModel, first: DesiredState, second: DesiredState
) -> None:
    host, journal = host_with(model), SQLiteJournal(None)
    with suppress(UnsupportedError):
        apply(host, journal, first)
    before = look(host)
    try:
        plan = apply(host, journal, second)
    except UnsupportedError:
        assert look(host) == before  # refused by the plan, before anything changed
        return
    assert plan_for(host, second).steps == ()
    assert representors(host) == (len(look(host)[0].vfs) if in_switchdev(host) else 0)
    if plan.steps:
        undo_run(Site(host, journal, lambda _: None))
    assert [comparable(pf) for pf in look(host)] == [comparable(pf) for pf in before]


def in_switchdev(host: SimulatedHost) -> bool:
    return look(host)[0].eswitch_mode == SWITCHDEV


@settings(deadline=None, max_examples=60)
@given(
    model=st.sampled_from(MODELS),
    first=states(),
    second=states(),
    refused_at=st.integers(0, 12) | st.none(),
    dies_at=st.integers(0, 40),
)
def test_refused_or_killed_it_goes_back_to_the_old_state(
    model: CardModel,
    first: DesiredState,
    second: DesiredState,
    refused_at: int | None,
    dies_at: int,
) -> None:
    host, journal = host_with(model), SQLiteJournal(None)
    with suppress(UnsupportedError):
        apply(host, SQLiteJournal(None), first)
    before = look(host)
    fate = Fate(dies_at=dies_at) if refused_at is None else Fate(refused_at=refused_at)
    site = mortal_site(host, journal, fate)
    with suppress(UnsupportedError):
        plan = plan_for(host, second)
        with suppress(HostError, KilledError):
            apply_plan(site, plan, options=allowing_all(plan))
        undo_run(Site(host, journal, lambda _: None))
    assert [comparable(pf) for pf in look(host)] == [comparable(pf) for pf in before]
