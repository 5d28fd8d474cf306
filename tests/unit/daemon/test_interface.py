"""The REST interface of the daemon, behind real sockets, on a simulated host that it keeps."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import nullcontext
from http.client import HTTPResponse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from sriovctl.api.access import Access, PeerPolicy
from sriovctl.api.audit import AuditLog
from sriovctl.api.doors import Building
from sriovctl.api.options import check_serving_options, find_openers
from sriovctl.api.run import Listener
from sriovctl.api.server import open_tcp_socket, open_unix_socket
from sriovctl.api.service import Service as APIService
from sriovctl.api.tls import Certificate
from sriovctl.cli.context import Context, HostKind
from sriovctl.daemon.__main__ import _make_interface, main
from sriovctl.daemon.arguments import parse_arguments
from sriovctl.daemon.interface import Interface
from sriovctl.daemon.log import Log, Priority
from sriovctl.daemon.notify import Notifier
from sriovctl.daemon.service import Service
from sriovctl.errors import InputError
from sriovctl.host.journal import SQLiteJournal
from sriovctl.host.leases import SQLiteLeaseBook
from sriovctl.model.event import HostEvent
from sriovctl.model.functions import VLAN
from sriovctl.model.health import Condition, Health
from sriovctl.model.state import WantedVF
from tests.unit.api.certificates import is_shown, make_certificate
from tests.unit.api.rig import Answered, UnixHTTP, exchange
from tests.unit.daemon.rig import IGB, OTHER, STATE, Rig

PATIENCE = 2000  # turns of the loop, of what takes a few


@pytest.fixture
def directory() -> Iterator[Path]:
    with TemporaryDirectory(prefix="api") as name:
        yield Path(name)


def unix(path: Path) -> Listener:
    return Listener(open_unix_socket(str(path), mode=0o600, gid=None), path=str(path))


class Scene:
    """A daemon that keeps and serves; the test is a task on its loop."""

    def __init__(
        self,
        directory: Path,
        openers: Mapping[str, Callable[[], Listener]] | None = None,
        state: str = STATE,
    ) -> None:
        self.path = directory / "s"
        self.rig = Rig(state, directory=str(directory / "state"))
        self.log = Log(self.rig.out, priorities=False, least=Priority.DEBUG)
        self.openers = openers or {str(self.path): lambda: unix(self.path)}
        self.forgotten = 0
        self.renewal_s = 3600.0
        self.interface: Interface

    def live(self, story: Callable[[Scene], AsyncGenerator[bool, None]]) -> None:
        """Play a story; whenever it yields False, time goes on, and it is asked again."""
        asyncio.run(self._live(story))

    async def _live(self, story: Callable[[Scene], AsyncGenerator[bool, None]]) -> None:
        rig = self.rig
        self.interface = self._make_interface()
        service = Service(
            rig.keeper,
            rig.watch,
            rig.events,
            notifier=Notifier({}),
            log=self.log,
            clock=rig.host.clock,
            wait_s=60.0,
            interface=self.interface,
            glance_every_s=3600.0,
        )
        running = asyncio.create_task(service.run())
        try:
            turns = 0
            async for is_there in story(self):
                turns = 0 if is_there else turns + 1
                assert turns < PATIENCE, rig.log()
                assert not running.done(), rig.log()
                service._take_events()  # a simulated host has no file to wait for
                rig.host.clock.sleep(0.02)
                await asyncio.sleep(0.005)
        finally:
            if not running.done():
                os.kill(os.getpid(), signal.SIGTERM)
            await running

    def _make_interface(self) -> Interface:
        rig = self.rig
        context = Context(
            open_host=lambda: rig.host,
            open_libvirt=lambda: pytest.fail("asks libvirt"),
            open_journal=lambda: SQLiteJournal(rig.directory),
            open_leases=lambda: SQLiteLeaseBook(rig.directory),
            out=rig.out,
            color=False,
            kind=HostKind.SIMULATED,
        )

        building = Building(
            lambda: nullcontext(context), is_shared=True, no_guests="none", close=context.close
        )
        access = Access(PeerPolicy(frozenset((os.getgid(),)), others_read=True))

        def forget() -> None:
            self.forgotten += 1

        def scribble(line: str) -> None:
            rig.out.write(f"{line}\n")

        return Interface(
            lambda keeping: APIService(
                building,
                access,
                audit=AuditLog(scribble),
                log=scribble,
                hears_events=True,
                keeping=keeping,
            ),
            self.openers,
            conditions=lambda: rig.keeper.conditions,
            log=self.log,
            forget=forget,
            first_retry_s=0.02,
            renewal_s=self.renewal_s,
        )

    async def ask(self, method: str, target: str, body: object = None) -> Answered:
        def ask() -> Answered:
            connection = UnixHTTP(self.path)
            try:
                return exchange(connection, method, target, body)
            finally:
                connection.close()

        return await asyncio.to_thread(ask)

    async def health(self) -> Any:  # noqa: ANN401
        return (await self.ask("GET", "/v1/health")).json

    def is_kept(self) -> bool:
        return self.is_served() and "uplink: as declared" in self.rig.log()

    def is_served(self) -> bool:
        return self.path.exists() and "listens on" in self.rig.log()


async def told(response: HTTPResponse, kind: str) -> Any:  # noqa: ANN401
    """Read events until one is of a kind; its data."""

    def read() -> Any:  # noqa: ANN401
        while line := response.readline():
            if line == f"event: {kind}\n".encode():
                return json.loads(response.readline().removeprefix(b"data: "))
        raise AssertionError(f"no event {kind}")

    return await asyncio.to_thread(read)


def test_what_the_kernel_tells_and_what_is_repaired_is_served(directory: Path) -> None:
    async def story(scene: Scene) -> AsyncGenerator[bool, None]:
        rig = scene.rig
        while not scene.is_kept():
            yield False
        assert (await scene.health())["health"] == "healthy"
        followed = UnixHTTP(scene.path)
        await asyncio.to_thread(followed.request, "GET", "/v1/events")
        response = await asyncio.to_thread(followed.getresponse)
        await asyncio.to_thread(response.readline)  # it follows from here on
        rig.ip_set(1, WantedVF(vlan=VLAN(99)))
        while rig.vlans() != [42, 43, 42]:
            yield False
        assert (await told(response, "host"))["device"] == IGB
        reading = asyncio.create_task(told(response, "runs"))
        while not reading.done():
            yield False
        response.close()
        followed.close()
        runs = (await scene.ask("GET", "/v1/runs")).json["runs"]
        assert {run["kind"] for run in runs} == {"repair"}
        assert len(runs) == 2

    Scene(directory).live(story)
    assert not (directory / "s").exists(), "the socket ends with the daemon"


def test_what_was_read_is_read_anew_once_the_kernel_tells_of_a_change(directory: Path) -> None:
    async def story(scene: Scene) -> AsyncGenerator[bool, None]:
        while not scene.is_kept():
            yield False
        scene.rig.write(OTHER, "sriov_numvfs", "2")  # of a PF that is not declared
        scene.rig.ip_up(up=True, device=OTHER)  # or the kernel would tell nothing
        for vlan_id in (50, 51):
            scene.rig.ip_set(0, WantedVF(vlan=VLAN(vlan_id)), OTHER)
            yield True
            shown = (await scene.ask("GET", f"/v1/vfs?pf={OTHER}")).json["vfs"]
            assert shown[0]["vlan"]["id"] == vlan_id

    Scene(directory).live(story)


def test_a_job_is_a_persons_word_and_is_kept(directory: Path) -> None:
    async def story(scene: Scene) -> AsyncGenerator[bool, None]:
        rig = scene.rig
        while not scene.is_kept():
            yield False
        state = {
            "version": 1,
            "pfs": {
                "x": {"match": {"address": IGB}, "num_vfs": 3, "vfs": {"1": {"vlan": {"id": 50}}}}
            },
        }
        plan = (await scene.ask("POST", "/v1/plan", state)).json["plan"]
        job = (await scene.ask("POST", "/v1/jobs", {"kind": "apply", "plan": plan})).json["job"]
        while (await scene.ask("GET", f"/v1/jobs/{job['job']}")).json["job"]["state"] != "done":
            yield False
        for _ in range(20):
            yield True
            assert rig.vlans() == [42, 50, 42]
        rig.ip_set(1, WantedVF(vlan=VLAN(99)))
        while rig.vlans() != [42, 50, 42]:
            yield False
        while (await scene.health())["health"] != "healthy":
            yield False

    Scene(directory).live(story)


def test_a_host_is_kept_though_nobody_can_ask_and_served_when_it_can_be(directory: Path) -> None:
    first = unix(directory / "s")

    async def story(scene: Scene) -> AsyncGenerator[bool, None]:
        while scene.rig.vlans() != [42, 43, 42] or not scene.interface.condition.reason:
            yield False
        assert "another daemon listens there" in scene.interface.condition.reason
        assert scene.rig.health() is Health.HEALTHY
        assert scene.interface.keeping().health == "degraded"
        first.close()
        while not scene.is_served():
            yield False
        assert (await scene.health())["health"] == "healthy"

    scene = Scene(directory)
    scene.live(story)
    assert scene.rig.log().count("another daemon listens there") == 1


def test_a_mistake_of_ours_is_told_and_keeps_nothing_from_being_kept(directory: Path) -> None:
    def mistaken() -> Listener:
        raise RuntimeError("nobody thought of that")

    async def story(scene: Scene) -> AsyncGenerator[bool, None]:
        while scene.rig.vlans() != [42, 43, 42] or not scene.interface.condition.reason:
            yield False

    scene = Scene(directory, {"somewhere": mistaken})
    scene.live(story)
    assert "RuntimeError('nobody thought of that')" in scene.interface.condition.reason
    assert "Traceback" in scene.rig.log()


def test_one_socket_that_cannot_be_had_keeps_no_other_from_being_served(directory: Path) -> None:
    path = directory / "s"
    words = ["--api-tcp", "127.0.0.1:0", "--tls-cert", "no", "--tls-key", "no"]
    args = parse_arguments([*words, "--api-unix", str(path), "--tokens", str(directory / "no")])

    async def story(scene: Scene) -> AsyncGenerator[bool, None]:
        while not scene.is_kept():
            yield False
        health = await scene.health()
        assert health["health"] == "degraded"
        assert health["conditions"]["uplink"] == {"health": "healthy", "reason": ""}
        assert "cannot be read" in health["conditions"]["api"]["reason"]
        os.kill(os.getpid(), signal.SIGHUP)
        while not scene.forgotten:
            yield False

    Scene(directory, find_openers(args, {})).live(story)


def test_a_certificate_that_is_broken_is_told_of_until_it_is_renewed(
    directory: Path, tmp_path: Path
) -> None:
    pem, key = make_certificate(tmp_path)
    tcp, tls = open_tcp_socket("127.0.0.1", 0), Certificate(pem, key)
    port = tcp.getsockname()[1]

    async def story(scene: Scene) -> AsyncGenerator[bool, None]:
        while not scene.is_kept():
            yield False
        assert await asyncio.to_thread(is_shown, pem, port)
        whole = Path(key).read_text()
        Path(key).write_text("half of it")
        os.kill(os.getpid(), signal.SIGHUP)
        while "still the one from before" not in scene.interface.condition.reason:
            yield False
        assert (await scene.health())["health"] == "degraded"
        assert await asyncio.to_thread(is_shown, pem, port)
        make_certificate(tmp_path)
        assert whole != Path(key).read_text()
        while f"the certificate {pem} was read again" not in scene.rig.log():
            yield False
        assert await asyncio.to_thread(is_shown, pem, port)
        while (await scene.health())["health"] != "healthy":
            yield False

    unix_path = directory / "s"
    openers = {"tcp": lambda: Listener(tcp, tls), str(unix_path): lambda: unix(unix_path)}
    scene = Scene(directory, openers)
    scene.live(story)
    assert scene.rig.log().count("still the one from before") == 1


def test_a_certificate_that_was_renewed_is_found_without_a_signal(
    directory: Path, tmp_path: Path
) -> None:
    pem, key = make_certificate(tmp_path)
    tcp, tls = open_tcp_socket("127.0.0.1", 0), Certificate(pem, key)
    port = tcp.getsockname()[1]

    async def story(scene: Scene) -> AsyncGenerator[bool, None]:
        while not scene.is_kept():
            yield False
        make_certificate(tmp_path)
        while not await asyncio.to_thread(is_shown, pem, port):
            yield False
        assert not scene.forgotten

    unix_path = directory / "s"
    openers = {"tcp": lambda: Listener(tcp, tls), str(unix_path): lambda: unix(unix_path)}
    scene = Scene(directory, openers)
    scene.renewal_s = 0.02
    scene.live(story)


def test_nothing_is_healthy_before_it_was_looked_at(directory: Path) -> None:
    rig = Rig(directory=str(directory / "state"))
    rig.keeper.load(anew=False)
    assert rig.keeper.condition == Condition(Health.REPAIRING, "not looked at yet")
    rig.keeper.look_all()
    assert rig.keeper.condition.health is Health.HEALTHY


def test_a_storm_is_told_once_and_what_was_lost_too(directory: Path) -> None:
    async def story(scene: Scene) -> AsyncGenerator[bool, None]:
        yield True
        feed = scene.interface._service.feed
        before = len(feed._kept)
        change, alien = HostEvent("link change", IGB), HostEvent("link change", None)
        scene.interface.tell([change, alien, change, None, None] * 100)
        kept = [one.payload for one in feed._kept][before:]
        assert kept == [
            {"what": "link change", "device": IGB},
            {"what": "not known", "device": None},
        ]

    Scene(directory).live(story)


# --- the command line ------------------------------------------------------------------------


def test_without_its_library_it_keeps_the_host_and_says_so(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "h11", None)
    scene = Scene(directory)
    assert _make_interface(parse_arguments([]), scene.log, scene.rig.keeper) is None
    assert "the REST interface is not served: it needs the library h11" in scene.rig.log()


def test_it_is_served_unless_that_is_not_wanted(directory: Path) -> None:
    scene = Scene(directory)
    assert _make_interface(parse_arguments(["--no-api"]), scene.log, scene.rig.keeper) is None
    assert list(find_openers(parse_arguments([]), {})) == ["/run/sriovctl/api.sock"]


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (["--api-tcp", "127.0.0.1:8443"], "needs --tls-cert and --tls-key"),
        (["--api-tcp", "8443", "--tls-cert", "c", "--tls-key", "k"], "is no HOST:PORT"),
    ],
)
def test_what_could_be_served_at_no_time_is_refused_at_the_start(
    words: list[str], cause: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "host.yaml"
    file.write_text(STATE)
    assert main([*words, "--check", str(file)]) == 2
    assert cause in capsys.readouterr().err
    assert main([*words, "--no-api", "--check", str(file)]) == 0
    with pytest.raises(InputError, match=cause):
        check_serving_options(parse_arguments(words))
