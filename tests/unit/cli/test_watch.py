"""``watch``: its tables, its JSON, and a person's terminal."""

from __future__ import annotations

import fcntl
import io
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator

import pytest

from sriovctl.cli.context import Context, HostKind
from sriovctl.cli.main import parse_arguments, run_verb
from sriovctl.errors import InputError
from sriovctl.host.journal import SQLiteJournal
from sriovctl.host.simulated import SimulatedHost, simulated_82576
from sriovctl.render.screen import ENTER, LEAVE

PF, OTHER = "0000:01:00.0", "0000:04:00.0"
VF1 = "0000:01:10.2"


@pytest.fixture
def host() -> SimulatedHost:
    host = simulated_82576()
    host.files.write_text(f"/sys/bus/pci/devices/{PF}/sriov_numvfs", "2")
    passed = host.clock.sleep

    def sleep(seconds: float) -> None:
        passed(seconds)
        host.traffic.pass_vf(VF1, rx_packets=round(seconds), rx_bytes=1000 * round(seconds))

    host.clock.sleep = sleep  # type: ignore[method-assign]
    return host


def watch(host: SimulatedHost, *argv: str, kind: HostKind = HostKind.LIVE) -> str:
    out = io.StringIO()
    context = Context(
        open_host=lambda: host,
        open_libvirt=lambda: pytest.fail("asks libvirt"),
        open_journal=lambda: SQLiteJournal(None),
        out=out,
        color=False,
        kind=kind,
    )
    assert run_verb(parse_arguments(("watch", *argv)), context) == 0
    return out.getvalue()


def test_tables_follow_one_another(host: SimulatedHost) -> None:
    tables = watch(host, "--count", "2", "--interval", "4s", "--pf", "eth0").strip().split("\n\n")
    assert len(tables) == 2
    for table in tables:
        stamp, header, pf, vf0, vf1 = table.splitlines()
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", stamp)
        assert header.startswith("PF / VF")
        assert pf.split()[:6] == ["PF,", "2", "VFs", PF, "eth0", "down"]
        assert vf0.split()[5:] == ["0", "0", "0", "0", "0", "-"]
        assert vf1.split()[5:] == ["1", "0", "8k", "0", "0", "-"]


def test_vfs_are_sorted_when_asked(host: SimulatedHost) -> None:
    table = watch(host, "--count", "1", "--pf", PF, "--sort", "bits").strip()
    assert [line.split()[1] for line in table.splitlines()[3:]] == ["1", "0"]


def test_json_is_a_document_on_each_line(host: SimulatedHost) -> None:
    lines = watch(host, "--count", "3", "--json", "--interval", "2s").splitlines()
    documents = [json.loads(line) for line in lines]
    assert [each["schema"] for each in documents] == ["sriovctl/watch/1"] * 3
    first, _, last = ([pf for pf in each["pfs"] if pf["address"] == PF] for each in documents)
    (vf,) = (vf for vf in last[0]["vfs"] if vf["vf_index"] == 1)
    assert (vf["source"], vf["rates"]["rx_bytes"]) == ("vf-netdev", 1000.0)
    assert vf["counters"]["rx_bytes"] == 6000
    assert vf["rates"]["rx_broadcast"] is None
    assert last[0]["seconds"] == first[0]["seconds"] == 2.0
    nvme = documents[0]["pfs"][2]
    assert (nvme["counters"], set(nvme["rates"].values())) == (None, {None})


def test_only_some_pfs(host: SimulatedHost) -> None:
    document = json.loads(watch(host, "--count", "1", "--json", "--pf", "eth1", "--pf", PF))
    assert [pf["address"] for pf in document["pfs"]] == [PF, OTHER]
    with pytest.raises(InputError, match="nothere: is no PF here"):
        watch(host, "--count", "1", "--pf", "nothere")


def test_users_are_asked_for_unless_told_not_to(host: SimulatedHost) -> None:
    host.network.add_address("eth3", "192.0.2.1/24")
    assert "address:192.0.2.1" in watch(host, "--count", "1")
    assert "192.0.2.1" not in watch(host, "--count", "1", "--no-owners")


def test_an_end_is_needed_where_time_does_not_pass(host: SimulatedHost) -> None:
    with pytest.raises(InputError, match="time flies"):
        watch(host, kind=HostKind.SIMULATED)


@pytest.mark.parametrize("words", [["--count", "0"], ["--count", "x"], ["--interval", "0"]])
def test_nonsense_is_wrong_usage(words: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse_arguments(["watch", *words])
    assert caught.value.code == 2


# --- a person's terminal ---------------------------------------------------------------------


class Person:
    """A pseudo-terminal with ``sriovctl --simulated watch`` on it."""

    def __init__(self, *argv: str) -> None:
        self.ours, self.theirs = pty.openpty()
        self.resize(80, 10)
        self.before = termios.tcgetattr(self.theirs)
        self.seen = ""
        self.process = subprocess.Popen(
            (sys.executable, "-m", "sriovctl", "--simulated", "watch", *argv),
            stdin=self.theirs,
            stdout=self.theirs,
            stderr=self.theirs,
            # Not of a session of its own: there nobody could let it go on, and nothing stops it.
            process_group=0,
            # What a shell runs in the background ignores Ctrl-C, and so would its children.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def press(self, keys: str) -> None:
        os.write(self.ours, keys.encode())

    def wait_for(self, text: str) -> str:
        """Read until *text* is there; return what came with it."""
        deadline = time.monotonic() + 60
        start = len(self.seen)
        while text not in self.seen[start:]:
            assert time.monotonic() < deadline, repr(self.seen)
            ready, _, _ = select.select([self.ours], [], [], 1.0)
            if ready:
                self.seen += os.read(self.ours, 65536).decode()
        return self.seen[start:]

    def wait_until_stopped(self) -> None:
        deadline, stopped = time.monotonic() + 60, False
        while not stopped:
            assert time.monotonic() < deadline
            _, status = os.waitpid(self.process.pid, os.WUNTRACED | os.WNOHANG)
            stopped = os.WIFSTOPPED(status)

    def end(self) -> int:
        """Wait for the end, and require that the terminal is as it was."""
        status = self.process.wait(timeout=60)
        while select.select([self.ours], [], [], 0)[0]:
            self.seen += os.read(self.ours, 65536).decode()
        assert termios.tcgetattr(self.theirs) == self.before
        assert self.seen.count(ENTER) == self.seen.count(LEAVE) > 0
        assert self.seen.endswith(LEAVE)
        return status


@pytest.fixture
def person() -> Iterator[Person]:
    person = Person("--interval", "1m")
    yield person
    if person.process.poll() is None:
        person.process.kill()
    person.process.wait()
    os.close(person.ours)
    os.close(person.theirs)


def test_keys_sort_scroll_and_end(person: Person) -> None:
    screen = person.wait_for("0000:05:00.0")
    assert "3 PFs, 0 VFs, every 60 s, by index" in screen
    person.press("s")
    assert "by packets" in person.wait_for("by packets")
    person.resize(80, 3)
    os.kill(person.process.pid, signal.SIGWINCH)
    assert "0000:05:00.0" not in person.wait_for("0000:01:00.0")
    person.press("\x1b[F")
    # One line changed: it alone is written.
    assert person.wait_for("0000:05:00.0").count("\x1b[K") == 1
    person.press("q")
    assert person.end() == 0


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_leaves_the_terminal_as_it_was(
    person: Person, number: signal.Signals, status: int
) -> None:
    person.wait_for("0000:05:00.0")
    os.kill(person.process.pid, number)
    assert person.end() == status


def test_paused_it_gives_the_terminal_back_and_takes_it_again(person: Person) -> None:
    person.wait_for("0000:05:00.0")
    os.kill(person.process.pid, signal.SIGTSTP)
    person.wait_for(LEAVE)
    person.wait_until_stopped()
    assert termios.tcgetattr(person.theirs) == person.before
    os.kill(person.process.pid, signal.SIGCONT)
    person.wait_for("0000:05:00.0")
    person.press("q")
    assert person.end() == 0
