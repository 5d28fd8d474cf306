"""People who change one PF, lend its VFs, and give them to guests and namespaces."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from io import StringIO
from typing import TYPE_CHECKING, Any

from tests.unit.turns import Other, SharedBook, WithPoints

from sriovctl.codec.state_file import parse_state
from sriovctl.daemon.declaration import Declaration
from sriovctl.daemon.keeper import Keeper
from sriovctl.daemon.log import Log, Priority
from sriovctl.engine.boot import read_boot_id
from sriovctl.engine.guests.attach import attach_all
from sriovctl.engine.guests.detach import detach
from sriovctl.engine.guests.holders import holders, read_guests
from sriovctl.engine.guests.recording import recording
from sriovctl.engine.guests.reservation import reserving, reserving_till_back
from sriovctl.engine.guests.vf_place import read_vf_place
from sriovctl.engine.inventory import read_inventory
from sriovctl.engine.leases.lending import Desk, Survey
from sriovctl.engine.netns import attach as netns
from sriovctl.engine.runs import handover
from sriovctl.engine.runs.apply import ApplyOptions, Outcome, apply_plan
from sriovctl.engine.runs.execute import Site
from sriovctl.engine.runs.undo import undo_run
from sriovctl.engine.runs.users import Users
from sriovctl.engine.vf_attributes import write_link, write_vf_attributes
from sriovctl.host.baseline_file import BaselineFile
from sriovctl.host.journal import SQLiteJournal
from sriovctl.host.leases import SQLiteLeaseBook
from sriovctl.host.simulated import SimulatedHost, simulated_82576
from sriovctl.host.simulated.tree import constant
from sriovctl.host.simulated_libvirt import SimulatedLibvirt
from sriovctl.model.address import parse_pci_address
from sriovctl.model.functions import PF, VLAN
from sriovctl.model.guest import Wanted
from sriovctl.model.lease import Lease, Pool, Request, Terms
from sriovctl.model.netns import NetnsWish
from sriovctl.model.qemu import HandoverSettings
from sriovctl.model.run import RunKind
from sriovctl.model.state import PFMatch, WantedPF, WantedPool, WantedVF
from sriovctl.planner.diff import plan_state

if TYPE_CHECKING:
    from sriovctl.host.api import Host
    from sriovctl.host.lease_api import LeaseBook
    from sriovctl.host.libvirt_api import Libvirt

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
OF_BORROWERS, OF_GUESTS, OF_NAMESPACES, STRANGE = 77, 88, 99, 7
VF0 = parse_pci_address("0000:01:10.0")
GUESTS = ("MyGuest", "Other")
NAMESPACES = ("blue", "red")
POOL = Pool(
    WantedPool("spare", ("one",)), (WantedPF("one", PFMatch(address=IGB)),), from_state=False
)


def read_pf(host: Host) -> PF:
    pfs = read_inventory(host, name_of=lambda *_: None)
    return next(pf for pf in pfs if pf.device == IGB)


class Person:
    """One who works on the host, alone or by turns with others."""

    def __init__(self, site: Site, directory: str, book: LeaseBook, libvirt: Libvirt) -> None:
        self.site = site
        self.directory = directory
        self.book = book
        self.libvirt = libvirt
        self.users = Users(site, open_libvirt=lambda: libvirt, open_leases=lambda: book)
        self.desk = Desk(site, book, self._survey)

    def _survey(self) -> Survey:
        pfs = read_inventory(self.site.host, name_of=lambda *_: None)
        return Survey(pfs, self.users.but_leases(pfs).owners)

    def apply(self, name: str) -> Outcome:
        since = self.users.mark()
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

    def change(self) -> None:
        """Set what nobody wants."""
        write_vf_attributes(self.site.host.rtnl, "eth0", [(0, WantedVF(vlan=VLAN(STRANGE)))])

    # As a daemon that is started at this moment, whose files are as the last time.
    def look_as_daemon(self) -> None:
        memory, boot_id = BaselineFile(self.directory), read_boot_id(self.site.host.files)
        declaration = Declaration(
            lambda: (("host.yaml", FIRST),), self.site.journal, memory, boot_id=boot_id
        )
        log = Log(StringIO(), priorities=False, least=Priority.DEBUG)
        keeper = Keeper(self.site, declaration, self.users, log, remind=lambda *_: None)
        keeper.load(anew=False)
        keeper.look_all()

    # As 'sriovctl attach' does.
    def attach(self, guest: str) -> None:
        host = self.site.host
        with ExitStack() as entered:
            place = read_vf_place(host.files, VF0)
            entered.enter_context(reserving(host, self.book, place, owner=guest))
            done = entered.enter_context(recording(self.site, "attach", guest, [VF0], warn=print))
            wanted = [(VF0, Wanted(vlan=OF_GUESTS))]
            done += attach_all(host, self.libvirt, guest=guest, wanted=wanted)

    def detach(self, guest: str) -> None:
        host = self.site.host
        with ExitStack() as entered:
            place = read_vf_place(host.files, VF0)
            entered.enter_context(reserving_till_back(host, self.book, place, owner=guest))
            done = entered.enter_context(recording(self.site, "detach", guest, [VF0], warn=print))
            done.append(detach(host, self.libvirt, guest=guest, vf=VF0))

    def move(self, namespace: str) -> None:
        netns.attach(
            handover.Desk(self.site, self.users),
            vf=VF0,
            netns=namespace,
            settings=HandoverSettings(vlan=OF_NAMESPACES),
            wish=NetnsWish(rebind=True),
        )

    def bring_back(self) -> None:
        netns.detach(handover.Desk(self.site, self.users), vf=VF0)


class Scene:
    """A PF with two VFs, two guests, and two namespaces."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.opened: set[str] = set()
        self.host: SimulatedHost = simulated_82576()
        site = Site(self.host, SQLiteJournal(directory), lambda _: None)
        write_link(self.host.rtnl, "eth0", up=True)
        self.host.clock.sleep(10)
        self.host.files.add("/run/libvirt/libvirt-sock", constant(""))
        self.libvirt = SimulatedLibvirt(
            self.host.clock, set_on_card=self._set_on_card, card_of=self._card_of
        )
        for guest in GUESTS:
            self.libvirt.add(guest)
        for namespace in NAMESPACES:
            self.host.namespaces.add(f"/run/netns/{namespace}")
        self.person = Person(site, directory, SQLiteLeaseBook(directory), self.libvirt)
        self.person.apply("first")
        self.person.look_as_daemon()

    def _set_on_card(self, source: str, mac: str, vlan: int) -> None:
        assert source == str(VF0)
        change = WantedVF(admin_mac=mac, vlan=VLAN(vlan))
        write_vf_attributes(self.host.rtnl, "eth0", [(0, change)])

    def _card_of(self, source: str) -> tuple[str, int]:
        assert source == str(VF0)
        attributes = read_pf(self.host).vfs[0].attributes
        assert attributes is not None
        return attributes.admin_mac or "", attributes.vlan_id or 0

    def begin(self, work: Callable[[Person], object]) -> Other:
        """Let somebody begin to work, whose points are theirs."""

        def work_at(site: Site) -> object:
            journal: Any = site.journal
            book: Any = WithPoints(SharedBook(self.directory, self.opened), journal.point)
            libvirt: Any = WithPoints(self.libvirt, journal.point)
            return work(Person(site, self.directory, book, libvirt))

        return Other(self.host, self.directory, work_at)

    def users_of_first(self) -> list[str]:
        """Say who has the first VF, beside borrowers."""
        found = [f"guest {guest.name}" for guest in holders(read_guests(self.libvirt), VF0)]
        pf = read_pf(self.host)
        owners = self.person.users.but_leases((pf,)).owners or {}
        there = owners.get(str(VF0), ())
        return [*found, *(one.token for one in there if one.token.startswith("namespace"))]

    def vlans(self) -> list[int | None]:
        return [vf.attributes.vlan_id for vf in read_pf(self.host).vfs if vf.attributes]

    def as_written(self) -> list[int | None]:
        """The VLANs that the runs which stand have set."""
        journal = self.person.site.journal
        standing = journal.standing(read_boot_id(self.host.files))
        runs = [one for one in standing if one.kind is RunKind.APPLY and one.source in STATES]
        if not runs:
            return []
        number, vlan = 2, 42
        for run in reversed(runs):
            number = {"more VFs": 3, "fewer VFs": 1}.get(run.source, 2)
            vlan = 50 if run.source == "other VLANs" else 42
        return [vlan] * number
