"""What clients do that they should not, and what it costs them."""

from __future__ import annotations

import errno
import json
import socket
import ssl
import time
from asyncio.selector_events import BaseSelectorEventLoop
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sriovctl.api.contract.messages import Response
from sriovctl.api.run import Listener
from sriovctl.api.server import Limits, open_tcp_socket
from sriovctl.errors import InputError
from tests.loops import PATIENCE_S
from tests.unit.api.certificates import certificate_of, is_shown, make_certificate
from tests.unit.api.rig import PF, STATE, Rig, UnixHTTP, exchange, rig_on


@pytest.fixture
def small(short_path: Path) -> Iterator[Rig]:
    with rig_on(short_path, limits=Limits(head_bytes=4096, body_bytes=2048)) as rig:
        yield rig


@pytest.fixture
def impatient(short_path: Path) -> Iterator[Rig]:
    with rig_on(short_path, limits=Limits(head_s=0.05, body_s=0.05)) as rig:
        yield rig


def status_of(answered: bytes) -> int:
    return int(answered.split(b" ", 2)[1])


def error_of(answered: bytes) -> str:
    code: str = json.loads(answered.partition(b"\r\n\r\n")[2])["error"]["code"]
    return code


def test_many_requests_take_one_connection(rig: Rig) -> None:
    connection = UnixHTTP(rig.path)
    for _ in range(3):
        assert exchange(connection, "GET", "/v1/health").status == 200
        assert exchange(connection, "POST", "/v1/plan", STATE).status == 200
    connection.close()


def test_requests_may_come_before_the_answers_are_read(rig: Rig) -> None:
    one = b"GET /v1/health HTTP/1.1\r\nHost: x\r\n"
    answered = rig.raw(one + b"\r\n" + one + b"Connection: close\r\n\r\n")
    assert answered.count(b"HTTP/1.1 200") == 2


def test_a_body_may_come_in_chunks(rig: Rig) -> None:
    body = json.dumps(STATE).encode()
    parts = [body[:10], body[10:]]
    head = (
        b"POST /v1/plan HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (*parts, b""))
    assert status_of(rig.raw(head + chunks)) == 200


def test_a_client_that_asks_first_is_told_to_go_on(rig: Rig) -> None:
    body = json.dumps(STATE).encode()
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(60)
        client.connect(str(rig.path))
        client.sendall(
            b"POST /v1/plan HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
        )
        assert client.recv(1024).startswith(b"HTTP/1.1 100")
        client.sendall(body)
        assert client.recv(1024).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("is_chunked", [False, True])
def test_an_oversized_body_is_refused_before_it_is_read(small: Rig, is_chunked: bool) -> None:
    head = b"POST /v1/plan HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    if is_chunked:
        data = head + b"Transfer-Encoding: chunked\r\n\r\n1000\r\n" + bytes(0x1000)
    else:
        data = head + b"Content-Length: 1000000000\r\n\r\n"
    answered = small.raw(data)
    assert (status_of(answered), error_of(answered)) == (413, "body-too-large")
    assert small.get("/v1/health").status == 200


def test_an_oversized_head_is_refused(small: Rig) -> None:
    answered = small.raw(b"GET /v1/health HTTP/1.1\r\nX: " + b"x" * 8192)
    assert (status_of(answered), error_of(answered)) == (431, "head-too-large")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GET /v1/health HT",
        b"POST /v1/plan HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n123",
    ],
    ids=["nothing", "half a head", "half a body"],
)
def test_a_slow_client_is_not_waited_for(impatient: Rig, data: bytes) -> None:
    answered = impatient.raw(data)
    assert (status_of(answered), error_of(answered)) == (408, "request-timeout")


def test_an_idle_connection_is_ended(short_path: Path) -> None:
    with rig_on(short_path, limits=Limits(idle_s=0.05)) as rig:
        answered = rig.raw(b"GET /v1/health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert status_of(answered) == 200
    assert answered.count(b"HTTP/1.1") == 1


def test_a_client_that_does_not_read_is_dropped(short_path: Path) -> None:
    with rig_on(short_path, limits=Limits(send_s=0.05)) as rig:
        with socket.socket(socket.AF_UNIX) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            client.settimeout(60)
            client.connect(str(rig.path))
            # Far more than fits between the two, so that the last of it is never sent.
            requests = b"GET /v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 100_000
            with pytest.raises((BrokenPipeError, ConnectionResetError)):
                client.sendall(requests)
        assert rig.get("/v1/health").status == 200


def test_too_many_connections_are_turned_away_and_the_others_stay(short_path: Path) -> None:
    with rig_on(short_path, limits=Limits(connections=2)) as rig:
        held = [UnixHTTP(rig.path) for _ in range(2)]
        assert [exchange(one, "GET", "/v1/health").status for one in held] == [200, 200]
        with pytest.raises(OSError, match=r"without response|reset|Broken"):
            rig.get("/v1/health")
        assert exchange(held[0], "GET", "/v1/health").status == 200
        for one in held:
            one.close()


def is_let_in(rig: Rig) -> bool:
    try:
        return rig.get("/v1/health").status == 200
    except OSError:
        return False


def until_let_in(rig: Rig) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_let_in(rig):
        assert time.monotonic() < deadline


def test_who_has_not_agreed_on_tls_yet_takes_a_place_and_none_on_the_unix_socket(
    short_path: Path, tmp_path: Path
) -> None:
    certificate = certificate_of(tmp_path)
    listener = open_tcp_socket("127.0.0.1", 0)
    port = listener.getsockname()[1]
    limits = Limits(connections=1, head_s=PATIENCE_S)
    with (
        rig_on(short_path, limits=limits, more=[Listener(listener, certificate)]) as rig,
        socket.create_connection(listener.getsockname(), PATIENCE_S) as silent,
    ):
        with pytest.raises(OSError, match=r"EOF|reset|Broken"):
            is_shown(certificate.path, port)
        assert rig.get("/v1/health").status == 200
        silent.close()
        deadline = time.monotonic() + PATIENCE_S
        while not is_shown_at_all(certificate.path, port):
            assert time.monotonic() < deadline


def is_shown_at_all(pem: str, port: int) -> bool:
    try:
        return is_shown(pem, port)
    except OSError:
        return False


def test_a_lack_of_file_descriptors_passes(
    short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lacks = [OSError(errno.EMFILE, "Too many open files")]
    accept = BaseSelectorEventLoop.sock_accept

    async def accept_later(self: Any, listener: socket.socket) -> Any:  # noqa: ANN401
        if lacks:
            raise lacks.pop()
        return await accept(self, listener)

    monkeypatch.setattr(BaseSelectorEventLoop, "sock_accept", accept_later)
    with rig_on(short_path) as rig:
        assert rig.get("/v1/health").status == 200
    assert not lacks


def test_who_does_not_take_the_end_of_an_answer_loses_its_place(short_path: Path) -> None:
    # More than the kernel takes, and less than what we wait for before the next request.
    answer = Response(200, bytes(240 * 1024))

    async def answer_at_length(_: object) -> Response:
        return answer

    with rig_on(short_path, limits=Limits(connections=1, send_s=0.05)) as rig:
        rig.service._capacity = answer_at_length  # type: ignore[attr-defined]
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(rig.path))
            client.sendall(b"GET /v1/capacity HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            until_let_in(rig)
            taken = sum(map(len, iter(lambda: client.recv(1 << 20), b"")))
    assert 0 < taken < len(answer.body)


def test_who_does_not_agree_on_tls_is_not_waited_for(short_path: Path, tmp_path: Path) -> None:
    listener = open_tcp_socket("127.0.0.1", 0)
    tls = [Listener(listener, certificate_of(tmp_path))]
    with (
        rig_on(short_path, limits=Limits(head_s=0.05), more=tls),
        socket.create_connection(listener.getsockname(), PATIENCE_S) as silent,
    ):
        assert silent.recv(1) == b""


def test_a_new_certificate_is_shown_to_the_next_client_and_a_broken_one_to_nobody(
    short_path: Path, tmp_path: Path
) -> None:
    certificate = certificate_of(tmp_path)
    listener = open_tcp_socket("127.0.0.1", 0)
    port = listener.getsockname()[1]
    with (
        rig_on(short_path, more=[Listener(listener, certificate)]) as rig,
        socket.create_connection(("localhost", port), PATIENCE_S) as plain,
        ssl.create_default_context(cafile=certificate.path).wrap_socket(
            plain, server_hostname="localhost"
        ) as first,
    ):
        before, key = make_certificate(tmp_path)
        assert not is_shown(before, port)
        rig.call(certificate.read_again)
        assert is_shown(before, port)
        Path(key).write_text("nothing")
        with pytest.raises(InputError, match="cannot be used for TLS"):
            rig.call(certificate.read_again)
        assert is_shown(before, port)
        first.sendall(b"GET /v1/health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert first.recv(64).startswith(b"HTTP/1.1 401"), "who was there stays"


def test_an_answer_may_have_headers_of_its_own(rig: Rig) -> None:
    own = (
        ("Cache-Control", "no-store"),
        ("content-security-policy", "default-src 'self'"),
        ("set-cookie", "a=1; HttpOnly"),
        ("set-cookie", "b=2"),
    )

    async def answer(_: object) -> Response:
        return Response(200, b"<p>", "text/html", own)

    rig.service._health = answer  # type: ignore[method-assign]
    head = rig.raw(b"GET /v1/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    lines = head.partition(b"\r\n\r\n")[0].decode().lower().split("\r\n")
    assert [one for one in lines if one.startswith("cache-control")] == ["cache-control: no-store"]
    assert {"set-cookie: a=1; httponly", "set-cookie: b=2", "content-type: text/html"} < set(lines)
    assert {"x-content-type-options: nosniff", "content-length: 3"} < set(lines)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/../v1/pfs",
        "/v1/%2e%2e/pfs",
        "/v1/./pfs",
        "/v1//pfs",
        "/v1/pfs/",
        "/v1/pfs/..%2f..%2fetc%2fpasswd",
        "/v1/pfs/%2e%2e",
        "/v1/pfs/a%00b",
        "/v1/pfs/a%5cb",
        "/v1/pfs/%ff",
        "/v1/pfs/%252e%252e",
        "http://x/v1/pfs",
        "*",
        "/" + "x" * 5000,
    ],
)
def test_path_tricks_are_refused(rig: Rig, path: str) -> None:
    assert rig.get(path).status in (400, 404)


def test_a_percent_that_means_what_it_says_is_taken(rig: Rig) -> None:
    assert rig.get(f"/v1/pfs/{PF.replace(':', '%3A')}").status == 200


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [("DELETE", "/v1/pfs", "GET, HEAD"), ("PATCH", "/v1/state", "GET, PUT, HEAD")],
)
def test_a_method_that_is_not_there_is_told_what_is(
    rig: Rig, method: str, path: str, allow: str
) -> None:
    refused = rig.ask(method, path)
    assert (refused.status, refused.headers["allow"]) == (405, allow)


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /v1/pfs HTTP/1.1\r\n\r\n",  # without Host
        b"GET /v1/p\xc3\xa4 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /v1/plan HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /v1/plan HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/plan HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"GET /v1/pfs HTTP/1.1\r\nHost: x\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n",
    ],
)
def test_what_is_not_http_is_told_so(rig: Rig, data: bytes) -> None:
    assert status_of(rig.raw(data)) in (400, 501)
    assert rig.get("/v1/health").status == 200


def test_a_body_where_none_belongs_is_refused(rig: Rig) -> None:
    assert rig.ask("DELETE", "/v1/jobs/1", {}).status == 400
    assert rig.ask("POST", "/v1/plan", b"{}", {"Content-Type": "text/html"}).status == 415


def test_a_mistake_of_ours_is_told_in_the_log_alone(rig: Rig) -> None:
    def break_down(_: object) -> None:
        raise ZeroDivisionError("secret")

    rig.service._health = break_down  # type: ignore[assignment, method-assign]
    answered = rig.get("/v1/health")
    assert (answered.status, answered.code) == (500, "error")
    assert b"secret" not in answered.body
    assert "ZeroDivisionError: secret" in rig.log.pop()
    assert rig.get("/v1/pfs").status == 200
