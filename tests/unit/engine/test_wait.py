"""Waiting ends when the PFs are there, however they come up, or when the time is over."""

from __future__ import annotations

from collections.abc import Callable

from sriovctl.engine.runs.wait import (
    POLL_S,
    UDEV_CONTROL,
    UDEV_DATA,
    UDEV_QUEUE,
    Waited,
    wait_for_pfs,
)
from sriovctl.host.simulated import SimulatedHost, simulated_82576
from sriovctl.host.simulated.tree import constant
from sriovctl.model.state import DesiredState, PFMatch, WantedPF, WantedVF

IGB = "0000:01:00.0"
DRIVERS = "/sys/bus/pci/drivers/igb"
MAC = WantedVF(admin_mac="52:54:00:00:00:01")
STATE = DesiredState((WantedPF("uplink", PFMatch(address=IGB), num_vfs=2, vf_default=MAC),))
ALL = DesiredState((WantedPF("all", PFMatch(driver="igb", all=True), link_up=True),))


class Booting:
    """A host that is not done booting: things happen when its clock has come so far."""

    def __init__(self) -> None:
        self.host = simulated_82576()
        self.told: list[str] = []
        self._events: list[tuple[float, Callable[[], None]]] = []
        sleep = self.host.clock.sleep

        def sleep_and_happen(seconds: float) -> None:
            sleep(seconds)
            due = [event for event in self._events if event[0] <= self.host.clock.now()]
            self._events = [event for event in self._events if event not in due]
            for _, action in due:
                action()

        self.host.clock.sleep = sleep_and_happen  # type: ignore[method-assign]
        self.began = self.host.clock.now()

    def at(self, seconds: float, action: Callable[[], None]) -> None:
        self._events.append((self.began + seconds, action))

    def wait(self, state: DesiredState = STATE, *, timeout_s: float = 60) -> Waited:
        return wait_for_pfs(self.host, state, timeout_s=timeout_s, progress=self.told.append)

    @property
    def elapsed(self) -> float:
        return self.host.clock.now() - self.began


def unbind(host: SimulatedHost) -> None:
    host.files.write_text(f"{DRIVERS}/unbind", IGB)


def bind(host: SimulatedHost) -> None:
    host.files.write_text(f"{DRIVERS}/bind", IGB)


def run_udev(host: SimulatedHost, *, done_with: tuple[str, ...] = ()) -> None:
    host.files.add(UDEV_CONTROL, constant(""))
    for netdev in done_with:
        udev_is_done(host, netdev)


def udev_is_done(host: SimulatedHost, netdev: str) -> None:
    ifindex = host.files.read_text(f"/sys/class/net/{netdev}/ifindex")
    host.files.add(f"{UDEV_DATA}/n{ifindex}", constant("I:1"))


def test_what_is_there_is_not_waited_for() -> None:
    booting = Booting()
    waited = booting.wait()
    assert waited.lacks == ()
    assert waited.pfs[0].device == IGB
    assert booting.elapsed == 0
    assert booting.told == []


def test_a_driver_that_comes_late_is_waited_for() -> None:
    booting = Booting()
    unbind(booting.host)
    booting.at(5, lambda: bind(booting.host))
    waited = booting.wait()
    assert waited.lacks == ()
    assert waited.pfs[0].driver == "igb"
    assert 5 <= booting.elapsed < 5 + 2 * POLL_S
    assert booting.told == [f"waiting for uplink: {IGB} has no driver"]


def test_a_pf_that_does_not_come_is_given_up_in_time() -> None:
    booting = Booting()
    booting.host.vanish(IGB)
    waited = booting.wait(timeout_s=20)
    assert [str(lack) for lack in waited.lacks] == [f"uplink: no PF fits address {IGB}"]
    assert [pf.device for pf in waited.pfs] == ["0000:04:00.0", "0000:05:00.0"]
    assert 20 <= booting.elapsed < 20 + 2 * POLL_S


def test_no_time_is_one_look() -> None:
    booting = Booting()
    booting.host.vanish(IGB)
    assert booting.wait(timeout_s=0).lacks
    assert booting.elapsed == 0


def test_a_pf_that_goes_away_while_it_is_read_is_looked_for_again() -> None:
    booting = Booting()
    vendor = f"/sys/bus/pci/devices/{IGB}/sriov_numvfs"
    booting.host.files.before(vendor, lambda: booting.host.files.fail(vendor, 2))
    waited = booting.wait()
    assert waited.lacks == ()
    assert booting.elapsed > 0


def test_udev_is_to_be_done_with_the_netdev() -> None:
    booting = Booting()
    run_udev(booting.host)
    booting.at(3, lambda: udev_is_done(booting.host, "eth0"))
    assert booting.wait().lacks == ()
    assert 3 <= booting.elapsed < 3 + 2 * POLL_S


def test_a_netdev_that_udev_leaves_open_does_not_keep_the_pf_out() -> None:
    booting = Booting()
    run_udev(booting.host)
    (lack,) = booting.wait(timeout_s=2).lacks
    assert str(lack) == f"uplink: udev is not done with eth0 of {IGB}"
    assert not lack.is_fatal


def test_where_nothing_goes_through_the_netdev_udev_does_not_matter() -> None:
    booting = Booting()
    run_udev(booting.host)
    state = DesiredState((WantedPF("disks", PFMatch(driver="nvme"), num_vfs=2),))
    assert booting.wait(state).lacks == ()
    assert booting.elapsed == 0


def test_all_waits_for_those_that_may_still_come() -> None:
    booting = Booting()
    run_udev(booting.host, done_with=("eth0", "eth1"))
    booting.host.files.add(UDEV_QUEUE, constant(""))
    unbind(booting.host)
    booting.at(2, lambda: bind(booting.host))
    booting.at(4, lambda: booting.host.files.remove(UDEV_QUEUE))
    booting.at(4, lambda: udev_is_done(booting.host, "eth0"))
    waited = booting.wait(ALL)
    assert waited.lacks == ()
    assert [pf.device for pf in waited.pfs if pf.driver == "igb"] == [IGB, "0000:04:00.0"]
    assert booting.elapsed >= 4
