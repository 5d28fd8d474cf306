"""What other sites, and names made up for this host, can have a browser do: nothing."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from sriovctl.api.contract.browsers import check_browser, port_of
from sriovctl.api.contract.messages import Peer, Request
from sriovctl.api.contract.problems import Refusal
from tests.unit.api.rig import Rig

OWN = {"host": "localhost:8470", "origin": "http://localhost:8470", "sec-fetch-site": "same-origin"}
TYPED = {"host": "localhost:8470", "sec-fetch-site": "none", "sec-fetch-mode": "navigate"}


def refusal_of(
    headers: Mapping[str, str], *, method: str = "POST", path: str = "/v1/jobs", tls: bool = False
) -> str | None:
    peer = None if tls else Peer(1, 0, 0)
    try:
        check_browser(Request(method, path, "", headers, b"", peer, tls=tls))
    except Refusal as refusal:
        return f"{refusal.status} {refusal.code}"
    return None


@pytest.mark.parametrize("headers", [OWN, TYPED, {"host": "localhost"}, {"host": "evil.example"}])
def test_our_own_page_what_was_typed_and_programs_may_ask(headers: Mapping[str, str]) -> None:
    assert refusal_of(headers) is None


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST"])
@pytest.mark.parametrize("port", ["", ":8470"])
def test_a_browser_may_use_any_name_of_localhost(host: str, port: str) -> None:
    headers = {"host": host + port, "origin": f"http://{host}{port}".lower()}
    assert refusal_of(headers) is None


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example:8470", "localhost.evil.example", "127.0.0.1.evil.example", "", "::1"),
        *("localhost@evil.example", "127.0.0.2", "0.0.0.0", "[::2]:8470", "localhost:x"),
        *("localhost:\u0661", "[::1].evil.example"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/pfs", "/", "/page/app.js"])
def test_a_name_that_was_made_to_point_here_is_refused(host: str, path: str) -> None:
    headers = {"host": host, "sec-fetch-site": "same-origin"}
    assert refusal_of(headers, method="GET", path=path) == "403 foreign-host"
    headers = {"host": host, "origin": f"http://{host}"}
    assert refusal_of(headers, path=path) == "403 foreign-host"


def test_an_old_browser_is_known_by_what_it_calls_itself() -> None:
    headers = {"host": "evil.example:8470", "user-agent": "Mozilla/5.0 (Macintosh) Safari/605.1.15"}
    assert refusal_of(headers, method="GET", path="/v1/pfs") == "403 foreign-host"
    assert refusal_of({**headers, "host": "localhost:8470"}, method="GET") is None


@pytest.mark.parametrize("site", ["cross-site", "same-site", "nonsense", ""])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_what_another_site_asks_is_refused(site: str, method: str) -> None:
    headers = {**OWN, "sec-fetch-site": site}
    assert refusal_of(headers, method=method) == "403 foreign-site"
    assert refusal_of(headers, method=method, tls=True) == "403 foreign-site"


@pytest.mark.parametrize(
    "origin",
    [
        *("http://evil.example", "null", "http://localhost", "http://localhost:8471", ""),
        *("http://localhost:8470.evil.example", "ftp://localhost:8470", "localhost:8470"),
        *("http://localhost:8470, http://localhost:8470", "http://127.0.0.1:8470"),
    ],
)
def test_another_origin_is_refused(origin: str) -> None:
    assert refusal_of({"host": "localhost:8470", "origin": origin}) == "403 foreign-site"


def test_another_site_may_link_to_the_page() -> None:
    assert refusal_of({**TYPED, "sec-fetch-site": "cross-site"}, method="GET", path="/") is None


def test_with_tls_any_name_will_do_but_none_without_it() -> None:
    headers = {"host": "host.example:8443", "origin": "https://host.example:8443"}
    assert refusal_of(headers, tls=True) is None
    headers["origin"] = "http://host.example:8443"
    assert refusal_of(headers, tls=True) == "403 foreign-site"


def test_root_s_socket_refuses_what_a_browser_was_made_to_ask(rig: Rig) -> None:
    foreign = {"Host": "localhost", "Origin": "http://evil.example"}
    refused = rig.ask("DELETE", "/v1/jobs/1", headers=foreign)
    assert (refused.status, refused.code) == (403, "foreign-site")
    assert rig.audit[-1]["code"] == "foreign-site"
    for path in ("/v1/pfs", "/v1/session", "/", "/page/app.js", "/nothing"):
        rebound = rig.get(path, {"Host": "evil.example", "Sec-Fetch-Site": "same-origin"})
        assert (rebound.status, rebound.code) == (403, "foreign-host")
    assert rig.get("/v1/pfs", {"Host": "localhost", "Sec-Fetch-Site": "same-origin"}).status == 200


def test_the_port_is_what_stands_behind_the_name() -> None:
    assert port_of("localhost:8470") == "8470"
    assert port_of("[::1]:8470") == "8470"
    assert port_of("[::1]") == port_of("localhost") == port_of("") == ""
