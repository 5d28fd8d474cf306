from __future__ import annotations

import asyncio
import os
import socket
import ssl
from http.client import HTTPSConnection
from pathlib import Path

import pytest

from sriovctl.api.access import Access, PeerPolicy, add_token_line, known_tokens, read_token_file
from sriovctl.api.contract.messages import Peer, Request, Role
from sriovctl.api.contract.problems import Refusal
from sriovctl.api.contract.tokens import (
    SALT_BYTES,
    format_stored,
    format_token,
    store_token,
)
from sriovctl.api.run import Listener
from sriovctl.api.server import open_tcp_socket, open_unix_socket
from sriovctl.api.tls import Certificate
from sriovctl.errors import InputError
from tests.unit.api.certificates import certificate_of
from tests.unit.api.rig import PF, Rig, exchange, rig_on

OPERATORS = 77
OPERATOR = Peer(pid=1, uid=1000, gid=OPERATORS)
OTHER = Peer(pid=1, uid=1001, gid=1001)
TOKEN = format_token("ci", b"s" * 32)
STORED = store_token(TOKEN, Role.READ, b"salt" * 4)
UNDO = b'{"kind": "undo"}'
JSON = {"content-type": "application/json"}


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def test_the_kernel_says_who_asks(rig: Rig) -> None:
    rig.ask("POST", "/v1/jobs", {"kind": "nothing"})
    assert str(rig.audit[-1]["who"]).startswith(f"uid {os.getuid()} (")


def test_operators_operate_and_others_read_where_they_may(short_path: Path) -> None:
    policy = PeerPolicy(frozenset((OPERATORS,)), others_read=True)
    with rig_on(short_path, policy=policy) as rig:
        started = rig.handle("POST", "/v1/jobs", peer=OPERATOR, headers=JSON, body=UNDO)
        assert started.status == 202
        assert rig.handle("GET", "/v1/pfs", peer=OTHER).status == 200
        refused = rig.handle("POST", "/v1/jobs", peer=OTHER, headers=JSON, body=UNDO)
        assert (refused.status, refused.code) == (403, "forbidden")
        assert rig.audit[-1]["code"] == "forbidden"
        assert "1001" in str(rig.audit[-1]["who"])
        rig.run(rig.service.jobs.wait())


def test_who_joins_the_operators_operates_soon_after(short_path: Path) -> None:
    groups = {1000}
    policy = PeerPolicy(frozenset((OPERATORS,)), others_read=True)
    with rig_on(short_path, policy=policy, groups=groups) as rig:
        asked = {"peer": Peer(1, 1000, 1000), "headers": JSON, "body": b"{}"}
        assert rig.handle("POST", "/v1/jobs", **asked).status == 403  # type: ignore[arg-type]
        groups.add(OPERATORS)
        assert rig.handle("POST", "/v1/jobs", **asked).status == 403  # type: ignore[arg-type]
        rig.now += 11
        assert rig.handle("POST", "/v1/jobs", **asked).status == 400  # type: ignore[arg-type]


def test_a_bad_peer_is_refused_everything(short_path: Path) -> None:
    with rig_on(short_path, policy=PeerPolicy(frozenset((OPERATORS,)))) as rig:
        for path in ("/v1/pfs", "/v1/openapi.json", "/v1/session", "/v1/nothing"):
            refused = rig.handle("GET", path, peer=OTHER)
            assert (refused.status, refused.code) == (403, "forbidden")


def test_who_is_refused_is_told_the_group_that_may(short_path: Path) -> None:
    with rig_on(short_path, policy=PeerPolicy(group="staff")) as rig:
        refused = rig.handle("GET", "/v1/pfs", peer=OTHER)
    assert refused.json["error"]["hint"].startswith("members of the group 'staff' may")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_another_user_is_seen_as_such_by_the_kernel(short_path: Path) -> None:
    short_path.chmod(0o755)
    with rig_on(short_path, policy=PeerPolicy(frozenset((OPERATORS,)))) as rig:
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
                with socket.socket(socket.AF_UNIX) as client:
                    client.connect(str(rig.path))
                    client.sendall(b"GET /v1/pfs HTTP/1.1\r\nHost: x\r\n\r\n")
                    os.write(writer, client.recv(12))
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        assert os.read(reader, 64) == b"HTTP/1.1 403"
        os.close(reader)
        os.close(writer)


def test_without_peer_or_token_only_the_document_is_shown(rig: Rig) -> None:
    refused = rig.handle("GET", "/v1/pfs", peer=None)
    assert (refused.status, refused.code) == (401, "unauthenticated")
    assert refused.headers["www-authenticate"] == "Bearer"
    assert rig.handle("GET", "/v1/openapi.json", peer=None).status == 200


def test_a_token_has_its_role_and_no_more(short_path: Path) -> None:
    with rig_on(short_path, tokens={"ci": STORED}) as rig:
        assert rig.handle("GET", "/v1/pfs", peer=None, headers=bearer(TOKEN)).status == 200
        refused = rig.handle(
            "POST", "/v1/jobs", peer=None, headers={**JSON, **bearer(TOKEN)}, body=UNDO
        )
        assert (refused.status, refused.code) == (403, "forbidden")
        assert rig.audit[-1]["who"] == "token ci"


@pytest.mark.parametrize(
    "header",
    [
        bearer(TOKEN[:-1] + "0"),
        bearer(format_token("cj", b"s" * 32)),
        bearer("sriovctl.ci."),
        bearer("x" * 5000),
        bearer("\xff"),
        bearer(""),
        {"authorization": "Basic cm9vdDpyb290"},
        {"authorization": "Bearer"},
    ],
)
def test_a_bad_token_is_refused_even_from_root(short_path: Path, header: dict[str, str]) -> None:
    with rig_on(short_path, tokens={"ci": STORED}) as rig:
        refused = rig.handle("GET", "/v1/pfs", headers=header)
        assert (refused.status, refused.code) == (401, "unauthenticated")


def test_a_token_that_was_taken_out_is_forgotten(short_path: Path) -> None:
    tokens = {"ci": STORED}
    with rig_on(short_path, tokens=tokens) as rig:
        assert rig.handle("GET", "/v1/health", peer=None, headers=bearer(TOKEN)).status == 200
        tokens.clear()
        assert rig.handle("GET", "/v1/health", peer=None, headers=bearer(TOKEN)).status == 200
        rig.now += 301
        assert rig.handle("GET", "/v1/health", peer=None, headers=bearer(TOKEN)).status == 401


def test_a_token_that_was_taken_out_is_refused_at_once_when_all_are_read_again() -> None:
    tokens = {"ci": STORED}
    access = Access(PeerPolicy(), read_tokens=lambda: tokens)
    request = Request("GET", "/v1/pfs", "", bearer(TOKEN), b"", None)

    async def ask() -> None:
        caller = await access.caller_of(request)
        assert caller is not None
        tokens.clear()
        assert await access.caller_of(request) == caller, "it is remembered"
        access.forget()
        with pytest.raises(Refusal, match="this token is not known"):
            await access.caller_of(request)

    asyncio.run(ask())


def test_the_file_knows_hashes_alone_and_belongs_to_root(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    add_token_line(str(path), format_stored(STORED))
    assert path.stat().st_mode & 0o777 == 0o600
    assert TOKEN not in path.read_text()
    assert TOKEN.rpartition(".")[2] not in path.read_text()
    assert read_token_file(str(path)) == {"ci": STORED}
    path.chmod(0o620)
    with pytest.raises(InputError, match="written by others"):
        read_token_file(str(path))
    path.chmod(0o600)
    path.write_text("ci read scrypt nonsense\n")
    with pytest.raises(InputError, match="no token"):
        read_token_file(str(path))


def test_a_file_that_is_wrong_lets_nobody_in_and_only_the_log_says_why(tmp_path: Path) -> None:
    path, log = tmp_path / "tokens", list[str]()
    assert known_tokens(str(path), log.append) == {}
    assert log == []
    add_token_line(str(path), format_stored(STORED))
    assert known_tokens(str(path), log.append) == {"ci": STORED}
    path.write_text("nonsense\n")
    assert known_tokens(str(path), log.append) == {}
    assert "tokens:1" in log[0]


def test_over_tls_a_token_lets_in(short_path: Path, tmp_path: Path) -> None:
    certificate = certificate_of(tmp_path)
    listener = open_tcp_socket("127.0.0.1", 0)
    with rig_on(short_path, tokens={"ci": STORED}, more=[Listener(listener, certificate)]) as rig:
        port = listener.getsockname()[1]
        context = ssl.create_default_context(cafile=certificate.path)
        connection = HTTPSConnection("localhost", port, context=context, timeout=60)
        assert exchange(connection, "GET", "/v1/pfs").status == 401
        answered = exchange(connection, "GET", "/v1/pfs", headers=bearer(TOKEN))
        assert answered.json["pfs"][0]["address"] == PF
        connection.close()
        with socket.create_connection(("127.0.0.1", port), timeout=60) as plain:
            plain.sendall(b"GET /v1/pfs HTTP/1.1\r\nHost: x\r\n\r\n")
            assert not plain.recv(1024).startswith(b"HTTP")
        assert rig.get("/v1/pfs").status == 200


def test_a_certificate_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be used for TLS"):
        Certificate(str(tmp_path / "none"), str(tmp_path / "none"))


def test_a_socket_is_for_those_it_is_for(short_path: Path) -> None:
    path = short_path / "s"
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()  # as a daemon leaves it that was killed
    with open_unix_socket(str(path), mode=0o660, gid=os.getgid()):
        assert path.stat().st_mode & 0o777 == 0o660
        with pytest.raises(InputError, match="another daemon"):
            open_unix_socket(str(path), mode=0o660, gid=None)
    path.unlink()
    path.write_text("precious")
    with pytest.raises(InputError, match="no socket"):
        open_unix_socket(str(path), mode=0o660, gid=None)
    assert path.read_text() == "precious"
    assert len(STORED.salt) == SALT_BYTES
