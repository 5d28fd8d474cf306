"""pytest plugin: tests marked ``lab(machine, services=...)`` run inside a lab machine.

Theory of operation.  On the host such tests are moved to the end and grouped by machine and
services, a few files to a group.  For each group a machine boots once, and a second pytest runs
inside on exactly the tests of the group.  It writes each report as a line of JSON into the
results directory; when the tests are due on the host the reports are replayed, so that each test
counts, and shows its failure, as if it had run here.  Its fixtures are never set up on the host.
Where one of them is marked ``linux_guest``, the machine has the saved guest of
:mod:`sriovctl.lab.linux_guest`.

Machines run beside this process, one for each CPU, the largest group first: one CPU is left
to the tests that run here, and taken too when these are over.

A test without a report failed: the machine was lost, or the pytest inside gave up.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sriovctl.lab.beside import Beside, Errand
from sriovctl.lab.machines import Machine, Service, find_machine
from sriovctl.lab.progress import say
from sriovctl.lab.session import stop_on_sigterm

# Set by those who want a test that cannot run to fail instead of being skipped.
REQUIRE_VARIABLE = "SRIOVCTL_REQUIRE_LAB"
# How many machines may run beside each other.
AT_ONCE_VARIABLE = "SRIOVCTL_LAB_MACHINES"
# What the half inside leaves in the results directory for the half on the host.
REPORTS = "reports.jsonl"
COLLECTION_ERRORS = "collection-errors.txt"
# Its output, and the lab's own words.
SAID = "said"
# What one machine does of all files of one place: minutes, so that none runs long beside nothing.
_FILES_AT_ONCE = 5
# For all tests of one group together.
_TIMEOUT_S = float(os.environ.get("SRIOVCTL_LAB_TIMEOUT", "1500"))
_OUTPUT_TAIL = 3000
# RAM, and what QEMU needs for translated code and the vIOMMU's tables.
_MEMORY_OF_MACHINE = 6 << 30
_TICK_S = 0.5


@dataclass(frozen=True, slots=True)
class Place:
    """Where a test wants to run."""

    machine: Machine
    services: frozenset[Service]

    def __str__(self) -> str:
        return " with ".join((self.machine.name, *sorted(self.services)))


@dataclass(frozen=True, slots=True)
class Share:
    """The tests of some files of one place: what one machine does."""

    place: Place
    number: int

    def __str__(self) -> str:
        return f"{self.place}, {self.number}" if self.number > 1 else str(self.place)


_SHARE = pytest.StashKey[Share]()


@dataclass(slots=True)
class Outcome:
    """What came back from one machine.

    :param reports: by node id, in the order in which they were made.
    :param failure: why a test without a report has none.
    """

    reports: dict[str, list[pytest.TestReport]] = field(default_factory=dict)
    failure: str = "the tests inside were never begun"


def pytest_configure(config: pytest.Config) -> None:
    """Choose the plugin's half: this process is on the host or inside a machine."""
    inside = os.environ.get("SRIOVCTL_LAB_MACHINE")
    half = Inside(config, inside) if inside else OnHost(config)
    config.pluginmanager.register(half, "sriovctl-lab")


def place_of(item: pytest.Item) -> Place | None:
    """Read a test's marker; None when it has none."""
    mark = item.get_closest_marker("lab")
    if mark is None:
        return None
    return _place(*mark.args, **mark.kwargs)


def _place(machine: str, *, services: Iterable[str] = ()) -> Place:
    wanted = frozenset(map(Service, services))
    return Place(find_machine(machine), wanted)


def why_unavailable() -> str | None:
    """Say why this host cannot run lab machines; None when it can."""
    if os.geteuid() != 0:
        return "lab machines show the host's root file system: that needs root"
    if shutil.which("qemu-system-x86_64") is None:
        return "qemu-system-x86_64 is not installed: run 'make setup' as root"
    return None


def machines_at_once() -> int:
    """Say how many machines this host runs beside each other: one for each CPU, memory allowing."""
    if asked := os.environ.get(AT_ONCE_VARIABLE):
        return max(1, int(asked))
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(1, min(len(os.sched_getaffinity(0)), memory // _MEMORY_OF_MACHINE))


def is_required() -> bool:
    """Say whether a lab test that cannot run is a failure."""
    return os.environ.get(REQUIRE_VARIABLE) == "1"


@dataclass(frozen=True, slots=True)
class Group:
    """The tests of one share, while their machine runs.

    :param work: directory with what goes in and what comes out.
    """

    beside: Beside
    work: Path

    def __enter__(self) -> Group:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the machine, if it runs, and forget what it said."""
        self.beside.stop()
        shutil.rmtree(self.work)


class OnHost:
    """Runs the tests of each place in a machine of their own and replays their reports."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._waiting: dict[Share, list[pytest.Item]] = {}
        self._running: dict[Share, Group] = {}
        self._outcomes: dict[Share, Outcome] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Move lab tests to the end, place by place; skip them where they cannot run."""
        reason = why_unavailable()
        if reason and not is_required():
            for item in items:
                if item.get_closest_marker("lab") or item.get_closest_marker("qemu"):
                    item.add_marker(pytest.mark.skip(reason=reason))
        _share_out(items)
        sizes = Counter(share for item in items if (share := _share_of(item)))
        items.sort(key=lambda item: _turn(_share_of(item), sizes))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Line the groups up, in the order in which their tests are due."""
        if session.config.option.collectonly:
            return
        for item in session.items:
            share = _share_of(item)
            if share is not None and not item.get_closest_marker("skip"):
                self._waiting.setdefault(share, []).append(item)

    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Replay what happened to a lab test inside; leave all others to pytest."""
        share = _share_of(item)
        if share is None or item.get_closest_marker("skip"):
            self._keep_busy(machines_at_once() - 1)
            return None
        if share not in self._outcomes:
            self._outcomes[share] = self._wait_for(share)
        _replay(item, self._outcomes[share])
        return True

    def pytest_unconfigure(self) -> None:
        """Stop what still runs: after Ctrl-C, or when one failure was enough."""
        for group in self._running.values():
            group.close()

    def _keep_busy(self, machines: int) -> None:
        under_way = sum(group.beside.status is None for group in self._running.values())
        for share in list(self._waiting)[: max(0, machines - under_way)]:
            self._begin(share)

    def _begin(self, share: Share) -> None:
        items = self._waiting.pop(share)
        work = Path(tempfile.mkdtemp(prefix="sriovctl-lab-tests-"))
        (work / "items.json").write_text(json.dumps([item.nodeid for item in items]))
        say(f"{len(items)} tests run inside {share}")
        self._running[share] = Group(Beside(self._errand(share.place, items, work)), work)

    def _wait_for(self, share: Share) -> Outcome:
        capture = self._config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled(), stop_on_sigterm():
            print(file=sys.stderr)  # the line that pytest's dots are on ends here
            self._keep_busy(machines_at_once())
            if share in self._waiting:
                self._begin(share)
            self._follow(self._running[share].beside)
        with self._running.pop(share) as group:
            return self._collect(group)

    def _follow(self, beside: Beside) -> None:
        while beside.status is None:
            _show(beside.news())
            beside.wait(_TICK_S)
            self._keep_busy(machines_at_once())
        _show(beside.news())

    def _collect(self, group: Group) -> Outcome:
        failure = f"the tests inside ended with status {group.beside.status} before this one"
        said = _read_if_there(group.work / SAID) + _read_if_there(group.work / COLLECTION_ERRORS)
        outcome = Outcome(failure=f"{failure}\n{said.decode(errors='replace')[-_OUTPUT_TAIL:]}")
        for report in self._read_reports(group.work / REPORTS):
            outcome.reports.setdefault(report.nodeid, []).append(report)
        return outcome

    def _errand(self, place: Place, items: list[pytest.Item], work: Path) -> Errand:
        files = dict.fromkeys(str(item.path) for item in items)
        tb = self._config.getoption("tbstyle")
        options = (
            "-p",
            "no:cacheprovider",
            "-q",
            f"--tb={tb}",
            f"--rootdir={self._config.rootpath}",
        )
        ini = ("-c", str(self._config.inipath)) if self._config.inipath else ()
        return Errand(
            machine=place.machine,
            command=(sys.executable, "-m", "pytest", *options, *ini, *files),
            services=place.services,
            linux_guest=any(item.get_closest_marker("linux_guest") for item in items),
            results=work,
            said=work / SAID,
            timeout_s=_TIMEOUT_S,
            environment={
                "SRIOVCTL_LAB_ITEMS": str(work / "items.json"),
                # Plugins of others take seconds to import under emulation.
                "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            },
        )

    def _read_reports(self, path: Path) -> Iterator[pytest.TestReport]:
        for line in _read_if_there(path).splitlines(keepends=True):
            if line.endswith(b"\n"):  # a lost machine may leave half a line
                report: pytest.TestReport = self._config.hook.pytest_report_from_serializable(
                    config=self._config, data=json.loads(line)
                )
                # JSON has no tuples, and pytest insists on one for a skip.
                if isinstance(report.longrepr, list):
                    report.longrepr = tuple(report.longrepr)
                yield report


def _share_out(items: Iterable[pytest.Item]) -> None:
    # By whole files: their tests share what takes long to set up.
    files: dict[Place, list[Path]] = {}
    for item in items:
        place = place_of(item)
        if place is not None:
            there = files.setdefault(place, [])
            if item.path not in there:
                there.append(item.path)
            number = there.index(item.path) // _FILES_AT_ONCE + 1
            item.stash[_SHARE] = Share(place, number)


def _share_of(item: pytest.Item) -> Share | None:
    return item.stash.get(_SHARE, None)


def _turn(share: Share | None, sizes: Mapping[Share, int]) -> tuple[int, int, str]:
    # The tests of this host, then the largest group: nothing is left to run beside the last.
    return (0, 0, "") if share is None else (1, -sizes[share], str(share))


def _show(data: bytes) -> None:
    sys.stderr.write(data.decode(errors="replace"))
    sys.stderr.flush()


def _read_if_there(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def _replay(item: pytest.Item, outcome: Outcome) -> None:
    hook = item.ihook
    hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = outcome.reports.get(item.nodeid, [])
    for report in reports:
        hook.pytest_runtest_logreport(report=report)
    # A test is over with its teardown: one whose machine was lost half way failed too.
    if not reports or reports[-1].when != "teardown":
        hook.pytest_runtest_logreport(report=_failed_report(item, outcome.failure))
        outcome.failure = outcome.failure.partition("\n")[0]  # the rest is said once
    hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)


def _failed_report(item: pytest.Item, why: str) -> pytest.TestReport:
    return pytest.TestReport(
        nodeid=item.nodeid,
        location=item.location,
        keywords={},
        outcome="failed",
        longrepr=why,
        when="call",
    )


class Inside:
    """Keeps to the tests of this machine and writes down what becomes of them."""

    def __init__(self, config: pytest.Config, machine: str) -> None:
        self._config = config
        services = os.environ.get("SRIOVCTL_LAB_SERVICES", "").split()
        self._here = _place(machine, services=services)
        self._results = Path(os.environ["SRIOVCTL_LAB_RESULTS"])

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Drop the tests that are not for here."""
        wanted = [item for item in items if self._is_wanted(item)]
        self._config.hook.pytest_deselected(items=[one for one in items if one not in wanted])
        items[:] = wanted

    def _is_wanted(self, item: pytest.Item) -> bool:
        if listed := os.environ.get("SRIOVCTL_LAB_ITEMS"):
            return item.nodeid in json.loads(Path(listed).read_text())
        place = place_of(item)
        return (
            place is not None
            and place.machine == self._here.machine
            and (place.services <= self._here.services)
        )

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write one report where the host will find it, even should the machine be lost next."""
        data: dict[str, Any] = self._config.hook.pytest_report_to_serializable(
            config=self._config, report=report
        )
        with (self._results / REPORTS).open("a") as file:
            file.write(json.dumps(data) + "\n")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Write down why tests could not even be collected."""
        if report.failed:
            with (self._results / COLLECTION_ERRORS).open("a") as file:
                file.write(report.longreprtext + "\n")
