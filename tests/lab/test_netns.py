"""VFs of a real kernel in network namespaces, judged by ip and by what gets through."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.lab.shell import PCI, ip, netdev_of, run, sriovctl, vf_drivers, vfs_by_ip

pytestmark = pytest.mark.lab("82576")

IGB = "0000:01:00.0"
VF0, VF1 = "0000:01:10.0", "0000:01:10.2"
MACS = ("52:54:00:6d:90:02", "52:54:00:6d:90:03")
NAMES = ("blue", "red")
_PATIENCE_S = 60.0


def wait_until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture(autouse=True, scope="module")
def vfs() -> Iterator[None]:
    ip("link", "set", "dev", netdev_of(IGB), "up")
    (PCI / IGB / "sriov_numvfs").write_text("2")
    wait_until(lambda: all(list((PCI / vf).glob("net/*")) for vf in (VF0, VF1)))
    yield
    (PCI / IGB / "sriov_numvfs").write_text("0")
    ip("link", "set", "dev", netdev_of(IGB), "down")


@pytest.fixture(autouse=True)
def namespaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SRIOVCTL_STATE_DIR", str(tmp_path))
    for name in NAMES:
        ip("netns", "add", name)
    yield
    for name in NAMES:
        subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


def inside(name: str, netdev: str) -> dict[str, object]:
    """What iproute2 says of a netdev in a namespace."""
    (link,) = json.loads(ip("-n", name, "-j", "-d", "link", "show", "dev", netdev))
    up = "UP" in link["flags"]
    return {"mac": link["address"], "parent": link["parentdev"], "up": up}


def on_the_pf(vf_index: int) -> dict[str, object]:
    vf = vfs_by_ip(netdev_of(IGB))[vf_index]
    tags = vf.get("vlan_list") or [{}]
    assert isinstance(tags, list)
    kept = {key: vf[key] for key in ("address", "spoofchk", "trust")}
    return {**kept, "vlan": tags[0].get("vlan", 0)}


def get_through(source: str, target: str) -> bool:
    words = ["ip", "netns", "exec", source, "ping", "-c", "3", "-i", "0.3", "-W", "2", target]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def attach(vf: str, name: str, *more: str) -> dict[str, object]:
    answer = json.loads(sriovctl("netns", "attach", vf, name, *more, "--json"))
    assert isinstance(answer, dict)
    return answer


def test_vfs_in_two_namespaces_meet_in_one_vlan_and_not_in_two() -> None:
    before = [on_the_pf(index) for index in range(2)]
    for vf, name, mac in zip((VF0, VF1), NAMES, MACS, strict=True):
        words = ("--mac", mac, "--vlan", "42", "--spoofchk", "off", "--name", "data0", "--up")
        answer = attach(vf, name, *words)
        assert (answer["mac"], answer["netdev"], answer["warnings"]) == (mac, "data0", [])
        assert inside(name, "data0") == {"mac": mac, "parent": vf, "up": True}
        assert not list((PCI / vf / "net").iterdir())
    for index, mac in enumerate(MACS):
        wanted = {"address": mac, "vlan": 42, "spoofchk": False, "trust": False}
        assert on_the_pf(index) == wanted
        ip("-n", NAMES[index], "address", "add", f"192.0.2.{index + 1}/24", "dev", "data0")
    vfs = json.loads(sriovctl("ls", "--owners", "--json"))["pfs"][0]["vfs"]
    assert [vf["owner"] for vf in vfs] == ["namespace:blue", "namespace:red"]
    wait_until(lambda: get_through("blue", "192.0.2.2"))

    sriovctl("netns", "detach", VF1)
    attach(VF1, "red", "--mac", MACS[1], "--vlan", "43", "--name", "data0", "--up")
    ip("-n", "red", "address", "add", "192.0.2.2/24", "dev", "data0")
    assert on_the_pf(1)["vlan"] == 43
    assert not get_through("blue", "192.0.2.2")
    ip("link", "set", "dev", netdev_of(IGB), "vf", "1", "vlan", "42")
    wait_until(lambda: get_through("blue", "192.0.2.2"))  # it was the VLAN

    sriovctl("netns", "detach", VF1)
    assert "is back from blue" in sriovctl("netns", "detach", VF0)
    wait_until(lambda: list((PCI / VF0 / "net").iterdir()))
    now, then = on_the_pf(0), before[0]
    assert {**now, "address": None} == {**then, "address": None}
    assert now["address"] not in MACS
    assert "data0" not in ip("-n", "blue", "link")


def test_a_process_may_have_the_namespace_and_only_the_netdev_moves() -> None:
    netdev = next((PCI / VF0 / "net").iterdir()).name
    ip("link", "set", "dev", netdev, "up")
    before, mac = on_the_pf(0), Path(f"/sys/class/net/{netdev}/address").read_text().strip()
    with subprocess.Popen(["unshare", "--net", "sleep", "1000"]) as process:
        own = Path("/proc/self/ns/net").readlink()
        wait_until(lambda: Path(f"/proc/{process.pid}/ns/net").readlink() != own)
        answer = attach(VF0, str(process.pid))
        assert (answer["netdev"], answer["mac"], answer["up"]) == (netdev, mac, False)
        shown = run("nsenter", f"--net=/proc/{process.pid}/ns/net", "ip", "-j", "link")
        assert {link["ifname"] for link in json.loads(shown)} == {"lo", netdev}
        assert f"namespace:pid-{process.pid}" in sriovctl("owners")
        assert f"is back from pid-{process.pid}" in sriovctl("netns", "detach", VF0)
        process.kill()
    assert Path(f"/sys/class/net/{netdev}/address").read_text().strip() == mac
    assert "UP" in json.loads(ip("-j", "link", "show", "dev", netdev))[0]["flags"]
    assert on_the_pf(0) == before


def test_a_namespace_that_ends_gives_the_netdev_back_and_detach_the_rest() -> None:
    attach(VF0, "blue", "--mac", MACS[0], "--vlan", "42", "--name", "data0", "--up")
    ip("netns", "delete", "blue")
    wait_until(lambda: [one.name for one in (PCI / VF0 / "net").iterdir()] == ["data0"])
    (link,) = json.loads(ip("-j", "link", "show", "dev", "data0"))
    assert (link["address"], "UP" in link["flags"]) == (MACS[0], False)
    assert "namespace:" not in sriovctl("owners")
    assert on_the_pf(0)["vlan"] == 42
    assert "had come back by itself; it is as before run 1" in sriovctl("netns", "detach", VF0)
    assert on_the_pf(0)["vlan"] == 0


def test_what_is_refused_and_rebound() -> None:
    said = sriovctl("netns", "attach", VF0, "green", expect=2)
    assert "there is no such network namespace" in said
    assert "there are blue, red" in said
    (PCI / VF0 / "driver/unbind").write_text(VF0)
    (PCI / VF0 / "driver_override").write_text("vfio-pci")
    Path("/sys/bus/pci/drivers_probe").write_text(VF0)
    said = sriovctl("netns", "attach", VF0, "blue", expect=4)
    assert "is bound to vfio-pci" in said
    assert "--rebind" in said
    sriovctl("netns", "attach", VF0, "blue", "--mac", MACS[0], "--name", "data0", "--rebind")
    assert inside("blue", "data0") == {"mac": MACS[0], "parent": VF0, "up": False}
    assert "is in use: namespace:blue" in sriovctl("netns", "attach", VF0, "red", expect=4)
    sriovctl("netns", "detach", VF0)
    assert vf_drivers(IGB)[0] == "vfio-pci"
    assert (PCI / VF0 / "driver_override").read_text() == "vfio-pci\n"
    (PCI / VF0 / "driver_override").write_text("\n")
    (PCI / VF0 / "driver/unbind").write_text(VF0)
    Path("/sys/bus/pci/drivers_probe").write_text(VF0)


@pytest.mark.parametrize("then", ["detach", "resume"])
def test_kill_9_in_the_middle(then: str) -> None:
    before = on_the_pf(0)
    words = ["netns", "attach", VF0, "blue", "--mac", MACS[0], "--vlan", "42", "--name", "data0"]
    process = subprocess.Popen(["sriovctl", *words])
    wait_until(lambda: not (PCI / VF0 / "driver").exists() or process.poll() is not None)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert "was cut short" in sriovctl(*words, expect=1)
    if then == "resume":
        sriovctl("apply", "--resume")
        assert inside("blue", "data0") == {"mac": MACS[0], "parent": VF0, "up": False}
        assert on_the_pf(0)["vlan"] == 42
    sriovctl("netns", "detach", VF0)
    assert vf_drivers(IGB)[0] == "igbvf"
    assert {**on_the_pf(0), "address": None} == {**before, "address": None}
    assert "data0" not in ip("-n", "blue", "link")
