"""Plans for cards of several drivers, applied to the simulated host and taken back.

Each driver insists on an order of its own: a plan in another one fails here.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sriovctl.engine.inventory import read_inventory
from sriovctl.engine.runs.apply import ApplyOptions, apply_plan
from sriovctl.engine.runs.execute import Site
from sriovctl.engine.runs.undo import undo_run
from sriovctl.engine.wanted_details import with_wanted_details
from sriovctl.errors import UnsupportedError
from sriovctl.host.journal import SQLiteJournal
from sriovctl.host.simulated import (
    BROADCOM_57416,
    CONNECTX_6_DX,
    INTEL_82576,
    INTEL_82599,
    INTEL_E810,
    INTEL_X710,
    Card,
    CardModel,
    MachineSpec,
    SimulatedHost,
    simulate,
)
from sriovctl.model.functions import PF, VF, VLAN, EswitchMode
from sriovctl.model.plan import Action, Plan
from sriovctl.model.state import UNSET, DesiredState, PFMatch, Unset, WantedPF, WantedVF
from sriovctl.planner.diff import plan_state
from sriovctl.planner.drivers import rules_of

PF_ADDRESS = "0000:01:00.0"
MODELS = {
    "igb": INTEL_82576,
    "ixgbe": INTEL_82599,
    "i40e": INTEL_X710,
    "ice": INTEL_E810,
    "mlx5_core": CONNECTX_6_DX,
    "bnxt_en": BROADCOM_57416,
}
WITH_ESWITCH = ("ice", "mlx5_core", "bnxt_en")


def machine(model: CardModel) -> SimulatedHost:
    return simulate(MachineSpec(cards=(Card(model, total_vfs=7),)))


def seen(host: SimulatedHost, state: DesiredState) -> tuple[PF, ...]:
    return with_wanted_details(host, read_inventory(host, name_of=lambda *_: None), state)


def plan_for(host: SimulatedHost, state: DesiredState) -> Plan:
    return plan_state(state, seen(host, state), owners={})


def apply_state(host: SimulatedHost, journal: SQLiteJournal, state: DesiredState) -> None:
    site = Site(host, journal, lambda _: None)
    apply_plan(site, plan_for(host, state), options=ApplyOptions())


def undo(host: SimulatedHost, journal: SQLiteJournal) -> None:
    undo_run(Site(host, journal, lambda _: None))


def wanted(**said: object) -> DesiredState:
    match = PFMatch(address=PF_ADDRESS)
    return DesiredState((WantedPF("a", match, **said),))  # type: ignore[arg-type]


@st.composite
def states(draw: st.DrawFn, driver: str) -> DesiredState:
    num_vfs = draw(st.integers(0, 5))
    modes: list[str | Unset] = [*EswitchMode] if driver in WITH_ESWITCH else [UNSET]
    mode = draw(st.sampled_from(modes))
    vfs = {n: draw(wanted_vfs(driver, n, mode)) for n in range(num_vfs) if draw(st.booleans())}
    return wanted(
        num_vfs=num_vfs,
        drivers_autoprobe=draw(st.booleans()),
        link_up=True,
        mtu=draw(st.sampled_from([1500, 9000])),
        eswitch_mode=mode,
        vfs=tuple(vfs.items()),
    )


@st.composite
def wanted_vfs(draw: st.DrawFn, driver: str, vf_index: int, mode: str | Unset) -> WantedVF:
    said: dict[str, object] = {"admin_mac": f"52:54:00:00:00:{vf_index:02x}"}
    if mode != EswitchMode.SWITCHDEV:
        said["vlan"] = VLAN(draw(st.integers(0, 4094)))
        said["trust"] = draw(st.booleans())
        said["spoofchk"] = draw(st.booleans())
    said["max_tx_rate_mbps"] = draw(st.sampled_from([0, 100, 1000]))
    if driver in ("ice", "mlx5_core") and draw(st.booleans()):
        said["msix_count"] = draw(st.sampled_from([4, 6, 12]))
    if draw(st.booleans()):
        said["driver"] = draw(st.sampled_from(["vfio-pci", rules_of(driver).vf_driver, None]))
    return WantedVF(**{k: v for k, v in said.items() if draw(st.booleans())})  # type: ignore[arg-type]


@pytest.mark.parametrize("driver", MODELS)
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_applied_is_as_wanted_and_undone_is_as_before(driver: str, data: st.DataObject) -> None:
    first, second = data.draw(states(driver)), data.draw(states(driver))
    host, journal = machine(MODELS[driver]), SQLiteJournal(None)
    apply_state(host, journal, first)
    assert plan_for(host, first).steps == ()
    before = seen(host, first)
    changes = bool(plan_for(host, second).steps)
    apply_state(host, journal, second)
    assert plan_for(host, second).steps == ()
    if changes:
        undo(host, journal)
    assert [comparable(pf) for pf in seen(host, first)] == [comparable(pf) for pf in before]


def comparable(pf: PF) -> PF:
    # The kernel numbers groups and netdevs of new VFs anew; a VF without a driver goes to whom
    # autoprobe gives it to, and its MAC is made up then.
    return pf._replace(vfs=tuple(comparable_vf(vf) for vf in pf.vfs))


def comparable_vf(vf: VF) -> VF:
    driver = vf.driver if vf.driver == "vfio-pci" else None
    known = vf.attributes
    if known is not None and (known.admin_mac or "").startswith("02:00:5e:"):
        known = known._replace(admin_mac="00:00:00:00:00:00")
    return vf._replace(iommu_group=None, netdev=None, driver=driver, attributes=known)


def test_i40e_is_asked_again_while_its_vfs_are_in_reset() -> None:
    host, journal = machine(INTEL_X710), SQLiteJournal(None)
    apply_state(host, journal, wanted(num_vfs=2, vf_default=WantedVF(trust=True)))
    (pf,) = seen(host, wanted())
    assert [vf.attributes and vf.attributes.trust for vf in pf.vfs] == [True, True]
    assert host.clock.now() >= 2.0


def test_bnxt_en_is_brought_up_before_its_vfs_and_down_after() -> None:
    host, journal = machine(BROADCOM_57416), SQLiteJournal(None)
    with pytest.raises(UnsupportedError, match="is down, and bnxt_en ignores a new count"):
        plan_for(host, wanted(num_vfs=2))
    apply_state(host, journal, wanted(num_vfs=2, link_up=True))
    down = plan_for(host, wanted(num_vfs=0, link_up=False))
    assert [step.action for step in down.steps] == [Action.SET_NUM_VFS, Action.SET_LINK_UP]
    undo(host, journal)
    assert host.files.read_text(f"/sys/bus/pci/devices/{PF_ADDRESS}/sriov_numvfs") == "0"
