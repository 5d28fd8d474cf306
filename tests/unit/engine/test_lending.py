"""Lending VFs, taking them back, and making them clean, on a simulated host."""

from __future__ import annotations

import errno
import itertools

import pytest
from tests.unit.engine.lending_rig import IGB, OTHER, Rig, mortal_desk
from tests.unit.engine.mortal import Fate, KilledError

from sriovctl.engine.leases.lease_sight import read_process
from sriovctl.engine.leases.lending import Desk, Survey
from sriovctl.errors import BusyError, InputError, LostError, UnsupportedError
from sriovctl.model.functions import VLAN
from sriovctl.model.lease import Lease, LeaseStatus, Pool, Reason, Request, Terms
from sriovctl.model.state import AUTO_MAC, PFMatch, WantedPF, WantedPool, WantedVF
from sriovctl.planner.auto_mac import auto_mac, pf_identity

NO_MAC = "00:00:00:00:00:00"
MAC = "52:54:00:6d:90:02"
TRACES = WantedVF(admin_mac=MAC, vlan=VLAN(42, 3), trust=True, spoofchk=False)


@pytest.fixture
def rig() -> Rig:
    return Rig()


def became(lease: Lease) -> tuple[LeaseStatus, Reason | None]:
    return lease.status, lease.reason


def assert_clean(rig: Rig, lease: Lease) -> None:
    known = rig.attributes(lease)
    assert (known.admin_mac, known.vlan) == (NO_MAC, VLAN(0))
    assert (known.trust, known.spoofchk) == (False, True)


# --- lending ---------------------------------------------------------------------------------


def test_each_vf_is_lent_once_and_then_none_is_left(rig: Rig) -> None:
    leases = [rig.take(f"borrower {n}") for n in range(6)]
    assert len({(lease.pf_device, lease.vf_index) for lease in leases}) == 6
    assert [lease.lease_id for lease in leases] == [1, 2, 3, 4, 5, 6]
    assert {lease.generation for lease in leases} == {1}
    with pytest.raises(BusyError, match=r"spare: has none of its VFs to lend \(leased 6\)"):
        rig.take("one more")
    rig.release(leases[3])
    again = rig.take("one more")
    assert (again.pf_device, again.vf_index) == (leases[3].pf_device, leases[3].vf_index)
    assert again.generation == 2


def test_a_lease_says_where_its_vf_is(rig: Rig) -> None:
    lease = rig.take()
    vf = rig.vf(lease)
    assert (lease.address, lease.iommu_group) == (str(vf.address), vf.iommu_group)
    assert lease.pf_identities == (f"permanent_mac {rig.pf().permanent_mac}",)
    assert rig.desk.leases() == (lease,)


def test_several_are_lent_together_or_not_at_all(rig: Rig) -> None:
    assert len(rig.take_all(vfs=4)) == 4
    with pytest.raises(BusyError, match=r"has 2 of 3 VFs to lend \(leased 4\)"):
        rig.take_all("bert", vfs=3)
    assert len(rig.desk.leases()) == 4


def test_a_pool_without_vfs_says_so(rig: Rig) -> None:
    rig.write(IGB, "sriov_numvfs", "0")
    rig.write(OTHER, "sriov_numvfs", "0")
    with pytest.raises(UnsupportedError, match="has no VFs now"):
        rig.take()


def test_a_vf_that_somebody_uses_is_not_lent(rig: Rig) -> None:
    first, second = (str(vf.address) for vf in rig.pf().vfs[:2])
    for name in (first, second):
        rig.write(name, "driver_override", "vfio-pci")
        rig.host.files.write_text("/sys/bus/pci/drivers_probe", name)
    process = rig.host.processes.start("qemu-system-x86_64")
    rig.host.processes.open_vfio_group(process, first)
    assert rig.take().address == second


def test_a_vf_that_goes_away_before_it_is_lent_is_passed_over(rig: Rig) -> None:
    seen = rig.desk.members(rig.pool())
    assert len(seen["spare"]) == 6
    survey = rig.survey()
    rig.write(IGB, "sriov_numvfs", "0")
    rig.desk._survey = lambda: survey  # as looked at before
    assert rig.take().pf_device == OTHER


def test_a_pf_that_is_being_changed_lends_nothing_meanwhile(tmp_path: object) -> None:
    rig = Rig(str(tmp_path))
    with rig.site.journal.locked([IGB]):
        lease = rig.take()
        assert lease.pf_device == OTHER
        with pytest.raises(BusyError, match="of a PF that is being changed 3"):
            rig.take_all("bert", vfs=3)
    assert rig.take("bert").pf_device == IGB


# --- making clean ----------------------------------------------------------------------------


def test_what_a_borrower_set_is_gone_when_the_vf_comes_back(rig: Rig) -> None:
    lease = rig.take()
    rig.set_vf(lease, TRACES)
    (returned,) = rig.release(lease)
    assert became(returned) == (LeaseStatus.ENDED, Reason.RELEASED)
    assert_clean(rig, lease)
    assert rig.desk.leases() == ()


def test_what_the_state_says_is_there_again(rig: Rig) -> None:
    pf = WantedPF(
        "one",
        PFMatch(address=IGB),
        vf_default=WantedVF(vlan=VLAN(7), admin_mac=AUTO_MAC),
        vfs=((1, WantedVF(vlan=VLAN(8))),),
    )
    pool = Pool(WantedPool("spare", ("one",), vf_indices=(1,)), (pf,))
    lease = rig.take(pool=pool)
    assert rig.attributes(lease).vlan == VLAN(0)  # lending changes nothing
    rig.set_vf(lease, TRACES)
    rig.release(lease)
    known = rig.attributes(lease)
    assert known.vlan == VLAN(8)
    assert known.admin_mac == auto_mac(pf_identity(rig.pf()), 1)
    assert known.trust is False


def test_without_a_state_a_vf_comes_back_as_it_was(rig: Rig) -> None:
    before = WantedVF(admin_mac=MAC, vlan=VLAN(9), trust=True)
    lease = rig.take(pool=rig.pool(from_state=False))
    rig.release(lease)
    rig.set_vf(lease, before)
    lease = rig.take(pool=rig.pool(from_state=False))
    rig.set_vf(lease, WantedVF(admin_mac=NO_MAC, vlan=VLAN(0), trust=False, spoofchk=False))
    rig.release(lease)
    known = rig.attributes(lease)
    assert (known.admin_mac, known.vlan, known.trust) == (MAC, VLAN(9), True)
    assert known.spoofchk is True


def test_a_vf_goes_back_to_the_driver_it_had_and_its_netdev_is_made_anew() -> None:
    rig = Rig(autoprobe=True)
    rig.bring_up()
    lease = rig.take()
    netdev = rig.vf(lease).netdev
    assert netdev is not None
    ifindex = rig.host.files.read_text(f"/sys/class/net/{netdev}/ifindex")
    rig.set_vf(lease, TRACES)
    (returned,) = rig.release(lease)
    assert returned.status is LeaseStatus.ENDED
    vf = rig.vf(lease)
    assert vf.driver == "igbvf"
    assert vf.attributes is not None
    assert vf.attributes.admin_mac not in (MAC, NO_MAC)  # the VF's own choice, told to the PF
    assert rig.host.files.read_text(f"/sys/class/net/{vf.netdev}/ifindex") != ifindex


def test_a_driver_that_the_borrower_chose_is_taken_off(rig: Rig) -> None:
    lease = rig.take()
    rig.write(str(lease.address), "driver_override", "vfio-pci")
    rig.host.files.write_text("/sys/bus/pci/drivers_probe", str(lease.address))
    assert rig.vf(lease).driver == "vfio-pci"
    rig.release(lease)
    assert rig.vf(lease).driver is None


def test_a_vf_in_use_is_not_touched_and_not_lent_until_it_is_free(rig: Rig) -> None:
    lease = rig.take(vfs=1, pf="one")
    address = str(lease.address)
    rig.write(address, "driver_override", "vfio-pci")
    rig.host.files.write_text("/sys/bus/pci/drivers_probe", address)
    process = rig.host.processes.start("dpdk-testpmd")
    rig.host.processes.open_vfio_group(process, address)
    rig.set_vf(lease, TRACES)
    (returned,) = rig.release(lease)
    token = f"process:dpdk-testpmd-{process.pid}"
    assert became(returned) == (LeaseStatus.DIRTY, Reason.RELEASED)
    assert returned.note == f"in use: {token}"
    assert rig.attributes(lease).admin_mac == MAC
    with pytest.raises(BusyError, match=r"\(leased 2, not clean 1, of another PF 3\)"):
        rig.take_all("bert", vfs=2, pf="one") and rig.take("carl", pf="one")
    assert rig.now(lease) == returned
    rig.host.processes.end(process)
    assert rig.take("carl", pf="one").address == address
    assert_clean(rig, lease)


def test_a_vf_that_cannot_be_made_clean_keeps_no_other_and_says_why(rig: Rig) -> None:
    leases = rig.take_all(vfs=3, pf="one")
    for lease in leases:
        rig.write(str(lease.address), "driver_override", "vfio-pci")
        rig.host.files.write_text("/sys/bus/pci/drivers_probe", str(lease.address))
    broken = str(leases[1].address)
    rig.host.files.fail(f"/sys/bus/pci/devices/{broken}/driver/unbind", errno.EIO, times=9)
    returned = rig.release(*leases)
    assert [one.status for one in returned] == [
        LeaseStatus.ENDED,
        LeaseStatus.DIRTY,
        LeaseStatus.ENDED,
    ]
    assert broken in str(returned[1].note)
    assert "EIO" in str(returned[1].note)
    assert [rig.vf(lease).driver for lease in leases] == [None, "vfio-pci", None]
    # Tried again by whoever comes next.
    rig.host.files._failures.clear()
    assert [one.status for one in rig.desk.reap()] == [LeaseStatus.ENDED]
    assert rig.vf(leases[1]).driver is None


def test_a_value_that_does_not_read_back_is_not_clean(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = rig.take()
    rig.set_vf(lease, TRACES)
    monkeypatch.setattr("sriovctl.host.simulated.netlink._set_mac", lambda *_: None)
    (returned,) = rig.release(lease)
    assert returned.status is LeaseStatus.DIRTY
    assert "was accepted, but reads back differently" in str(returned.note)
    assert MAC in str(returned.note)
    assert rig.now(lease).note == returned.note


def test_a_host_that_cannot_be_looked_at_leaves_the_vf_dirty(rig: Rig) -> None:
    lease = rig.take()
    rig.set_vf(lease, TRACES)
    rig.host.rtnl.fail(errno.EINVAL, times=9)
    (returned,) = rig.release(lease)
    assert "the kernel did not describe it" in str(returned.note)
    rig.host.rtnl._failures.clear()
    rig.desk.reap()
    assert_clean(rig, lease)


def test_a_pf_that_is_being_changed_is_left_alone(tmp_path: object) -> None:
    rig = Rig(str(tmp_path))
    lease = rig.take()
    rig.set_vf(lease, TRACES)
    with rig.site.journal.locked([IGB]):
        (returned,) = rig.release(lease)
        assert "another sriovctl changes its PF" in str(returned.note)
        assert rig.attributes(lease).admin_mac == MAC
    rig.desk.reap()
    assert_clean(rig, lease)


def test_releasing_again_changes_nothing(rig: Rig) -> None:
    lease = rig.take()
    (first,) = rig.release(lease)
    rig.take("bert")
    (second,) = rig.release(lease)
    assert (second.status, second.ended is not None) == (LeaseStatus.ENDED, True)
    assert became(first) == became(second)
    assert len(rig.desk.leases()) == 1


def test_a_number_that_is_no_lease_gives_none_back(rig: Rig) -> None:
    lease = rig.take()
    with pytest.raises(InputError, match="lease 9: there is no such lease"):
        rig.desk.release([lease.lease_id, 9])
    assert rig.now(lease).status is LeaseStatus.HELD


def test_what_another_took_up_and_forgot_meanwhile_is_nobodys_concern(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sriovctl.host.leases._KEPT", 0)
    lease = rig.take(pf="one")
    with rig.book.writing() as table:
        table.update(lease._replace(status=LeaseStatus.DIRTY, note="cut short"))

    def slowly() -> Survey:
        rig.desk.reap()
        rig.release(rig.take("bert", pf="two"))
        return rig.survey()

    assert Desk(rig.site, rig.book, slowly).reap() == ()
    assert rig.book.leases(ended=True) == ()


# --- ends without anybody's doing ------------------------------------------------------------


def test_time_runs_out_and_the_next_borrower_finds_the_vf_clean(rig: Rig) -> None:
    leases = rig.take_all(vfs=6, terms=Terms(ttl_s=60.0))
    rig.set_vf(leases[0], TRACES)
    rig.host.clock.sleep(59.9)
    with pytest.raises(BusyError):
        rig.take("bert")
    rig.host.clock.sleep(0.1)
    assert {one.status for one in rig.desk.leases()} == {LeaseStatus.EXPIRED}
    lease = rig.take("bert")
    assert (lease.address, lease.generation) == (leases[0].address, 2)
    assert_clean(rig, lease)
    assert became(rig.now(leases[0])) == (LeaseStatus.ENDED, Reason.EXPIRED)


def test_a_lease_can_be_renewed_as_long_as_it_is_held(rig: Rig) -> None:
    lease = rig.take(terms=Terms(ttl_s=60.0))
    rig.host.clock.sleep(50.0)
    assert rig.desk.renew(lease.lease_id, None).expires == 110.0
    assert rig.desk.renew(lease.lease_id, 600.0).expires == 650.0
    rig.host.clock.sleep(600.0)
    with pytest.raises(LostError, match=r"lease 1: is not held any more: expired.*gen"):
        rig.desk.renew(lease.lease_id, 600.0)
    with pytest.raises(InputError, match="there is no such lease"):
        rig.desk.renew(9, None)


def test_a_lease_ends_with_its_process(rig: Rig) -> None:
    process, bound = rig.start()
    lease = rig.take(terms=Terms(process=bound))
    rig.set_vf(lease, TRACES)
    assert rig.now(lease).status is LeaseStatus.HELD
    rig.host.processes.end(process)
    assert became(rig.now(lease)) == (LeaseStatus.ORPHANED, Reason.PROCESS_ENDED)
    assert became(*rig.desk.reap()) == (LeaseStatus.ENDED, Reason.PROCESS_ENDED)
    assert_clean(rig, lease)
    assert rig.desk.reap() == ()


def test_another_process_with_the_same_number_does_not_keep_it(rig: Rig) -> None:
    process, bound = rig.start()
    lease = rig.take(terms=Terms(process=bound._replace(started=bound.started - 1)))
    assert process.pid == lease.pid
    assert rig.now(lease).status is LeaseStatus.ORPHANED


def test_a_lease_can_be_bound_to_another_process_or_to_none(rig: Rig) -> None:
    first, bound = rig.start()
    second, other = rig.start()
    lease = rig.take(terms=Terms(process=bound))
    (lease,) = rig.desk.bind([lease], other)
    rig.host.processes.end(first)
    assert rig.now(lease).status is LeaseStatus.HELD
    (lease,) = rig.desk.bind([lease], None)
    rig.host.processes.end(second)
    assert rig.now(lease).status is LeaseStatus.HELD


def test_a_vf_that_is_removed_is_lost_to_its_holder_and_the_next_one_is_another(rig: Rig) -> None:
    lease = rig.take(pf="one")
    rig.set_vf(lease, TRACES)
    rig.remake()  # at the same address
    assert str(rig.vf(lease).address) == lease.address
    assert became(rig.now(lease)) == (LeaseStatus.LOST, Reason.VF_REMOVED)
    with pytest.raises(LostError, match="is not held any more: VF removed"):
        rig.desk.renew(lease.lease_id, None)
    others = rig.take_all("bert", vfs=3, pf="one")
    assert (others[0].address, others[0].generation) == (lease.address, 2)
    # Whoever held it may say that it is done with it, and touches nothing.
    rig.set_vf(others[0], TRACES)
    assert became(*rig.release(lease)) == (LeaseStatus.ENDED, Reason.VF_REMOVED)
    assert rig.attributes(others[0]).admin_mac == MAC
    assert rig.now(others[0]).status is LeaseStatus.HELD


def test_a_vf_that_is_gone_is_lost_too(rig: Rig) -> None:
    lease = rig.take(pf="one")
    rig.write(IGB, "sriov_numvfs", "0")
    assert rig.now(lease).status is LeaseStatus.LOST
    assert [one.status for one in rig.desk.reap()] == [LeaseStatus.LOST]
    assert rig.desk.reap() == ()
    rig.restart()
    assert rig.desk.leases() == ()
    assert [became(one) for one in rig.desk.reap()] == [(LeaseStatus.ENDED, Reason.VF_REMOVED)]


def test_a_card_that_is_pulled_takes_its_leases_with_it(rig: Rig) -> None:
    lease = rig.take(pf="one")
    rig.host.vanish(IGB)
    assert rig.now(lease).status is LeaseStatus.LOST


def test_a_restart_ends_leases_and_clocks_that_begin_again_do_no_harm(rig: Rig) -> None:
    held = rig.take()
    timed = rig.take("bert", terms=Terms(ttl_s=1e9))
    dirty = rig.take("carl")
    with rig.book.writing() as table:
        table.update(dirty._replace(status=LeaseStatus.DIRTY))
    rig.restart()
    for lease in (held, timed, dirty):
        assert became(rig.now(lease)) == (LeaseStatus.ENDED, Reason.RESTARTED)
    assert len(rig.take_all("dora", vfs=6)) == 6
    assert {one.generation for one in rig.desk.leases()} == {1, 2}


# --- pinned ----------------------------------------------------------------------------------


def test_a_pinned_lease_stays_over_a_restart_and_keeps_its_generation(rig: Rig) -> None:
    pinned = rig.take("MyGuest", terms=Terms(pinned=True), pf="one")
    rig.restart()
    now = rig.now(pinned)
    assert (now.status, now.generation) == (LeaseStatus.HELD, 1)
    assert (now.address, now.boot_id) == (pinned.address, "the next boot")
    others = rig.take_all("bert", vfs=5)
    assert pinned.address not in {lease.address for lease in others}
    rig.set_vf(pinned, TRACES)
    rig.release(pinned)
    assert_clean(rig, pinned)


def test_a_pinned_lease_follows_its_card_and_not_its_address(rig: Rig) -> None:
    pinned = rig.take("MyGuest", terms=Terms(pinned=True), pf="one")
    one, two = (rig.pf(device).netdev for device in (IGB, OTHER))
    rig.restart()
    # As if the two cards had changed their slots.
    functions = {function.name: function for function in rig.host.kernel.functions.values()}
    first, second = functions[IGB], functions[OTHER]
    first.mac, second.mac = second.mac, first.mac
    assert (one, two) == (rig.pf(IGB).netdev, rig.pf(OTHER).netdev)
    assert rig.now(pinned).pf_device == OTHER
    leases = rig.take_all("bert", vfs=5)
    assert rig.now(pinned).address not in {lease.address for lease in leases}


def test_a_pinned_lease_waits_for_vfs_that_are_not_there_yet(rig: Rig) -> None:
    pinned = rig.take("MyGuest", terms=Terms(pinned=True), pf="one")
    rig.restart()
    rig.write(IGB, "sriov_numvfs", "0")
    waiting = rig.now(pinned)
    assert (waiting.status, waiting.pf_device, waiting.address) == (LeaseStatus.HELD, None, None)
    rig.take("bert")
    rig.write(IGB, "sriov_numvfs", "3")
    assert rig.now(pinned).address == pinned.address
    assert {lease.vf_index for lease in rig.take_all("carl", vfs=2, pf="one")} == {1, 2}
    rig.write(IGB, "sriov_numvfs", "0")  # found once, it is lost like any other
    assert rig.now(pinned).status is LeaseStatus.LOST


def test_a_pinned_lease_can_be_released_while_its_vf_is_away(rig: Rig) -> None:
    pinned = rig.take("MyGuest", terms=Terms(pinned=True), pf="one")
    rig.restart()
    rig.write(IGB, "sriov_numvfs", "0")
    assert became(*rig.release(pinned)) == (LeaseStatus.ENDED, Reason.RELEASED)


def test_what_nothing_identifies_cannot_be_pinned(rig: Rig) -> None:
    function = rig.host.kernel.find_by_name(IGB)
    assert function is not None
    assert function.driver is not None
    rig.host.kernel.release(function)  # with its netdev goes the MAC, and it has no serial number
    rig.host.kernel.probe(rig.host.kernel.drivers["pci-pf-stub"], function)
    rig.write(IGB, "sriov_numvfs", "3")
    with pytest.raises(UnsupportedError, match=f"{IGB}: has neither a permanent MAC.*be pinned"):
        rig.take(terms=Terms(pinned=True), pf="one")
    assert rig.take(pf="one").pf_identities == ()


# --- a process that is stopped or killed -----------------------------------------------------


def test_an_interrupt_does_not_leave_a_vf_half_clean_for_ever(rig: Rig) -> None:
    lease = rig.take()
    rig.set_vf(lease, TRACES)

    def interrupt() -> None:
        raise KeyboardInterrupt

    rig.host.files.before(f"/sys/bus/pci/devices/{IGB}/sriov_numvfs", interrupt)
    with pytest.raises(KeyboardInterrupt):
        rig.release(lease)
    assert rig.now(lease).note == "scrubbing it was cut short"
    assert became(*rig.desk.reap()) == (LeaseStatus.ENDED, Reason.RELEASED)
    assert_clean(rig, lease)


def lend_once(rig: Rig, desk: Desk, told: list[Lease]) -> None:
    """Do what the commands do: take, tell the user, let go of the lease, and take it back."""
    terms = Terms(process=read_process(rig.host.files))
    leases = desk.take(rig.pool(), Request("anna", vfs=2), terms)
    told += leases
    desk.bind(leases, None)
    for lease in leases:
        rig.set_vf(lease, TRACES)
    desk.release([leases[0].lease_id])


@pytest.mark.parametrize("autoprobe", [False, True])
def test_kill_9_at_any_point_loses_nothing(*, autoprobe: bool) -> None:
    for point in itertools.count():
        rig, told = Rig(autoprobe=autoprobe), list[Lease]()
        fate = Fate(dies_at=point)
        killed = True
        try:
            lend_once(rig, mortal_desk(rig, fate), told)
            killed = False
        except KilledError:
            rig.reborn()
        rig.desk.reap()
        assert_nothing_is_lost(rig, told)
        if not killed:
            break
    assert point > 10


def assert_nothing_is_lost(rig: Rig, told: list[Lease]) -> None:
    left = rig.desk.leases()
    assert {lease.status for lease in left} <= {LeaseStatus.HELD}
    # What nobody was told of, nobody holds.
    assert {lease.lease_id for lease in left} <= {lease.lease_id for lease in told}
    assert len(rig.take_all("bert", vfs=6 - len(left))) == 6 - len(left)
    held = {(lease.pf_device, lease.vf_index) for lease in left}
    for pf in (rig.pf(IGB), rig.pf(OTHER)):
        for vf in pf.vfs:
            assert vf.attributes is not None
            if (pf.device, vf.vf_index) not in held:
                assert vf.attributes.admin_mac != MAC
                assert (vf.attributes.vlan, vf.attributes.trust) == (VLAN(0), False)
            assert vf.driver == ("igbvf" if pf.drivers_autoprobe else None)
