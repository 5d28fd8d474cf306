"""A host and a journal whose user can die, or be refused once, at any point.

Each effect on the host and each commit of the journal has two points: just before and just after.
Death is kill -9: from then on nothing works any more, neither what takes back nor what writes down.
"""

# ruff: noqa: ANN401  (it stands before objects whose methods it does not want to repeat)

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sriovctl.codec.netlink import decode_header
from sriovctl.codec.rtnl import RTM_SETLINK
from sriovctl.engine.runs.execute import Site
from sriovctl.errors import HostError
from sriovctl.host.api import Devlink, FileTree, NetworkNamespaces
from sriovctl.host.journal import SQLiteJournal
from sriovctl.host.locks import HeldLocks
from sriovctl.host.simulated import SimulatedHost
from sriovctl.model.netlink import NetlinkAnswer


class KilledError(BaseException):
    """The process is no more."""


class Fate:
    """Counts the points that are passed.

    :param dies_at: the point at which the process is killed; None: never.
    :param refused_at: the point at which the host refuses, once.
    """

    def __init__(self, *, dies_at: int | None = None, refused_at: int | None = None) -> None:
        self._dies_at = dies_at
        self._refused_at = refused_at
        self.passed = 0

    @property
    def met(self) -> bool:
        """Whether what was to happen has happened."""
        return self.passed > min(n for n in (self._dies_at, self._refused_at) if n is not None)

    def point(self) -> None:
        if self._dies_at is not None and self.passed >= self._dies_at:
            self.passed = self._dies_at + 1
            raise KilledError
        if self.passed == self._refused_at:
            self.passed += 1
            raise HostError("broke on purpose", subject="the host")
        self.passed += 1

    @contextmanager
    def around(self, requests: Sequence[bytes]) -> Iterator[None]:
        """Pass a point before and after netlink requests that change something."""
        changes = any(decode_header(request).type == RTM_SETLINK for request in requests)
        if changes:
            self.point()
        yield
        if changes:
            self.point()


class MortalFiles:
    def __init__(self, files: FileTree, fate: Fate) -> None:
        self._files = files
        self._fate = fate

    def write_text(self, path: str, text: str) -> None:
        self._fate.point()
        self._files.write_text(path, text)
        self._fate.point()

    def write_each(self, writes: Sequence[tuple[str, str]]) -> None:
        for path, text in writes:
            self.write_text(path, text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._files, name)


class MortalDevlink:
    def __init__(self, devlink: Devlink, fate: Fate) -> None:
        self._devlink = devlink
        self._fate = fate

    def write_eswitch(self, bus: str, device: str, mode: str) -> None:
        self._fate.point()
        self._devlink.write_eswitch(bus, device, mode)
        self._fate.point()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._devlink, name)


class MortalNamespaces:
    def __init__(self, namespaces: NetworkNamespaces, fate: Fate) -> None:
        self._namespaces = namespaces
        self._fate = fate

    def exchange(self, path: str, requests: Sequence[bytes]) -> tuple[NetlinkAnswer, ...]:
        with self._fate.around(requests):
            return self._namespaces.exchange(path, requests)

    def move_netdev(self, ifindex: int, **places: Any) -> NetlinkAnswer:
        self._fate.point()
        answer = self._namespaces.move_netdev(ifindex, **places)
        self._fate.point()
        return answer


class MortalHost:
    def __init__(self, host: SimulatedHost, fate: Fate) -> None:
        self.files: Any = MortalFiles(host.files, fate)
        self.rtnl = self
        self.clock = host.clock
        self.devlink: Any = MortalDevlink(host.devlink, fate)
        self.namespaces: Any = MortalNamespaces(host.namespaces, fate)
        self.description = host.description
        self._host = host
        self._fate = fate

    def exchange(self, requests: Sequence[bytes]) -> tuple[NetlinkAnswer, ...]:
        with self._fate.around(requests):
            return self._host.rtnl.exchange(requests)


class MortalJournal:
    """Only death meets it here: a journal that fails is another test's."""

    _WRITES = ("begin", "mark", "finish", "await_confirmation")

    def __init__(self, journal: SQLiteJournal, fate: Fate) -> None:
        self._journal = journal
        self._fate = fate

    def __getattr__(self, name: str) -> Any:
        plain = getattr(self._journal, name)
        return self._mortal(plain) if name in self._WRITES else plain

    def _mortal(self, write: Callable[..., Any]) -> Callable[..., Any]:
        def write_or_die(*args: Any, **keywords: Any) -> Any:
            if self._fate._dies_at is None:
                return write(*args, **keywords)
            self._fate.point()
            answer = write(*args, **keywords)
            self._fate.point()
            return answer

        return write_or_die

    @contextmanager
    def locked(self, _: Sequence[str]) -> Iterator[HeldLocks]:
        yield HeldLocks({})


def mortal_site(host: SimulatedHost, journal: SQLiteJournal, fate: Fate) -> Site:
    """Make a site for a process with this fate."""
    mortal: Any = MortalJournal(journal, fate)
    return Site(MortalHost(host, fate), mortal, lambda _: None)
