"""Looks at a host, one after the other."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from sriovctl.engine.watching import Watcher
from sriovctl.errors import LostError
from sriovctl.host.simulated import SimulatedHost, simulated_82576
from sriovctl.model.counters import NO_RATES, RatedPF
from sriovctl.model.functions import PF
from sriovctl.model.owner import Owner, OwnerKind, OwnerReport

IGB, OTHER = "0000:01:00.0", "0000:04:00.0"
VF0, VF1 = "0000:01:10.0", "0000:01:10.2"
DIRECTORY = f"/sys/bus/pci/devices/{IGB}"


class Rig:
    """The first PF of a host, with two VFs and who uses them."""

    def __init__(self) -> None:
        self.host: SimulatedHost = simulated_82576()
        self.host.files.write_text(f"{DIRECTORY}/sriov_numvfs", "2")
        self.asked = 0
        self.watcher = Watcher(
            self.host,
            ask_owners=self.ask,
            note_wedged=lambda pfs: pfs,
            wanted=lambda pf: pf.device == IGB,
        )

    def ask(self, pfs: Sequence[PF]) -> OwnerReport:
        assert [pf.device for pf in pfs] == [IGB]
        self.asked += 1
        owner = Owner(OwnerKind.GUEST, f"Guest{self.asked}")
        return OwnerReport({VF0: (owner,)}, ("somebody is hidden",))

    def look(self, *, after_s: float = 2.0) -> RatedPF:
        self.host.clock.sleep(after_s)
        (one,) = self.watcher.look()
        return one


def test_rates_are_those_since_the_look_before() -> None:
    rig = Rig()
    first = rig.look()
    assert (first.seconds, first.rates) == (None, NO_RATES)
    assert [vf.rates for vf in first.vfs] == [NO_RATES, NO_RATES]
    rig.host.traffic.pass_netdev("eth0", rx_packets=10)
    rig.host.traffic.pass_vf(VF1, tx_bytes=500)
    second = rig.look(after_s=4.0)
    assert (second.seconds, second.rates.rx_packets) == (4.0, 2.5)
    assert [vf.rates.tx_bytes for vf in second.vfs] == [0.0, 125.0]
    assert [vf.rates.tx_bytes for vf in rig.look().vfs] == [0.0, 0.0]


def test_vfs_that_were_made_anew_have_no_rate_once() -> None:
    rig = Rig()
    rig.host.traffic.pass_vf(VF1, tx_bytes=500)
    rig.look()
    for number in ("0", "2"):
        rig.host.files.write_text(f"{DIRECTORY}/sriov_numvfs", number)
    rig.host.traffic.pass_vf(VF1, tx_bytes=100)
    assert rig.look().vfs[1].rates == NO_RATES
    assert rig.look().vfs[1].rates.tx_bytes == 0.0


def test_a_vf_that_goes_away_to_a_guest_has_no_rate_and_is_not_0() -> None:
    rig = Rig()
    rig.look()
    rig.host.files.write_text(f"/sys/bus/pci/devices/{VF1}/driver_override", "vfio-pci")
    rig.host.files.write_text("/sys/bus/pci/drivers/igbvf/unbind", VF1)
    assert rig.look().vfs[1].rates == NO_RATES
    assert rig.look().vfs[1].rates == NO_RATES


def test_users_are_asked_for_when_they_may_have_changed() -> None:
    rig = Rig()
    owners = [rig.look().vfs[0].traffic.vf.owner for _ in range(4)]
    assert owners == ["guest:Guest1"] * 4
    assert rig.watcher.notes == ("somebody is hidden",)
    rig.host.files.write_text("/sys/bus/pci/drivers/igbvf/unbind", VF1)
    assert rig.look().vfs[0].traffic.vf.owner == "guest:Guest2"
    assert rig.look(after_s=10.0).vfs[0].traffic.vf.owner == "guest:Guest3"
    assert rig.asked == 3


def test_who_does_not_ask_knows_no_users() -> None:
    rig = Rig()
    watcher = Watcher(rig.host, ask_owners=None, note_wedged=lambda pfs: pfs)
    assert [pf.traffic.pf.device for pf in watcher.look()] == [IGB, OTHER, "0000:05:00.0"]
    assert (watcher.notes, rig.asked) == ((), 0)


def test_a_pf_that_is_pulled_is_left_out_next_time() -> None:
    rig = Rig()
    seen: list[PF] = []
    watcher = Watcher(rig.host, ask_owners=None, note_wedged=lambda pfs: pfs)
    rig.host.files.before(f"{DIRECTORY}/sriov_numvfs", lambda: rig.host.vanish(IGB))
    seen += [one.traffic.pf for one in watcher.look()]
    assert [pf.device for pf in seen] == [OTHER, "0000:05:00.0"]


def test_a_host_that_never_holds_still_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    rig, tries = Rig(), 0

    def lost(*_: object, **__: object) -> None:
        nonlocal tries
        tries += 1
        raise LostError("gone")

    monkeypatch.setattr("sriovctl.engine.counters.read_traffic", lost)
    with pytest.raises(LostError):
        rig.look()
    assert tries == 3
