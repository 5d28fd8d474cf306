from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.unit.api.certificates import is_shown, make_certificate
from tests.unit.api.rig import UnixHTTP, exchange
from tests.unit.docs.pages import ROOT

from sriovctl.__main__ import main
from sriovctl.api.access import read_token_file
from sriovctl.api.contract.routes import ROUTES
from sriovctl.api.contract.tokens import is_that_token
from sriovctl.api.options import find_openers, passed_sockets
from sriovctl.api.place import SOCKET
from sriovctl.daemon.arguments import parse_arguments
from sriovctl.errors import InputError


def test_a_simulated_host_is_served_until_a_signal() -> None:
    with TemporaryDirectory(prefix="api") as name:
        path = Path(name) / "s"
        command = (sys.executable, "-m", "sriovctl", "--simulated", "api", "serve")
        with subprocess.Popen(
            (*command, "--unix", str(path), "--tokens", f"{name}/none", "--others-read"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == f"listening on {path}\n"
            connection = UnixHTTP(path)
            assert len(exchange(connection, "GET", "/v1/pfs").json["pfs"]) == 3
            assert exchange(connection, "GET", "/v1/guests").status == 422
            assert exchange(connection, "POST", "/v1/jobs", {}).status in (400, 403)
            connection.close()
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=60)
        assert process.returncode == 0
        assert json.loads(errors)["audit"]["who"].startswith(f"uid {os.getuid()} ")
        assert not path.exists()


def test_the_certificate_is_read_anew_at_a_hangup(tmp_path: Path) -> None:
    pem, key = make_certificate(tmp_path)
    tokens, port = str(tmp_path / "tokens"), free_port()
    main(["api", "token", "ci", "--tokens", tokens])
    command = [sys.executable, "-m", "sriovctl", "--simulated", "api", "serve", "--tokens", tokens]
    command += ["--tcp", f"127.0.0.1:{port}", "--tls-cert", pem, "--tls-key", key]
    with TemporaryDirectory(prefix="api") as name:
        with subprocess.Popen(
            [*command, "--unix", f"{name}/s"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert "listening" in process.stdout.readline()
            assert is_shown(pem, port)
            make_certificate(tmp_path)
            process.send_signal(signal.SIGHUP)
            while not is_shown(pem, port):
                assert process.poll() is None
            Path(key).write_text("nothing")
            process.send_signal(signal.SIGHUP)
            assert "still the one from before" in process.stderr.readline()
            assert is_shown(pem, port)
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)
        assert process.returncode == 0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        port: int = one.getsockname()[1]
        return port


def test_who_hangs_up_a_terminal_ends_what_runs_in_it() -> None:
    ours, terminal = os.openpty()
    with TemporaryDirectory(prefix="api") as name:
        command = [sys.executable, "-m", "sriovctl", "--simulated", "api", "serve"]
        with subprocess.Popen(
            [*command, "--unix", f"{name}/s"], stdin=terminal, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert "listening" in process.stdout.readline()
            process.send_signal(signal.SIGHUP)
            assert process.wait(60) == 0
        assert os.listdir(name) == []
    os.close(ours)
    os.close(terminal)


# Passed to a program: systemd's protocol wants the number of the process that takes the sockets.
PASSING = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.executable, [sys.executable, "-m", "sriovctl", *sys.argv[2:]])
"""


def test_a_socket_that_a_service_manager_opened_is_served_and_left() -> None:
    with TemporaryDirectory(prefix="api") as name, socket.socket(socket.AF_UNIX) as listener:
        path = Path(name) / "s"
        listener.bind(str(path))
        listener.listen()
        serve = ("--simulated", "api", "serve", "--unix", f"{name}/other", "--others-read")
        with subprocess.Popen(
            (sys.executable, "-c", PASSING, str(listener.fileno()), *serve),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=(listener.fileno(),),
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "listening on socket 1 of the service manager\n"
            connection = UnixHTTP(path)
            assert exchange(connection, "GET", "/v1/health").status == 200
            connection.close()
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)
        assert process.returncode == 0
        assert os.listdir(name) == ["s"]


def test_sockets_for_another_process_are_not_taken() -> None:
    assert passed_sockets({"LISTEN_FDS": "1", "LISTEN_PID": "1"}) == []
    assert passed_sockets({"LISTEN_FDS": "x", "LISTEN_PID": str(os.getpid())}) == []


def test_where_a_daemon_serves_already_nobody_else_does(capsys: pytest.CaptureFixture[str]) -> None:
    with TemporaryDirectory(prefix="api") as name, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{name}/s")
        listener.listen()
        assert main(["--simulated", "api", "serve", "--unix", f"{name}/s"]) == 2
        said = capsys.readouterr().err
        assert "another daemon listens there" in said
        assert "sriovctld may serve the interface already" in said
        assert os.listdir(name) == ["s"]


def test_a_token_is_shown_once_and_its_hash_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "tokens")
    assert main(["api", "token", "ci", "--role", "operate", "--tokens", path]) == 0
    token = capsys.readouterr().out.strip()
    stored = read_token_file(path)["ci"]
    assert is_that_token(token, stored)
    assert stored.role == "operate"
    assert main(["--json", "api", "token", "monitoring", "--tokens", path]) == 0
    assert json.loads(capsys.readouterr().out)["schema"] == "sriovctl/api-token/1"
    assert main(["api", "token", "ci", "--tokens", path]) == 2
    assert main(["api", "token", "c i", "--tokens", path]) == 2
    assert set(read_token_file(path)) == {"ci", "monitoring"}


def test_tcp_needs_tls(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tokens = tmp_path / "tokens"
    main(["api", "token", "ci", "--tokens", str(tokens)])
    capsys.readouterr()
    serve = ["--simulated", "api", "serve", "--unix", str(tmp_path / "s"), "--tokens", str(tokens)]
    assert main([*serve, "--tcp", "127.0.0.1:0"]) == 2
    assert "needs --tls-cert and --tls-key" in capsys.readouterr().err
    assert not (tmp_path / "s").exists()


def test_with_certificate_and_tokens_there_is_tls_and_without_one_of_them_no_socket(
    tmp_path: Path,
) -> None:
    pem, key = make_certificate(tmp_path)
    tokens = str(tmp_path / "tokens")
    tls = ["--tls-cert", pem, "--tls-key", key, "--tokens", tokens]
    args = parse_arguments(["--api-tcp", "127.0.0.1:0", *tls])
    openers = find_openers(args, {})
    assert list(openers) == ["https://127.0.0.1:0", SOCKET]
    with pytest.raises(InputError, match="cannot be read"):
        openers["https://127.0.0.1:0"]()
    main(["api", "token", "ci", "--tokens", tokens])
    listener = openers["https://127.0.0.1:0"]()
    assert listener.tls is not None
    assert listener.socket.getsockname()[0] == "127.0.0.1"
    listener.close()


def test_a_dump_is_not_served(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--lspci", str(tmp_path / "dump"), "api", "serve"]) == 2
    assert "needs a host" in capsys.readouterr().err


def test_the_document_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["api", "openapi"]) == 0
    assert {route.path for route in ROUTES} == set(json.loads(capsys.readouterr().out)["paths"])


@pytest.mark.parametrize("path", sorted({route.path for route in ROUTES}))
def test_the_page_names_each_path(path: str) -> None:
    page = (ROOT / "docs/api.md").read_text(encoding="utf-8")
    whole = "/".join(path.split("/")[:3])
    assert whole in page
