from __future__ import annotations

import threading
from pathlib import Path

from sriovctl.api.access import PeerPolicy
from sriovctl.api.contract.messages import Peer
from sriovctl.codec.rtnl_change import encode_set_vf
from sriovctl.host.simulated import SimulatedHost
from sriovctl.model.functions import VLAN
from sriovctl.model.state import WantedVF
from tests.unit.api.rig import PF, STATE, Rig, rig_on

NUM_VFS = f"/sys/bus/pci/devices/{PF}/sriov_numvfs"
MTU = "/sys/class/net/eth0/mtu"


def num_vfs(rig: Rig) -> str:
    return (rig.host.files.read_text(NUM_VFS) or "").strip()


def test_a_plan_changes_nothing_and_a_job_carries_it_out(rig: Rig) -> None:
    planned = rig.ask("POST", "/v1/plan", STATE)
    assert planned.status == 200
    assert planned.json["steps"][0]["action"] == "set-num-vfs"
    assert num_vfs(rig) == "0"
    started = rig.ask("POST", "/v1/jobs", {"kind": "apply", "plan": planned.json["plan"]})
    assert started.status == 202
    assert started.headers["location"] == "/v1/jobs/1"
    job = rig.ended(1)
    assert (job["state"], job["status"], job["run"]) == ("done", "done", 1)
    assert job["steps"] == planned.json["steps"]
    assert job["progress"]
    assert num_vfs(rig) == "2"
    assert rig.ask("POST", "/v1/plan", STATE).json["steps"] == []


def test_the_run_says_who_asked_and_what_was_before_and_after(rig: Rig) -> None:
    rig.apply()
    run = rig.get("/v1/runs/1").json["run"]
    assert run["source"].startswith("api: uid ")
    step = run["steps"][0]
    assert (step["before"], step["after"], step["status"]) == (
        {"num_vfs": 0},
        {"num_vfs": 2},
        "done",
    )
    ended = rig.audit[-1]
    assert (ended["what"], ended["result"], ended["run"]) == ("job apply", "done", 1)
    assert ended["who"] == run["source"].removeprefix("api: ") == run["asked_by"]
    rig.job({"kind": "undo"})
    assert rig.get("/v1/runs/2").json["run"]["asked_by"] == ended["who"]


def test_undo_takes_back(rig: Rig) -> None:
    rig.apply()
    job = rig.job({"kind": "undo"})
    assert (job["state"], job["run"], job["status"]) == ("done", 1, "undone")
    assert num_vfs(rig) == "0"
    again = rig.job({"kind": "undo"})
    assert (again["state"], again["error"]["code"]) == ("failed", "nothing-to-undo")


def test_a_job_that_fails_says_why_and_leaves_the_host_as_it_was(rig: Rig) -> None:
    plan = rig.plan()
    rig.host.files.fail(NUM_VFS, 12)
    job = rig.job({"kind": "apply", "plan": plan})
    assert job["state"] == "failed"
    assert PF in job["error"]["subject"]
    assert job["error"]["evidence"]["errno"]
    assert num_vfs(rig) == "0"


def test_cancelling_takes_back_what_was_done(rig: Rig) -> None:
    state = {"version": 1, "pfs": {"a": {"match": {"address": PF}, "num_vfs": 2}}}
    state["pfs"]["a"]["vfs"] = {"0": {"vlan": {"id": 7}}, "1": {"trust": True}}  # type: ignore[index]
    plan = rig.plan(state)
    reached, go_on = threading.Event(), threading.Event()

    def hold_once_there_are_vfs() -> None:
        if num_vfs(rig) == "0":
            rig.host.files.before(NUM_VFS, hold_once_there_are_vfs)
        else:
            reached.set()
            assert go_on.wait(60)

    rig.host.files.before(NUM_VFS, hold_once_there_are_vfs)
    rig.ask("POST", "/v1/jobs", {"kind": "apply", "plan": plan})
    assert reached.wait(60)
    cancelled = rig.ask("DELETE", "/v1/jobs/1")
    assert (cancelled.status, cancelled.json["job"]["state"]) == (202, "running")
    go_on.set()
    job = rig.ended(1)
    assert (job["state"], job["error"]["code"]) == ("cancelled", "cancelled")
    assert num_vfs(rig) == "0"
    assert {run["status"] for run in rig.get("/v1/runs").json["runs"]} <= {"taken back", "done"}


def test_a_run_that_ends_before_it_hears_of_being_cancelled_is_undone(rig: Rig) -> None:
    state = {"version": 1, "pfs": {"a": {"match": {"address": PF}, "drivers_autoprobe": False}}}
    path = f"/sys/bus/pci/devices/{PF}/sriov_drivers_autoprobe"
    plan = rig.plan(state)

    # There is one step: once the host has what it wants, nothing comes that would notice.
    def cancel_when_written() -> None:
        if (rig.host.files.read_text(path) or "").strip() == "0":
            rig.service.jobs.find(1).cancel_wanted = True
        else:
            rig.host.files.before(path, cancel_when_written)

    rig.host.files.before(path, cancel_when_written)
    job = rig.job({"kind": "apply", "plan": plan})
    assert (job["state"], job["status"], job["error"]) == ("cancelled", "undone", None)
    assert (rig.host.files.read_text(path) or "").strip() == "1"


def test_what_has_ended_or_cannot_be_stopped_is_not_cancelled(rig: Rig) -> None:
    rig.apply()
    ended = rig.ask("DELETE", "/v1/jobs/1")
    assert (ended.status, ended.code) == (409, "job-has-ended")
    assert rig.ask("DELETE", "/v1/jobs/7").status == 404


def test_what_nobody_confirms_is_undone(rig: Rig) -> None:
    job = rig.job({"kind": "apply", "plan": rig.plan(), "confirm_within_s": 60})
    assert (job["state"], job["status"]) == ("done", "unconfirmed")
    assert rig.asleep() == [60]
    rig.wake()
    job = rig.ended_after(1)
    assert (job["kind"], job["state"], job["status"]) == ("expire", "done", "undone")
    assert num_vfs(rig) == "0"


def test_what_is_confirmed_stays(rig: Rig) -> None:
    rig.job({"kind": "apply", "plan": rig.plan(), "confirm_within_s": 60})
    assert rig.get("/v1/runs/1").json["run"]["confirm_in_s"] == 60
    confirmed = rig.job({"kind": "confirm"})
    assert rig.get("/v1/runs").json["runs"][0]["confirm_in_s"] is None
    assert (confirmed["state"], confirmed["run"]) == ("done", 1)
    rig.wake()
    assert rig.ended_after(2)["status"] == "done"
    assert num_vfs(rig) == "2"


def test_a_state_is_edited_only_as_it_is(rig: Rig) -> None:
    read = rig.get("/v1/state")
    edited = read.json["state"]
    edited["pfs"]["eth0"]["num_vfs"] = 3
    assert rig.ask("PUT", "/v1/state", edited).code == "precondition-required"
    stale = rig.ask("PUT", "/v1/state", edited, {"If-Match": '"other"'})
    assert (stale.status, stale.code) == (412, "precondition-failed")
    planned = rig.ask("PUT", "/v1/state", edited, {"If-Match": read.headers["etag"]})
    assert planned.json["steps"][0]["after"] == {"num_vfs": 3}
    assert rig.job({"kind": "apply", "plan": planned.json["plan"]})["state"] == "done"
    late = rig.ask("PUT", "/v1/state", edited, {"If-Match": read.headers["etag"]})
    assert late.code == "precondition-failed"


def test_a_state_may_be_yaml_and_errors_name_the_place(rig: Rig) -> None:
    text = f'version: 1\npfs: {{a: {{match: {{address: "{PF}"}}, num_vsf: 2}}}}\n'
    yaml = {"Content-Type": "application/yaml"}
    refused = rig.ask("POST", "/v1/plan", text.encode(), yaml)
    assert refused.status == 400
    assert refused.json["error"]["subject"].startswith("body:2:")
    assert "num_vfs" in refused.json["error"]["hint"]
    planned = rig.ask("POST", "/v1/plan", text.replace("vsf", "vfs").encode(), yaml)
    assert planned.status == 200
    assert len(planned.json["steps"]) == 1


def test_leases_are_taken_renewed_and_given_back(rig: Rig) -> None:
    rig.apply()
    taken = rig.ask("POST", "/v1/leases", {"pool": "driver=igb", "owner": "me", "ttl_s": 60})
    assert taken.status == 201
    (lease,) = taken.json["leases"]
    assert (lease["owner"], lease["expires_in_s"]) == ("me", 60)
    renewed = rig.ask("POST", "/v1/leases/1/renew", {"ttl_s": 90})
    assert renewed.json["leases"][0]["expires_in_s"] == 90
    assert [one["lease"] for one in rig.get("/v1/leases?owner=me").json["leases"]] == [1]
    assert rig.get("/v1/leases?owner=you").json["leases"] == []
    assert rig.ask("DELETE", "/v1/leases/1").json["leases"][0]["status"] == "ended"
    assert rig.ask("DELETE", "/v1/leases/1").code == "lease-has-ended"
    assert rig.ask("DELETE", "/v1/leases/9").status == 404
    assert rig.get("/v1/leases?all=true").json["leases"][0]["reason"] == "released"


def test_more_than_there_is_is_not_lent(rig: Rig) -> None:
    rig.apply()
    refused = rig.ask("POST", "/v1/leases", {"pool": "driver=igb", "count": 3})
    assert (refused.status, refused.code) == (423, "busy")
    assert refused.headers["retry-after"] == "2"
    assert rig.ask("POST", "/v1/leases", {"pool": "none"}).status == 400


def test_whoever_holds_a_lease_is_disturbed_by_an_admin_alone(short_path: Path) -> None:
    with rig_on(short_path, policy=PeerPolicy(frozenset((77,)))) as rig:
        name = rig.handle("POST", "/v1/plan", body=b"x", headers={"content-type": "text/x"})
        assert name.status == 415
        operator = Peer(1, 1000, 77)
        json = {"content-type": "application/json"}
        refused = rig.handle(
            *("POST", "/v1/jobs"),
            peer=operator,
            headers=json,
            body=b'{"kind": "undo", "allow": ["lease:1"]}',
        )
        assert (refused.status, refused.code) == (403, "forbidden")
        allowed = rig.handle(
            "POST", "/v1/jobs", peer=operator, headers=json, body=b'{"kind": "undo"}'
        )
        assert allowed.status == 202
        rig.run(rig.service.jobs.wait())


def test_who_came_after_the_plan_is_asked_about_too(rig: Rig) -> None:
    rig.apply()
    vf = rig.get("/v1/pfs").json["pfs"][0]["vfs"][0]
    changed = {"match": {"address": PF}, "vfs": {"0": {"vlan": {"id": 43}}}}
    plan = rig.plan({"version": 1, "pfs": {"uplink": changed}})
    rig.host.network.add_address(vf["netdev"], "192.0.2.1/24")
    wanted = {"kind": "apply", "plan": plan}
    job = rig.job(wanted)
    assert (job["state"], job["error"]["code"], job["run"]) == ("failed", "refused", None)
    user = "address:192.0.2.1"
    assert user in job["error"]["cause"]
    assert rig.job({**wanted, "allow": [user]})["state"] == "done"


def test_a_plan_is_not_carried_out_on_a_host_that_has_changed(rig: Rig) -> None:
    rig.apply()
    state = {"version": 1, "pfs": {"a": {"match": {"address": PF}}}}
    state["pfs"]["a"]["vfs"] = {"0": {"vlan": {"id": 77}}}  # type: ignore[index]
    plan = rig.plan(state)
    set_vlan(rig.host, 0, 55)
    job = rig.job({"kind": "apply", "plan": plan})
    assert (job["state"], job["error"]["code"], job["run"]) == ("failed", "stale-plan", None)
    assert job["error"]["subject"] == f"{PF} vf 0"
    assert job["error"]["evidence"] == {"planned": "vlan 42 -> 77", "now": "vlan 55 -> 77"}
    assert rig.apply(state)["steps"][0]["before"]["vlan"]["id"] == 55
    set_vlan(rig.host, 0, 42)
    again = rig.plan(state)
    set_vlan(rig.host, 0, 77)
    job = rig.job({"kind": "apply", "plan": again})
    assert job["error"]["evidence"] == {"planned": "vlan 42 -> 77", "now": "nothing"}


def set_vlan(host: SimulatedHost, vf_index: int, vlan: int) -> None:
    """Do what ``ip link set eth0 vf N vlan M`` does."""
    ifindex = int(host.files.read_text("/sys/class/net/eth0/ifindex") or 0)
    wanted = WantedVF(vlan=VLAN(vlan))
    (answer,) = host.rtnl.exchange([encode_set_vf(ifindex, vf_index, wanted, current=None)])
    assert answer.errno == 0


def test_a_recording_is_not_changed(short_path: Path) -> None:
    with rig_on(short_path, read_only="a recording is read-only") as rig:
        refused = rig.ask("POST", "/v1/jobs", {"kind": "undo"})
        assert (refused.status, refused.code) == (403, "permission")
        assert rig.ask("POST", "/v1/plan", STATE).status == 200


def test_what_a_job_does_not_need_is_refused(rig: Rig) -> None:
    wrong: list[object] = [
        {"kind": "apply"},
        {"kind": "undo", "plan": "x"},
        {"kind": "confirm", "allow": []},
        {"kind": "destroy"},
        {},
        [],
        {"kind": "undo", "run": True},
    ]
    for said in wrong:
        assert rig.ask("POST", "/v1/jobs", said).code == "input", said
    assert rig.ask("POST", "/v1/jobs", {"kind": "apply", "plan": "gone"}).status == 404
    assert rig.ask("POST", "/v1/jobs", b'{"kind": "undo", "kind": "undo"}').status == 400
    assert rig.ask("POST", "/v1/jobs", b"[" * 100_000).status == 400
    assert rig.ask("POST", "/v1/jobs", b"\xff").status == 400
