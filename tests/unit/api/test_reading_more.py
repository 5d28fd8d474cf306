"""What the page reads beside the lists: pictures, reasons, counters, and other ways to write."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from sriovctl.api.contract.messages import METRICS, OPENMETRICS
from sriovctl.api.contract.negotiation import choose_type, takes_gzip
from sriovctl.codec.state_file import parse_state
from sriovctl.engine import snapshot as snapshots
from sriovctl.host.simulated import MachineSpec, simulate
from tests.unit.api.rig import PF, STATE, Rig, rig_on

SVG = "{http://www.w3.org/2000/svg}"
GZIP = {"Accept-Encoding": "gzip"}
YAML = {"Accept": "application/yaml"}
# As a Prometheus server asks (scrape.go), and as curl does.
PROMETHEUS = {
    "Accept": "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
}


# --- the tree --------------------------------------------------------------------------------


def test_the_drawing_says_what_each_of_its_parts_is(rig: Rig) -> None:
    rig.apply()
    answered = rig.get("/v1/tree.svg")
    assert answered.headers["content-type"] == "image/svg+xml"
    assert "sandbox" in answered.headers["content-security-policy"]
    root = ElementTree.fromstring(answered.body)
    told = {one.get("data-address"): one.attrib for one in root.iter(f"{SVG}g")}
    group = next(pf for pf in rig.get("/v1/pfs").json["pfs"] if pf["address"] == PF)["iommu_group"]
    assert (told[PF]["data-kind"], told[PF]["data-group"]) == ("pf", str(group))
    for vf in rig.get("/v1/vfs").json["vfs"]:
        drawn = told[vf["address"]]
        assert (drawn["data-kind"], drawn["data-pf"]) == ("vf", PF)
        assert drawn["data-vf"] == str(vf["vf_index"])
        assert drawn["data-group"] == str(vf["iommu_group"])
        assert drawn["data-state"] == "on"
    kinds = {one.get("data-kind") for one in root.iter(f"{SVG}g")} - {None}
    assert {"host-bridge", "root-port", "pf", "vf"} <= kinds


def test_in_a_page_the_drawing_brings_nothing_inline(rig: Rig) -> None:
    bare = ElementTree.fromstring(rig.get("/v1/tree.svg?style=false").body)
    assert not list(bare.iter(f"{SVG}style"))
    whole = ElementTree.fromstring(rig.get("/v1/tree.svg").body)
    assert len(list(whole.iter(f"{SVG}style"))) == 1
    for root in (bare, whole):
        for element in root.iter():
            assert element.tag != f"{SVG}script"
            assert not [name for name in element.attrib if name == "style" or name[:2] == "on"]


@pytest.mark.parametrize("path", ["show", "explain", "pfs"])
def test_what_is_not_there_is_not_found(rig: Rig, path: str) -> None:
    for name in ("0000:7f:00.0", "eth77"):
        missing = rig.get(f"/v1/{path}/{name}")
        assert (missing.status, missing.code) == (404, "not-found")
        assert missing.json["error"]["subject"] == name


def test_many_reasons_cost_one_look(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[object] = []
    read = snapshots.read_snapshot

    def counting(*given: object, **told: object) -> object:
        looks.append(given)
        return read(*given, **told)  # type: ignore[arg-type]

    monkeypatch.setattr(snapshots, "read_snapshot", counting)
    rig.apply()
    for vf in rig.get("/v1/vfs").json["vfs"]:
        assert rig.get(f"/v1/explain/{vf['address']}").json["sentences"]
    for path in ("groups", "doctor", "capacity", "tree", "tree.svg"):
        assert rig.get(f"/v1/{path}").status == 200
    assert len(looks) == 1
    rig.call(rig.service.host_changed)
    assert rig.get("/v1/tree").status == 200
    assert len(looks) == 2


def test_a_look_is_never_older_than_what_is_heard_of(short_path: Path) -> None:
    with rig_on(short_path, hears_events=True) as rig:
        rig.get("/v1/groups")
        rig.host.files.write_text(f"/sys/bus/pci/devices/{PF}/sriov_numvfs", "2")
        rig.now += 9
        assert count_vfs(rig) == 0
        rig.now += 2
        assert count_vfs(rig) == 2


def count_vfs(rig: Rig) -> int:
    root = ElementTree.fromstring(rig.get("/v1/tree.svg").body)
    return sum(one.get("data-state") == "on" for one in root.iter(f"{SVG}g"))


# --- drivers ---------------------------------------------------------------------------------


def test_abilities_are_of_one_pf_or_all(rig: Rig) -> None:
    whole = rig.get("/v1/abilities").json["pfs"]
    one = rig.get("/v1/abilities?pf=eth0").json["pfs"]
    assert [pf["address"] for pf in one] == [PF]
    assert one[0] in whole
    assert len(rig.get("/v1/abilities?limit=2").json["pfs"]) == 2
    assert rig.get("/v1/abilities?pf=eth7").status == 404


def test_counters_are_those_of_metrics_and_made_once_for_all(rig: Rig) -> None:
    rig.apply()
    rig.now += 2
    first = rig.get("/v1/counters")
    pf = next(one for one in first.json["pfs"] if one["address"] == PF)
    assert pf["link"]["up"] in (True, False)
    assert pf["wedged"] is False
    assert [vf["vf_index"] for vf in pf["vfs"]] == [0, 1]
    families = {one.name: one for one in text_string_to_metric_families(metrics_text(rig))}
    sent = {one.labels["pf"]: one.value for one in families["sriov_pf_transmit_bytes"].samples}
    assert pf["counters"]["tx_bytes"] == sent[PF]
    rig.host.clock.sleep(5.0)
    assert rig.get("/v1/counters").body == first.body
    rig.now += 2
    assert rig.get("/v1/counters").json["time_s"] > first.json["time_s"]


def test_browsers_cost_no_more_than_one_however_little_they_keep(rig: Rig) -> None:
    rig.apply()
    asked = {"cache-control": "no-cache"}
    browser = {**asked, "host": "localhost", "sec-fetch-site": "same-origin"}
    first = rig.handle("GET", "/v1/counters").json
    rig.host.clock.sleep(5.0)
    assert rig.handle("GET", "/v1/counters", headers=browser).json == first
    assert rig.handle("GET", "/v1/counters", headers=asked).json["time_s"] > first["time_s"]


# --- metrics ---------------------------------------------------------------------------------


def metrics_text(rig: Rig) -> str:
    answered = rig.get("/v1/metrics")
    assert answered.headers["content-type"] == METRICS
    return answered.body.decode()


def test_a_prometheus_server_gets_openmetrics_and_reads_the_same(rig: Rig) -> None:
    rig.apply()
    rig.now += 2
    answered = rig.get("/v1/metrics", PROMETHEUS)
    assert answered.headers["content-type"] == OPENMETRICS
    assert answered.headers["vary"] == "Accept, Accept-Encoding"
    text = answered.body.decode()
    assert text.endswith("# EOF\n")
    read = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in openmetrics.text_string_to_metric_families(text)
        for sample in family.samples
    }
    plain = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(metrics_text(rig))
        for sample in family.samples
    }
    assert read == plain
    assert len(read) > 20


def test_who_asks_for_no_version_that_is_written_gets_the_text_format() -> None:
    offered = (METRICS, OPENMETRICS)
    for header in (None, "", "*/*", "text/plain", "application/json", "nonsense;;;q=x"):
        assert choose_type(header, offered) == METRICS
    assert choose_type("application/openmetrics-text; version=0.0.1", offered) == METRICS
    assert choose_type("application/openmetrics-text", offered) == OPENMETRICS
    assert choose_type('application/openmetrics-text;version="1.0.0"', offered) == OPENMETRICS
    assert choose_type("application/openmetrics-text;q=0", offered) == METRICS
    assert choose_type("text/*;q=0.2, application/*;q=0.3", offered) == OPENMETRICS
    assert choose_type("*/*;q=0.9, application/openmetrics-text;q=0.1", offered) == METRICS
    assert choose_type("application/openmetrics-text;q=nan", offered) == METRICS


def test_packed_is_what_the_client_can_unpack() -> None:
    assert takes_gzip("gzip")
    assert takes_gzip("deflate, GZIP;q=0.1")
    assert takes_gzip("*")
    for header in (None, "", "br", "gzip;q=0", "*;q=0", "*, gzip;q=0", "gzip;q=2"):
        assert not takes_gzip(header)


# --- the state -------------------------------------------------------------------------------


def test_the_state_comes_as_yaml_that_plans_nothing(rig: Rig) -> None:
    rig.apply()
    answered = rig.get("/v1/state", YAML)
    assert answered.headers["content-type"] == "application/yaml"
    parse_state(answered.body.decode(), source="answer")
    sent = {"Content-Type": "application/yaml", "If-Match": answered.headers["etag"]}
    planned = rig.ask("PUT", "/v1/state", answered.body, sent)
    assert (planned.status, planned.json["steps"]) == (200, [])
    as_json = rig.get("/v1/state")
    assert as_json.headers["etag"] != answered.headers["etag"]
    sent["If-Match"] = as_json.headers["etag"]
    assert rig.ask("PUT", "/v1/state", answered.body, sent).status == 200
    rig.host.files.write_text(f"/sys/bus/pci/devices/{PF}/sriov_numvfs", "0")
    assert rig.ask("PUT", "/v1/state", answered.body, sent).status == 412


def test_a_host_without_pfs_has_a_state_too(short_path: Path) -> None:
    with rig_on(short_path, host=simulate(MachineSpec(cards=()))) as rig:
        assert rig.get("/v1/state", YAML).body == b"version: 1\npfs: {}\n"
        assert rig.get("/v1/state").json["state"]["pfs"] == {}
        for path in ("pfs", "tree", "tree.svg", "abilities", "counters", "groups", "doctor"):
            assert rig.get(f"/v1/{path}").status == 200


# --- packed ----------------------------------------------------------------------------------


def test_a_long_answer_is_packed_for_who_can_unpack_it(rig: Rig) -> None:
    rig.apply()
    plain, packed = rig.get("/v1/pfs"), rig.get("/v1/pfs", GZIP)
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < len(plain.body) / 2
    assert (packed.headers["content-encoding"], packed.headers["vary"]) == (
        "gzip",
        "Accept-Encoding",
    )
    assert packed.headers["etag"] != plain.headers["etag"]
    again = rig.get("/v1/pfs", {**GZIP, "If-None-Match": packed.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    short = rig.get("/v1/pools", GZIP)
    assert "content-encoding" not in short.headers
    session = rig.get("/v1/session", GZIP)
    assert "content-encoding" not in session.headers, "it has a secret"


def test_a_state_that_came_packed_can_be_sent_back(rig: Rig) -> None:
    rig.apply()
    seen = rig.get("/v1/state", GZIP)
    state = json.loads(gzip.decompress(seen.body) if seen.body[:1] == b"\x1f" else seen.body)
    for etag in (seen.headers["etag"], rig.get("/v1/state").headers["etag"]):
        assert rig.ask("PUT", "/v1/state", state["state"], {"If-Match": etag}).status == 200


# --- pools -----------------------------------------------------------------------------------


def test_pools_of_a_state_are_kept_shown_and_forgotten(rig: Rig) -> None:
    rig.apply()
    kept = rig.ask("POST", "/v1/pools", STATE)
    assert (kept.status, kept.json["pools"]) == (201, ["spare"])
    assert rig.audit[-1]["what"] == "define_pools"
    (listed,) = rig.get("/v1/pools").json["pools"]
    assert listed["source"] == rig.get("/v1/session").json["name"].join(("api: ", ""))
    lease = rig.ask("POST", "/v1/leases", {"pool": "spare"}).json["leases"][0]
    members = rig.get("/v1/pools/spare").json["members"]
    states = {member["vf_index"]: (member["state"], member["lease"]) for member in members}
    assert states[lease["vf_index"]] == ("leased", lease["lease"])
    assert sorted(states.values(), key=str)[0] == ("free", None)
    assert rig.ask("DELETE", "/v1/pools/spare").json["pool"] == "spare"
    for method in ("GET", "DELETE"):
        missing = rig.ask(method, "/v1/pools/spare")
        assert (missing.status, missing.code) == (404, "not-found")
    assert rig.get("/v1/leases/1").json["leases"][0]["status"] == "held"


def test_a_state_without_pools_defines_none(rig: Rig) -> None:
    state = {key: value for key, value in STATE.items() if key != "pools"}
    refused = rig.ask("POST", "/v1/pools", state)
    assert (refused.status, refused.code) == (400, "input")
    assert rig.get("/v1/pools").json["pools"] == []
