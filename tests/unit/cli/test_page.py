"""``sriovctl page``, as a program of its own: the link lets in once, and nothing else does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest
from tests.unit.api.rig import Answered, exchange, rig_on

from sriovctl.__main__ import main
from sriovctl.api.access import PeerPolicy
from sriovctl.api.place import SOCKET, SOCKET_VARIABLE
from sriovctl.cli.browser import has_browser, leading_to
from sriovctl.cli.main import parse_arguments

PATIENCE_S = 60


class Page(NamedTuple):
    """A page that is served."""

    process: subprocess.Popen[str]
    port: int
    key: str

    def ask(
        self, method: str, target: str, body: object = None, headers: dict[str, str] | None = None
    ) -> Answered:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            return exchange(connection, method, target, body, headers)
        finally:
            connection.close()

    def sign_in(self, key: str) -> Answered:
        return self.ask("POST", "/v1/session", {"token": key})

    def next_line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()


@contextmanager
def served(*options: str, unix: str = "/nothing") -> Iterator[Page]:
    command = (sys.executable, "-m", "sriovctl", "--json", *options)
    with subprocess.Popen(
        (*command, "page", "--no-open", "--unix", unix),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            told: Any = json.loads(process.stdout.readline())
            assert told["schema"] == "sriovctl/page/1"
            assert told["url"] == f"http://127.0.0.1:{told['port']}/#key={told['key']}"
            yield Page(process, told["port"], told["key"])
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0


def test_a_link_lets_one_browser_in_and_another_link_the_next() -> None:
    with served("--simulated") as page:
        assert page.ask("GET", "/").status == 200
        assert page.ask("GET", "/v1/pfs").status == 401
        assert page.sign_in(page.key[:-1]).status == 401
        signed = page.sign_in(page.key)
        assert (signed.status, signed.json["role"]) == (201, "admin")
        assert signed.json["host"]["simulated"] is True
        cookie = {"Cookie": signed.headers["set-cookie"].partition(";")[0]}
        assert len(page.ask("GET", "/v1/pfs", headers=cookie).json["pfs"]) == 3
        assert page.sign_in(page.key).status == 401
        assert page.sign_in(json.loads(page.next_line())["key"]).status == 201


def test_who_reads_no_further_links_is_still_served() -> None:
    with served("--simulated") as page:
        assert page.process.stdout is not None
        page.process.stdout.close()
        signed = page.sign_in(page.key)
        assert signed.status == 201
        cookie = {"Cookie": signed.headers["set-cookie"].partition(";")[0]}
        assert page.ask("GET", "/v1/health", headers=cookie).status == 200


def test_other_users_of_this_host_do_not_get_in_without_the_key() -> None:
    with served("--simulated") as page:
        for path in ("/v1/pfs", "/v1/state", "/v1/events", "/v1/metrics", "/v1/leases"):
            assert page.ask("GET", path).status == 401
        for said in ("", "sriovctl.root.x", "\u00e4", "x" * 43):
            assert page.sign_in(said).status in (400, 401)
        cookie = {"Cookie": f"sriovctl_session_{page.port}=x; sriovctl_session=x"}
        assert page.ask("POST", "/v1/jobs", {"kind": "undo"}, cookie).status == 401
        # Neither the program's arguments nor its environment tell the key.
        process = Path(f"/proc/{page.process.pid}")
        for name in ("cmdline", "environ"):
            assert page.key.encode() not in (process / name).read_bytes()
        assert page.ask("GET", "/v1/session").json["csrf"] is None
        assert page.sign_in(page.key).status == 201


def test_it_listens_on_this_host_alone() -> None:
    with served("--simulated") as page:
        listening = [
            line.split()[1]
            for table in Path("/proc/net").glob("tcp*")
            for line in table.read_text().splitlines()[1:]
            if line.split()[3] == "0A" and line.split()[1].endswith(f":{page.port:04X}")
        ]
        assert listening == [f"0100007F:{page.port:04X}"]


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A directory whose name leaves room for a unix socket's."""
    with TemporaryDirectory(prefix="page") as name:
        yield Path(name)


def test_where_a_daemon_serves_the_page_shows_what_it_knows(short_path: Path) -> None:
    with (
        rig_on(short_path, policy=PeerPolicy(others_read=True)) as rig,
        served(unix=str(rig.path)) as page,
    ):
        signed = page.sign_in(page.key)
        assert signed.json["name"].startswith(f"uid {os.getuid()} ")
        assert signed.json["role"] == rig.get("/v1/session").json["role"]
        cookie = {"Cookie": signed.headers["set-cookie"].partition(";")[0]}
        assert page.ask("GET", "/v1/pfs", headers=cookie).body == rig.get("/v1/pfs").body


def test_a_daemon_is_not_asked_for_another_host_nor_against_the_user_s_word(
    short_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with rig_on(short_path) as rig:
        dump = ("--lspci", str(tmp_path / "dump"))
        assert main([*dump, "page", "--no-open", "--unix", str(rig.path)]) == 2
        assert "needs a host" in capsys.readouterr().err
        with served("--direct", unix=str(rig.path)) as page:
            signed = page.sign_in(page.key)
            cookie = {"Cookie": signed.headers["set-cookie"].partition(";")[0]}
            shown = page.ask("GET", "/v1/pfs", headers=cookie)
            assert (shown.status, shown.body == rig.get("/v1/pfs").body) == (200, False)


def test_the_daemon_is_asked_where_other_verbs_ask_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SOCKET_VARIABLE, raising=False)
    assert parse_arguments(["page"]).unix == SOCKET
    monkeypatch.setenv(SOCKET_VARIABLE, "/run/other.sock")
    assert parse_arguments(["page"]).unix == "/run/other.sock"
    assert parse_arguments(["page", "--unix", "/x"]).unix == "/x"


def test_a_port_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--simulated", "page", "--port", "70000"]) == 2
    assert "is no port" in capsys.readouterr().err


def test_a_dump_has_no_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--lspci", str(tmp_path / "dump"), "page", "--no-open"]) == 2
    assert "needs a host" in capsys.readouterr().err


def test_the_browser_s_arguments_do_not_tell_the_key() -> None:
    opened: list[str] = []
    link = "http://127.0.0.1:8470/#key=secret"
    with leading_to(opened.append) as open_link:
        open_link(link)
        path = Path(opened[0].removeprefix("file://"))
        assert "secret" not in opened[0]
        assert f"url={link}" in path.read_text()
        assert path.stat().st_mode & 0o777 == 0o600
    assert not path.exists()


def test_without_a_desktop_no_browser_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not has_browser({})
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert not has_browser({"DISPLAY": ":0"})
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert has_browser({"WAYLAND_DISPLAY": "wayland-0"})
