"""The life of the daemon, with signals and a service manager; time here is real, but short."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sriovctl.daemon.log import Log, Priority
from sriovctl.daemon.notify import Notifier
from sriovctl.daemon.service import Service
from sriovctl.errors import HostError, InputError
from sriovctl.model.functions import VLAN
from sriovctl.model.health import Health
from sriovctl.model.state import WantedVF
from tests.unit.daemon.rig import STATE, Rig


class Manager:
    """A service manager's end of the notification socket."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)
        self.said: list[str] = []

    def listen(self) -> list[str]:
        while True:
            try:
                self.said += self._socket.recv(4096).decode().splitlines()
            except BlockingIOError:
                return self.said

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(tmp_path / "notify")
    yield manager
    manager.close()


class Scene:
    """A service around a rig; steps run one after the other while it lives."""

    def __init__(self, directory: Path, manager: Manager, state: str = STATE) -> None:
        self.manager = manager
        # The journal moves to the worker's thread: nobody has opened it before.
        self.rig = Rig(state, directory=str(directory / "state"))
        environment = {
            "NOTIFY_SOCKET": str(directory / "notify"),
            "WATCHDOG_USEC": "200000",
            "WATCHDOG_PID": str(os.getpid()),
        }
        self.notifier = Notifier(environment)

    def live(self, *steps: Callable[[], object], wait_s: float = 60.0) -> None:
        """Run the service; each step is tried until it is true, then the next."""
        asyncio.run(self._live(steps, wait_s))

    async def _live(self, steps: tuple[Callable[[], object], ...], wait_s: float) -> None:
        rig = self.rig
        service = Service(
            rig.keeper,
            rig.watch,
            rig.events,
            notifier=self.notifier,
            log=Log(rig.out, priorities=False, least=Priority.DEBUG),
            clock=rig.host.clock,
            wait_s=wait_s,
            glance_every_s=0.05,
        )
        running = asyncio.create_task(service.run())
        for step in steps:
            while not step() and not running.done():
                self.manager.listen()
                service._take_events()  # a simulated host has no file to wait for
                rig.host.clock.sleep(0.02)
                await asyncio.sleep(0.01)
        if not running.done():
            os.kill(os.getpid(), signal.SIGTERM)
        await running


def test_it_is_ready_once_the_host_is_as_declared_and_says_how_it_is(
    tmp_path: Path, manager: Manager
) -> None:
    scene = Scene(tmp_path, manager)
    scene.live(lambda: "READY=1" in manager.listen())
    said = manager.listen()
    assert said.index("STATUS=healthy") < said.index("READY=1")
    assert "WATCHDOG=1" in said
    assert said[-1] == "STOPPING=1"
    assert scene.rig.vlans() == [42, 43, 42]


def test_what_waits_for_it_does_not_wait_for_ever(tmp_path: Path, manager: Manager) -> None:
    scene = Scene(tmp_path, manager, STATE.replace("0000:01", "0000:77"))
    scene.live(lambda: "READY=1" in manager.listen(), wait_s=0.1)
    status = [line for line in manager.listen() if line.startswith("STATUS=")]
    assert status[0].startswith("STATUS=degraded: no PF fits address 0000:77:00.0")


def test_it_reads_its_files_again_when_it_is_told_to(tmp_path: Path, manager: Manager) -> None:
    scene = Scene(tmp_path, manager)
    rig = scene.rig

    def change() -> bool:
        rig.state = STATE.replace("id: 43", "id: 51")
        os.kill(os.getpid(), signal.SIGHUP)
        return True

    def break_it() -> bool:
        rig.state = "nonsense"
        os.kill(os.getpid(), signal.SIGHUP)
        return True

    scene.live(
        lambda: "READY=1" in manager.listen(),
        change,
        lambda: manager.listen().count("READY=1") == 2,
        break_it,
        lambda: manager.listen().count("READY=1") == 3,
        lambda: any("the files were not taken over" in line for line in manager.listen()),
    )
    assert manager.said.count("RELOADING=1") == 2
    assert rig.vlans() == [42, 51, 42]
    assert rig.health() is Health.DEGRADED


def test_an_event_is_followed_by_a_repair_and_a_glance_sees_what_had_none(
    tmp_path: Path, manager: Manager
) -> None:
    scene = Scene(tmp_path, manager, STATE.replace("    link: {state: up}\n", ""))
    rig = scene.rig

    def come_up() -> bool:
        rig.ip_up(up=True)
        return True

    def by_hand() -> bool:
        rig.ip_set(1, WantedVF(vlan=VLAN(99)))
        return True

    scene.live(
        lambda: "READY=1" in manager.listen(),
        by_hand,  # the PF is down, so only a glance finds it
        lambda: rig.vlans() == [42, 43, 42],
        come_up,
        by_hand,
        lambda: rig.vlans() == [42, 43, 42],
    )


def test_files_that_are_wrong_at_the_start_end_it(tmp_path: Path, manager: Manager) -> None:
    scene = Scene(tmp_path, manager, "nonsense")
    with pytest.raises(InputError):
        scene.live(lambda: False)


def test_it_ends_with_an_error_when_events_come_no_more(
    tmp_path: Path, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(tmp_path, manager)

    def broken() -> None:
        raise HostError("cannot receive")

    def break_it() -> bool:
        monkeypatch.setattr(scene.rig.events, "receive", broken)
        return True

    with pytest.raises(HostError, match="cannot receive"):
        scene.live(lambda: "READY=1" in manager.listen(), break_it, lambda: False)


# --- the service manager ---------------------------------------------------------------------


def test_without_a_service_manager_nothing_is_said() -> None:
    notifier = Notifier({})
    notifier.ready()
    assert notifier.feeds_every_s is None


def test_a_manager_that_is_gone_stops_nothing(tmp_path: Path) -> None:
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).ready()


def test_an_abstract_socket_is_found(tmp_path: Path) -> None:
    name = f"sriovctl-test-{os.getpid()}-{tmp_path.name}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0{name}")
        Notifier({"NOTIFY_SOCKET": f"@{name}"}).ready()
        assert manager.recv(100) == b"READY=1"


def test_a_status_is_one_line_and_said_once(tmp_path: Path, manager: Manager) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")})
    notifier.status("degraded: one\ntwo")
    notifier.status("degraded: one two")
    assert manager.listen() == ["STATUS=degraded: one two"]


@pytest.mark.parametrize(
    ("usec", "pid", "every_s"),
    [
        ("30000000", None, 15.0),
        ("30000000", "1", None),
        ("0", None, None),
        ("soon", None, None),
    ],
)
def test_the_watchdog_is_fed_twice_as_often_as_it_wants(
    usec: str, pid: str | None, every_s: float | None
) -> None:
    environment = {"WATCHDOG_USEC": usec, "WATCHDOG_PID": pid or str(os.getpid())}
    assert Notifier(environment).feeds_every_s == every_s


# --- the log ---------------------------------------------------------------------------------


def test_each_line_has_its_priority_for_the_journal() -> None:
    out = io.StringIO()
    log = Log(out, priorities=True)
    log.say(Priority.NOTICE, "one\ntwo")
    log.say(Priority.DEBUG, "not that much")
    assert out.getvalue() == "<5>one\n<5>two\n"


def test_what_is_said_again_and_again_is_written_once() -> None:
    out = io.StringIO()
    log = Log(out, priorities=False)
    for text in ("full", "full", "broken", "full"):
        log.say_once(Priority.ERROR, "disk", text)
    log.forget("disk")
    log.say_once(Priority.ERROR, "disk", "full")
    assert out.getvalue() == "full\nbroken\nfull\nfull\n"
