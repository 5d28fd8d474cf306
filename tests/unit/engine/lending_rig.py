"""A simulated host whose VFs are lent, with a desk that may be opened anew as by a new process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.unit.engine.mortal import Fate, mortal_site

from sriovctl.engine.inventory import read_inventory
from sriovctl.engine.leases.lease_sight import read_process
from sriovctl.engine.leases.lending import Desk, Survey
from sriovctl.engine.link import read_link
from sriovctl.engine.runs.execute import Site
from sriovctl.engine.runs.users import Users
from sriovctl.engine.vf_attributes import write_link, write_vf_attributes
from sriovctl.host.journal import SQLiteJournal
from sriovctl.host.leases import SQLiteLeaseBook, SQLiteLeaseTable
from sriovctl.host.simulated import SimulatedHost, simulated_82576
from sriovctl.host.simulated.processes import SELF, SimulatedProcess
from sriovctl.host.simulated.tree import constant
from sriovctl.model.functions import PF, VF, VFAttributes
from sriovctl.model.lease import Lease, Pool, Process, Request, Terms
from sriovctl.model.state import PFMatch, WantedPF, WantedPool, WantedVF

IGB, OTHER = "0000:01:00.0", "0000:04:00.0"
PCI = "/sys/bus/pci/devices"


class Rig:
    """Two PFs with three VFs each, and a pool of them.

    :param directory: of the journal and the book; None: in memory.
    """

    def __init__(self, directory: str | None = None, *, autoprobe: bool = False) -> None:
        self.host: SimulatedHost = simulated_82576()
        for device in (IGB, OTHER):
            self.write(device, "sriov_drivers_autoprobe", str(int(autoprobe)))
            self.write(device, "sriov_numvfs", "3")
        self.site = Site(self.host, SQLiteJournal(directory), lambda _: None)
        self.book = SQLiteLeaseBook(directory)
        self.users = Users(self.site, open_libvirt=None, open_leases=lambda: self.book)
        self.desk = Desk(self.site, self.book, self.survey)
        self.surveys = 0

    def survey(self) -> Survey:
        self.surveys += 1
        pfs = read_inventory(self.host, name_of=lambda *_: None)
        return Survey(pfs, self.users.but_leases(pfs).owners)

    # --- asking --------------------------------------------------------------------------

    def pool(self, *, from_state: bool = True, **said: object) -> Pool:
        wanted = WantedPool("spare", ("one", "two"), **said)  # type: ignore[arg-type]
        pfs = (
            WantedPF("one", PFMatch(address=IGB)),
            WantedPF("two", PFMatch(address=OTHER)),
        )
        return Pool(wanted, pfs, from_state=from_state)

    def take(
        self,
        owner: str = "anna",
        *,
        pool: Pool | None = None,
        terms: Terms | None = None,
        **request: object,
    ) -> Lease:
        (lease,) = self.take_all(owner, pool=pool, terms=terms, **request)
        return lease

    def take_all(
        self,
        owner: str = "anna",
        *,
        pool: Pool | None = None,
        terms: Terms | None = None,
        **request: object,
    ) -> tuple[Lease, ...]:
        asked = Request(owner, **request)  # type: ignore[arg-type]
        return self.desk.take(pool or self.pool(), asked, terms or Terms())

    def release(self, *leases: Lease) -> tuple[Lease, ...]:
        return self.desk.release([lease.lease_id for lease in leases])

    def now(self, lease: Lease) -> Lease:
        """A lease as it is at this moment."""
        (found,) = (one for one in self.desk.leases(ended=True) if one.lease_id == lease.lease_id)
        return found

    # --- the host ------------------------------------------------------------------------

    def write(self, device: str, attribute: str, text: str) -> None:
        self.host.files.write_text(f"{PCI}/{device}/{attribute}", text)

    def pf(self, device: str = IGB) -> PF:
        pfs = read_inventory(self.host, name_of=lambda *_: None)
        (found,) = (pf for pf in pfs if pf.device == device)
        return found

    def vf(self, lease: Lease) -> VF:
        assert lease.pf_device is not None
        return self.pf(lease.pf_device).vfs[lease.vf_index]

    def attributes(self, lease: Lease) -> VFAttributes:
        found = self.vf(lease).attributes
        assert found is not None
        return found

    def set_vf(self, lease: Lease, wanted: WantedVF) -> None:
        netdev = self.pf(str(lease.pf_device)).netdev
        assert netdev is not None
        write_vf_attributes(self.host.rtnl, netdev, [(lease.vf_index, wanted)])

    def bring_up(self, device: str = IGB) -> None:
        netdev = self.pf(device).netdev
        assert netdev is not None
        write_link(self.host.rtnl, netdev, up=True)
        self.host.clock.sleep(10.0)
        assert read_link(self.host.rtnl, netdev).up

    def remake(self, device: str = IGB, num_vfs: int = 3) -> None:
        """Remove all VFs of a PF and make others."""
        self.write(device, "sriov_numvfs", "0")
        self.write(device, "sriov_numvfs", str(num_vfs))

    def restart(self) -> None:
        """Let the host be another boot, with VFs made anew; clocks begin again."""
        for device in (IGB, OTHER):
            self.remake(device)
        self.host.files.add("/proc/sys/kernel/random/boot_id", constant("the next boot"))

    def start(self, program: str = "borrower") -> tuple[SimulatedProcess, Process]:
        process = self.host.processes.start(program)
        return process, read_process(self.host.files, process.pid)

    def reborn(self) -> None:
        """Let this process be another one than before."""
        text = self.host.files.read_text(f"/proc/{SELF}/stat")
        assert text is not None
        head, _, tail = text.rpartition(")")
        fields = tail.split()
        fields[19] = str(int(fields[19]) + 1)
        self.host.files.add(f"/proc/{SELF}/stat", constant(f"{head}) {' '.join(fields)}"))


class MortalBook:
    """A book whose user may be killed before and after each time that it is written."""

    def __init__(self, book: SQLiteLeaseBook, fate: Fate) -> None:
        self._book = book
        self._fate = fate

    @contextmanager
    def writing(self) -> Iterator[SQLiteLeaseTable]:
        self._fate.point()
        with self._book.writing() as table:
            yield table
            self._fate.point()
        self._fate.point()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  (it stands before the book)
        return getattr(self._book, name)


def mortal_desk(rig: Rig, fate: Fate) -> Desk:
    """Open the desk for a process with this fate."""
    book: Any = MortalBook(rig.book, fate)
    return Desk(mortal_site(rig.host, SQLiteJournal(None), fate), book, rig.survey)
