"""What a site can do that has the browser of somebody who is signed in here: nothing.

The other site is served for once, on another port: to a browser that is another origin, and by the
same name even the same site, so that it sends our cookie along.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Page

from tests.page.conftest import Complaints
from tests.page.served import Served

pytestmark = pytest.mark.browser

# Whatever needs no permission of ours beforehand, each with our cookie where the browser sends it.
ATTACK = """async (url) => {
  const told = {mode: "no-cors", credentials: "include"};
  const text = {...told, method: "POST", headers: {"Content-Type": "text/plain"}};
  const seen = [];
  const attempts = [
    () => fetch(url + "v1/state", {credentials: "include"}).then((one) => one.text()),
    () => fetch(url + "v1/pfs", told).then((one) => one.text()),
    () => fetch(url + "v1/jobs", {...text, body: '{"kind": "undo"}'}).then((one) => one.text()),
    () => fetch(url + "v1/session", {...text, body: '{"token": "x"}'}).then((one) => one.text()),
    () => fetch(url + "v1/jobs/1", {method: "DELETE", credentials: "include"})
            .then((one) => one.text()),
    () => new Promise((done, failed) => {
            const picture = new Image();
            picture.onload = () => done("a picture");
            picture.onerror = failed;
            picture.src = url + "v1/tree.svg";
          }),
  ];
  for (const attempt of attempts) {
    try { const found = await attempt(); if (found) seen.push(found); } catch (error) {}
  }
  return seen;
}"""


class _Blank(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Win a card</title>")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Blank) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_another_site_reads_and_changes_nothing(
    name: str, port: int, page: Page, ordinary: Served, complaints: Complaints
) -> None:
    complaints.expected += ["403", "blocked by CORS policy", "ERR_FAILED"]
    ordinary.sign_in(page.context)
    ordinary.audit.clear()
    page.goto(f"http://{name}:{port}/")
    assert page.evaluate(ATTACK, ordinary.url) == []
    noted = [json.loads(line)["audit"] for line in ordinary.audit]
    assert {one["code"] for one in noted} == {"foreign-site"}
    assert {"/v1/pfs", "/v1/jobs", "/v1/session"} <= {one["subject"] for one in noted}


def test_another_site_cannot_show_the_page_in_a_frame(
    port: int, page: Page, ordinary: Served, complaints: Complaints
) -> None:
    complaints.expected += ["frame", "ERR_BLOCKED_BY_RESPONSE"]
    ordinary.sign_in(page.context)
    page.goto(f"http://127.0.0.1:{port}/")
    page.evaluate(
        """(url) => new Promise((done) => {
          const frame = document.createElement("iframe");
          frame.onload = done;
          frame.src = url;
          document.body.append(frame);
        })""",
        ordinary.url,
    )
    (frame,) = page.main_frame.child_frames
    assert frame.url.startswith("chrome-error:")


def test_a_name_that_was_made_to_point_here_shows_nothing(
    page: Page, ordinary: Served, complaints: Complaints
) -> None:
    complaints.expected.append("403")
    port = ordinary.url.split(":")[2]
    for path in ("", "v1/session", "v1/pfs"):
        answered = page.goto(f"http://evil.localhost:{port}{path}")
        assert answered is not None
        assert answered.status == 403
        assert answered.json()["error"]["code"] == "foreign-host"
