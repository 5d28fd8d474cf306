"""Leases of real VFs, judged by ip, sysfs and /proc."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.shell import PCI, ip, netdev_of, run, sriovctl, vf_drivers, vfs_by_ip

pytestmark = pytest.mark.lab("82576")

IGB = "0000:01:00.0"
VF0 = "0000:01:10.0"
NO_MAC = "00:00:00:00:00:00"
MAC = "52:54:00:6d:90:02"
POOL = f"address={IGB}"
STATE = f"""\
version: 1
pfs:
  uplink:
    match: {{address: "{IGB}"}}
    num_vfs: 2
    drivers_autoprobe: false
    vf_default: {{spoofchk: true, driver: none}}
    vfs:
      1: {{vlan: {{id: 7}}, admin_mac: "52:54:00:6d:90:07"}}
pools:
  finance: {{from: [uplink]}}
"""
_PATIENCE_S = 60.0


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("SRIOVCTL_STATE_DIR", str(tmp_path / "state"))
    file = tmp_path / "host.yaml"
    file.write_text(STATE)
    yield file
    (PCI / IGB / "sriov_numvfs").write_text("0")
    (PCI / IGB / "sriov_drivers_autoprobe").write_text("1")
    ip("link", "set", "dev", netdev_of(IGB), "down")


def make_vfs(number: int, *, autoprobe: bool = False) -> None:
    (PCI / IGB / "sriov_drivers_autoprobe").write_text(str(int(autoprobe)))
    (PCI / IGB / "sriov_numvfs").write_text(str(number))


def lease_of(*words: str) -> dict[str, Any]:
    (lease,) = json.loads(sriovctl("lease", *words, "--json"))["leases"]
    assert isinstance(lease, dict)
    return lease


def leave_traces(vf_index: int) -> None:
    """Set what a borrower may set, with a program that is not ours."""
    netdev = netdev_of(IGB)
    ip("link", "set", "dev", netdev, "vf", str(vf_index), "mac", MAC)
    ip("link", "set", "dev", netdev, "vf", str(vf_index), "vlan", "42", "qos", "3")
    ip("link", "set", "dev", netdev, "vf", str(vf_index), "spoofchk", "off")
    ip("link", "set", "dev", netdev, "vf", str(vf_index), "trust", "on")


def seen(vf_index: int) -> dict[str, object]:
    (vf,) = (one for one in vfs_by_ip(netdev_of(IGB)) if one["vf"] == vf_index)
    tags = vf.get("vlan_list") or [{}]
    assert isinstance(tags, list)
    return {
        "mac": vf["address"],
        "vlan": tags[0].get("vlan", 0),
        "spoofchk": vf["spoofchk"],
        "trust": vf["trust"],
    }


CLEAN = {"mac": NO_MAC, "vlan": 0, "spoofchk": True, "trust": False}
USED = {"mac": MAC, "vlan": 42, "spoofchk": False, "trust": True}


def wait_until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


# --- making clean ----------------------------------------------------------------------------


def test_what_a_borrower_set_is_gone_by_the_word_of_ip(state: Path) -> None:
    sriovctl("apply", str(state))
    sriovctl("pool", "define", str(state))
    for index, clean in enumerate([CLEAN, {**CLEAN, "mac": "52:54:00:6d:90:07", "vlan": 7}]):
        lease = lease_of("take", "finance", "--owner", "anna")
        assert (lease["vf_index"], lease["generation"]) == (index, 1)
        assert lease["address"] == (PCI / IGB / f"virtfn{index}").resolve().name
        leave_traces(index)
        assert seen(index) == USED
        assert lease_of("release", str(lease["lease"]))["status"] == "ended"
        assert seen(index) == clean
        lease_of("take", "finance")  # so that the next one is another
    assert vf_drivers(IGB) == [None, None]


def test_a_lease_whose_time_is_over_goes_clean_to_the_next() -> None:
    make_vfs(1)
    began = time.monotonic()
    lease_of("take", POOL, "--owner", "anna", "--ttl", "1s")
    leave_traces(0)
    time.sleep(max(0.0, began + 1.0 - time.monotonic()))
    wait_until(lambda: lease_of("show", "1")["status"] == "expired")
    assert seen(0) == USED, "looking changes nothing"
    second = lease_of("take", POOL, "--owner", "bob")
    assert (second["lease"], second["vf_index"], second["generation"]) == (2, 0, 2)
    assert seen(0) == CLEAN
    first = lease_of("show", "1")
    assert (first["status"], first["reason"]) == ("ended", "expired")


def test_a_vf_of_the_hosts_driver_gets_a_new_netdev_without_traces() -> None:
    ip("link", "set", "dev", netdev_of(IGB), "up")
    make_vfs(2, autoprobe=True)
    wait_until(lambda: list((PCI / VF0 / "net").iterdir()))
    lease = lease_of("take", POOL)
    netdev = lease["netdev"]
    assert netdev == next((PCI / VF0 / "net").iterdir()).name
    before = json.loads(ip("-j", "link", "show", "dev", netdev))[0]
    leave_traces(0)
    ip("link", "set", "dev", netdev, "mtu", "1400")
    ip("link", "set", "dev", netdev, "promisc", "on")
    assert lease_of("release", str(lease["lease"]))["status"] == "ended"
    assert vf_drivers(IGB) == ["igbvf", "igbvf"]
    after_name = next((PCI / VF0 / "net").iterdir()).name
    after = json.loads(ip("-j", "link", "show", "dev", after_name))[0]
    assert after["ifindex"] != before["ifindex"]
    assert (after["mtu"], "PROMISC" in after["flags"]) == (before["mtu"], False)
    assert after["address"] != MAC
    assert {**seen(0), "mac": None} == {**CLEAN, "mac": None}


def test_a_driver_for_user_space_comes_back_as_it_was() -> None:
    make_vfs(1)
    lease = lease_of("take", POOL)
    (PCI / VF0 / "driver_override").write_text("vfio-pci")
    Path("/sys/bus/pci/drivers_probe").write_text(VF0)
    assert vf_drivers(IGB) == ["vfio-pci"]
    sriovctl("lease", "release", str(lease["lease"]))
    assert vf_drivers(IGB) == [None]
    assert (PCI / VF0 / "driver_override").read_text() == "(null)\n"


def test_a_vf_in_use_is_not_lent_until_it_is_free() -> None:
    ip("link", "set", "dev", netdev_of(IGB), "up")
    make_vfs(1, autoprobe=True)
    wait_until(lambda: list((PCI / VF0 / "net").iterdir()))
    lease = lease_of("take", POOL)
    leave_traces(0)
    ip("address", "add", "192.0.2.9/24", "dev", lease["netdev"])
    said = sriovctl("lease", "release", str(lease["lease"]), expect=4)
    assert "in use: address:192.0.2.9" in said
    assert seen(0)["vlan"] == 42
    assert "not clean 1" in sriovctl("lease", "take", POOL, expect=1)
    ip("address", "delete", "192.0.2.9/24", "dev", lease["netdev"])
    again = lease_of("take", POOL)
    assert (again["address"], again["generation"]) == (VF0, 2)
    assert {**seen(0), "mac": None} == {**CLEAN, "mac": None}


# --- what happens under a lease --------------------------------------------------------------


def counted(pool: str) -> dict[str, Any]:
    answer = json.loads(sriovctl("pool", "capacity", pool, "--json"))
    return {key: answer[key] for key in ("total", "free", "leased")}


def test_vfs_that_are_removed_under_leases_are_lost_and_the_next_are_others(state: Path) -> None:
    sriovctl("apply", str(state))
    sriovctl("pool", "define", str(state))
    sriovctl("lease", "take", "finance", "--count", "2", "--owner", "anna")
    leave_traces(0)
    (PCI / IGB / "sriov_numvfs").write_text("0")  # by hand
    lost = "was removed while it was lent to {}; nobody holds it any more"
    assert sriovctl("lease", "list").count(lost.format("anna")) == 2
    assert counted("finance") == {"total": 0, "free": 0, "leased": 0}
    assert lease_of("release", "2")["reason"] == "VF removed"

    make_vfs(2)
    assert (PCI / VF0).exists()  # at the same address
    assert [seen(index) for index in range(2)] == [CLEAN, CLEAN]
    assert "is not held any more: VF removed" in sriovctl("lease", "renew", "1", expect=1)
    assert counted("finance") == {"total": 2, "free": 2, "leased": 0}
    taken = json.loads(sriovctl("lease", "take", "finance", "--count=2", "--owner=bert", "--json"))
    assert [(one["vf_index"], one["generation"]) for one in taken["leases"]] == [(0, 2), (1, 2)]
    leave_traces(0)
    assert lease_of("release", "1")["reason"] == "VF removed"
    assert [seen(index) for index in range(2)] == [USED, CLEAN]  # the first is bert's

    (PCI / IGB / "driver/unbind").write_text(IGB)
    assert sriovctl("lease", "list").count(lost.format("bert")) == 2
    assert "has no VFs now" in sriovctl("lease", "take", "finance", expect=1)
    Path("/sys/bus/pci/drivers/igb/bind").write_text(IGB)
    make_vfs(2)
    assert [seen(index) for index in range(2)] == [CLEAN, CLEAN]
    assert counted("finance") == {"total": 2, "free": 2, "leased": 0}
    sriovctl("lease", "take", "finance", "--count", "2", "--owner", "carl")
    sriovctl("lease", "release", "--owner", "bert")
    listed = sriovctl("lease", "list")
    assert (listed.count("held"), listed.count("removed")) == (2, 0)


def test_apply_and_resize_and_undo_refuse_what_is_lent(state: Path) -> None:
    sriovctl("apply", str(state))
    sriovctl("pool", "define", str(state))
    lease_of("take", "finance", "--owner", "anna")
    before = [seen(index) for index in range(2)]
    for change in (("num_vfs: 2", "num_vfs: 4"), ("spoofchk: true", "spoofchk: false")):
        state.write_text(STATE.replace(*change))
        said = sriovctl("apply", str(state), expect=4)
        assert "lease:1 would feel it" in said
        assert "--allow lease:1" in said
    assert "lease:1" in sriovctl("undo", expect=4)
    assert "lent to anna from finance until it is released" in sriovctl("owners")
    assert [seen(index) for index in range(2)] == before
    sriovctl("lease", "release", "1")
    state.write_text(STATE.replace("num_vfs: 2", "num_vfs: 3"))
    sriovctl("apply", str(state))
    assert (PCI / IGB / "sriov_numvfs").read_text() == "3\n"


# --- lease run -------------------------------------------------------------------------------


def test_a_command_holds_its_vf_and_is_told_which() -> None:
    make_vfs(2)
    told = sriovctl("lease", "run", POOL, "--", "env")
    values = dict(line.split("=", 1) for line in told.splitlines() if line.startswith("SRIOVCTL_"))
    group = (PCI / VF0 / "iommu_group").resolve().name
    assert values["SRIOVCTL_VF_ADDRESS"] == VF0
    assert (values["SRIOVCTL_VF_INDEX"], values["SRIOVCTL_PF"]) == ("0", IGB)
    assert (values["SRIOVCTL_IOMMU_GROUP"], values["SRIOVCTL_LEASE"]) == (group, "1")
    assert sriovctl("lease", "list") == "no VF is lent\n"
    assert sriovctl("lease", "run", POOL, "--", "sh", "-c", "exit 5", expect=5) == ""


@pytest.fixture
def runner() -> Iterator[subprocess.Popen[bytes]]:
    make_vfs(1)
    process = subprocess.Popen(["sriovctl", "lease", "run", POOL, "--", "sleep", "1000"])
    yield process
    process.kill()
    process.wait()


def running_lease() -> dict[str, Any]:
    """The lease once its command runs."""
    found: list[dict[str, Any]] = []

    def runs() -> bool:
        found[:] = json.loads(sriovctl("lease", "list", "--json"))["leases"]
        return bool(found) and Path(f"/proc/{found[0]['pid']}/comm").read_text() == "sleep\n"

    wait_until(runs)
    return found[0]


def test_a_command_that_is_killed_gives_its_vf_back(runner: subprocess.Popen[bytes]) -> None:
    lease = running_lease()
    leave_traces(0)
    assert "leased 1" in sriovctl("lease", "take", POOL, expect=1)
    os.kill(lease["pid"], signal.SIGKILL)
    assert runner.wait() == 137
    assert seen(0) == CLEAN
    assert lease_of("take", POOL)["generation"] == 2


def test_a_runner_that_is_killed_leaves_the_vf_to_its_command_and_then_to_the_next(
    runner: subprocess.Popen[bytes],
) -> None:
    lease = running_lease()
    leave_traces(0)
    runner.kill()
    runner.wait()
    assert lease_of("show", str(lease["lease"]))["status"] == "held"
    assert "leased 1" in sriovctl("lease", "take", POOL, expect=1)
    os.kill(lease["pid"], signal.SIGKILL)
    wait_until(lambda: not Path(f"/proc/{lease['pid']}").exists())
    assert lease_of("show", str(lease["lease"]))["status"] == "orphaned"
    assert lease_of("take", POOL)["generation"] == 2
    assert seen(0) == CLEAN


def test_a_runner_that_is_asked_to_end_asks_its_command(runner: subprocess.Popen[bytes]) -> None:
    running_lease()
    runner.terminate()
    assert runner.wait() == 128 + signal.SIGTERM
    assert sriovctl("lease", "list") == "no VF is lent\n"


def test_a_lease_that_ends_with_a_shell_script() -> None:
    make_vfs(1)
    run("sh", "-c", f"sriovctl lease take {POOL} --pid $$ && true")
    assert lease_of("show", "1")["status"] == "orphaned"
    assert lease_of("reap")["reason"] == "process ended"
