from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from sriovctl.engine.inventory import read_inventory
from sriovctl.engine.leases.lending import Desk, Survey
from sriovctl.engine.runs.apply import ApplyOptions
from sriovctl.engine.runs.confirm import confirm_run
from sriovctl.engine.runs.resume import find_open_run, resume_run
from sriovctl.engine.runs.undo import undo_run
from sriovctl.engine.runs.users import Users
from sriovctl.errors import HostError, InputError
from sriovctl.model.functions import VLAN
from sriovctl.model.health import Health
from sriovctl.model.lease import Pool, Request, Terms
from sriovctl.model.run import Run, RunKind, RunStatus
from sriovctl.model.state import PFMatch, WantedPF, WantedPool, WantedVF
from tests.unit.daemon.rig import IGB, NVME, OTHER, PCI, STATE, Rig
from tests.unit.engine.test_costs import CountedFiles


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    rig.begin()
    rig.pass_time(30)
    assert rig.health() is Health.HEALTHY, rig.log()
    return rig


def test_a_start_applies_the_state_and_is_quiet_then(rig: Rig) -> None:
    assert (rig.num_vfs(), rig.vlans()) == (3, [42, 43, 42])
    (run,) = rig.runs()
    assert (run.kind, run.status, run.source) == (RunKind.REPAIR, RunStatus.DONE, "sriovctld")
    looks = rig.keeper.looks
    rig.pass_time(3600)
    assert rig.keeper.looks == looks, "nothing happened, so nothing was looked at"


def test_a_vlan_that_is_lost_comes_back_at_once(rig: Rig) -> None:
    rig.ip_set(1, WantedVF(vlan=VLAN(99)))
    rig.pass_time(0.1)
    assert rig.vlans() == [42, 43, 42]
    newest = rig.runs()[0]
    assert (newest.kind, newest.status) == (RunKind.REPAIR, RunStatus.DONE)
    (step,) = rig.journal.steps(newest.run_id)
    assert step.step.before == {"vlan": {"id": 99, "qos": 0, "protocol": "802.1q"}}
    assert "vf 1: vlan 99 -> 43 (run 2)" in rig.log()


def test_the_first_change_after_a_start_is_repaired_at_once_too() -> None:
    rig = Rig()
    rig.begin()
    rig.pass_time(0.1)
    rig.ip_set(1, WantedVF(vlan=VLAN(99)))
    rig.pass_time(0.1)
    assert rig.vlans() == [42, 43, 42]


def test_who_fights_from_the_start_is_found_out_too() -> None:
    rig = Rig()
    rig.begin()
    for _ in range(100):
        rig.ip_set(1, WantedVF(vlan=VLAN(99)))
        rig.pass_time(1)
    assert "somebody else keeps changing" in rig.reason()
    assert len(rig.runs()) <= 10


def test_whoever_takes_the_mac_of_another_vf_keeps_nothing_from_its_repair(rig: Rig) -> None:
    rig.ip_set(0, WantedVF(admin_mac="52:54:00:6d:90:01"))  # the files do not speak of VF 0's
    rig.ip_set(2, WantedVF(vlan=VLAN(99)))
    rig.pass_time(10)
    assert rig.vlans() == [42, 43, 42]
    assert rig.health() is Health.HEALTHY, rig.reason()
    rig.ip_set(1, WantedVF(admin_mac="52:54:00:6d:90:09"))
    rig.pass_time(10)
    assert rig.vfs()[1].admin_mac == "52:54:00:6d:90:09", "two VFs would have the same"
    assert "gets the MAC 52:54:00:6d:90:01, and so does, or has," in rig.reason()


def test_a_look_is_at_the_pf_that_it_is_about(rig: Rig) -> None:
    rig.host.rtnl.requests.clear()
    rig.ip_set(0, WantedVF(spoofchk=True))
    asked = len(rig.host.rtnl.requests)
    rig.pass_time(0.03)
    assert rig.vfs()[0].spoofchk is False
    indices = {rig.ifindex(OTHER)}
    assert not any(
        int.from_bytes(request[20:24], "little") in indices
        for request in rig.host.rtnl.requests[asked:]
    )


def test_a_look_after_an_event_reads_the_vfs_that_it_is_about_and_not_the_others(rig: Rig) -> None:
    rig.pass_time(30)
    files = CountedFiles(rig.host)
    rig.ip_set(0, WantedVF(trust=True))  # the state does not speak of it
    rig.pass_time(1)
    assert set(files.asked) <= {"read_link", "read_text", "list_dir", "exists"}
    about_attributes = files.asked.total()
    files.asked.clear()
    rig.write("0000:01:10.0", "driver_override", "vfio-pci")
    rig.host.files.write_text("/sys/bus/pci/drivers_probe", "0000:01:10.0")
    files.asked.clear()
    rig.pass_time(1)
    assert files.asked["read_links"] == 0
    assert files.asked.total() <= about_attributes + 8
    assert rig.keeper._seen[IGB].vfs[0].driver == "vfio-pci"
    assert rig.health() is Health.HEALTHY


def test_what_an_event_does_not_speak_of_is_found_all_the_same(rig: Rig) -> None:
    rig.write(IGB, "sriov_drivers_autoprobe", "1")
    rig.pass_time(10)
    assert rig.keeper._seen[IGB].drivers_autoprobe is False, "nothing told of it"
    rig.ip_up(up=True)
    rig.pass_time(0.1)
    assert rig.host.files.read_text(f"{PCI}/{IGB}/sriov_drivers_autoprobe") == "0"


def test_a_repair_of_attributes_reads_whose_they_are_and_not_all_of_the_pf(rig: Rig) -> None:
    files = CountedFiles(rig.host)
    rig.ip_set(2, WantedVF(vlan=VLAN(99)))
    rig.pass_time(0.1)
    assert rig.vlans() == [42, 43, 42]
    assert files.asked["read_links"] == 0, "all VFs are read by these alone"
    rig.write(IGB, "sriov_drivers_autoprobe", "1")
    rig.ip_set(2, WantedVF(vlan=VLAN(98)))
    rig.pass_time(10)
    assert rig.vlans() == [42, 43, 42]
    assert files.asked["read_links"] > 0, "more differed"


def test_a_vf_that_was_taken_unseen_is_found_out_before_its_repair(rig: Rig) -> None:
    # Somebody takes VF 2 through VFIO, and no event has told of it yet.
    vf = "0000:01:10.4"
    rig.write(vf, "driver_override", "vfio-pci")
    rig.host.files.write_text("/sys/bus/pci/drivers_probe", vf)
    rig.events.receive()
    rig.ip_set(2, WantedVF(vlan=VLAN(99)))
    rig.pass_time(0.1)
    assert rig.vlans()[2] == 99, "it may be on its way to somebody"
    rig.pass_time(5)
    assert rig.vlans()[2] == 42


def test_vfs_come_back_after_their_driver_was_loaded_anew(rig: Rig) -> None:
    rig.reload_driver()
    assert rig.num_vfs() == 0
    rig.pass_time(30)
    assert (rig.num_vfs(), rig.vlans()) == (3, [42, 43, 42])
    assert rig.vfs()[1].admin_mac == "52:54:00:6d:90:01"


def test_vfs_that_were_set_to_none_by_hand_come_back(rig: Rig) -> None:
    rig.write(IGB, "sriov_numvfs", "0")
    rig.pass_time(10)
    assert (rig.num_vfs(), rig.vlans()) == (3, [42, 43, 42])


def test_a_card_that_is_pulled_and_comes_back_is_set_up_again(rig: Rig) -> None:
    card = next(f for f in rig.host.kernel.functions.values() if f.name == IGB)
    rig.host.vanish(IGB)
    rig.pass_time(5)
    assert rig.health() is Health.DEGRADED
    assert "no PF fits" in rig.reason()
    rig.host.kernel.add_function(card)
    rig.pass_time(30)
    assert rig.health() is Health.HEALTHY
    assert rig.vlans() == [42, 43, 42]


def test_what_the_files_do_not_name_is_left_alone(rig: Rig) -> None:
    rig.write(NVME, "sriov_numvfs", "2")
    rig.ip_set(0, WantedVF(trust=True))
    rig.pass_time(10)
    assert rig.num_vfs(NVME) == 2
    assert rig.vfs()[0].trust is True


def test_an_entry_for_all_that_fit_keeps_each_of_them() -> None:
    rig = Rig(
        STATE.replace(f'address: "{IGB}"', "driver: igb, all: true").replace(
            '1: {admin_mac: "52:54:00:6d:90:01", vlan: {id: 43}}', "1: {vlan: {id: 43}}"
        )
    )
    rig.begin()
    rig.pass_time(30)
    assert rig.vlans(IGB) == rig.vlans(OTHER) == [42, 43, 42]
    before = len(rig.runs())
    rig.ip_set(0, WantedVF(vlan=VLAN(99)))
    rig.pass_time(10)
    rig.ip_set(0, WantedVF(vlan=VLAN(98)), OTHER)
    rig.pass_time(10)
    assert rig.vlans(IGB) == rig.vlans(OTHER) == [42, 43, 42]
    assert [run.devices for run in rig.runs()[: len(rig.runs()) - before]] == [(OTHER,), (IGB,)]
    rig.host.vanish(OTHER)
    rig.pass_time(10)
    assert rig.health() is Health.HEALTHY, "none is missing where any number may fit"


# --- people ----------------------------------------------------------------------------------


def test_what_a_person_applied_is_kept_and_repaired(rig: Rig) -> None:
    rig.apply(STATE.replace("id: 43", "id: 50"))
    rig.pass_time(5)
    assert rig.vlans() == [42, 50, 42]
    rig.ip_set(1, WantedVF(vlan=VLAN(99)))
    rig.reload_driver()
    rig.pass_time(30)
    assert rig.vlans() == [42, 50, 42]


def test_an_undo_of_a_persons_run_leads_back_to_the_files(rig: Rig) -> None:
    rig.apply(STATE.replace("id: 43", "id: 50"))
    rig.ip_set(0, WantedVF(vlan=VLAN(7)))
    rig.pass_time(5)
    undone = undo_run(rig.site)
    assert undone.run is not None
    assert undone.run.source == "x.yaml", "not the repair that came after it"
    rig.pass_time(5)
    assert rig.vlans() == [42, 43, 42]


def test_an_undo_of_what_was_there_before_the_daemon_is_not_fought() -> None:
    rig = Rig()
    rig.apply(STATE)
    rig.begin()
    assert rig.health() is Health.HEALTHY
    assert len(rig.runs()) == 1, "the state was applied already"
    undo_run(rig.site)
    rig.pass_time(60)
    assert rig.num_vfs() == 0
    assert rig.health() is Health.HEALTHY
    rig.keeper.load(anew=True)
    rig.keeper.look_all()
    assert rig.num_vfs() == 3, "whoever has the files read again means them"


def test_another_number_of_vfs_by_a_person_is_kept(rig: Rig) -> None:
    more = STATE.replace("num_vfs: 3", "num_vfs: 5").replace("vlan: {id: 42}, ", "")
    rig.apply(more)
    rig.pass_time(30)
    assert (rig.num_vfs(), rig.vlans()) == (5, [42, 43, 42, 0, 0])
    assert rig.health() is Health.HEALTHY
    rig.apply(STATE.replace("num_vfs: 3", "num_vfs: 1").replace("1: {admin", "0: {admin"))
    rig.pass_time(30)
    assert rig.num_vfs() == 1
    assert rig.health() is Health.HEALTHY


def test_files_that_were_read_again_are_the_newest_word(rig: Rig) -> None:
    rig.apply(STATE.replace("id: 43", "id: 50"))
    rig.state = STATE.replace("id: 43", "id: 51")
    rig.pass_time(5)
    assert rig.vlans()[1] == 50, "nobody has said that they are to be read"
    rig.keeper.load(anew=True)
    rig.keeper.look_all()
    assert rig.vlans()[1] == 51


def test_a_look_does_not_read_the_repairs_of_former_days(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.apply(STATE.replace("id: 43", "id: 50"))
    for _ in range(10):
        rig.pass_time(1000)
        rig.ip_set(1, WantedVF(vlan=VLAN(99)))
    rig.pass_time(1000)
    assert len(rig.runs()) == 12
    rig.ip_up(up=True)
    rig.pass_time(10)
    since, read = rig.journal.since, list[int]()

    def counted(run_id: int, boot_id: str | None) -> tuple[Run, ...]:
        runs = since(run_id, boot_id)
        read.append(len(runs))
        return runs

    monkeypatch.setattr(rig.journal, "since", counted)
    rig.ip_up(up=True)
    rig.pass_time(10)
    assert read == [0]
    assert rig.vlans() == [42, 50, 42]


def test_a_persons_run_outlives_a_restart_of_the_daemon(rig: Rig) -> None:
    rig.apply(STATE.replace("id: 43", "id: 50"))
    rig.kill()
    rig.start()
    rig.begin()
    assert rig.vlans()[1] == 50


def test_it_waits_while_a_persons_run_is_not_confirmed(rig: Rig) -> None:
    run_id = rig.apply(STATE.replace("id: 43", "id: 50"))
    rig.journal.await_confirmation(run_id, rig.host.clock.now() + 600)
    rig.ip_set(0, WantedVF(vlan=VLAN(99)))
    rig.pass_time(10)
    assert rig.vlans() == [99, 50, 42]
    assert rig.health() is Health.BLOCKED
    assert "waits to be confirmed" in rig.reason()
    confirm_run(rig.host, rig.journal)
    rig.pass_time(61)
    assert rig.vlans() == [42, 50, 42]
    assert rig.health() is Health.HEALTHY


# --- users -----------------------------------------------------------------------------------


def test_a_value_is_given_back_under_its_users_hands(rig: Rig) -> None:
    rig.host.files.write_text(f"/sys/bus/pci/devices/{IGB}/sriov_drivers_autoprobe", "1")
    rig.host.files.write_text("/sys/bus/pci/drivers_probe", "0000:01:10.0")
    rig.pass_time(10)
    (netdev,) = rig.host.files.list_dir("/sys/bus/pci/devices/0000:01:10.0/net")
    rig.host.network.add_address(netdev, "192.0.2.1/24")
    rig.ip_set(0, WantedVF(vlan=VLAN(99), admin_mac="52:54:00:6d:90:77"))
    rig.pass_time(1)
    assert rig.vlans()[0] == 42
    assert rig.vfs()[0].admin_mac == "52:54:00:6d:90:77", "the files do not speak of it"


def test_a_value_is_given_back_to_a_program_that_has_the_vf_through_vfio(rig: Rig) -> None:
    vf = "0000:01:10.0"
    rig.write(vf, "driver_override", "vfio-pci")
    rig.host.files.write_text("/sys/bus/pci/drivers_probe", vf)
    rig.host.processes.open_vfio_group(rig.host.processes.start("dpdk-testpmd"), vf)
    rig.pass_time(10)
    rig.ip_set(0, WantedVF(vlan=VLAN(99)))
    rig.pass_time(1)
    assert rig.vlans()[0] == 99, "it may be on its way to somebody"
    rig.pass_time(5)
    assert rig.vlans() == [42, 43, 42]


def test_the_number_of_vfs_is_not_set_right_while_one_is_in_use(rig: Rig) -> None:
    rig.host.files.write_text(f"/sys/bus/pci/devices/{IGB}/sriov_drivers_autoprobe", "1")
    rig.host.files.write_text("/sys/bus/pci/drivers_probe", "0000:01:10.0")
    rig.pass_time(10)
    (netdev,) = rig.host.files.list_dir("/sys/bus/pci/devices/0000:01:10.0/net")
    rig.host.network.add_address(netdev, "192.0.2.1/24")
    rig.state = STATE.replace("num_vfs: 3", "num_vfs: 4")
    rig.keeper.load(anew=True)
    rig.keeper.look_all()
    assert rig.num_vfs() == 3
    assert rig.health() is Health.BLOCKED
    assert "in use by address:192.0.2.1" in rig.reason()


def test_vfs_of_somebody_else_are_left_alone() -> None:
    rig = Rig()
    rig.write(IGB, "sriov_numvfs", "2")
    rig.begin()
    assert rig.num_vfs() == 2
    assert rig.health() is Health.BLOCKED
    assert f"foreign:{IGB}" in rig.reason()


# --- two managers ----------------------------------------------------------------------------


def test_somebody_who_keeps_changing_it_back_is_reported_and_left_alone(rig: Rig) -> None:
    rig.host.files.add_directory("/run/NetworkManager")
    for _ in range(600):
        if rig.vlans()[1] != 99:
            rig.ip_set(1, WantedVF(vlan=VLAN(99)))
        rig.ip_set(0, WantedVF(vlan=VLAN(98)))
        rig.pass_time(1)
        if rig.health() is Health.DEGRADED:
            break
    reason = rig.reason()
    assert "somebody else keeps changing" in reason
    assert f"{IGB} vf 1 vlan" in reason
    assert "NetworkManager" in reason
    before = len(rig.runs())
    rig.pass_time(300)
    assert len(rig.runs()) == before
    rig.pass_time(3600)
    assert rig.vlans() == [42, 43, 42], "it was quiet for long enough"
    assert rig.health() is Health.HEALTHY


# --- trouble ---------------------------------------------------------------------------------


def test_a_storm_of_events_costs_few_looks_and_loses_nothing(rig: Rig) -> None:
    looks = rig.keeper.looks
    for number in range(10_000):
        rig.ip_up(up=True)
        if number == 5000:
            rig.ip_set(2, WantedVF(vlan=VLAN(99)))
        if number % 100 == 0:
            rig.pass_time(0.1)
    rig.pass_time(5)
    assert rig.vlans() == [42, 43, 42]
    assert rig.keeper.looks - looks < 30


def test_events_that_were_lost_lead_to_a_look_at_all() -> None:
    rig = Rig()
    rig.kill()
    rig.start(room=2)
    rig.begin()
    rig.pass_time(30)
    rig.ip_set(0, WantedVF(vlan=VLAN(99)))
    rig.ip_up(up=True, device=OTHER)
    rig.ip_set(1, WantedVF(vlan=VLAN(99)))
    rig.ip_up(up=True, device=OTHER)
    rig.pass_time(1)
    assert rig.vlans() == [42, 43, 42]


def test_what_no_event_tells_is_seen_at_a_glance() -> None:
    rig = Rig(STATE.replace("    link: {state: up}\n", ""))
    rig.begin()
    rig.keeper.glance()
    rig.pass_time(10)
    looks = rig.keeper.looks
    rig.keeper.glance()
    assert rig.keeper.looks == looks
    rig.ip_set(1, WantedVF(vlan=VLAN(99)))
    rig.pass_time(100)
    assert rig.vlans()[1] == 99, "the kernel is silent while the PF is down"
    rig.keeper.glance()
    assert rig.vlans()[1] == 43
    looks = rig.keeper.looks
    rig.keeper.glance()
    assert rig.keeper.looks == looks


def test_a_journal_that_cannot_be_written_is_told_and_taken_up_again(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> int:
        raise HostError("the journal cannot be used: database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(rig.journal, "begin", full)
        rig.ip_set(1, WantedVF(vlan=VLAN(99)))
        rig.pass_time(100)
        assert rig.vlans()[1] == 99, "nothing is begun that cannot be written down"
        assert rig.health() is Health.DEGRADED
        assert "disk is full" in rig.reason()
    rig.pass_time(61)
    assert rig.vlans()[1] == 43
    assert rig.health() is Health.HEALTHY


def test_a_journal_that_a_newer_sriovctl_has_changed_stops_repairs_and_is_told(
    tmp_path: Path,
) -> None:
    rig = Rig(directory=str(tmp_path))
    rig.begin()
    rig.pass_time(30)
    newer = sqlite3.connect(tmp_path / "journal.db")
    (ours,) = newer.execute("PRAGMA user_version").fetchone()
    newer.execute("PRAGMA user_version = 99")
    rig.ip_set(1, WantedVF(vlan=VLAN(99)))
    rig.pass_time(100)
    assert rig.vlans()[1] == 99
    assert rig.health() is Health.DEGRADED
    assert f"is of version 99, and this sriovctl knows {ours}" in rig.reason()
    newer.execute(f"PRAGMA user_version = {ours}")
    newer.close()
    rig.pass_time(61)
    assert rig.vlans()[1] == 43
    assert rig.health() is Health.HEALTHY


def test_a_driver_that_refuses_is_tried_less_and_less(rig: Rig) -> None:
    rig.host.files.fail(f"/sys/bus/pci/devices/{IGB}/sriov_numvfs", 5, times=10_000)
    rig.pass_time(1)
    rig.keeper.look_all()
    looks = rig.keeper.looks
    rig.pass_time(600)
    assert rig.health() is Health.DEGRADED
    assert rig.keeper.looks - looks < 20


def test_files_that_are_wrong_change_nothing(rig: Rig) -> None:
    rig.state = "version: 1\npfs: {a: {num_vfs: 3}}"
    with pytest.raises(InputError):
        rig.keeper.load(anew=True)
    rig.ip_set(1, WantedVF(vlan=VLAN(99)))
    rig.pass_time(1)
    assert rig.vlans() == [42, 43, 42]


# --- runs that were cut short, or failed -----------------------------------------------------


def test_a_persons_run_that_was_cut_short_is_told_and_left_to_them(rig: Rig) -> None:
    run_id = rig.apply(STATE.replace("id: 43", "id: 50"))
    with rig.journal._database.transaction() as connection:
        connection.execute("UPDATE runs SET status = 'running' WHERE run_id = ?", (run_id,))
    rig.keeper.look_all()
    assert f"run {run_id} (apply from x.yaml) was cut short" in rig.log()
    assert rig.vlans()[1] == 50
    assert rig.health() is Health.BLOCKED
    assert rig.journal.standing(rig.runs()[0].boot_id)[0].status is RunStatus.RUNNING


def test_a_repair_that_failed_stands_in_nobodys_way(rig: Rig) -> None:
    mine = rig.apply(STATE.replace("id: 43", "id: 50"))
    rig.ip_set(0, WantedVF(vlan=VLAN(99)))
    rig.pass_time(1)
    repair = rig.runs()[0]
    assert repair.kind is RunKind.REPAIR
    with rig.journal._database.transaction() as connection:
        connection.execute("UPDATE runs SET status = 'failed' WHERE run_id = ?", (repair.run_id,))
    assert find_open_run(rig.journal, repair.boot_id) is None
    undone = undo_run(rig.site)
    assert undone.run is not None
    assert undone.run.run_id == mine


def test_a_repair_that_was_cut_short_can_be_ended_without_the_daemon(rig: Rig) -> None:
    rig.ip_set(0, WantedVF(vlan=VLAN(99)))
    rig.pass_time(1)
    repair = rig.runs()[0]
    with rig.journal._database.transaction() as connection:
        connection.execute("UPDATE runs SET status = 'running' WHERE run_id = ?", (repair.run_id,))
    resume_run(rig.site, options=ApplyOptions(), check=lambda _: None)
    assert rig.runs()[0].status is RunStatus.DONE
    with pytest.raises(InputError, match="a repair, which the daemon would make again"):
        undo_run(rig.site, repair.run_id)


# --- VFs on loan -----------------------------------------------------------------------------


def test_a_vf_on_loan_is_its_owners_until_it_comes_back(rig: Rig) -> None:
    users = Users(rig.site, open_libvirt=None, open_leases=lambda: rig.book)

    def survey() -> Survey:
        pfs = read_inventory(rig.host, name_of=lambda *_: None)
        return Survey(pfs, users.but_leases(pfs).owners)

    desk = Desk(rig.site, rig.book, survey)
    pool = Pool(
        WantedPool("spare", ("one",), vf_indices=(0,)),
        (WantedPF("one", PFMatch(address=IGB)),),
        from_state=True,
    )
    (lease,) = desk.take(pool, Request("anna"), Terms())
    rig.ip_set(0, WantedVF(vlan=VLAN(99), admin_mac="52:54:00:6d:90:77"))
    rig.pass_time(120)
    assert rig.vlans() == [99, 43, 42]
    assert rig.health() is Health.HEALTHY
    rig.ip_set(1, WantedVF(vlan=VLAN(99)))
    rig.pass_time(10)
    assert rig.vlans() == [99, 43, 42], "its neighbours are kept"
    desk.release([lease.lease_id])
    rig.pass_time(120)
    assert rig.vlans() == [42, 43, 42]
