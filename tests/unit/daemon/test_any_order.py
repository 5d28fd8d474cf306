"""Whatever happens in whatever order: nobody is harmed, and in the end all is as declared.

Users, other tools, people with ``sriovctl``, cards and the death of the daemon come at random; what
the daemon writes meanwhile is held against who was using what.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from sriovctl.codec.netlink import decode_header
from sriovctl.codec.rtnl import RTM_SETLINK
from sriovctl.codec.rtnl_change import decode_set_vfs
from sriovctl.codec.state_file import parse_state
from sriovctl.daemon.questions import Question
from sriovctl.engine.boot import read_boot_id
from sriovctl.engine.inventory import read_inventory, read_pf
from sriovctl.engine.runs.apply import ApplyOptions, apply_plan
from sriovctl.engine.runs.execute import Site
from sriovctl.engine.runs.resume import find_open_run, resume_run
from sriovctl.engine.runs.undo import undo_run
from sriovctl.errors import SriovctlError
from sriovctl.host.simulated.processes import SimulatedProcess
from sriovctl.model.functions import PF, VLAN
from sriovctl.model.health import Health
from sriovctl.model.run import RunKind, RunStatus
from sriovctl.model.state import UNSET, WantedVF
from sriovctl.planner.diff import plan_state
from tests.unit.daemon.rig import IGB, NVME, OTHER, PCI, STATE, Rig
from tests.unit.engine.mortal import Fate, KilledError, mortal_site

MAC = "52:54:00:6d:90:01"
ANY_VF = st.integers(0, 4)
ANY_VALUE = st.one_of(
    st.integers(0, 4094).map(lambda vlan: WantedVF(vlan=VLAN(vlan))),
    st.booleans().map(lambda on: WantedVF(spoofchk=on)),
    # Not that of another VF: a state that would give two VFs one MAC is refused.
    st.sampled_from(["52:54:00:6d:90:77", "52:54:00:6d:90:78"]).map(
        lambda mac: WantedVF(admin_mac=mac)
    ),
)
POINTS = st.integers(0, 40)


class CheckedRig(Rig):
    """Holds what is read again after events against a whole read, each time."""

    def start(self, *, site: Site | None = None, room: int = 4096) -> None:
        super().start(site=site, room=room)
        sight = self.keeper._sight
        read_again = sight.read_again

        def checked(device: str, question: Question) -> PF | None:
            pf = read_again(device, question)
            assert pf is None or _as_read(pf) == read_pf(self.host, device), question
            return pf

        sight.read_again = checked  # type: ignore[method-assign]


# Without what is asked beside.
def _as_read(pf: PF) -> PF:
    return pf._replace(serial=None, eswitch_mode=None)


class AnyOrder(RuleBasedStateMachine):
    """A host with its daemon, and all who meddle with it."""

    def __init__(self) -> None:
        super().__init__()
        self.rig = CheckedRig()
        self.card = next(f for f in self.rig.host.kernel.functions.values() if f.name == IGB)
        self.is_plugged = True
        self.users: dict[int, SimulatedProcess] = {}
        for device in (OTHER, NVME):  # not declared, and somebody else's
            self.rig.write(device, "sriov_numvfs", "2")
        self.daemon(self.rig.begin)
        self.daemon(lambda: self.rig.pass_time(30))

    # --- what the daemon does, watched -------------------------------------------------------

    def daemon(self, act: Callable[[], object]) -> None:
        files, rtnl = self.rig.host.files, self.rig.host.rtnl
        written, asked = len(files.writes), len(rtnl.requests)
        foreign = self.has_foreign_vfs()
        used = {self.address_of(vf_index): vf_index for vf_index in self.users}
        try:
            act()
        except KilledError:
            self.restart()
        for path, text in files.writes[written:]:
            self.judge_write(path, text, used, foreign=foreign)
        for request in rtnl.requests[asked:]:
            if decode_header(request).type == RTM_SETLINK:
                self.judge_request(request)

    def judge_write(self, path: str, text: str, used: dict[str, int], *, foreign: bool) -> None:
        assert OTHER not in path
        assert NVME not in path
        if path == f"{PCI}/{IGB}/sriov_numvfs":
            assert not used, f"{text} VFs while {used} are in use"
            assert not foreign, f"{text} VFs in place of somebody else's"
        assert text not in used, f"{path} of a VF that is in use"
        assert not any(address in path for address in used), f"{path} of a VF that is in use"

    def judge_request(self, request: bytes) -> None:
        ifindex, changes = decode_set_vfs(request)
        assert ifindex not in {self.rig.ifindex(OTHER)}
        for vf_index, wanted in changes:
            assert vf_index not in self.users or wanted.admin_mac is UNSET

    def has_foreign_vfs(self) -> bool:
        if not self.is_plugged:
            return False
        made = self.rig.journal.vfs_made(read_boot_id(self.rig.host.files))
        return self.rig.num_vfs() not in (0, made.get(IGB))

    def address_of(self, vf_index: int) -> str:
        address = self.rig.host.files.read_link(f"{PCI}/{IGB}/virtfn{vf_index}")
        assert address is not None
        return address

    @rule(seconds=st.sampled_from([0.01, 0.3, 2.0, 15.0, 130.0, 1000.0]))
    def time_passes(self, seconds: float) -> None:
        self.daemon(lambda: self.rig.pass_time(seconds))

    @rule()
    def the_minute_is_over(self) -> None:
        self.daemon(self.rig.keeper.glance)

    @rule(seconds=st.sampled_from([0.01, 2.0, 15.0]), points=POINTS)
    def the_daemon_dies(self, seconds: float, points: int) -> None:
        self.rig.kill()
        fate = Fate(dies_at=points)
        self.rig.start(site=mortal_site(self.rig.host, self.rig.journal, fate))

        def live() -> None:
            self.rig.begin()
            self.rig.pass_time(seconds)
            raise KilledError

        self.daemon(live)

    def restart(self) -> None:
        self.rig.kill()
        self.rig.start()
        self.rig.begin()

    @rule()
    def the_files_are_read_again(self) -> None:
        def load() -> None:
            self.rig.keeper.load(anew=True)
            self.rig.keeper.look_all()

        self.daemon(load)

    # --- other tools ---------------------------------------------------------------------------

    def vf_exists(self, vf_index: int) -> bool:
        return self.is_plugged and vf_index < self.rig.num_vfs()

    @rule(vf_index=ANY_VF, value=ANY_VALUE)
    def somebody_sets(self, vf_index: int, value: WantedVF) -> None:
        if self.vf_exists(vf_index):
            self.rig.ip_set(vf_index, value)

    @precondition(lambda self: self.is_plugged)
    @rule(up=st.booleans())
    def somebody_takes_the_link(self, up: bool) -> None:
        self.rig.ip_up(up=up)

    @precondition(lambda self: self.is_plugged and not self.users)
    @rule(num_vfs=st.integers(0, 5))
    def somebody_counts_otherwise(self, num_vfs: int) -> None:
        self.rig.write(IGB, "sriov_numvfs", "0")
        if num_vfs:
            self.rig.write(IGB, "sriov_numvfs", str(num_vfs))

    @precondition(lambda self: self.is_plugged and not self.users)
    @rule()
    def the_driver_is_loaded_anew(self) -> None:
        self.rig.reload_driver()

    @precondition(lambda self: not self.users)
    @rule()
    def the_card_is_pulled_or_plugged_in(self) -> None:
        if self.is_plugged:
            self.rig.host.vanish(IGB)
        else:
            self.rig.host.kernel.add_function(self.card)
        self.is_plugged = not self.is_plugged

    # --- users ---------------------------------------------------------------------------------

    @rule(vf_index=ANY_VF)
    def somebody_takes(self, vf_index: int) -> None:
        if not self.vf_exists(vf_index) or vf_index in self.users:
            return
        vf, host = self.address_of(vf_index), self.rig.host
        if host.files.read_link(f"{PCI}/{vf}/driver") != "vfio-pci":
            self.rig.write(vf, "driver_override", "vfio-pci")
            host.files.write_text("/sys/bus/pci/drivers_probe", vf)
        process = host.processes.start("dpdk-testpmd")
        host.processes.open_vfio_group(process, vf)
        self.users[vf_index] = process

    @precondition(lambda self: self.users)
    @rule(number=st.integers(0, 4))
    def somebody_gives_back(self, number: int) -> None:
        vf_index = sorted(self.users)[number % len(self.users)]
        self.rig.host.processes.end(self.users.pop(vf_index))

    # --- people --------------------------------------------------------------------------------

    # People may end what is in use; here they do not, so that who does can only be the daemon.
    def people_may(self) -> bool:
        return self.is_plugged and not self.users

    @precondition(people_may)
    @rule(vlan=st.sampled_from([42, 50, 51]), points=st.none() | POINTS)
    def somebody_applies(self, vlan: int, points: int | None) -> None:
        rig = self.rig
        site = rig.site
        if points is not None:
            site = mortal_site(rig.host, rig.journal, Fate(dies_at=points))
        with suppress(SriovctlError, KilledError):
            pfs = read_inventory(rig.host, name_of=lambda *_: None)
            state = parse_state(STATE.replace("id: 43", f"id: {vlan}"), source="x.yaml")
            plan = plan_state(state, pfs, owners={})
            apply_plan(site, plan, options=ApplyOptions(source="x.yaml"))

    @precondition(people_may)
    @rule()
    def somebody_undoes(self) -> None:
        with suppress(SriovctlError):
            undo_run(self.rig.site)

    @precondition(people_may)
    @rule()
    def somebody_resumes(self) -> None:
        with suppress(SriovctlError):
            resume_run(self.rig.site, options=ApplyOptions(), check=lambda _: None)

    # --- in the end ----------------------------------------------------------------------------

    def teardown(self) -> None:
        for process in self.users.values():
            self.rig.host.processes.end(process)
        self.users.clear()
        if not self.is_plugged:
            self.the_card_is_pulled_or_plugged_in()
        if self.has_foreign_vfs():
            self.rig.write(IGB, "sriov_numvfs", "0")
        self.people_settle()
        self.the_files_are_read_again()
        self.an_hour_passes()
        assert self.rig.health() is Health.HEALTHY, self.rig.log()
        assert (self.rig.num_vfs(), self.rig.vlans()) == (3, [42, 43, 42])
        assert self.rig.vfs()[1].admin_mac == MAC
        assert not any(vf.spoofchk for vf in self.rig.vfs())
        assert (self.rig.num_vfs(OTHER), self.rig.num_vfs(NVME)) == (2, 2)
        runs = self.rig.runs()
        assert RunStatus.RUNNING not in {run.status for run in runs}
        self.an_hour_passes()
        assert self.rig.runs() == runs, "quiet, and nobody meddles"
        self.rig.kill()

    def people_settle(self) -> None:
        boot_id = read_boot_id(self.rig.host.files)
        for _ in range(10):
            run = find_open_run(self.rig.journal, boot_id)
            if run is None or run.kind is RunKind.REPAIR:
                return
            with suppress(SriovctlError):
                undo_run(self.rig.site)

    def an_hour_passes(self) -> None:
        for _ in range(60):
            self.daemon(lambda: self.rig.pass_time(60))
            self.daemon(self.rig.keeper.glance)


AnyOrder.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestAnyOrder = AnyOrder.TestCase


@settings(max_examples=15, deadline=None)
@given(
    every_s=st.floats(0.05, 200.0),
    turns=st.integers(1, 150),
    vfs=st.sets(st.integers(0, 2), min_size=1),
)
def test_who_fights_is_not_fought_for_long(every_s: float, turns: int, vfs: set[int]) -> None:
    rig = Rig()
    rig.begin()
    rig.pass_time(30)
    before = len(rig.runs())
    for turn in range(turns):
        for vf_index in vfs:
            rig.ip_set(vf_index, WantedVF(vlan=VLAN(100 + turn % 7)))
        rig.pass_time(every_s)
    # Five in ten minutes for each value, and one more to learn that it was not the last.
    windows = 1 + turns * every_s // 600
    assert len(rig.runs()) - before <= 6 * len(vfs) * windows
    rig.pass_time(3600)
    assert rig.vlans() == [42, 43, 42], "nobody fights any more"
    assert rig.health() is Health.HEALTHY
