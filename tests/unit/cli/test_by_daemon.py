"""Each verb that the daemon can do for us says the same with it and without it."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest
from tests.loops import PATIENCE_S
from tests.unit.api.rig import Rig, rig_on

from sriovctl.__main__ import main
from sriovctl.api import changing
from sriovctl.api.access import PeerPolicy
from sriovctl.api.client.daemon import Daemon
from sriovctl.api.contract.messages import Peer
from sriovctl.api.place import SOCKET_VARIABLE
from sriovctl.cli.context import Context, HostKind
from sriovctl.cli.main import parse_arguments, run_verb
from sriovctl.engine.doors import Doors
from sriovctl.errors import PermissionDenied, SriovctlError
from sriovctl.host.journal import SQLiteJournal
from sriovctl.host.leases import SQLiteLeaseBook
from sriovctl.host.simulated import SimulatedHost, simulated_82576
from sriovctl.host.simulated_libvirt import SimulatedLibvirt

PF, OTHER = "0000:01:00.0", "0000:04:00.0"
AUTOPROBE = f"/sys/bus/pci/devices/{PF}/sriov_drivers_autoprobe"
NUM_VFS = f"/sys/bus/pci/devices/{PF}/sriov_numvfs"
_TIMES = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\+00:00)?")


class Said(NamedTuple):
    """What a command left behind."""

    status: int
    out: str
    error: str | None  # with its cause, subject, hint and evidence
    progress: tuple[str, ...]
    warnings: tuple[str, ...]


class Quiet(Context):
    """A context that keeps what it would write to standard error."""

    told: list[str]
    warned: list[str]

    def progress(self, text: str) -> None:
        self.told.append(text)

    def warn(self, text: str) -> None:
        self.warned.append(text)


class NoGuardian:
    """Nobody waits here for a run to be confirmed."""

    def tell(self, run_id: int) -> None:
        pass

    def dismiss(self) -> None:
        pass


def deny(*_: object) -> None:
    raise PermissionDenied("cannot be written", subject="the journal", hint="run as root")


class Side:
    """A host with its journal and its leases, and commands on it, by a daemon or not."""

    def __init__(self, directory: Path, files: Path) -> None:
        self.directory = directory
        self.files = files
        self.host: SimulatedHost = simulated_82576()
        self.daemon: Path | None = None

    def context(self, out: io.StringIO, *, daemon: bool = True) -> Quiet:
        def find() -> Daemon | None:
            if self.daemon is None or not daemon:
                return None
            return Daemon(str(self.daemon), state_directory=str(self.directory))

        context = Quiet(
            open_host=lambda: self.host,
            open_libvirt=lambda: SimulatedLibvirt(self.host.clock),
            open_journal=lambda: SQLiteJournal(str(self.directory)),
            open_leases=lambda: SQLiteLeaseBook(str(self.directory)),
            start_guardian=lambda: NoGuardian(),  # type: ignore[arg-type,return-value]
            find_daemon=find,
            out=out,
            color=False,
            kind=HostKind.SIMULATED,
        )
        context.told, context.warned = [], []
        return context

    def run(self, *argv: str) -> Said:
        out = io.StringIO()
        context = self.context(out)
        status, error = 0, None
        try:
            status = run_verb(parse_arguments(argv), context)
        except SriovctlError as raised:
            status, error = raised.exit_code, f"{type(raised).__name__} {raised}"
        finally:
            context.close()
        return Said(status, out.getvalue(), error, tuple(context.told), tuple(context.warned))

    def run_denied(self, *argv: str) -> Said:
        """Run as somebody who may not write the journal."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(SQLiteJournal, "locked", deny)
            return self.run(*argv)

    def state(self, num_vfs: int, *, vlan: int = 0, name: str = "host") -> str:
        path = self.files / f"{name}.yaml"
        path.write_text(
            f'version: 1\npfs:\n  a:\n    match: {{address: "{PF}"}}\n    num_vfs: {num_vfs}\n'
            f"    drivers_autoprobe: false\n    vf_default: {{vlan: {{id: {vlan}}}}}\n"
            "pools:\n  finance: {from: [a], vfs: 0-1}\n"
        )
        return str(path)

    def runs(self) -> list[dict[str, Any]]:
        out = io.StringIO()
        context = self.context(out, daemon=False)
        run_verb(parse_arguments(["history", "--json"]), context)
        context.close()
        runs: list[dict[str, Any]] = json.loads(out.getvalue())["runs"]
        return runs


class Pair:
    """The same host twice: one is asked itself, for the other there is a daemon."""

    def __init__(self, direct: Side, served: Side, rig: Rig) -> None:
        self.direct = direct
        self.served = served
        self.rig = rig

    def both(self, *argv: str) -> Said:
        """Run a command on both; what it said, which must be the same."""
        one, other = self.direct.run(*argv), self.served.run(*argv)
        assert without_times(other.out) == without_times(one.out)
        assert other._replace(out="", progress=()) == one._replace(out="", progress=())
        assert set(other.progress) <= set(one.progress)
        return one

    def write(self, path: str, text: str) -> None:
        for side in (self.direct, self.served):
            side.host.files.write_text(path, text)


def without_times(text: str) -> str:
    return _TIMES.sub("TIME", text)


@contextmanager
def serving(side: Side, *, peer: Peer | None = None, **how: Any) -> Iterator[Rig]:  # noqa: ANN401
    """Serve a side.

    :param peer: who is taken to ask; None: who asks.
    """
    context = side.context(io.StringIO(), daemon=False)
    with rig_on(side.directory, host=side.host, context=context, **how) as rig:
        if peer is not None:
            access = rig.service._access
            caller_of = access.caller_of
            access.caller_of = lambda request: caller_of(  # type: ignore[method-assign]
                request._replace(peer=peer)
            )
        side.daemon = rig.path
        yield rig
    side.daemon = None


def make_side(directory: Path, files: Path) -> Side:
    directory.mkdir()
    return Side(directory, files)


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A directory whose name leaves room for a unix socket's."""
    with TemporaryDirectory(prefix="cli") as name:
        yield Path(name)


@pytest.fixture
def pair(short_path: Path) -> Iterator[Pair]:
    direct, served = (
        make_side(short_path / "d", short_path),
        make_side(short_path / "s", short_path),
    )
    with serving(served) as rig:
        yield Pair(direct, served, rig)


@pytest.fixture
def served(pair: Pair) -> Side:
    return pair.served


def test_apply_undo_and_their_history(pair: Pair) -> None:
    file = pair.direct.state(2, vlan=42)
    done = pair.both("apply", file)
    assert "'sriovctl undo' takes them back" in done.out
    assert any("set-num-vfs" in line for line in done.progress)
    assert pair.served.host.files.read_text(NUM_VFS) == "2"
    assert pair.both("apply", file).out == "nothing to do: the host is as the file wants it\n"
    pair.direct.state(3, vlan=43)
    shown = json.loads(pair.both("apply", file, "--json").out)
    assert (shown["schema"], shown["run"], shown["status"]) == ("sriovctl/apply/1", 2, "done")
    assert "before run 2" in pair.both("undo").out
    assert json.loads(pair.both("undo", "1", "--json").out)["run"] == 1
    assert pair.both("undo").out.startswith("nothing to undo")
    assert pair.served.host.files.read_text(NUM_VFS) == "0"
    sources = [one["source"] for one in pair.served.runs()]
    assert sources[-1].startswith("api: uid ")
    assert [one["source"] for one in pair.direct.runs()][-1] == file
    assert [one["kind"] for one in pair.direct.runs()] == [
        one["kind"] for one in pair.served.runs()
    ]
    assert {one["what"] for one in pair.rig.audit} >= {"start_job", "job apply", "job undo"}


def test_progress_is_shown_as_the_command_itself_shows_it(pair: Pair) -> None:
    file = pair.direct.state(2, vlan=42)
    one, other = pair.direct.run("apply", file), pair.served.run("apply", file)
    steps = [line for line in one.progress if line.startswith("[")]
    assert len(steps) > 1
    assert [line for line in other.progress if line.startswith("[")] == steps


def test_a_run_that_waits_is_confirmed_or_goes(pair: Pair) -> None:
    said = pair.both("apply", pair.direct.state(2), "--confirm-within", "2d")
    assert "undone in 172800 s, unless you keep it" in said.out
    assert "waits to be confirmed" in str(pair.both("apply", pair.direct.state(3)).error)
    assert pair.both("confirm", "--json").status == 0
    assert pair.both("confirm").status == 2
    assert "run 9" in str(pair.both("confirm", "9").error)


def test_what_is_refused_is_refused_in_the_same_words(pair: Pair) -> None:
    pair.write(NUM_VFS, "3")
    file = pair.direct.state(2)
    refused = pair.both("apply", file)
    assert refused.status == 4
    assert f"--allow foreign:{PF}" in str(refused.error)
    if os.geteuid() == 0:  # who else may disturb nobody by the daemon
        pair.both("apply", file, "--allow", f"foreign:{PF}")
    assert [pair.both("undo", number).status for number in ("7", "0")] == [2, 2]
    wrong = pair.direct.files / "wrong.yaml"
    wrong.write_text("version: 1\npfs:\n  a: {match: {netdev: eth9}, num_vfs: 1}\n")
    assert pair.both("apply", str(wrong)).status == 2
    wrong.write_text("version: 1\npfs:\n  a: {num_vf: 1}\n")
    assert "wrong.yaml" in str(pair.both("apply", str(wrong)).error)
    wrong.write_text(f'version: 1\npfs:\n  a: {{match: {{address: "{PF}"}}, num_vfs: 99}}\n')
    assert pair.both("apply", str(wrong)).status in (1, 2)


def test_a_step_that_fails_is_taken_back_and_told_alike(pair: Pair) -> None:
    file = pair.direct.state(2, vlan=42)
    for side in (pair.direct, pair.served):
        when_written(side, partial(side.host.files.fail, NUM_VFS, errno.ENOMEM))
    said = pair.both("apply", file)
    assert said.status == 1
    assert "steps taken back 1" in str(said.error)
    assert [one["status"] for one in pair.served.runs()] == ["done", "taken back"]


@pytest.mark.parametrize("times", [1, 5])
def test_a_host_that_changes_meanwhile_is_planned_for_anew(
    served: Side, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    left = list(range(1, times + 1))
    make_plan = changing.make_plan

    def make_plan_before_it_changes(doors: Doors, text: str) -> changing.MadePlan:
        made = make_plan(doors, text)
        if left:
            served.host.files.write_text(NUM_VFS, str(left.pop() % 2))
        return made

    monkeypatch.setattr(changing, "make_plan", make_plan_before_it_changes)
    said = served.run("apply", served.state(2), "--allow", f"foreign:{PF}")
    if times == 1:
        assert (said.status, said.error) == (0, None)
        assert served.host.files.read_text(NUM_VFS) == "2"
    else:
        assert said.status == 1
        assert "the host is not as it was when the plan was made" in str(said.error)
        assert served.runs() == []


def test_missing_pfs_are_skipped_alike(pair: Pair) -> None:
    path = Path(pair.direct.state(2))
    path.write_text(path.read_text().replace("pools:", "  b: {match: {netdev: eth9}}\npools:"))
    path.write_text(path.read_text().replace("from: [a]", "from: [a, b]"))
    said = pair.both("apply", str(path), "--wait", "1s", "--skip-missing")
    assert said.status == 1
    assert said.out.startswith("missing: b")
    assert pair.served.host.files.read_text(NUM_VFS) == "2"


def test_leases_are_taken_renewed_and_given_back(pair: Pair) -> None:
    file = pair.direct.state(2, vlan=42)
    pair.both("apply", file)
    pair.both("pool", "define", file)
    taken = pair.both("lease", "take", "finance", "--owner", "anna", "--ttl", "8h", "--json")
    assert json.loads(taken.out)["leases"][0]["owner"] == "anna"
    assert "owner" in pair.both("lease", "take", "netdev=eth0").out
    assert pair.both("lease", "take", "finance", "--count", "2").status == 1
    assert pair.both("lease", "take", "nonesuch").status == 2
    assert pair.both("lease", "take", "finance", "--pin", "--ttl", "1h").status == 2
    assert "until in 2 h" in pair.both("lease", "renew", "1", "--ttl", "2h").out
    assert pair.both("lease", "release", "1", "9").status == 2
    assert "released" in pair.both("lease", "release", "1", "2", "--json").out
    assert pair.both("lease", "release", "--owner", "anna").out == "no lease to take back\n"
    assert "is not held any more" in str(pair.both("lease", "renew", "1").error)
    assert [pair.both("lease", "renew", number).status for number in ("9", "0")] == [2, 2]
    assert pair.both("lease", "release", "0").status == 2
    assert pair.both("lease", "take", "netdev=eth0", "--owner", "a" * 300).status == 0
    assert pair.both("lease", "list", "--all").out.count("ended") == 2
    assert {"take_leases", "renew_lease", "release_leases"} <= {
        str(one["what"]) for one in pair.rig.audit
    }


def test_a_lease_that_is_over_takes_nothing_back_that_is_applied_after_it(pair: Pair) -> None:
    pair.both("apply", pair.direct.state(2, vlan=42))
    pair.both("lease", "take", f"address={PF}", "--count", "2", "--owner", "anna", "--ttl", "1h")
    for side in (pair.direct, pair.served):
        side.host.clock.sleep(2 * 3600)
    assert pair.both("apply", pair.direct.state(2, vlan=50)).status == 0
    pair.both("lease", "take", f"address={PF}", "--owner", "bob")
    assert pair.both("lease", "list", "--all").out.count("ended") == 2
    assert vlans(pair.direct) == vlans(pair.served) == [50, 50]


def vlans(side: Side) -> list[int]:
    (pf, *_) = json.loads(side.run("ls", "--json").out)["pfs"]
    return [vf["vlan"]["id"] for vf in pf["vfs"]]


def test_a_file_that_says_something_else_than_its_pool_is_told_of(pair: Pair) -> None:
    file = pair.direct.state(2)
    pair.both("apply", file)
    pair.both("pool", "define", file)
    pair.direct.state(2, vlan=5)
    (warning,) = pair.both("lease", "take", "finance", "--owner", "anna").warnings
    assert "has changed since pool finance was defined" in warning


def bind_to_vfio(side: Side, vf: str) -> None:
    side.host.files.write_text(f"/sys/bus/pci/devices/{vf}/driver_override", "vfio-pci")
    side.host.files.write_text("/sys/bus/pci/drivers_probe", vf)


@pytest.mark.parametrize("verb", ["apply", "take", "release"])
def test_what_could_not_be_seen_is_told_alike(pair: Pair, verb: str) -> None:
    for side in (pair.direct, pair.served):  # without the daemon, which tells each thing once here
        side.run("apply", pair.direct.state(2), "--write-timeout", "1m")
    if verb == "release":
        for side in (pair.direct, pair.served):
            side.run("lease", "take", "finance", "--state", pair.direct.state(2))
    for side in (pair.direct, pair.served):
        bind_to_vfio(side, "0000:01:10.2")
        process = side.host.processes.start("qemu-system-x86")
        side.host.files.fail(f"/proc/{process.pid}/fd", errno.EACCES, times=20)
    words = {
        "apply": ["apply", pair.direct.state(2, vlan=5)],
        "take": ["lease", "take", f"address={PF}", "--owner", "anna"],
        "release": ["lease", "release", "1"],
    }
    (warning,) = pair.both(*words[verb]).warnings
    assert "could not be looked into" in warning


def test_what_the_interface_does_not_have_is_done_here(pair: Pair) -> None:
    file = pair.direct.state(2)
    pair.both("apply", file, "--write-timeout", "1m")
    pair.both("lease", "take", "finance", "--state", file, "--owner", "anna")
    pair.both("lease", "reap")
    assert pair.both("apply", "--resume").status == 2
    assert pair.served.runs()[0]["source"] == file
    assert pair.rig.audit == []


# --- when it does not go as usual ------------------------------------------------------------


def test_ctrl_c_takes_back_what_the_daemon_did(pair: Pair) -> None:
    file = pair.direct.state(2, vlan=42)

    def interrupt() -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        deadline = time.monotonic() + PATIENCE_S
        while not pair.rig.service.jobs.find(1).cancel_wanted:
            assert time.monotonic() < deadline
            time.sleep(0.001)

    before = pair.served.host.files.read_text(AUTOPROBE)
    when_written(pair.served, interrupt)
    with pytest.raises(KeyboardInterrupt):
        pair.served.run("apply", file)
    assert [one["status"] for one in pair.served.runs()] == ["done", "taken back"]
    assert pair.served.host.files.read_text(AUTOPROBE) == before


def test_what_somebody_else_cancelled_is_not_said_to_be_done(pair: Pair) -> None:
    file = pair.direct.files / "one.yaml"
    file.write_text(
        f'version: 1\npfs: {{a: {{match: {{address: "{PF}"}}, drivers_autoprobe: false}}}}\n'
    )

    def cancel() -> None:
        pair.rig.service.jobs.find(1).cancel_wanted = True

    when_written(pair.served, cancel)
    said = pair.served.run("apply", str(file))
    assert (said.status, said.out) == (1, "")
    assert "job 1 (run 1): was cancelled, and what it did was taken back" in str(said.error)
    assert pair.served.host.files.read_text(AUTOPROBE) == "1"


def when_written(side: Side, action: Callable[[], None]) -> None:
    """Call something once the first step has been taken."""
    files = side.host.files

    def look() -> None:
        if files.read_text(AUTOPROBE) == "0":
            action()
        else:
            files.before(AUTOPROBE, look)

    files.before(AUTOPROBE, look)


def test_who_may_not_ask_does_it_without(short_path: Path) -> None:
    side = make_side(short_path / "s", short_path)
    with serving(side, policy=PeerPolicy(), peer=Peer(1, 4242, 4242)) as rig:
        alone = make_side(short_path / "d", short_path)
        assert side.run("apply", side.state(2)) == alone.run("apply", side.state(2))
        assert side.runs()[0]["source"].endswith("host.yaml")
        refused = side.run_denied("apply", side.state(3))
    assert refused.status == 1
    assert "run as root, or: ask root to make this user a member" in str(refused.error)
    assert "the daemon may not be asked by this user" in str(refused.error)
    assert rig.audit[0]["code"] == "forbidden"


def test_an_operator_may_disturb_nobody(short_path: Path) -> None:
    side = make_side(short_path / "s", short_path)
    operators = PeerPolicy(operators=frozenset((77,)))
    with serving(side, policy=operators, peer=Peer(1, 4242, 77)):
        assert side.run("apply", side.state(2)).status == 0
        assert side.runs()[0]["source"] == "api: uid 4242 (no name)"
        refused = side.run_denied("undo", "--allow", "guest:MyGuest")
    assert "may disturb nobody: that needs the role admin" in str(refused.error)


@pytest.mark.parametrize("there", ["nobody", "another host", "no sriovctl"])
def test_a_socket_that_leads_nowhere_changes_nothing(short_path: Path, there: str) -> None:
    side, other = make_side(short_path / "s", short_path), make_side(short_path / "o", short_path)
    side.daemon = short_path / "socket"
    if there == "another host":
        with serving(other) as rig:
            side.daemon = rig.path
            said = side.run("apply", side.state(2))
            assert other.runs() == []
    else:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(side.daemon))
        if there == "no sriovctl":
            listener.listen()
            answering = threading.Thread(target=answer, args=(listener, [b"hello"]))
            answering.start()
        said = side.run("apply", side.state(2))
        listener.close()
    assert (said.status, said.error, said.warnings) == (0, None, ())
    assert side.runs()[0]["source"].endswith("host.yaml")


def answer(listener: socket.socket, answers: list[bytes]) -> None:
    """Take one client, give it answers, and go."""
    client, _ = listener.accept()
    with client:
        for one in answers:
            read_request(client)
            client.sendall(one)
    listener.close()


def read_request(client: socket.socket) -> None:
    """Read a request to its end."""
    read = b""
    while b"\r\n\r\n" not in read:
        read += client.recv(65536)
    head, _, body = read.partition(b"\r\n\r\n")
    found = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    while len(body) < (int(found[1]) if found else 0):
        body += client.recv(65536)


def as_http(document: Mapping[str, object], status: int = 200) -> bytes:
    body = json.dumps(document).encode()
    return b"HTTP/1.1 %d OK\r\ncontent-length: %d\r\n\r\n%s" % (status, len(body), body)


def job(**said: object) -> bytes:
    known: dict[str, object] = {
        "job": 3,
        "kind": "apply",
        "state": "running",
        "run": None,
        "status": None,
        "progress": [],
        "lines_told": 0,
        "notes": [],
        "steps": [],
        "error": None,
    }
    return as_http({"schema": "sriovctl/job/1", "job": {**known, **said}}, 202)


@pytest.mark.parametrize("moment", ["asked", "running", "anew"])
def test_a_daemon_that_is_lost_is_told_with_what_is_known(short_path: Path, moment: str) -> None:
    side = make_side(short_path / "s", short_path)
    health = {"schema": "sriovctl/health/1", "state_directory": str(side.directory)}
    plan = {"schema": "sriovctl/plan/1", "plan": "p", "steps": [{}], "notes": []}
    answers = [as_http(health), as_http(plan)]
    answers += {
        "asked": [],
        "running": [job(), job(run=7)],
        "anew": [job(run=7), job(kind="expire")],
    }[moment]
    side.daemon = short_path / "socket"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(side.daemon))
    listener.listen()
    answering = threading.Thread(target=answer, args=(listener, answers))
    answering.start()
    said = side.run("apply", side.state(2))
    answering.join(PATIENCE_S)
    assert said.status == 1
    assert said.out == ""
    assert str(said.error).startswith("LostError")
    assert "'sriovctl history' tells" in str(said.error)
    if moment != "asked":
        assert "job 3 (run 7)" in str(said.error)
        assert "when last heard of running" in str(said.error)
    assert side.runs() == [], "nothing is done a second time"


def test_an_older_interface_is_gone_without(short_path: Path) -> None:
    side = make_side(short_path / "s", short_path)
    side.daemon = short_path / "socket"
    health = {"schema": "sriovctl/health/1", "state_directory": str(side.directory)}
    problem = {"code": "not-found", "cause": "nothing is served there", "subject": "path"}
    refusal = {"schema": "sriovctl/error/1", "error": problem}
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(side.daemon))
    listener.listen()
    answers = [as_http(health), as_http(refusal, 404)]
    answering = threading.Thread(target=answer, args=(listener, answers))
    answering.start()
    said = side.run("lease", "release", "--owner", "anna")
    answering.join(PATIENCE_S)
    assert (said.status, said.out) == (0, "no lease to take back\n")


def test_only_for_this_host_is_the_daemon_looked_for(
    short_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    side = make_side(short_path / "s", short_path)
    with serving(side) as rig:
        monkeypatch.setenv(SOCKET_VARIABLE, str(rig.path))
        monkeypatch.setenv("SRIOVCTL_STATE_DIR", str(side.directory))
        assert main(["undo", "5"]) == 2
        assert "there is no such run" in capsys.readouterr().err
        assert [one["what"] for one in rig.audit] == ["start_job", "job undo"]
        for words in (["--simulated"], ["--direct"]):
            main([*words, "undo", "5"])
        assert len(rig.audit) == 2
