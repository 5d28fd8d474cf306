"""What the daemon tells who may not look for themselves: journal, leases, users, raw bytes.

Theory of operation.  To the rest of the command these are the doors that it has anyway; only what
the kernel or the state directory keeps for root comes from the daemon.  Whatever the daemon does
not tell, for whatever reason, is looked for here, and is refused as it always was.  It is asked no
more after that.
"""

from __future__ import annotations

from typing import cast

from sriovctl.api.client.answers import (
    parse_leases,
    parse_owner_report,
    parse_pools,
    parse_raw,
    parse_recorded_steps,
    parse_run,
    read_answer,
)
from sriovctl.api.client.refusals import NotServed
from sriovctl.engine.leases.lending import Desk, Survey
from sriovctl.errors import PermissionDenied, SriovctlError
from sriovctl.model.address import is_pci_address
from sriovctl.model.owner import OwnerKind, OwnerReport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, TypeVar

    from sriovctl.api.client.answers import RawBytes
    from sriovctl.api.client.daemon import Daemon
    from sriovctl.host.api import FileTree, Host, Journal
    from sriovctl.host.lease_api import LeaseBook
    from sriovctl.model.functions import PF
    from sriovctl.model.lease import Lease, StoredPool
    from sriovctl.model.run import RecordedStep, Run

    T = TypeVar("T")
    Document = Mapping[str, Any]

_IOMEM = "/proc/iomem"
_HEADER_ONLY = 64  # of config space, without root
_NOT_USERS = (OwnerKind.LEASE, OwnerKind.FOREIGN)


class Teller:
    """Asks the daemon, anew each time: a command may last, and the host changes."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._is_silent = False

    def tell(self, target: str, parse: Callable[[Document], T]) -> T | None:
        """Ask for a document, and read it; None: the daemon does not tell."""
        if self._is_silent:
            return None
        try:
            return read_answer(parse, self._daemon.ask("GET", target))
        except (NotServed, SriovctlError):
            self._is_silent = True
            return None

    def owner_report(self) -> OwnerReport | None:
        """Tell who uses what."""
        return self.tell("/v1/owners", parse_owner_report)


class _Door:
    # What is behind it, but for what stands here.

    def __init__(self, behind: object, teller: Teller) -> None:
        self._behind = behind
        self._teller = teller

    def __getattr__(self, name: str) -> object:
        return getattr(self._behind, name)


def _parse_runs(said: Document) -> tuple[Run, ...]:
    return tuple(map(parse_run, said["runs"]))


class _ToldJournal(_Door):
    def runs(self) -> tuple[Run, ...]:
        told = self._teller.tell("/v1/runs", _parse_runs)
        return cast("Journal", self._behind).runs() if told is None else told

    def run(self, run_id: int) -> Run | None:
        told = self._teller.tell("/v1/runs", _parse_runs)
        if told is None:
            return cast("Journal", self._behind).run(run_id)
        return next((one for one in told if one.run_id == run_id), None)

    def steps(self, run_id: int) -> tuple[RecordedStep, ...]:
        told = self._teller.tell(
            f"/v1/runs/{run_id}", lambda said: parse_recorded_steps(said["run"])
        )
        return cast("Journal", self._behind).steps(run_id) if told is None else told


def told_journal(journal: Journal, teller: Teller) -> Journal:
    """Return a journal whose runs the daemon tells."""
    return cast("Journal", _ToldJournal(journal, teller))


class _ToldBook(_Door):
    def pools(self) -> tuple[StoredPool, ...]:
        told = self._teller.tell("/v1/pools", parse_pools)
        return cast("LeaseBook", self._behind).pools() if told is None else told


def told_book(book: LeaseBook, teller: Teller) -> LeaseBook:
    """Return a book of leases whose pools the daemon tells."""
    return cast("LeaseBook", _ToldBook(book, teller))


class ToldDesk(Desk):
    """A desk whose leases the daemon tells."""

    def __init__(self, desk: Desk, teller: Teller) -> None:
        super().__init__(desk._site, desk._book, desk._survey)
        self._teller = teller

    def leases(self, *, ended: bool = False) -> tuple[Lease, ...]:
        """Read leases, each as it is at this moment."""
        told = self._teller.tell(f"/v1/leases?all={str(ended).lower()}", parse_leases)
        if told is None:
            return super().leases(ended=ended)
        now_s = self._host.clock.now()
        return tuple(
            one.lease
            if one.lease.expires is None
            else one.lease._replace(expires=now_s + one.lease.expires)
            for one in told
        )


def told_survey(pfs: tuple[PF, ...], report: OwnerReport) -> Survey:
    """Say who uses *pfs* in fact, lent or not."""
    owners = {
        name: tuple(one for one in owners if one.kind not in _NOT_USERS)
        for name, owners in report.owners.items()
    }
    return Survey(pfs, {name: each for name, each in owners.items() if each})


# --- raw bytes -------------------------------------------------------------------------------


class _ToldFiles(_Door):
    # All that is told of files is large, and comes at once: when it is first needed.

    def __init__(self, files: FileTree, teller: Teller) -> None:
        super().__init__(files, teller)
        self._raw: RawBytes | None = None

    def read_bytes(self, path: str) -> bytes | None:
        try:
            data = cast("FileTree", self._behind).read_bytes(path)
        except PermissionDenied:
            told = self._tell(path)
            if told is None:
                raise
            return told
        name = path.rpartition("/")[2]
        if name == "config" and data is not None and len(data) == _HEADER_ONLY:
            return self._tell(path) or data
        return (self._tell(path) or data) if path == _IOMEM else data

    def read_text(self, path: str) -> str | None:
        if path != _IOMEM:
            return cast("FileTree", self._behind).read_text(path)
        data = self.read_bytes(path)
        return None if data is None else data.decode("utf-8", "replace").removesuffix("\n")

    def _tell(self, path: str) -> bytes | None:
        if self._raw is None:
            self._raw = self._teller.tell("/v1/raw", parse_raw)
        return None if self._raw is None else _find(self._raw, path)


def _find(raw: RawBytes, path: str) -> bytes | None:
    if path == _IOMEM:
        return raw.iomem
    directory, _, name = path.rpartition("/")
    above = directory.rpartition("/")[2]
    if name == "config" and is_pci_address(above):
        return raw.config_space.get(above)
    return raw.acpi_tables.get(name) if above == "tables" else None


class _ToldHost(_Door):
    def __init__(self, host: Host, teller: Teller) -> None:
        super().__init__(host, teller)
        self.files = _ToldFiles(host.files, teller)


def told_host(host: Host, teller: Teller) -> Host:
    """Return a host of which the daemon tells what it shows to root alone."""
    return cast("Host", _ToldHost(host, teller))
