"""What a verb gets from the composition root."""

from __future__ import annotations

import sys

from sriovctl.engine.doors import Doors
from sriovctl.errors import UnsupportedError
from sriovctl.model.words import StrEnum

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TextIO

    from sriovctl.api.client.daemon import Daemon
    from sriovctl.api.client.teller import Teller
    from sriovctl.engine.leases.lending import Desk, Survey
    from sriovctl.host.api import Host, Journal
    from sriovctl.host.boot_api import BootDoors
    from sriovctl.host.events_api import EventSource
    from sriovctl.host.guardian import Guardian
    from sriovctl.host.lease_api import LeaseBook
    from sriovctl.host.libvirt_api import Libvirt
    from sriovctl.host.qmp_api import QMP
    from sriovctl.model.functions import PF
    from sriovctl.model.owner import OwnerMap, OwnerReport
    from sriovctl.model.snapshot import HostSnapshot


class HostKind(StrEnum):
    """What stands for the host."""

    LIVE = "this host"
    SIMULATED = "a simulated host"
    RECORDED = "a recording"


def _book_in_memory() -> LeaseBook:
    from sriovctl.host.leases import SQLiteLeaseBook

    return SQLiteLeaseBook(None)


def _no_qmp(socket: str) -> QMP:
    raise UnsupportedError("this host has no QEMU that could be asked", subject=socket)


class Context(Doors):
    """The host that the user chose, and the way to the user.

    :param open_leases: without it, a book in memory, which ends with the command.
    :param find_daemon: finds who else serves this host, and is to be asked in its place.
    :param sees_little: this user may not look at all of this host, and is told by the daemon.
    :param read_dump: reads the dump that the user gave in place of a host; None: there is a host.
    :param read_log: reads the kernel log that the user gave beside it.
    """

    def __init__(
        self,
        *,
        open_host: Callable[[], Host],
        open_libvirt: Callable[[], Libvirt],
        open_journal: Callable[[], Journal],
        open_qmp: Callable[[str], QMP] = _no_qmp,
        out: TextIO,
        color: bool,
        open_leases: Callable[[], LeaseBook] = _book_in_memory,
        has_leases: Callable[[], bool] = lambda: True,
        kind: HostKind = HostKind.LIVE,
        start_guardian: Callable[[], Guardian] | None = None,
        open_boot: Callable[[str | None], BootDoors] | None = None,
        open_events: Callable[[], EventSource] | None = None,
        find_daemon: Callable[[], Daemon | None] = lambda: None,
        sees_little: bool = False,
        read_dump: Callable[[], HostSnapshot] | None = None,
        read_log: Callable[[], str] | None = None,
    ) -> None:
        super().__init__(
            open_host=open_host,
            open_journal=open_journal,
            open_leases=open_leases,
            open_libvirt=open_libvirt,
            has_leases=has_leases,
            has_guests=kind is HostKind.LIVE,
            progress=self.progress,
            warn=self.warn,
        )
        self._open_qmp = open_qmp
        self._qmp: dict[str, QMP] = {}
        self._start_guardian = start_guardian
        self._open_boot = open_boot
        self._open_events = open_events
        self._find_daemon = find_daemon
        self._sees_little = sees_little
        self._teller: Teller | None = None
        self._daemon: Daemon | None = None
        self._has_looked_for_daemon = False
        self._kind = kind
        self._read_dump = read_dump
        self._read_log = read_log
        self._snapshot: HostSnapshot | None = None
        self._out = out
        self.color = color

    def writing_to(self, out: TextIO) -> Context:
        """Return a context of the same host and journal that writes elsewhere."""
        return Context(
            open_host=self.host,
            open_libvirt=self.libvirt,
            open_journal=self.journal,
            open_leases=self.leases,
            open_qmp=self.qmp,
            kind=self._kind,
            start_guardian=self._start_guardian,
            open_events=self._open_events,
            open_boot=self._open_boot,
            find_daemon=self.daemon,
            sees_little=self._sees_little,
            out=out,
            color=self.color,
            read_dump=None if self._read_dump is None else self.snapshot,
            read_log=self._read_log if self.has_host else None,
        )

    @property
    def has_host(self) -> bool:
        """Whether there is a host to ask, rather than only a dump or a log of one."""
        return self._read_dump is None and not self._has_log_alone()

    def _has_log_alone(self) -> bool:
        if self._read_log is None or self._kind is not HostKind.LIVE:
            return False
        from sriovctl.model.snapshot import SourceKind

        return self.snapshot().source is not SourceKind.HOST

    def snapshot(self) -> HostSnapshot:
        """Return all that is known of the host, or of the dump in its place; read once.

        :raises InputError: the recording, the dump or the log that the user named is none.
        :raises HostError: the kernel refused to list its PCI functions.
        """
        if self._snapshot is None:
            self._snapshot = self._take_snapshot()
        return self._snapshot

    def _take_snapshot(self) -> HostSnapshot:
        if self._read_dump is not None:
            snapshot = self._read_dump()
        else:
            from sriovctl.engine.snapshot import read_snapshot

            snapshot = read_snapshot(self.host(), progress=self.progress)
        if self._read_log is None:
            return snapshot
        from sriovctl.codec.kernel_log import parse_kernel_log, with_kernel_log

        messages = parse_kernel_log(self._read_log())
        if self._read_dump is None and self._kind is HostKind.LIVE:
            from sriovctl.codec.kernel_log_host import is_of_another_machine, snapshot_of_log

            if is_of_another_machine(messages, snapshot):
                return snapshot_of_log(messages)
        return with_kernel_log(snapshot, messages)

    def qmp(self, socket: str) -> QMP:
        """Return a connection to the QEMU that listens on a socket; opened once for each.

        :raises UnsupportedError: the library is not installed.
        :raises InputError: there is no such socket.
        :raises LostError: nobody listens on it any more.
        """
        if socket not in self._qmp:
            self._qmp[socket] = self._open_qmp(socket)
        return self._qmp[socket]

    def _survey(self) -> Survey:
        told = self._told_owners()
        if self._kind is not HostKind.RECORDED and told is None:
            return super()._survey()
        from sriovctl.engine.inventory import read_inventory
        from sriovctl.engine.leases.lending import Survey

        if told is not None:
            from sriovctl.api.client.told_books import told_survey

            return told_survey(read_inventory(self.host(), name_of=lambda *_: None), told)
        return Survey(read_inventory(self.host(), name_of=lambda *_: None), None)

    def daemon(self) -> Daemon | None:
        """Return who else serves this host and is to be asked in its place; None: nobody."""
        if not self._has_looked_for_daemon:
            self._has_looked_for_daemon = True
            self._daemon = self._find_daemon()
        return self._daemon

    # --- what others may not see, and the daemon tells -----------------------------------

    def teller(self) -> Teller | None:
        """Return who tells what this user may not see; None: there is nobody, or no need."""
        if self._teller is None and self._sees_little:
            daemon = self.daemon()
            if daemon is not None:
                from sriovctl.api.client.teller import Teller

                self._teller = Teller(daemon)
        return self._teller

    def host(self) -> Host:
        """Return the host to read and write; see :class:`~sriovctl.engine.doors.Doors`."""
        if self._host is None and (teller := self.teller()) is not None:
            from sriovctl.api.client.told_host import told_host

            self._host = told_host(self._open_host(), teller)
        return super().host()

    def journal(self) -> Journal:
        """Return the journal of this host's runs."""
        if self._journal is None and (teller := self.teller()) is not None:
            from sriovctl.api.client.told_books import told_journal

            self._journal = told_journal(self._open_journal(), teller)
        return super().journal()

    def leases(self) -> LeaseBook:
        """Return the book of this host's leases."""
        if self._leases is None and (teller := self.teller()) is not None:
            from sriovctl.api.client.told_books import told_book

            self._leases = told_book(self._open_leases(), teller)
        return super().leases()

    def desk(self) -> Desk:
        """Return where VFs of this host are lent and given back."""
        desk, teller = super().desk(), self.teller()
        if teller is None:
            return desk
        from sriovctl.api.client.told_books import ToldDesk

        return ToldDesk(desk, teller)

    def _told_owners(self) -> OwnerReport | None:
        teller = self.teller()
        return None if teller is None else teller.owner_report()

    def start_guardian(self) -> Guardian:
        """Start the process that undoes a run which nobody confirms.

        :raises UnsupportedError: this host ends with the command.
        """
        if self._start_guardian is None:
            raise UnsupportedError(
                "needs a host that is still there after this command", subject="--confirm-within"
            )
        return self._start_guardian()

    def boot(self, root: str | None = None) -> BootDoors:
        """Return the doors to what this host, or an image at *root*, does at boot.

        :raises UnsupportedError: this host has no next boot.
        """
        if self._open_boot is None:
            raise UnsupportedError(
                "has no next boot",
                subject=self._kind,
                hint="with --root DIR files can be written for an image",
            )
        return self._open_boot(root)

    def open_events(self) -> EventSource:
        """Subscribe to what the kernel tells by itself; the caller ends it.

        :raises UnsupportedError: nothing happens on this host.
        :raises HostError: the kernel refuses.
        """
        if self._open_events is None:
            raise UnsupportedError("nothing happens on it", subject=self._kind)
        return self._open_events()

    @property
    def kind(self) -> HostKind:
        """What stands for the host."""
        return self._kind

    def owner_report(self, pfs: Sequence[PF]) -> OwnerReport:
        """Read who uses *pfs* and their VFs, and what could not be seen.

        :raises HostError: the kernel or the journal refused to be read.
        """
        told = self._told_owners()
        if told is not None:
            return told
        if self._kind is not HostKind.RECORDED:
            return super().owner_report(pfs)
        # The journal is that of this host, and tells nothing of the VFs in a recording.
        from sriovctl.engine.owners import read_owners

        return read_owners(self.host(), pfs, open_libvirt=None, progress=self.progress)

    def owners(self, pfs: Sequence[PF]) -> OwnerMap | None:
        """Read who uses *pfs* and their VFs; None where that cannot be seen: in a recording."""
        if self._kind is HostKind.RECORDED:
            return None
        told = self._told_owners()
        if told is None:
            return super().owners(pfs)
        for note in told.notes:
            self.warn(note)
        return told.owners

    def close(self) -> None:
        """End what was opened; a host that is asked once more opens its sockets anew."""
        super().close()
        for qmp in self._qmp.values():
            qmp.close()
        if self._daemon is not None:
            self._daemon.close()

    def print(self, text: str) -> None:
        """Write *text* and a newline to the user."""
        self._out.write(text + "\n")

    def flush(self) -> None:
        """Hand over what was written."""
        self._out.flush()

    def print_json(self, verb: str, payload: Mapping[str, object]) -> None:
        """Write *payload* as one JSON document whose first key names its schema.

        Laid out for a person at a terminal, on one line for a program: json's C encoder cannot
        indent, and its Python one takes half of the time of a big ``ls``.
        """
        if self.answers_programs:
            self.print_json_line(verb, payload)
            return
        from json import dumps

        document = {"schema": f"sriovctl/{verb}/1", **payload}
        self._out.write(dumps(document, indent=2) + "\n")

    def print_json_line(self, verb: str, payload: Mapping[str, object]) -> None:
        """Write *payload* as :meth:`print_json` does, on one line for whoever reads."""
        from sriovctl.render.json_text import format_json

        self._out.write(format_json({"schema": f"sriovctl/{verb}/1", **payload}) + "\n")

    def print_json_text(self, verb: str, payload: str) -> None:
        """Write a payload that is JSON on one line already, and has members."""
        self._out.write(f'{{"schema": "sriovctl/{verb}/1", {payload[1:]}\n')

    @property
    def answers_programs(self) -> bool:
        """Say whether nobody sits at a terminal and reads what is written."""
        return not self._out.isatty()

    def at_terminal(self) -> bool:
        """Say whether a person sits at a terminal, and reads what is written."""
        return self._out is sys.stdout and sys.stdin.isatty() and sys.stdout.isatty()

    def warn(self, text: str) -> None:
        """Tell the user what may make the answer less than it seems."""
        sys.stderr.write(f"sriovctl: note: {text}\n")

    def progress(self, text: str) -> None:
        """Tell a person at a terminal what takes time; silent in scripts."""
        if sys.stderr.isatty():
            sys.stderr.write(text + "\n")
