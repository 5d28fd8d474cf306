from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from sriovctl.__main__ import main
from sriovctl.api.contract.openapi import openapi_document
from sriovctl.api.contract.routes import ROUTES, Route
from sriovctl.host.simulated import INTEL_X710, Card, MachineSpec, simulate
from tests.unit.api.rig import PF, STATE, Rig, rig_on

DOCUMENT = openapi_document()
READS = [route for route in ROUTES if route.method == "GET" and route.answer is not None]
IN_PATH = {"address": PF, "function": PF, "pool": "spare", "run": "1", "job": "1", "lease": "1"}


def check_schema(document: Any, name: str) -> None:  # noqa: ANN401
    schema = {
        "$ref": f"#/components/schemas/{name}",
        "components": DOCUMENT["components"],
    }
    jsonschema.validate(document, schema, cls=jsonschema.Draft202012Validator)


@pytest.fixture
def busy(rig: Rig) -> Rig:
    """A host with VFs, a run, a job, a pool and a lease."""
    rig.apply()
    assert rig.ask("POST", "/v1/pools", STATE).status == 201
    assert rig.ask("POST", "/v1/leases", {"pool": "driver=igb,vfs=1"}).status == 201
    return rig


@pytest.mark.parametrize("route", READS, ids=lambda route: route.name)
def test_each_read_answers_as_its_schema_says(busy: Rig, route: Route) -> None:
    answered = busy.get(route.path.format(**IN_PATH))
    if route.name == "list_guests":
        assert (answered.status, answered.code) == (422, "unsupported")
        check_schema(answered.json, "Error")
        return
    assert answered.status == 200
    assert route.answer is not None
    check_schema(answered.json, route.answer)


@pytest.mark.parametrize(
    ("path", "command"),
    [
        ("pfs", ("ls", "--owners")),
        ("groups", ("groups",)),
        ("doctor", ("doctor",)),
        ("capacity", ("capacity",)),
        ("owners", ("owners",)),
        ("runs", ("history",)),
        ("leases", ("lease", "list")),
        ("pools", ("pool", "list")),
        ("tree", ("tree",)),
        ("abilities", ("abilities",)),
        ("explain/0000:01:00.0", ("explain", "0000:01:00.0")),
        ("explain/eth0", ("explain", "eth0")),
        ("show/0000:00:00.0", ("show", "0000:00:00.0")),
        ("schema", ("schema",)),
    ],
)
def test_a_document_is_what_the_command_prints(
    rig: Rig, path: str, command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--simulated", "--json", *command])
    told = json.loads(capsys.readouterr().out)
    assert rig.get(f"/v1/{path}").json == told


def test_metrics_are_what_the_command_prints(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--simulated", "metrics", "--owners"])
    answered = rig.get("/v1/metrics")
    assert answered.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert answered.body.decode() == capsys.readouterr().out
    assert "sriov_pf_num_vfs" in answered.body.decode()


def test_a_pf_is_found_by_its_netdev_too(rig: Rig) -> None:
    found = rig.get("/v1/pfs/eth0").json["pf"]
    assert found["address"] == PF
    assert rig.get(f"/v1/pfs/{PF}").json["pf"] == found
    assert rig.get("/v1/pfs/eth7").status == 404


def test_vfs_say_of_which_pf_they_are(rig: Rig) -> None:
    rig.apply()
    vfs = rig.get("/v1/vfs").json["vfs"]
    assert [(vf["pf"], vf["vf_index"]) for vf in vfs] == [(PF, 0), (PF, 1)]
    assert vfs[0]["vlan"]["id"] == 42
    assert rig.get("/v1/vfs?pf=eth0").json["vfs"] == vfs
    assert rig.get("/v1/vfs?pf=0000:04:00.0").json["vfs"] == []


def test_pages_together_are_the_list(short_path: Path) -> None:
    host = simulate(MachineSpec(cards=(Card(INTEL_X710), Card(), Card(), Card())))
    with rig_on(short_path, host=host) as rig:
        whole = rig.get("/v1/pfs").json["pfs"]
        found, target = [], "/v1/pfs?limit=3"
        while target:
            page = rig.get(target).json
            found += page["pfs"]
            assert len(page["pfs"]) <= 3
            cursor = page.get("next_cursor")
            target = f"/v1/pfs?limit=3&cursor={cursor}" if cursor else ""
        assert len(whole) == 4
        assert found == whole


def test_what_the_client_has_is_not_sent_again(rig: Rig) -> None:
    first = rig.get("/v1/pfs")
    again = rig.get("/v1/pfs", {"If-None-Match": first.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    rig.apply()
    now = rig.get("/v1/pfs", {"If-None-Match": first.headers["etag"]})
    assert now.status == 200
    assert now.json["pfs"][0]["num_vfs"] == 2


def test_an_answer_is_kept_until_the_host_changes(short_path: Path) -> None:
    with rig_on(short_path, hears_events=True) as rig:
        assert rig.get("/v1/pfs").json["pfs"][0]["num_vfs"] == 0
        rig.host.files.write_text(f"/sys/bus/pci/devices/{PF}/sriov_numvfs", "2")
        assert rig.get("/v1/pfs").json["pfs"][0]["num_vfs"] == 0
        rig.call(rig.service.host_changed)
        assert rig.get("/v1/pfs").json["pfs"][0]["num_vfs"] == 2


def test_an_answer_is_old_after_a_while(rig: Rig) -> None:
    rig.get("/v1/pfs")
    rig.host.files.write_text(f"/sys/bus/pci/devices/{PF}/sriov_numvfs", "2")
    rig.now += 2
    assert rig.get("/v1/pfs").json["pfs"][0]["num_vfs"] == 2


def test_a_failure_is_told_and_not_kept(rig: Rig) -> None:
    rig.host.files.fail(f"/sys/bus/pci/devices/{PF}/sriov_numvfs", 5)
    failed = rig.get("/v1/pfs")
    assert (failed.status, failed.code) == (502, "host")
    check_schema(failed.json, "Error")
    assert rig.get("/v1/pfs").status == 200


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=x", "limit=1&limit=2", "nope=1", "cursor=!", "cursor=bnVsbA", "%ff"]
)
def test_a_query_that_means_nothing_is_refused(rig: Rig, query: str) -> None:
    refused = rig.get(f"/v1/pfs?{query}")
    assert (refused.status, refused.code) == (400, "input")


def test_head_is_get_without_its_body(rig: Rig) -> None:
    whole, head = rig.get("/v1/pfs"), rig.ask("HEAD", "/v1/pfs")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == str(len(whole.body))
