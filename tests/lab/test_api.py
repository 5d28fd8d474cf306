"""The REST interface of a real kernel, compared with our own command and with ``ip``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.lab.shell import PCI, ip, netdev_of, sriovctl, vfs_by_ip
from tests.unit.api.rig import Answered, UnixHTTP, exchange

pytestmark = pytest.mark.lab("82576")

PF = "0000:01:00.0"
SVG = "{http://www.w3.org/2000/svg}"
PATIENCE_S = 120.0
STATE = {
    "version": 1,
    "pfs": {
        "a": {
            "match": {"address": PF},
            "num_vfs": 3,
            "drivers_autoprobe": False,
            "vfs": {"1": {"vlan": {"id": 42}, "admin_mac": "52:54:00:6d:92:01"}},
        }
    },
}
NOBODY = 65534


class Served:
    """``sriovctl api serve``, with a state directory of its own."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "s"
        self.log = directory / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                ["sriovctl", "api", "serve", "--unix", str(self.path), "--others-read"],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        assert "listening" in self.process.stdout.readline(), self.log.read_text()

    def ask(self, method: str, target: str, body: object = None) -> Any:  # noqa: ANN401
        return self.answer(method, target, body).json

    def answer(
        self, method: str, target: str, body: object = None, headers: dict[str, str] | None = None
    ) -> Answered:
        connection = UnixHTTP(self.path)
        answered = exchange(connection, method, target, body, headers)
        connection.close()
        assert answered.status < 300, answered.body
        return answered

    def job(self, said: dict[str, object]) -> Any:  # noqa: ANN401
        """Start a job, and follow the events until it has ended."""
        followed = UnixHTTP(self.path)
        followed.request("GET", "/v1/events")
        response = followed.getresponse()
        number = self.ask("POST", "/v1/jobs", said)["job"]["job"]
        job: dict[str, object] = {}
        while job.get("job") != number or job["state"] in ("queued", "running"):
            line = response.readline()
            assert line, "the events end"
            if line.startswith(b"data: "):
                job = json.loads(line[6:])
        response.close()
        followed.close()
        return job

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        status = self.process.wait(PATIENCE_S)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    with TemporaryDirectory() as name:
        os.chmod(name, 0o755)  # for nobody to get at the socket
        monkeypatch.setenv("SRIOVCTL_STATE_DIR", f"{name}/state")
        yield from serving(Path(name))


def serving(directory: Path) -> Iterator[Served]:
    served = Served(directory)
    try:
        yield served
    finally:
        if served.process.poll() is None:
            served.end()
        (PCI / PF / "sriov_numvfs").write_text("0")
        (PCI / PF / "sriov_drivers_autoprobe").write_text("1")


def status_for_nobody(path: Path, method: str, target: str) -> int:
    return as_nobody(lambda: exchange(UnixHTTP(path), method, target))


def as_nobody(ask: Callable[[], Answered]) -> int:
    """Ask as a user that the kernel knows as somebody else; the status of the answer."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            os.write(into, str(ask().status).encode())
        finally:
            os._exit(0)
    os.close(into)
    os.waitpid(child, 0)
    with os.fdopen(out) as told:
        return int(told.read())


def test_a_host_is_read_changed_and_brought_back_over_http(served: Served) -> None:
    assert served.ask("GET", "/v1/pfs") == without_notes(sriovctl("ls", "--owners", "--json"))
    plan = served.ask("POST", "/v1/plan", STATE)["plan"]
    assert served.job({"kind": "apply", "plan": plan})["state"] == "done"
    assert (PCI / PF / "sriov_numvfs").read_text().strip() == "3"
    shown = vfs_by_ip(netdev_of(PF))[1]
    assert shown["address"] == "52:54:00:6d:92:01"
    assert shown["vlan_list"][0]["vlan"] == 42  # type: ignore[index]
    vfs = served.ask("GET", "/v1/vfs")["vfs"]
    assert [vf["vlan"]["id"] for vf in vfs if vf["pf"] == PF] == [0, 42, 0]
    (run,) = json.loads(sriovctl("history", "--json"))["runs"]
    assert run["source"] == "api: uid 0 (root)"
    assert served.ask("GET", "/v1/runs")["runs"] == [run]

    (lease,) = served.ask("POST", "/v1/leases", {"pool": f"address={PF}", "owner": "me"})["leases"]
    assert str(lease["lease"]) in sriovctl("lease", "list")
    refused = served.job({"kind": "undo"})
    assert (refused["state"], refused["error"]["code"]) == ("failed", "refused")
    served.ask("DELETE", f"/v1/leases/{lease['lease']}")
    assert served.job({"kind": "undo"})["status"] == "undone"
    assert (PCI / PF / "sriov_numvfs").read_text().strip() == "0"

    path = served.path
    assert status_for_nobody(path, "GET", "/v1/health") == 200
    assert status_for_nobody(path, "DELETE", "/v1/jobs/1") == 403
    assert served.end() == 0
    told = [json.loads(line)["audit"] for line in served.log.read_text().splitlines()]
    assert told[-1]["who"].startswith(f"uid {NOBODY} ")
    assert told[-1]["code"] == "forbidden"
    assert [one["result"] for one in told if one["what"] == "job undo"] == ["failed", "done"]


def without_notes(text: str) -> Any:  # noqa: ANN401
    document = json.loads(text)
    document.pop("notes", None)
    return document


def test_what_a_page_reads_is_what_the_kernel_says(served: Served) -> None:
    served.job({"kind": "apply", "plan": served.ask("POST", "/v1/plan", STATE)["plan"]})
    before, told, after = sent_by(PF), served.ask("GET", "/v1/counters"), sent_by(PF)
    (pf,) = [one for one in told["pfs"] if one["address"] == PF]
    for name, least in before.items():
        assert least <= pf["counters"][name] <= after[name], name
    assert [vf["vf_index"] for vf in pf["vfs"]] == [0, 1, 2]

    drawn = {one.get("data-address"): one.attrib for one in drawing(served).iter(f"{SVG}g")}
    for index in range(3):
        address = (PCI / PF / f"virtfn{index}").resolve().name
        group = (PCI / address / "iommu_group").resolve()
        assert drawn[address]["data-vf"] == str(index)
        assert drawn[address]["data-group"] == group.name
        explained = served.ask("GET", f"/v1/explain/{address}")["group"]
        members = sorted(one.name for one in (group / "devices").iterdir())
        assert (explained["id"], sorted(explained["members"])) == (int(group.name), members)
    assert served.ask("GET", f"/v1/show/{PF}") == json.loads(sriovctl("show", PF, "--json"))

    said = {"Accept": "application/yaml"}
    text = served.answer("GET", "/v1/state", headers=said).body.decode()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert "\n".join(lines) == sriovctl("export").rstrip("\n")


def sent_by(pf: str) -> dict[str, int]:
    (link,) = json.loads(ip("-s", "-j", "link", "show", "dev", netdev_of(pf)))
    stats = link["stats64"]
    return {
        f"{way}_{what}": stats[way][what] for way in ("rx", "tx") for what in ("bytes", "packets")
    }


def drawing(served: Served) -> ElementTree.Element:
    return ElementTree.fromstring(served.answer("GET", "/v1/tree.svg").body)


def test_the_page_before_a_daemon_is_for_the_user_who_has_the_key(served: Served) -> None:
    command = ["sriovctl", "--json", "page", "--no-open", "--unix", str(served.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            signed = ask_page(told["port"], "POST", "/v1/session", {"token": told["key"]})
            assert signed.json["name"] == "uid 0 (root)"
            cookie = {"Cookie": signed.headers["set-cookie"].partition(";")[0]}
            shown = ask_page(told["port"], "GET", "/v1/pfs", None, cookie)
            assert shown.json == served.ask("GET", "/v1/pfs")
            assert as_nobody(lambda: ask_page(told["port"], "GET", "/v1/pfs", None, cookie)) == 401
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE_S)


def ask_page(
    port: int, method: str, target: str, body: object, headers: dict[str, str] | None = None
) -> Answered:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        return exchange(connection, method, target, body, headers)
    finally:
        connection.close()


def test_a_change_that_nobody_confirms_is_undone(served: Served) -> None:
    plan = served.ask("POST", "/v1/plan", STATE)["plan"]
    job = served.job({"kind": "apply", "plan": plan, "confirm_within_s": 5})
    assert (PCI / PF / "sriov_numvfs").read_text().strip() == "3"
    assert served.end(signal.SIGKILL) == -signal.SIGKILL
    again = Served(served.path.parent)
    try:
        followed = UnixHTTP(again.path)
        followed.request("GET", "/v1/events")
        response = followed.getresponse()
        while (PCI / PF / "sriov_numvfs").read_text().strip() != "0":
            assert response.readline()
        response.close()
        followed.close()
        assert again.ask("GET", f"/v1/runs/{job['run']}")["run"]["status"] == "undone"
    finally:
        again.end()
