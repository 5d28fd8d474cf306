from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from sriovctl.page.assets import STATIC
from tests.unit.api.rig import Rig

INDEX = (Path(STATIC) / "index.html").read_bytes()


def test_the_page_needs_no_sign_in_and_a_browser_keeps_to_it(rig: Rig) -> None:
    answered = rig.handle("GET", "/", peer=None)
    assert answered.status == 200
    assert answered.body == INDEX
    policy = dict(
        part.split(" ", 1) for part in answered.headers["content-security-policy"].split("; ")
    )
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert answered.headers["referrer-policy"] == "no-referrer"
    assert answered.headers["cross-origin-opener-policy"] == "same-origin"
    assert b"<script>" not in answered.body
    assert b"style=" not in answered.body


def test_over_a_socket_it_has_what_every_response_has(rig: Rig) -> None:
    answered = rig.get("/")
    assert answered.headers["content-type"] == "text/html; charset=utf-8"
    assert answered.headers["x-content-type-options"] == "nosniff"
    assert answered.headers["cache-control"] == "no-cache"
    head = rig.ask("HEAD", "/")
    assert head.status == 200
    assert head.body == b""
    assert head.headers["content-length"] == str(len(INDEX))


def test_a_file_is_packed_for_who_can_unpack_it(rig: Rig) -> None:
    plain = rig.get("/")
    packed = rig.get("/", {"Accept-Encoding": "br, gzip;q=0.5"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert plain.headers["vary"] == packed.headers["vary"] == "Accept-Encoding"
    assert plain.headers["etag"] != packed.headers["etag"]
    refused = rig.get("/", {"Accept-Encoding": "gzip;q=0, *"})
    assert "content-encoding" not in refused.headers


def test_what_a_browser_has_already_is_not_sent_again(rig: Rig) -> None:
    etag = rig.get("/").headers["etag"]
    again = rig.get("/page/index.html", {"If-None-Match": etag})
    assert (again.status, again.body) == (304, b"")
    assert again.headers["etag"] == etag
    assert "content-security-policy" in again.headers


@pytest.mark.parametrize(
    "path",
    [
        *("/page/../../errors.py", "/page/..", "/page/", "/page", "/index.html", "/nothing"),
        *("/page/%2e%2e/assets.py", "/page/..%2fassets.py", "/page/%252e%252e/assets.py"),
        *("/page//etc/passwd", "//etc/passwd", "/page/%2fetc%2fpasswd", "/page/index.html%00.js"),
        *("/page/..%5cassets.py", "/page/%c0%ae%c0%ae/assets.py", "/%76%31/pfs", "/page/x.py"),
        *("/page/../v1/pfs", "/page/" + "a/" * 900 + "b", "/v1%2fpfs", "*"),
    ],
)
def test_no_trick_with_a_path_finds_anything(rig: Rig, path: str) -> None:
    answered = rig.handle("GET", path)
    assert answered.status in (400, 404)
    assert answered.json["schema"] == "sriovctl/error/1"
    assert "content-security-policy" in answered.headers


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_the_page_is_only_read(rig: Rig, method: str) -> None:
    answered = rig.handle(method, "/")
    assert (answered.status, answered.headers["allow"]) == (405, "GET, HEAD")
