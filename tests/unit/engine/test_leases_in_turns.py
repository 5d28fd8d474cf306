"""Leases that are taken and given back while others do, or while PFs are changed, at any points.

A borrower sets of its VF what it likes.  Nobody else touches that as long as it holds the lease,
nobody gets a VF that another has, and once all have given back, the host is what its runs have made
of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.turns import Other, PatientTime, SharedBook, WithPoints, in_turns

from sriovctl.codec.state_file import parse_state
from sriovctl.engine.boot import read_boot_id
from sriovctl.engine.inventory import read_inventory
from sriovctl.engine.leases.lending import Desk, Survey
from sriovctl.engine.runs.apply import ApplyOptions, Outcome, apply_plan
from sriovctl.engine.runs.execute import Site
from sriovctl.engine.runs.meanwhile import mark_journal
from sriovctl.engine.runs.undo import undo_run
from sriovctl.engine.runs.users import Users
from sriovctl.engine.vf_attributes import write_vf_attributes
from sriovctl.errors import BusyError, InputError, LostError, SafetyError, UnsupportedError
from sriovctl.host import locks
from sriovctl.host.journal import SQLiteJournal
from sriovctl.host.leases import SQLiteLeaseBook
from sriovctl.host.simulated import SimulatedHost, simulated_82576
from sriovctl.model.functions import PF, VLAN
from sriovctl.model.lease import Lease, LeaseStatus, Pool, Request, Terms
from sriovctl.model.run import RunKind
from sriovctl.model.state import PFMatch, WantedPF, WantedPool, WantedVF
from sriovctl.planner.diff import plan_state

if TYPE_CHECKING:
    from sriovctl.host.api import Host
    from sriovctl.host.lease_api import LeaseBook

IGB = "0000:01:00.0"
FIRST = f"""
version: 1
pfs:
  uplink:
    match: {{address: "{IGB}"}}
    num_vfs: 2
    drivers_autoprobe: false
    vf_default: {{vlan: {{id: 42}}}}
"""
STATES = {
    "first": FIRST,
    "other VLANs": FIRST.replace("42", "50"),
    "more VFs": FIRST.replace("num_vfs: 2", "num_vfs: 3"),
    "fewer VFs": FIRST.replace("num_vfs: 2", "num_vfs: 1"),
}
OF_BORROWERS = 77
LASTING = (LeaseStatus.HELD, LeaseStatus.EXPIRED, LeaseStatus.DIRTY)
REFUSALS = (BusyError, InputError, LostError, SafetyError, UnsupportedError)
POOL = Pool(
    WantedPool("spare", ("one",)), (WantedPF("one", PFMatch(address=IGB)),), from_state=False
)


@pytest.fixture(autouse=True, scope="module")
def patience() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(locks, "time", PatientTime())
        yield


def read_pf(host: Host) -> PF:
    pfs = read_inventory(host, name_of=lambda *_: None)
    return next(pf for pf in pfs if pf.device == IGB)


class Person:
    """One who works on the host, alone or by turns with others."""

    def __init__(self, site: Site, book: LeaseBook) -> None:
        self.site = site
        self.book = book
        self.users = Users(site, open_libvirt=None, open_leases=lambda: book)
        self.desk = Desk(site, book, self._survey)

    def _survey(self) -> Survey:
        pfs = read_inventory(self.site.host, name_of=lambda *_: None)
        return Survey(pfs, self.users.but_leases(pfs).owners)

    def apply(self, name: str) -> Outcome:
        since = mark_journal(self.site.host, self.site.journal)
        pfs = read_inventory(self.site.host, name_of=lambda *_: None)
        state = parse_state(STATES[name], source="x.yaml")
        plan = plan_state(state, pfs, owners=self.users.of(pfs).owners)
        options = ApplyOptions(
            source=name, affected=self.users.affected, leased=self.users.leased, since=since
        )
        return apply_plan(self.site, plan, options=options)

    def undo(self) -> None:
        undo_run(self.site, check=self.users.checking(frozenset()))

    def take(self, *, vfs: int = 1, ttl_s: float | None = None) -> tuple[Lease, ...]:
        leases = self.desk.take(POOL, Request("anna", vfs=vfs), Terms(ttl_s))
        for lease in leases:
            self.use(lease)
        return leases

    # As a borrower does, who asks nobody.
    def use(self, lease: Lease) -> None:
        netdev = read_pf(self.site.host).netdev
        assert netdev is not None
        wish = WantedVF(vlan=VLAN(OF_BORROWERS))
        write_vf_attributes(self.site.host.rtnl, netdev, [(lease.vf_index, wish)])

    def take_and_release(self) -> None:
        self.desk.release([lease.lease_id for lease in self.take()])

    def release(self) -> tuple[Lease, ...]:
        return self.desk.release([1])

    def renew(self) -> Lease:
        return self.desk.renew(1, None)


WORKS: dict[str, Callable[[Person], object]] = {
    **{name: partial(Person.apply, name=name) for name in STATES if name != "first"},
    "undo": Person.undo,
    "take": Person.take,
    "take both": partial(Person.take, vfs=2),
    "take and release": Person.take_and_release,
    "release": Person.release,
    "renew": Person.renew,
    "reap": lambda person: person.desk.reap(),
}
# What became of the first lease.
BEFORE = ("none", "held", "over")


class Scene:
    """A PF with two VFs, and perhaps a lease of the first."""

    def __init__(self, directory: str, before: str) -> None:
        self.directory = directory
        self.opened: set[str] = set()
        self.host: SimulatedHost = simulated_82576()
        site = Site(self.host, SQLiteJournal(directory), lambda _: None)
        self.person = Person(site, SQLiteLeaseBook(directory))
        self.person.apply("first")
        if before != "none":
            self.person.take(ttl_s=60 if before == "over" else None)
        if before == "over":
            self.host.clock.sleep(61)

    def begin(self, name: str) -> Other:
        def work(site: Site) -> object:
            book = SharedBook(self.directory, self.opened)
            journal: Any = site.journal
            shared: Any = WithPoints(book, journal.point)
            return WORKS[name](Person(site, shared))

        return Other(self.host, self.directory, work)

    def vlans(self) -> list[int | None]:
        return [vf.attributes.vlan_id for vf in read_pf(self.host).vfs if vf.attributes]

    def as_written(self) -> list[int | None]:
        """The VLANs that the runs which stand have set."""
        journal = self.person.site.journal
        runs = [
            r for r in journal.standing(read_boot_id(self.host.files)) if r.kind is RunKind.APPLY
        ]
        if not runs:
            return []
        number, vlan = 2, 42
        for run in reversed(runs):
            number = {"more VFs": 3, "fewer VFs": 1}.get(run.source, 2)
            vlan = 50 if run.source == "other VLANs" else 42
        return [vlan] * number


def try_two(before: str, names: tuple[str, str], turns: tuple[int, ...]) -> None:
    with TemporaryDirectory() as directory:
        scene = Scene(directory, before)
        one, other = scene.begin(names[0]), scene.begin(names[1])
        in_turns(one, other, turns)
        desk, errors = scene.person.desk, (one.error, other.error)
        assert all(error is None or isinstance(error, REFUSALS) for error in errors), errors
        leases = desk.leases()
        told = f"{errors} {leases} {scene.vlans()}"
        for lease in leases:
            assert lease.status in LASTING, told
            if lease.status is LeaseStatus.HELD:
                assert scene.vlans()[lease.vf_index] == OF_BORROWERS, told
        desk.reap()
        became = desk.release([lease.lease_id for lease in leases])
        assert all(lease.status is LeaseStatus.ENDED for lease in became), (told, became)
        # What is over keeps nobody from changing a VF that is still as its borrower left it.
        if before != "over":
            assert scene.vlans() == scene.as_written(), told


@pytest.mark.parametrize(
    ("before", "names"),
    [
        ("none", ("take and release", "other VLANs")),
        ("held", ("take both", "release")),
        ("held", ("release", "other VLANs")),
    ],
)
def test_somebody_does_it_all_meanwhile(before: str, names: tuple[str, str]) -> None:
    for points in (*range(4, 9), 48, 96):
        try_two(before, names, (points, 1000))


POINTS = st.integers(0, 12) | st.integers(0, 90) | st.just(1000)


@settings(max_examples=40, deadline=None)
@given(
    before=st.sampled_from(BEFORE),
    names=st.tuples(st.sampled_from(sorted(WORKS)), st.sampled_from(sorted(WORKS))),
    turns=st.tuples(POINTS, POINTS, POINTS, POINTS),
)
def test_two_at_once(before: str, names: tuple[str, str], turns: tuple[int, ...]) -> None:
    try_two(before, names, turns)
