from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Mapping
from http.client import HTTPSConnection
from pathlib import Path

import pytest

from sriovctl.api.contract.messages import COOKIE, Request, Role
from sriovctl.api.contract.tokens import StoredToken, format_token, store_token
from sriovctl.api.reception import place_of
from sriovctl.api.run import Listener
from sriovctl.api.server import open_tcp_socket
from sriovctl.api.sessions import MOST_SESSIONS
from tests.loops import PATIENCE_S
from tests.unit.api.certificates import certificate_of
from tests.unit.api.rig import Answered, Rig, exchange, rig_on

TOKEN = format_token("ops", b"o" * 32)
STORED = store_token(TOKEN, Role.OPERATE, b"salt" * 4)
JSON = {"content-type": "application/json"}
UNDO = b'{"kind": "undo"}'


def sign_in(rig: Rig, token: str = TOKEN, *, host: str = "h", **told: object) -> Answered:
    body = json.dumps({"token": token}).encode()
    return rig.handle("POST", "/v1/session", headers={**JSON, "host": host}, body=body, **told)  # type: ignore[arg-type]


def cookie_of(answered: Answered) -> dict[str, str]:
    return {"cookie": answered.headers["set-cookie"].partition(";")[0]}


def ask(
    rig: Rig, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
) -> Answered:
    return rig.handle(method, path, peer=None, headers=headers, body=body)


@pytest.fixture
def tokens() -> dict[str, StoredToken]:
    return {"ops": STORED}


@pytest.fixture
def rig(short_path: Path, tokens: dict[str, StoredToken]) -> Iterator[Rig]:
    with rig_on(short_path, tokens=tokens) as rig:
        yield rig


def test_who_is_not_signed_in_is_told_where_they_are(rig: Rig) -> None:
    told = ask(rig, "GET", "/v1/session", {}).json
    assert (told["name"], told["role"], told["csrf"]) == (None, None, None)
    assert told["host"]["hostname"]
    assert told["host"]["read_only"] is None


def test_a_token_lets_a_browser_in_until_it_signs_out(rig: Rig) -> None:
    signed = sign_in(rig, peer=None)
    assert (signed.status, signed.json["name"], signed.json["role"]) == (
        201,
        "token ops",
        "operate",
    )
    cookie = cookie_of(signed)
    assert ask(rig, "GET", "/v1/pfs", cookie).status == 200
    told = ask(rig, "GET", "/v1/session", cookie).json
    assert told == signed.json
    csrf = {"x-csrf-token": told["csrf"]}
    ended = ask(rig, "DELETE", "/v1/session", {**cookie, **csrf})
    assert (ended.status, ended.json["name"]) == (200, None)
    assert "Max-Age=0" in ended.headers["set-cookie"]
    assert ask(rig, "GET", "/v1/pfs", cookie).status == 401
    noted = [(one["who"], one["what"], one["result"]) for one in rig.audit]
    assert noted[:2] == [("token ops", "sign_in", "201"), ("token ops", "sign_out", "200")]
    assert TOKEN not in json.dumps(rig.audit)


def test_a_cookie_stays_where_it_belongs(rig: Rig) -> None:
    plain = sign_in(rig, peer=None, host="localhost:8470").headers["set-cookie"]
    assert plain.startswith(f"{COOKIE}_8470=")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(plain.split("; "))
    assert "Secure" not in plain
    tls = sign_in(rig, peer=None, host="host.example:8443", tls=True).headers["set-cookie"]
    assert tls.startswith(f"{COOKIE}=")
    assert "Secure" in tls.split("; ")
    assert len(tls.partition("=")[2].partition(";")[0]) == 43  # 256 bits


@pytest.mark.parametrize("said", [None, "", "wrong", "\xff", "None"])
def test_a_browser_changes_nothing_without_the_csrf_token(rig: Rig, said: str | None) -> None:
    cookie = cookie_of(sign_in(rig, peer=None))
    csrf = {} if said is None else {"x-csrf-token": said}
    for method, path in (
        ("POST", "/v1/jobs"),
        ("DELETE", "/v1/leases/1"),
        ("DELETE", "/v1/session"),
    ):
        refused = ask(rig, method, path, {**JSON, **cookie, **csrf}, UNDO)
        assert (refused.status, refused.code) == (403, "csrf")
        assert rig.audit[-1]["code"] == "csrf"
    assert ask(rig, "GET", "/v1/pfs", cookie).status == 200


def test_with_the_csrf_token_it_does(rig: Rig) -> None:
    signed = sign_in(rig, peer=None)
    headers = {**JSON, **cookie_of(signed), "x-csrf-token": signed.json["csrf"]}
    started = ask(rig, "POST", "/v1/jobs", headers, UNDO)
    assert (started.status, started.json["job"]["by"]) == (202, "token ops")
    other = sign_in(rig, peer=None)
    headers["x-csrf-token"] = other.json["csrf"]
    assert ask(rig, "POST", "/v1/jobs", headers, UNDO).code == "csrf"
    rig.run(rig.service.jobs.wait())


def test_a_session_has_its_token_s_role_and_no_more(
    rig: Rig, tokens: dict[str, StoredToken]
) -> None:
    reader = format_token("eyes", b"e" * 32)
    tokens["eyes"] = store_token(reader, Role.READ, b"salt" * 4)
    signed = sign_in(rig, reader, peer=None)
    headers = {**JSON, **cookie_of(signed), "x-csrf-token": signed.json["csrf"]}
    refused = ask(rig, "POST", "/v1/jobs", headers, UNDO)
    assert (refused.status, refused.code) == (403, "forbidden")


def test_a_session_ends_when_nobody_uses_it(rig: Rig) -> None:
    cookie = cookie_of(sign_in(rig, peer=None))
    for _ in range(3):
        rig.now += 11 * 3600
        assert ask(rig, "GET", "/v1/health", cookie).status == 200
    rig.now += 12 * 3600 + 1
    assert ask(rig, "GET", "/v1/health", cookie).status == 401


def test_a_session_ends_with_its_token(rig: Rig, tokens: dict[str, StoredToken]) -> None:
    cookie = cookie_of(sign_in(rig, peer=None))
    assert ask(rig, "GET", "/v1/health", cookie).status == 200
    tokens["ops"] = STORED._replace(role=Role.READ)
    assert ask(rig, "GET", "/v1/health", cookie).status == 200
    rig.now += 301
    assert ask(rig, "GET", "/v1/health", cookie).status == 401


def test_it_ends_at_once_when_the_tokens_are_read_again(
    rig: Rig, tokens: dict[str, StoredToken]
) -> None:
    cookie = cookie_of(sign_in(rig, peer=None))
    tokens.clear()
    rig.call(rig.access.forget)
    assert ask(rig, "GET", "/v1/health", cookie).status == 401


class Follower:
    """A browser that follows the events."""

    def __init__(self, rig: Rig, headers: Mapping[str, str]) -> None:
        self.rig = rig
        request = Request("GET", "/v1/events", "", headers)
        stream = rig.run(rig.service.handle(request)).stream
        assert stream is not None
        self.stream = stream

    def hears(self) -> bool:
        self.rig.call(self.rig.service.host_changed)

        async def next_part() -> bytes:
            return await anext(self.stream, b"")

        return bool(self.rig.run(next_part()))


def test_who_signed_out_hears_no_more_of_what_happens(rig: Rig) -> None:
    signed = sign_in(rig, peer=None)
    cookie = cookie_of(signed)
    follower = Follower(rig, cookie)
    assert follower.hears()
    assert follower.hears()
    ask(rig, "DELETE", "/v1/session", {**cookie, "x-csrf-token": signed.json["csrf"]})
    assert not follower.hears()
    assert rig.service.feed.followers == 0


def test_to_follow_is_no_use_of_a_session(rig: Rig) -> None:
    cookie = cookie_of(sign_in(rig, peer=None))
    follower = Follower(rig, cookie)
    rig.now += 11 * 3600
    assert follower.hears()
    rig.now += 2 * 3600
    assert not follower.hears()
    assert ask(rig, "GET", "/v1/health", cookie).status == 401


def test_a_token_that_was_taken_out_is_told_no_more(
    rig: Rig, tokens: dict[str, StoredToken]
) -> None:
    follower = Follower(rig, {"authorization": f"Bearer {TOKEN}"})
    assert follower.hears()
    tokens.clear()
    rig.call(rig.access.forget)
    assert not follower.hears()


def test_of_too_many_sessions_the_longest_unused_ends(rig: Rig) -> None:
    first, second = (cookie_of(sign_in(rig, peer=None)) for _ in range(2))
    for _ in range(MOST_SESSIONS - 1):
        sign_in(rig, peer=None)
        assert ask(rig, "GET", "/v1/health", first).status == 200
    assert ask(rig, "GET", "/v1/health", second).status == 401


@pytest.mark.parametrize(
    "cookie", [f"{COOKIE}=", f"{COOKIE}=x", COOKIE, "=", f"other={'x' * 43}; {COOKIE}=\xff", ";;;"]
)
def test_a_cookie_that_is_none_of_ours_lets_nobody_in(rig: Rig, cookie: str) -> None:
    sign_in(rig, peer=None)
    assert ask(rig, "GET", "/v1/pfs", {"cookie": cookie}).status == 401


def test_wrong_keys_slow_down_who_sends_them(rig: Rig) -> None:
    wrong = [sign_in(rig, f"x{n}", peer=None, remote="192.0.2.1") for n in range(7)]
    assert [one.status for one in wrong] == [401] * 5 + [429] * 2
    assert int(wrong[-1].headers["retry-after"]) == 10
    assert rig.audit[-1]["code"] == "too-many-wrong-keys"
    assert sign_in(rig, peer=None, remote="192.0.2.1").status == 429
    assert sign_in(rig, peer=None, remote="192.0.2.2").status == 201
    rig.now += 11
    assert sign_in(rig, peer=None, remote="192.0.2.1").status == 201


def test_on_a_loopback_a_session_is_of_no_use_to_another_user(rig: Rig) -> None:
    cookie = cookie_of(sign_in(rig, peer=None, user=1000))

    def pfs_for(user: int | None) -> int:
        return rig.handle("GET", "/v1/pfs", peer=None, headers=cookie, user=user).status

    assert [pfs_for(user) for user in (1000, 1001, 0, None, 1000)] == [200, 401, 401, 401, 200]


def test_one_user_s_wrong_keys_do_not_slow_another_down(rig: Rig) -> None:
    for _ in range(6):
        sign_in(rig, "x", peer=None, remote="127.0.0.1", user=1001)
    assert sign_in(rig, peer=None, remote="127.0.0.1", user=1001).status == 429
    assert sign_in(rig, peer=None, remote="127.0.0.1", user=1000).status == 201


def test_with_tls_a_browser_signs_in_and_its_cookie_is_for_tls_alone(
    short_path: Path, tokens: dict[str, StoredToken]
) -> None:
    certificate = certificate_of(short_path)
    listener = open_tcp_socket("127.0.0.1", 0)
    with rig_on(short_path, tokens=tokens, more=[Listener(listener, certificate)]):
        port = listener.getsockname()[1]
        trusted = ssl.create_default_context(cafile=str(short_path / "host.pem"))
        connection = HTTPSConnection("localhost", port, context=trusted, timeout=PATIENCE_S)
        assert exchange(connection, "GET", "/").status == 200
        origin = {"Origin": f"https://localhost:{port}", "Sec-Fetch-Site": "same-origin"}
        signed = exchange(connection, "POST", "/v1/session", {"token": TOKEN}, origin)
        assert signed.status == 201
        name, _, attributes = signed.headers["set-cookie"].partition("=")
        assert (name, attributes.split("; ")[-1]) == (COOKIE, "Secure")
        assert exchange(connection, "GET", "/v1/pfs", headers=cookie_of(signed)).status == 200
        plain = {**origin, "Origin": f"http://localhost:{port}"}
        assert exchange(connection, "GET", "/v1/session", headers=plain).code == "foreign-site"
        connection.close()


def test_of_ipv6_a_network_is_one_place() -> None:
    def place(remote: str | None) -> str:
        return place_of(Request("POST", "/", "", {}, remote=remote))

    assert place("2001:db8::1") == place("2001:db8::ffff:2") != place("2001:db8:0:1::1")
    assert place("::ffff:192.0.2.1") == place("192.0.2.1") == "192.0.2.1"
    assert place("fe80::1%eth0") == "fe80::/64"
    assert place(None) == "this host"


def test_on_a_unix_socket_the_kernel_says_who_asks_and_nobody_signs_in(rig: Rig) -> None:
    told = rig.handle("GET", "/v1/session").json
    assert (told["role"], told["csrf"]) == ("admin", None)
    refused = sign_in(rig)
    assert (refused.status, refused.code) == (409, "sign-in-not-needed")
    signed = sign_in(rig, peer=None)
    told = rig.handle("GET", "/v1/session", headers=cookie_of(signed)).json
    assert (told["name"], told["csrf"]) == ("uid 0 (root)", None)
