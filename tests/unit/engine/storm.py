"""Two hundred processes that lend and give back VFs at once, many of them killed.

The host is simulated, but for its processes: whether a borrower lives, ``/proc`` says.  Witness is
a file for each VF, locked by whoever believes to hold it; the kernel drops the lock when that
process dies, however it dies.  And each lease is written into a log that is only appended to.
"""

from __future__ import annotations

import fcntl
import os
import random
import select
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from sriovctl.engine.inventory import read_inventory
from sriovctl.engine.leases.lease_sight import read_process
from sriovctl.engine.leases.lending import Desk, Survey
from sriovctl.engine.runs.execute import Site
from sriovctl.host.journal import SQLiteJournal
from sriovctl.host.leases import SQLiteLeaseBook
from sriovctl.host.live import MonotonicClock
from sriovctl.host.simulated import INTEL_E810, Card, MachineSpec, simulate
from sriovctl.host.sysfs import SysfsTree
from sriovctl.model.lease import Lease, Pool, Request, Terms
from sriovctl.model.state import PFMatch, WantedPF, WantedPool

PFS, VFS_OF_EACH = 4, 250
POOL = Pool(
    WantedPool("all", ("all",)),
    (WantedPF("all", PFMatch(driver="ice", all=True)),),
    from_state=False,
)
_PCI = "/sys/bus/pci/devices"
_LOOK_FOR_THE_DEAD_MS = 50


class SplitFiles:
    """Simulated devices, and the processes of this machine."""

    def __init__(self, simulated: Any) -> None:  # noqa: ANN401  (it stands before the tree)
        self._simulated = simulated
        self._live = SysfsTree()

    def read_text(self, path: str) -> str | None:
        """Read from here or there."""
        if path.startswith("/proc/") and not path.startswith("/proc/sys/"):
            return self._live.read_text(path)
        found: str | None = self._simulated.read_text(path)
        return found

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._simulated, name)


class StormHost:
    """A host with a thousand VFs; made once, and inherited by all processes."""

    def __init__(self) -> None:
        host = simulate(MachineSpec(tuple(Card(INTEL_E810) for _ in range(PFS))))
        self.files: Any = SplitFiles(host.files)
        self.rtnl, self.devlink, self.namespaces = host.rtnl, host.devlink, host.namespaces
        self.clock = MonotonicClock()
        self.description = host.description
        for name in self.files.list_dir(_PCI):
            if self.files.exists(f"{_PCI}/{name}/sriov_numvfs"):
                self.files.write_text(f"{_PCI}/{name}/sriov_drivers_autoprobe", "0")
                self.files.write_text(f"{_PCI}/{name}/sriov_numvfs", str(VFS_OF_EACH))
        self.pfs = read_inventory(self, name_of=lambda *_: None)

    def desk(self, directory: Path) -> tuple[Desk, SQLiteLeaseBook]:
        """Open the desk, once in each process."""
        book = SQLiteLeaseBook(str(directory))
        site = Site(self, SQLiteJournal(None), lambda _: None)
        return Desk(site, book, lambda: Survey(self.pfs, {})), book


# --- a borrower ------------------------------------------------------------------------------


class Place(NamedTuple):
    """Where a storm leaves its traces."""

    directory: Path

    @property
    def state(self) -> Path:
        return self.directory / "state"

    @property
    def log(self) -> Path:
        return self.directory / "log"

    @property
    def violations(self) -> Path:
        return self.directory / "violations"

    def append(self, path: Path, line: str) -> None:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(handle, f"{line}\n".encode())
        os.close(handle)

    @contextmanager
    def holding(self, lease: Lease) -> Iterator[None]:
        """Be the one who holds a VF."""
        path = self.directory / "witness" / f"{lease.pf_device}-{lease.vf_index}"
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.append(self.violations, f"pid {os.getpid()} and another hold {lease}")
        self.append(self.log, f"{lease.pf_device} {lease.vf_index} {lease.generation}")
        try:
            yield
        finally:
            os.close(handle)


def borrow(host: StormHost, place: Place, cycles: int, told: int) -> None:
    """Take and release leases; say on the pipe *told* how far it is.

    Something is held all the time, above all while others are waited for.
    """
    dice = random.Random(os.getpid())
    desk, _ = host.desk(place.state)
    with ExitStack() as held:
        ids: list[int] = []
        for _ in range(cycles):
            _tell(told)
            request = Request(
                f"borrower-{os.getpid()}",
                vfs=dice.choice((1, 1, 2)),
                policy=dice.choice(("spread", "pack")),
            )
            leases = desk.take(POOL, request, Terms(process=read_process(host.files)))
            _tell(told)
            before = held.pop_all()
            for lease in leases:
                held.enter_context(place.holding(lease))
            before.close()
            desk.release(ids)
            ids = [lease.lease_id for lease in leases]
        held.close()
        desk.release(ids)


def _tell(told: int) -> None:
    os.write(told, os.getpid().to_bytes(4, "little"))


# --- the storm -------------------------------------------------------------------------------


class Storm:
    """The parent of all borrowers.

    :param killed: one of so many messages is a borrower's last.
    """

    def __init__(self, host: StormHost, place: Place, *, cycles: int, killed: int) -> None:
        self._host = host
        self._place = place
        self._cycles = cycles
        self._killed = killed
        self._dice = random.Random(7)
        self._running: set[int] = set()
        self._out, self._into = os.pipe()
        self.deaths = 0
        self.failures: list[int] = []
        (place.directory / "witness").mkdir()

    def rage(self, processes: int, *, reserves: int) -> None:
        """Let so many borrow at once; as many as *reserves* take the place of the dead."""
        for _ in range(processes):
            self._spawn()
        messages = select.poll()
        messages.register(self._out, select.POLLIN)
        while self._running:
            # Whoever has said its last word may still be there when we hear it.
            pid = 0
            if messages.poll(_LOOK_FOR_THE_DEAD_MS):
                pid = int.from_bytes(os.read(self._out, 4), "little")
            self._bury()
            if pid in self._running and self._dice.randrange(self._killed) == 0:
                os.kill(pid, signal.SIGKILL)
                self.deaths += 1
                if reserves:
                    reserves -= 1
                    self._spawn()

    def _spawn(self) -> None:
        pid = os.fork()
        if pid:
            self._running.add(pid)
            return
        status = 1
        try:
            os.close(self._out)
            borrow(self._host, self._place, self._cycles, self._into)
            status = 0
        except BaseException as error:
            self._place.append(self._place.violations, f"pid {os.getpid()}: {error!r}")
        finally:
            os._exit(status)

    def _bury(self) -> None:
        while self._running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                break
            self._running.discard(pid)
            if status not in (0, signal.SIGKILL):
                self.failures.append(status)
