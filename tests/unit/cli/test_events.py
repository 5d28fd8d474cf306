"""``events``, on a simulated host whose time passes while it waits."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import pytest

from sriovctl.cli.context import Context
from sriovctl.cli.main import parse_arguments, run_verb
from sriovctl.engine.vf_attributes import write_vf_attributes
from sriovctl.errors import InputError, PermissionDenied, UnsupportedError
from sriovctl.host.journal import SQLiteJournal
from sriovctl.host.simulated import SimulatedHost, simulated_82576
from sriovctl.host.simulated.events import SimulatedEvents
from sriovctl.model.functions import VLAN
from sriovctl.model.run import Ending, RunStatus
from sriovctl.model.state import WantedVF

PF, OTHER = "0000:01:00.0", "0000:04:00.0"
VF0 = "0000:01:10.0"


class Desk:
    """A host on which things happen at set times."""

    def __init__(self) -> None:
        self.host: SimulatedHost = simulated_82576()
        self.journal = SQLiteJournal(None)
        self.sources: list[SimulatedEvents] = []
        self._due: list[tuple[float, Callable[[], None]]] = []
        self._sleep = self.host.clock.sleep
        self.host.clock.sleep = self.sleep  # type: ignore[method-assign]

    def at(self, seconds: float, action: Callable[[], None]) -> None:
        self._due.append((self.host.clock.now() + seconds, action))

    def sleep(self, seconds: float) -> None:
        end = self.host.clock.now() + seconds
        while self._due and self._due[0][0] <= end:
            due, action = self._due.pop(0)
            self._sleep(max(0.0, due - self.host.clock.now()))
            action()
            # A socket would have woken who waits.
            return
        self._sleep(end - self.host.clock.now())

    def set_num_vfs(self, number: int, pf: str = PF) -> None:
        self.host.files.write_text(f"/sys/bus/pci/devices/{pf}/sriov_numvfs", str(number))

    def open_events(self) -> SimulatedEvents:
        self.sources.append(SimulatedEvents(self.host.kernel))
        return self.sources[-1]

    def run(self, *argv: str) -> list[str]:
        out = io.StringIO()
        context = Context(
            open_host=lambda: self.host,
            open_libvirt=lambda: pytest.fail("asks libvirt"),
            open_journal=lambda: self.journal,
            open_events=self.open_events,
            out=out,
            color=False,
        )
        assert run_verb(parse_arguments(("events", *argv)), context) == 0
        assert not self.host.kernel.listeners
        return out.getvalue().splitlines()


@pytest.fixture
def desk() -> Desk:
    return Desk()


def without_times(lines: list[str]) -> list[str]:
    return [line.split("  ", 1)[1] for line in lines]


def test_what_happens_is_told_in_order(desk: Desk) -> None:
    desk.at(1.0, lambda: desk.set_num_vfs(2))
    desk.at(5.0, lambda: desk.host.files.write_text("/sys/bus/pci/drivers/igbvf/unbind", VF0))
    desk.at(9.0, lambda: desk.set_num_vfs(0))
    assert without_times(desk.run("--for", "20s")) == [
        f"{PF} (eth0)  VFs 0-1 created: 2 VFs",
        f"{PF} (eth0)  VFs 0-1 driver - -> igbvf",
        f"{PF} (eth0)  VF 0 {VF0} driver igbvf -> -",
        f"{PF} (eth0)  VF 0 {VF0} netdev eth2 -> -",
        f"{PF} (eth0)  VF 0 {VF0} up off -> -",
        f"{PF} (eth0)  VF 0 {VF0} carrier off -> -",
        f"{PF} (eth0)  VFs 0-1 removed: 2 VFs",
    ]


def test_what_the_kernel_does_not_tell_is_found_before_long(desk: Desk) -> None:
    desk.set_num_vfs(1)
    wanted = [(0, WantedVF(vlan=VLAN(42, 3)))]
    desk.at(1.0, lambda: write_vf_attributes(desk.host.rtnl, "eth0", wanted))  # it is down
    (line,) = without_times(desk.run("--for", "12s"))
    assert line == f"{PF} (eth0)  VF 0 {VF0} vlan none -> 42 qos 3"


def test_json_lines_and_one_pf_alone(desk: Desk) -> None:
    def happen() -> None:
        desk.set_num_vfs(1)
        desk.set_num_vfs(1, OTHER)
        write_vf_attributes(desk.host.rtnl, "eth0", [(0, WantedVF(vlan=VLAN(7)))])

    desk.set_num_vfs(1)
    desk.at(1.0, lambda: desk.set_num_vfs(0))
    desk.at(4.0, happen)
    documents = list(map(json.loads, desk.run("--for", "9s", "--json", "--pf", "eth0")))
    assert {one["schema"] for one in documents} == {"sriovctl/events/1"}
    assert [(one["kind"], one["what"]) for one in documents] == [
        ("VFs removed", None),
        ("VFs created", None),
        ("changed", "driver"),
    ]
    assert documents[1]["vfs"] == [{"vf_index": 0, "address": VF0}]
    assert (documents[1]["device"], documents[1]["by"]) == (PF, None)


def test_vfs_made_anew_between_two_looks(desk: Desk) -> None:
    def anew() -> None:
        desk.set_num_vfs(0)
        desk.set_num_vfs(2)

    desk.set_num_vfs(2)
    desk.at(1.0, anew)
    assert without_times(desk.run("--for", "5s")) == [f"{PF} (eth0)  VFs 0-1 made anew: 2 VFs"]


def test_the_run_of_sriovctl_that_did_it_is_named(desk: Desk) -> None:
    def apply() -> None:
        from tests.unit.host.test_journal import count_step

        run_id = desk.journal.begin([count_step(0, 1)])
        desk.set_num_vfs(1)
        desk.journal.finish(Ending(run_id, RunStatus.DONE))

    desk.at(1.0, apply)
    lines = without_times(desk.run("--for", "5s"))
    assert lines[0] == f"{PF} (eth0)  VF 0 {VF0} created  [apply 1]"


def test_without_the_journal_nobody_is_named(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise PermissionDenied("no")

    monkeypatch.setattr(desk.journal, "runs", refuse)
    desk.at(1.0, lambda: desk.set_num_vfs(1))
    assert without_times(desk.run("--for", "5s"))[0] == f"{PF} (eth0)  VF 0 {VF0} created"


def test_lost_events_are_admitted_and_the_difference_told(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    def open_small() -> SimulatedEvents:
        return SimulatedEvents(desk.host.kernel, room=1)

    desk.open_events = open_small  # type: ignore[method-assign]
    desk.at(1.0, lambda: desk.set_num_vfs(2))
    lines = without_times(desk.run("--for", "5s"))
    assert lines[0] == f"{PF} (eth0)  VFs 0-1 created: 2 VFs"
    assert "events were lost" in capsys.readouterr().err


def test_a_pf_that_is_pulled_is_told(desk: Desk) -> None:
    desk.at(1.0, lambda: desk.host.vanish(PF))
    assert without_times(desk.run("--for", "5s")) == [f"{PF} (eth0)  PF went"]


def test_nothing_happens_on_a_recording(desk: Desk) -> None:
    context = Context(
        open_host=lambda: desk.host,
        open_libvirt=lambda: pytest.fail("asks libvirt"),
        open_journal=lambda: desk.journal,
        out=io.StringIO(),
        color=False,
    )
    with pytest.raises(UnsupportedError, match="nothing happens"):
        run_verb(parse_arguments(["events"]), context)


def test_a_pf_that_is_none_is_named(desk: Desk) -> None:
    with pytest.raises(InputError, match="is no PF here"):
        desk.run("--pf", "eth9", "--for", "1s")
