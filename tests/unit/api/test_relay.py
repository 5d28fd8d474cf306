"""The page before a daemon: both are real, and so is the socket between them."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from sriovctl.api.access import Access, PeerPolicy
from sriovctl.api.audit import AuditLog
from sriovctl.api.contract.messages import EVENTS, METRICS, Request, Response, Role
from sriovctl.api.relay import Daemon, Relay, ask_daemon
from sriovctl.api.sessions import OneTimeKeys
from sriovctl.api.upstream import Upstream
from sriovctl.errors import LostError
from tests.unit.api.rig import STATE, Answered, Rig, rig_on

OPERATORS = 77
JSON = {"content-type": "application/json"}


class Front:
    """A relay, and a browser that is signed in there."""

    def __init__(self, rig: Rig, path: Path) -> None:
        self.rig = rig
        self.upstream = Upstream(str(path))
        daemon = rig.run(ask_daemon(self.upstream))
        assert daemon is not None
        self.daemon: Daemon = daemon
        self.keys = OneTimeKeys(daemon.caller)
        self.audit: list[str] = []
        access = Access(PeerPolicy(), keys=self.keys, now=lambda: rig.now)
        self.relay = Relay(
            self.upstream,
            access,
            daemon.host,
            audit=AuditLog(self.audit.append),
            log=rig.log.append,
            now=lambda: rig.now,
        )
        self.headers: dict[str, str] = {}

    def sign_in(self) -> Answered:
        body = json.dumps({"token": self.keys.make()}).encode()
        signed = self.ask("POST", "/v1/session", JSON, body)
        cookie = signed.headers["set-cookie"].partition(";")[0]
        self.headers = {"cookie": cookie, "x-csrf-token": signed.json["csrf"]}
        return signed

    def respond(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Response:
        path, _, query = target.partition("?")
        request = Request(
            method, path, query, {**self.headers, **headers}, body, remote="127.0.0.1"
        )
        return self.rig.run(self.relay.handle(request))

    def ask(
        self, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Answered:
        response = self.respond(method, target, headers or {}, body)
        return Answered(response.status, dict(response.headers), response.body)


@pytest.fixture
def rig(short_path: Path) -> Iterator[Rig]:
    with rig_on(short_path, policy=PeerPolicy(frozenset((OPERATORS,))), groups=(OPERATORS,)) as rig:
        yield rig


@pytest.fixture
def front(rig: Rig) -> Front:
    return Front(rig, rig.path)


@pytest.mark.parametrize("path", ["/v1/pfs", "/v1/openapi.json", "/v1/events", "/v1/health"])
def test_who_is_not_signed_in_is_told_nothing_of_the_daemon(front: Front, path: str) -> None:
    refused = front.ask("GET", path)
    assert (refused.status, refused.code) == (401, "unauthenticated")
    assert front.ask("GET", "/").status == 200


def test_who_is_signed_in_is_the_daemon_s_caller(front: Front) -> None:
    signed = front.sign_in()
    told = front.rig.get("/v1/session").json
    assert told["role"] in (Role.OPERATE, Role.ADMIN)
    assert {**signed.json, "csrf": None} == told
    assert front.ask("GET", "/v1/session").json == signed.json
    assert json.loads(front.audit[-1])["audit"]["what"] == "sign_in"


def test_what_the_daemon_answers_comes_as_it_is(front: Front) -> None:
    front.sign_in()
    for target in ("/v1/pfs?limit=2", "/v1/health", "/v1/openapi.json", "/v1/state"):
        own, direct = front.ask("GET", target), front.rig.get(target)
        assert (own.status, own.body) == (direct.status, direct.body) == (200, direct.body)
    etag = front.rig.get("/v1/doctor").headers["etag"]
    assert front.ask("GET", "/v1/doctor").headers["etag"] == etag
    assert front.ask("GET", "/v1/doctor", {"if-none-match": etag}).status == 304
    assert front.ask("GET", "/v1/pfs?nonsense=1").status == 400
    assert front.ask("HEAD", "/v1/pfs").body == b""
    packed = front.ask("GET", "/v1/schema", {"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == front.rig.get("/v1/schema").body
    assert front.respond("GET", "/v1/metrics", {}).content_type == METRICS


def test_a_change_goes_through_and_only_with_the_csrf_token(front: Front) -> None:
    front.sign_in()
    planned = front.ask("POST", "/v1/plan", JSON, json.dumps(STATE).encode())
    body = json.dumps({"kind": "apply", "plan": planned.json["plan"]}).encode()
    assert front.ask("POST", "/v1/jobs", {**JSON, "x-csrf-token": "x"}, body).code == "csrf"
    started = front.ask("POST", "/v1/jobs", JSON, body)
    assert (started.status, started.headers["location"]) == (202, "/v1/jobs/1")
    ended = front.rig.ended(1)
    assert (ended["state"], ended["by"]) == ("done", front.daemon.caller.name)


def test_neither_cookies_nor_tokens_reach_the_daemon(front: Front) -> None:
    front.sign_in()
    # The daemon would refuse the origin and the token of somebody whom it does not know.
    told = {"origin": "http://localhost:8470", "host": "localhost:8470"}
    assert front.ask("GET", "/v1/pfs", told).status == 401, "cookies belong to a port"
    assert front.ask("GET", "/v1/pfs", {"origin": "http://x.example", "host": "x"}).status == 403
    assert front.ask("GET", "/v1/pfs", {"authorization": "Bearer x"}).status == 401
    assert all(one["who"] != "token" for one in front.rig.audit)


def test_events_come_as_they_happen_and_end_when_nobody_listens(front: Front) -> None:
    front.sign_in()
    response = front.respond("GET", "/v1/events", {})
    assert response.content_type == EVENTS
    stream = response.stream
    assert stream is not None

    async def next_part() -> bytes:
        return await anext(stream)

    assert b"retry" in front.rig.run(next_part())
    front.rig.call(lambda: front.rig.service.host_changed("host", {"what": "link"}))
    assert b"event: host" in front.rig.run(next_part())
    assert front.rig.service.feed.followers == 1

    async def close() -> None:
        await stream.aclose()

    front.rig.run(close())
    assert front.ask("HEAD", "/v1/events").status == 200


def test_events_that_nobody_began_to_read_end_as_well(front: Front) -> None:
    front.sign_in()
    feed = front.rig.service.feed

    async def followed_by(followers: int) -> None:
        async with asyncio.timeout(60):
            while feed.followers != followers:
                await asyncio.sleep(0)

    async def ask_and_leave() -> None:
        request = Request("GET", "/v1/events", "", front.headers, remote="127.0.0.1")
        response = await front.relay.handle(request)
        await followed_by(1)
        assert response.stream is not None

    front.rig.run(ask_and_leave())
    front.rig.run(followed_by(0))


def test_a_daemon_that_is_gone_is_said_to_be_so(front: Front, short_path: Path) -> None:
    front.sign_in()
    front.rig.path.unlink()
    gone = front.ask("GET", "/v1/pfs")
    assert (gone.status, gone.code) == (502, "lost")
    assert gone.json["error"]["cause"] == "the daemon does not answer"
    with pytest.raises(LostError):
        front.rig.run(ask_daemon(Upstream(str(short_path / "none"))))


def test_what_is_no_http_is_no_daemon(rig: Rig, short_path: Path) -> None:
    path = short_path / "other"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        async def ask() -> Daemon | None:
            return await ask_daemon(Upstream(str(path)))

        asking = asyncio.run_coroutine_threadsafe(ask(), rig.loop)
        client, _ = listener.accept()
        client.recv(4096)
        client.sendall(b"SSH-2.0-nothing\r\n\r\n")
        client.close()
        with pytest.raises(LostError, match="does not answer"):
            asking.result(60)


def test_a_daemon_that_lets_this_user_not_in_says_so(short_path: Path) -> None:
    # Whoever runs the tests is nobody to this daemon, unless it is root.
    with rig_on(short_path, policy=PeerPolicy()) as rig:
        daemon = rig.run(ask_daemon(Upstream(str(rig.path))))
        assert daemon is None or daemon.caller.role is Role.ADMIN
