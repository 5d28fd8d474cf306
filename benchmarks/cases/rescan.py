"""What the daemon reads after one event, beside all that it reads when it starts.

Timed is what the daemon does from the event until it knows the PF again: take and decode the
events, find out what they ask, and read.  Not the pause in which it waits for more of them.
"""

from __future__ import annotations

import select
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import cycle

from case import CannotRunError, Case, Place, Site, Ways
from cases.binding import vfs_to_bind
from changes import subject
from functions import PCI, vfs_to_list
from measure import seconds
from sriovctl.codec.rtnl_change import encode_set_vf
from sriovctl.daemon.questions import Question
from sriovctl.daemon.sight import Sight
from sriovctl.daemon.watch import Watch, look_at
from sriovctl.engine.inventory import read_inventory
from sriovctl.engine.link import read_link
from sriovctl.engine.vf_attributes import write_link
from sriovctl.host.events import KernelEvents
from sriovctl.host.live import LiveHost
from sriovctl.host.rtnl import KernelRouteNetlink
from sriovctl.model.functions import VLAN
from sriovctl.model.state import WantedVF

PATIENCE_S = 10.0


class Observer:
    """The daemon without what it does about what it sees."""

    def __init__(self, host: LiveHost, events: KernelEvents) -> None:
        self._host = host
        self._filenos = events.filenos()
        self._watch = Watch(host.clock, events)
        self._sight = Sight(host)
        self.whole_reads = 0
        self.look_all()

    def pf_of(self, device: str) -> str:
        return self._sight.pf_of(device)

    def look(self, device: str, question: Question) -> None:
        if self._sight.read_again(device, question) is None:
            self.whole_reads += 1
            self._sight.read(device)

    def look_all(self) -> None:
        self._sight.keep_all(read_inventory(self._host, name_of=lambda *_: None))

    def full_scan(self) -> float:
        return seconds(lambda: read_inventory(self._host, name_of=lambda *_: None))

    def whole_pf(self, device: str) -> float:
        return seconds(lambda: self._sight.read(device))

    def after(self, happen: Callable[[], object]) -> float:
        """Let something happen that has events, and time what is done then."""
        happen()
        took_s = 0.0
        while (due_at := self._watch.due_at()) is None or self._has_come(due_at):
            if not self._has_come(self._host.clock.now() + PATIENCE_S):
                raise CannotRunError("no event came")
            took_s += seconds(lambda: self._watch.take_events(self))
        return took_s + seconds(lambda: look_at(self, self._watch.take_due()))

    def _has_come(self, until: float) -> bool:
        left_s = max(0.0, until - self._host.clock.now())
        return bool(select.select(self._filenos, [], [], left_s)[0])


@contextmanager
def observer() -> Iterator[Observer]:
    """Watch this host."""
    events, host = KernelEvents(), LiveHost()
    with closing(host), closing(events):
        yield Observer(host, events)


# --- on many PCI functions -------------------------------------------------------------------


def pfs_by_vfs() -> list[tuple[str, int]]:
    """Name the PFs that have VFs, and how many, those with few first."""
    counts = {p.parent.name: int(p.read_text()) for p in PCI.glob("*/sriov_numvfs")}
    pfs = sorted((one for one in counts.items() if one[1]), key=lambda one: one[1])
    if len(pfs) < 2:
        raise CannotRunError("this host has one PF with VFs, which is all that there is")
    return pfs


def rescanning(which: int) -> Callable[[Site], Iterator[Ways]]:
    """Read all of a PF: after VFs have come or gone, or before a repair."""

    def prepare(site: Site) -> Iterator[Ways]:
        vfs = vfs_to_list(site)
        pf, pf_vfs = pfs_by_vfs()[which]
        with observer() as daemon:
            yield Ways(lambda: daemon.whole_pf(pf), daemon.full_scan, vfs, pf_vfs=pf_vfs)

    return prepare


def rebinding(site: Site) -> Iterator[Ways]:
    """Read what one VF's change of driver is about, on the PF with the most VFs."""
    count = vfs_to_list(site)
    with vfs_to_bind(site) as vfs, observer() as daemon:
        vf = vfs[0].resolve()

        def rebind() -> None:
            if (vf / "driver").exists():
                (vf / "driver/unbind").write_text(vf.name)
            else:
                (vf / "driver_override").write_text("pci-stub")
                (PCI.parent / "drivers_probe").write_text(vf.name)

        pf_vfs = len(list(vf.glob("physfn/virtfn*")))
        yield Ways(lambda: daemon.after(rebind), daemon.full_scan, count, pf_vfs=pf_vfs)
        assert daemon.whole_reads == 0


# --- attributes ------------------------------------------------------------------------------


def setting(site: Site) -> Iterator[Ways]:
    """Read what a VLAN that somebody set is about."""
    with (
        subject(site, 1000) as pf,
        KernelRouteNetlink() as rtnl,
        observer() as daemon,
    ):
        netdev, vf_index = pf.netdev, pf.indices[len(pf.indices) // 2]
        if ("vlan",) not in pf.attributes:
            raise CannotRunError(f"the driver of {netdev} takes no VLAN now")
        if site.is_lab:
            daemon.after(lambda: write_link(rtnl, netdev, up=True))
        link = read_link(rtnl, netdev)
        if not link.up:
            raise CannotRunError(f"{netdev} is down, and then nothing is told")
        daemon.whole_reads = 0
        vlans = cycle((41, 42))

        def set_one() -> None:
            wanted = WantedVF(vlan=VLAN(next(vlans)))
            (answer,) = rtnl.exchange([encode_set_vf(link.ifindex, vf_index, wanted, current=None)])
            assert answer.errno == 0

        yield Ways(lambda: daemon.after(set_one), daemon.full_scan, pf.num_vfs)
        assert daemon.whole_reads == 0


CASES = (
    Case(
        "rescan after an event of attributes on a PF with {vfs} VFs",
        "full scan",
        0.05,
        Place.NETDEVSIM,
        contextmanager(setting),
        vfs=1000,
        changes=True,
        runs=21,
    ),
    Case(
        "rescan after an event of a VF's driver, on the PF with {pf_vfs} of {vfs} VFs",
        "full scan",
        0.05,
        Place.SCALE,
        contextmanager(rebinding),
        vfs=1034,
        pf_vfs=255,
        changes=True,
        runs=21,
    ),
    Case(
        "rescan of a whole card with {pf_vfs} of {vfs} VFs",
        "full scan",
        0.05,
        Place.SCALE,
        contextmanager(rescanning(0)),
        vfs=1034,
        pf_vfs=7,
        runs=15,
    ),
    Case(
        "rescan of the whole PF with {pf_vfs} of {vfs} VFs",
        "full scan",
        0.3,
        Place.SCALE,
        contextmanager(rescanning(-1)),
        vfs=1034,
        pf_vfs=255,
        runs=15,
    ),
)
