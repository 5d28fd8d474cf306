"""What the daemon reads again after a real kernel's events, held against a whole read."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from sriovctl.daemon.questions import Question
from sriovctl.daemon.sight import Sight
from sriovctl.daemon.watch import Watch, look_at
from sriovctl.engine.inventory import read_inventory, read_pf
from sriovctl.host.events import KernelEvents
from sriovctl.host.live import LiveHost
from sriovctl.model.functions import PF
from tests.lab.netdevsim import new_netdevsim
from tests.lab.shell import PCI, ip, netdev_of

IGB = "0000:01:00.0"
ID = 44
QUIET_S = 0.3


class Observer:
    """Looks as the daemon does, and compares."""

    def __init__(self, host: LiveHost, events: KernelEvents) -> None:
        self.host = host
        self.events = events
        self.watch = Watch(host.clock, events)
        self.sight = Sight(host)
        self.narrow = 0
        self.wide = 0
        self.look_all()

    def pf_of(self, device: str) -> str:
        return self.sight.pf_of(device)

    def look_all(self) -> None:
        self.sight.keep_all(read_inventory(self.host, name_of=lambda *_: None))

    def look(self, device: str, question: Question) -> None:
        pf = self.sight.read_again(device, question)
        self.narrow += pf is not None
        self.wide += pf is None
        assert (pf or self.sight.read(device)) == read_pf(self.host, device)

    def follow(self) -> None:
        """Look at what is due, until nothing comes any more."""
        deadline = time.monotonic() + QUIET_S
        while time.monotonic() < deadline or self.watch.due_at() is not None:
            if self.watch.take_events(self):
                deadline = time.monotonic() + QUIET_S
            look_at(self, self.watch.take_due())
            time.sleep(0.01)

    def narrowly(self, happen: Callable[[], object]) -> bool:
        """Whether what happened was looked at, and no PF had to be read as a whole for it."""
        self.follow()
        self.watch = Watch(self.host.clock, self.events)  # which is patient, the more there was
        narrow, wide = self.narrow, self.wide
        happen()
        self.follow()
        return self.narrow > narrow and self.wide == wide

    def seen(self, device: str) -> PF:
        pf = self.sight.read_again(device, Question())
        assert pf is not None
        return pf


@pytest.fixture
def observer() -> Iterator[Observer]:
    host, events = LiveHost(), KernelEvents()
    with closing(host), closing(events):
        yield Observer(host, events)


def bind(vf: str, driver: str) -> None:
    if (PCI / vf / "driver").exists():
        (PCI / vf / "driver/unbind").write_text(vf)
    (PCI / vf / "driver_override").write_text(f"{driver}\n")
    (PCI.parent / "drivers_probe").write_text(vf)


@pytest.mark.lab("82576")
def test_it_is_as_a_whole_read_finds_it(observer: Observer) -> None:
    subprocess.run(("modprobe", "-a", "igbvf", "vfio-pci"), check=True)
    netdev, autoprobe = netdev_of(IGB), PCI / IGB / "sriov_drivers_autoprobe"
    ip("link", "set", netdev, "up")
    autoprobe.write_text("1")
    (PCI / IGB / "sriov_numvfs").write_text("3")
    try:
        first, second = ((PCI / IGB / f"virtfn{n}").resolve().name for n in range(2))
        observer.follow()
        assert observer.seen(IGB).vfs[0].netdev == netdev_of(first)
        assert observer.narrowly(lambda: ip("link", "set", netdev, "vf", "1", "vlan", "7"))
        assert observer.narrowly(lambda: ip("link", "set", netdev_of(first), "up"))
        assert observer.narrowly(lambda: bind(first, "vfio-pci"))
        assert observer.seen(IGB).vfs[0].driver == "vfio-pci"
        assert observer.narrowly(lambda: bind(first, ""))
        ip("link", "set", netdev_of(second), "down")
        assert observer.narrowly(lambda: ip("link", "set", netdev_of(second), "name", "data0"))
        assert observer.seen(IGB).vfs[1].netdev == "data0"
        ip("netns", "add", "sight")
        assert observer.narrowly(lambda: ip("link", "set", "data0", "netns", "sight"))
        assert observer.seen(IGB).vfs[1].netdev is None
        ip("netns", "del", "sight")
        assert observer.narrowly(lambda: ip("link", "set", netdev, "down"))
        assert not observer.narrowly(lambda: (PCI / IGB / "sriov_numvfs").write_text("0"))
        assert observer.seen(IGB).num_vfs == 0
    finally:
        (PCI / IGB / "sriov_numvfs").write_text("0")
        ip("link", "set", netdev, "down")


@pytest.mark.lab("netdevsim")
def test_another_number_of_vfs_that_no_event_tells_is_found_with_the_next(
    observer: Observer,
) -> None:
    with new_netdevsim(ID, max_vfs=40, num_vfs=40) as netdev:
        device = f"netdevsim{ID}"
        ip("link", "set", netdev, "up")
        observer.follow()
        assert observer.narrowly(lambda: ip("link", "set", netdev, "vf", "30", "vlan", "7"))
        numvfs = PCI.parents[1] / f"netdevsim/devices/{device}/sriov_numvfs"
        numvfs.write_text("0")
        numvfs.write_text("20")
        assert not observer.narrowly(lambda: ip("link", "set", netdev, "mtu", "1400"))
        assert observer.seen(device).num_vfs == 20
