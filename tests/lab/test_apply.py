"""``plan``, ``apply`` and ``undo`` on a real kernel, judged by ip, sysfs and pings."""

from __future__ import annotations

import itertools
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.lab("82576")

PCI = Path("/sys/bus/pci/devices")
IGB = "0000:01:00.0"
NVME = "0000:05:00.0"
MACS = [f"52:54:00:6d:90:0{n}" for n in range(4)]


def sriovctl(*words: str, stdin: str = "", expect: int = 0) -> str:
    done = subprocess.run(
        ["sriovctl", *words], input=stdin, capture_output=True, text=True, check=False
    )
    assert done.returncode == expect, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    # Notes may stand on standard error beside an answer.
    return done.stdout if expect in (0, 3) else done.stdout + done.stderr


def ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


def state(*, vlans: list[int], driver: str = "igbvf") -> str:
    lines = [
        "version: 1",
        "pfs:",
        "  uplink:",
        f'    match: {{address: "{IGB}"}}',
        f"    num_vfs: {len(vlans)}",
        "    drivers_autoprobe: false",
        "    link: {state: up}",
        f"    vf_default: {{driver: {driver}}}",
        "    vfs:",
    ]
    lines += [
        f'      {n}: {{admin_mac: "{MACS[n]}", vlan: {{id: {vlan}}}}}'
        for n, vlan in enumerate(vlans)
    ]
    return "\n".join(lines)


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    yield
    for namespace in ip("netns", "list").split("\n"):
        if namespace:
            ip("netns", "delete", namespace.split()[0])
    for device in (IGB, NVME):
        (PCI / device / "sriov_numvfs").write_text("0")
        (PCI / device / "sriov_drivers_autoprobe").write_text("1")


def vf_address(vf_index: int) -> str:
    return (PCI / IGB / f"virtfn{vf_index}").resolve().name


def put_into_namespace(vf_index: int) -> None:
    namespace = f"vf{vf_index}"
    netdev = next((PCI / vf_address(vf_index) / "net").iterdir()).name
    ip("netns", "add", namespace)
    ip("link", "set", "dev", netdev, "netns", namespace)
    ip("-n", namespace, "addr", "add", f"10.42.0.{vf_index + 1}/24", "dev", netdev)
    ip("-n", namespace, "link", "set", "dev", netdev, "up")


def wait_for_links() -> None:
    # igb drops its link when VFs come, and takes about 3 s to bring it back.
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        shown = [ip("-n", f"vf{n}", "-o", "link", "show", "up") for n in range(4)]
        if all("state UP" in text for text in shown):
            return
        time.sleep(0.2)
    pytest.fail(f"the VFs have no link: {shown}")


def pings(source: int, target: int) -> bool:
    command = f"ip netns exec vf{source} ping -q -c 3 -i 0.3 -W 2 10.42.0.{target + 1}"
    return subprocess.run(command.split(), capture_output=True, check=False).returncode == 0


def reachable() -> set[tuple[int, int]]:
    return {pair for pair in itertools.combinations(range(4), 2) if pings(*pair)}


def test_vlans_isolate_as_the_file_says() -> None:
    sriovctl("apply", "-", stdin=state(vlans=[42, 42, 43, 43]))
    for vf_index in range(4):
        put_into_namespace(vf_index)
        shown = ip("-n", f"vf{vf_index}", "link", "show")
        assert MACS[vf_index] in shown, "the VF driver must have found the admin MAC"
    wait_for_links()
    assert reachable() == {(0, 1), (2, 3)}

    said = sriovctl("apply", "-", stdin=state(vlans=[0, 0, 0, 0]), expect=4)
    assert "namespace:vf0 would feel it" in said
    allowed = [word for n in range(4) for word in ("--allow", f"namespace:vf{n}")]
    sriovctl("apply", "-", *allowed, stdin=state(vlans=[0, 0, 0, 0]))
    assert reachable() == set(itertools.combinations(range(4), 2))


def test_plan_is_what_apply_does_and_nothing_is_left(tmp_path: Path) -> None:
    file = tmp_path / "host.yaml"
    file.write_text(state(vlans=[42, 43], driver="vfio-pci"))
    planned = json.loads(sriovctl("plan", str(file), "--json", expect=3))
    applied = json.loads(sriovctl("apply", str(file), "--json"))
    assert planned["steps"] == applied["steps"]
    assert json.loads(sriovctl("plan", str(file), "--json"))["steps"] == []
    for vf_index in (0, 1):
        assert (PCI / vf_address(vf_index) / "driver").resolve().name == "vfio-pci"
    (shown,) = json.loads(ip("-j", "-d", "link", "show", "dev", netdev()))
    assert [vf["address"] for vf in shown["vfinfo_list"]] == MACS[:2]
    assert [vf["vlan_list"][0]["vlan"] for vf in shown["vfinfo_list"]] == [42, 43]


def netdev() -> str:
    return next((PCI / IGB / "net").iterdir()).name


# Time, traffic, interrupts and what the kernel says of its work: they go on, whatever is undone.
CHANGING = ("recording.json", "netlink/links.jsonl", "proc/interrupts", "kernel.log")


def record(directory: Path) -> dict[str, str]:
    """Record the host; return what each file of the recording says."""
    sriovctl("record", str(directory))
    found = {}
    for path in sorted(directory.rglob("*")):
        name = str(path.relative_to(directory))
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.is_file() and name not in CHANGING:
            found[name] = path.read_bytes().hex()
    # What the netlink messages say of PFs and VFs is in the listing.
    found["ls"] = sriovctl("--host-tree", str(directory), "ls", "--json")
    return found


def test_undo_leads_back_to_the_first_recording(tmp_path: Path) -> None:
    before = record(tmp_path / "before")
    sriovctl("apply", "-", stdin=state(vlans=[42, 43]))
    assert record(tmp_path / "between") != before
    sriovctl("undo")
    after = record(tmp_path / "after")
    assert after.keys() == before.keys()
    assert {name for name in before if before[name] != after[name]} == set()


def vf_mac(vf_index: int) -> str:
    (vf_netdev,) = (PCI / vf_address(vf_index) / "net").iterdir()
    return (vf_netdev / "address").read_text().strip()


def test_a_vf_of_the_host_keeps_its_mac_through_a_resize_and_back() -> None:
    # With autoprobe on, igbvf takes a new VF before it has its MAC, and reads it only once.
    one = (
        f'version: 1\npfs: {{a: {{match: {{address: "{IGB}"}}, num_vfs: 1, link: {{state: up}}, '
        f'vfs: {{0: {{admin_mac: "{MACS[0]}", driver: igbvf}}}}}}}}'
    )
    sriovctl("apply", "-", stdin=one)
    assert vf_mac(0) == MACS[0]
    two = f'version: 1\npfs: {{a: {{match: {{address: "{IGB}"}}, num_vfs: 2}}}}'
    sriovctl("apply", "-", stdin=two)
    assert vf_mac(0) == MACS[0]
    sriovctl("undo")
    assert vf_mac(0) == MACS[0]
    assert not (PCI / IGB / "virtfn1").exists()


def test_undo_gives_back_what_destroyed_vfs_had() -> None:
    sriovctl("apply", "-", stdin=state(vlans=[42, 43], driver="none"))
    smaller = state(vlans=[44], driver="none")
    said = sriovctl("plan", "-", stdin=smaller, expect=3)
    assert vf_address(0) in said
    assert vf_address(1) in said
    sriovctl("apply", "-", stdin=smaller)
    assert (PCI / IGB / "sriov_numvfs").read_text() == "1\n"
    sriovctl("undo")
    (shown,) = json.loads(ip("-j", "-d", "link", "show", "dev", netdev()))
    assert [vf["address"] for vf in shown["vfinfo_list"]] == MACS[:2]
    assert [vf["vlan_list"][0]["vlan"] for vf in shown["vfinfo_list"]] == [42, 43]


def test_what_the_driver_cannot_do_is_refused_before_anything_is_touched() -> None:
    # igb has no ndo_set_vf_link_state, as the kernel itself says.
    refused = (
        f'version: 1\npfs: {{a: {{match: {{address: "{IGB}"}}, num_vfs: 2, '
        "vf_default: {link_state: disable}}}"
    )
    for verb in ("plan", "apply"):
        assert "igb has no operation for it" in sriovctl(verb, "-", stdin=refused, expect=1)
    assert (PCI / IGB / "sriov_numvfs").read_text() == "0\n"
    (PCI / IGB / "sriov_numvfs").write_text("2")
    command = ["ip", "link", "set", "dev", netdev(), "vf", "0", "state", "disable"]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Operation not supported" in asked.stderr


def test_what_every_vf_has_anyway_is_no_reason_to_refuse() -> None:
    plain = (
        f'version: 1\npfs: {{a: {{match: {{address: "{IGB}"}}, num_vfs: 1, drivers_autoprobe: no, '
        "vf_default: {link_state: auto, min_tx_rate_mbps: 0, trust: off}}}"
    )
    sriovctl("apply", "-", stdin=plain)
    assert json.loads(sriovctl("plan", "-", "--json", stdin=plain))["steps"] == []


def test_a_step_that_fails_leaves_nothing_behind() -> None:
    failing = (
        f'version: 1\npfs: {{a: {{match: {{address: "{IGB}"}}, num_vfs: 2, '
        "vf_default: {driver: no-such-driver}}}"
    )
    assert "did not take it" in sriovctl("apply", "-", stdin=failing, expect=1)
    assert (PCI / IGB / "sriov_numvfs").read_text() == "0\n"


def test_more_vfs_than_there_can_be() -> None:
    many = f'version: 1\npfs: {{a: {{match: {{address: "{IGB}"}}, num_vfs: 8}}}}'
    assert "at most 7" in sriovctl("apply", "-", stdin=many, expect=1)


def test_a_rate_is_set_although_igb_has_just_dropped_its_link() -> None:
    rated = (
        f'version: 1\npfs: {{a: {{match: {{address: "{IGB}"}}, num_vfs: 2, link: {{state: up}}, '
        "drivers_autoprobe: false, vfs: {1: {max_tx_rate_mbps: 100}}}}"
    )
    sriovctl("apply", "-", stdin=rated)
    (shown,) = json.loads(ip("-j", "-d", "link", "show", "dev", netdev()))
    assert [vf.get("rate", {}).get("max_tx", 0) for vf in shown["vfinfo_list"]] == [0, 100]


def test_nvme_vfs_without_a_netdev() -> None:
    file = f'version: 1\npfs: {{a: {{match: {{address: "{NVME}"}}, num_vfs: 4, '
    vfio = "drivers_autoprobe: false, vf_default: {driver: vfio-pci}}}"
    sriovctl("apply", "-", stdin=file + vfio)
    drivers = {path.resolve().name for path in PCI.glob(f"{NVME}/virtfn*/driver")}
    assert drivers == {"vfio-pci"}
    sriovctl("undo")  # bound to vfio-pci, but nobody has them open
    assert (PCI / NVME / "sriov_numvfs").read_text() == "0\n"
    assert "has no netdev" in sriovctl(
        "apply", "-", stdin=file + "vf_default: {trust: on}}}", expect=1
    )
