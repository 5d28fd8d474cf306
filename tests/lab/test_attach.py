"""A VF goes into a guest of a real libvirtd, on a real kernel, and comes back.

The tests build on each other's guest: starting one costs seconds under emulation in emulation.
Each leaves the VF as it found it.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from sriovctl.demo.guest import demo_disk, demo_guest_xml

pytestmark = pytest.mark.lab("82576", services=("libvirt",))

PCI = Path("/sys/bus/pci/devices")
PF = "0000:01:00.0"
VF0, VF1, VF2 = "0000:01:10.0", "0000:01:10.2", "0000:01:10.4"
PF_BEHIND_SWITCH, VF_BEHIND_SWITCH = "0000:04:00.0", "0000:04:10.0"
MAC = "52:54:00:6d:90:02"
VLAN = 42
NO_MAC = "00:00:00:00:00:00"


def run(*argv: str) -> str:
    """Run a program that must succeed."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(argv)}: {done.stdout}{done.stderr}"
    return done.stdout


def sriovctl(*argv: str) -> dict[str, object]:
    document = json.loads(run("sriovctl", *argv, "--json"))
    assert isinstance(document, dict)
    return document


def detached(*argv: str) -> dict[str, object]:
    rows = sriovctl("detach", *argv)["detached"]
    assert isinstance(rows, list)
    (row,) = rows
    assert isinstance(row, dict)
    return row


def sriovctl_fails(*argv: str) -> tuple[int, str]:
    done = subprocess.run(("sriovctl", *argv), capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def netdev(pf: str) -> str:
    return next((PCI / pf / "net").iterdir()).name


def vf_info(vf_index: int) -> dict[str, object]:
    """What iproute2 says of a VF: a second source."""
    (link,) = json.loads(run("ip", "-j", "link", "show", "dev", netdev(PF)))
    info: dict[str, object] = link["vfinfo_list"][vf_index]
    return info


def mac_and_vlan(vf_index: int) -> tuple[object, object]:
    info = vf_info(vf_index)
    vlans = info.get("vlan_list")
    vlan = vlans[0].get("vlan") if isinstance(vlans, list) and vlans else info.get("vlan")
    return info.get("address", info.get("mac")), vlan or None


def interfaces(guest: str, *flags: str) -> list[tuple[str | None, str | None, str]]:
    """MAC, VLAN and source of each hostdev interface, read by virsh: a second source."""
    domain = ElementTree.fromstring(run("virsh", "dumpxml", guest, *flags))
    found = []
    for element in domain.findall("devices/interface[@type='hostdev']"):
        mac, tag = element.find("mac"), element.find("vlan/tag")
        source = element.find("source/address")
        assert source is not None
        bus, slot, function = (int(source.get(k, "0"), 16) for k in ("bus", "slot", "function"))
        found.append(
            (
                None if mac is None else mac.get("address"),
                None if tag is None else tag.get("id"),
                f"0000:{bus:02x}:{slot:02x}.{function}",
            )
        )
    return found


def pci_as_qemu_sees_it(guest: str) -> str:
    return run("virsh", "qemu-monitor-command", "--hmp", guest, "info pci")


def wait_for(text: str, path: Path, *, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not path.exists() or text not in path.read_text():
        assert time.monotonic() < deadline, f"no {text!r} in {path}"
        time.sleep(0.5)


def define(xml: str) -> None:
    path = Path("/tmp/guest.xml")
    path.write_text(xml)
    run("virsh", "define", str(path))


@pytest.fixture(scope="module", autouse=True)
def vfs() -> Iterator[None]:
    """Three VFs on the card behind the root port, one on the card behind the switch."""
    for pf, num_vfs in ((PF, 3), (PF_BEHIND_SWITCH, 1)):
        run("ip", "link", "set", netdev(pf), "up")
        (PCI / pf / "sriov_drivers_autoprobe").write_text("0")
        (PCI / pf / "sriov_numvfs").write_text(str(num_vfs))
    yield
    for pf in (PF, PF_BEHIND_SWITCH):
        (PCI / pf / "sriov_numvfs").write_text("0")
        (PCI / pf / "sriov_drivers_autoprobe").write_text("1")
        run("ip", "link", "set", netdev(pf), "down")


@pytest.fixture(scope="module")
def guest() -> Iterator[str]:
    """A guest that sits in its firmware, with two root ports."""
    define(demo_guest_xml("MyGuest", root_ports=2))
    run("virsh", "start", "MyGuest")
    yield "MyGuest"
    subprocess.run(("virsh", "destroy", "MyGuest"), capture_output=True, check=False)
    run("virsh", "undefine", "MyGuest")


@pytest.fixture(scope="module")
def attached(guest: str) -> dict[str, object]:
    """What the first attach said; the VF stays in the guest for the tests below."""
    return sriovctl("attach", guest, "--vf", VF0, "--mac", MAC, "--vlan", str(VLAN))


def test_attach_says_what_it_did(attached: dict[str, object]) -> None:
    assert attached["changed"] is True
    assert (attached["mac"], attached["vlan"]) == (MAC, {"id": VLAN})
    assert (attached["live"], attached["config"]) == (True, True)
    assert attached["warnings"] == []
    assert str(attached["guest_address"]).endswith(":00.0")


def test_the_vf_is_in_both_definitions(guest: str, attached: dict[str, object]) -> None:
    assert attached["vf"] == VF0
    assert interfaces(guest) == [(MAC, str(VLAN), VF0)]
    assert interfaces(guest, "--inactive") == [(MAC, str(VLAN), VF0)]


@pytest.mark.usefixtures("attached")
def test_the_kernel_has_mac_and_vlan() -> None:
    assert mac_and_vlan(0) == (MAC, VLAN)


@pytest.mark.usefixtures("attached")
def test_history_tells_what_libvirt_changed_and_who_asked(guest: str) -> None:
    newest = sriovctl("history")["runs"][0]  # type: ignore[index]
    assert (newest["kind"], newest["status"]) == ("record", "done")
    assert (newest["source"], newest["pfs"]) == (f"attach {guest}", [PF])
    assert newest["asked_by"].startswith("uid 0 (root)")
    (shown,) = sriovctl("history", str(newest["run"]))["runs"]  # type: ignore[misc]
    told = {key: value for step in shown["steps"] for key, value in step["after"].items()}  # type: ignore[has-type]
    mac, vlan = mac_and_vlan(0)
    assert (told["admin_mac"], told["vlan"]["id"]) == (mac, vlan)
    assert told["driver"] == (PCI / VF0 / "driver").resolve().name
    assert shown["steps"][0]["affected"] == [f"guest:{guest}"]  # type: ignore[has-type]


@pytest.mark.usefixtures("attached")
def test_qemu_has_the_vf(guest: str) -> None:
    assert "8086:10ca" in pci_as_qemu_sees_it(guest)
    assert (PCI / VF0 / "driver").resolve().name == "vfio-pci"


@pytest.mark.usefixtures("attached")
def test_guests_lists_it(guest: str) -> None:
    rows = sriovctl("guests")["guests"]
    assert isinstance(rows, list)
    (row,) = (row for row in rows if row["name"] == guest)
    (device,) = row["devices"]
    assert (device["address"], device["mac"], device["live"], device["config"]) == (
        VF0,
        MAC,
        True,
        True,
    )


@pytest.mark.usefixtures("attached")
def test_the_second_attach_changes_nothing(guest: str) -> None:
    again = sriovctl("attach", guest, "--vf", VF0, "--mac", MAC, "--vlan", str(VLAN))
    assert again["changed"] is False
    assert sriovctl("attach", guest, "--vf", VF0)["changed"] is False
    assert len(interfaces(guest)) == 1


@pytest.mark.usefixtures("attached")
def test_other_settings_for_the_same_vf_are_refused(guest: str) -> None:
    status, message = sriovctl_fails("attach", guest, "--vf", VF0, "--vlan", "43")
    assert status == 1
    assert f"already in this guest, with MAC {MAC} and VLAN {VLAN}" in message
    assert mac_and_vlan(0) == (MAC, VLAN)


@pytest.mark.usefixtures("attached")
def test_a_vf_or_a_mac_of_another_guest_is_refused() -> None:
    define(demo_guest_xml("Other"))
    try:
        status, message = sriovctl_fails("attach", "Other", "--vf", VF0)
        assert (status, "belongs to guest MyGuest" in message) == (4, True)
        status, message = sriovctl_fails("attach", "Other", "--vf", VF1, "--mac", MAC)
        assert (status, "already the MAC of a device of guest MyGuest" in message) == (4, True)
        assert interfaces("Other", "--inactive") == []
        assert mac_and_vlan(1) == (NO_MAC, None)
    finally:
        run("virsh", "undefine", "Other")


@pytest.mark.usefixtures("attached")
def test_what_was_set_through_the_pf_is_kept_and_no_third_port_is_refused_untouched(
    guest: str,
) -> None:
    mac = "52:54:00:6d:90:03"
    run("ip", "link", "set", netdev(PF), "vf", "1", "mac", mac, "vlan", "43")
    picked = sriovctl("attach", guest, "--pf", netdev(PF), "--live")
    assert (picked["vf"], picked["mac"], picked["vlan"]) == (VF1, mac, {"id": 43})
    assert mac_and_vlan(1) == (mac, 43)
    # Both ports are taken now.  Left to libvirt, the VF's MAC would change before it fails.
    status, message = sriovctl_fails(
        "attach", guest, "--vf", VF2, "--mac", "52:54:00:6d:90:04", "--live"
    )
    assert status == 1
    assert "no free root port" in message
    assert mac_and_vlan(2) == (NO_MAC, None)


def test_a_vf_that_shares_its_group_with_the_pf_is_refused(guest: str) -> None:
    status, message = sriovctl_fails("attach", guest, "--vf", VF_BEHIND_SWITCH, "--config")
    assert status == 1
    assert f"{PF_BEHIND_SWITCH} (igb)" in message


@pytest.mark.usefixtures("attached")
def test_a_guest_that_does_not_answer_keeps_the_vf_and_we_say_so(guest: str) -> None:
    status, message = sriovctl_fails("detach", guest, "--vf", VF0, "--timeout", "2")
    assert status == 1
    assert "has not let go of the VF" in message
    assert "now attached, next boot gone" in message
    assert interfaces(guest, "--inactive") == []
    assert VF0 in [source for _, _, source in interfaces(guest)]


def test_unknown_names_are_explained(guest: str) -> None:
    assert guest == "MyGuest"
    status, message = sriovctl_fails("attach", "MyGest", "--vf", VF2)
    assert (status, "did you mean MyGuest?" in message) == (2, True)
    status, message = sriovctl_fails("attach", guest, "--vf", "0000:01:1f.0")
    assert (status, "no such PCI function" in message) == (2, True)
    status, message = sriovctl_fails("attach", guest, "--vf", PF)
    assert (status, "is not a VF" in message) == (2, True)


def test_without_libvirtd_the_error_says_how_to_start_it(tmp_path: Path) -> None:
    # In a mount namespace of its own, so that libvirtd goes on for the others.
    status = subprocess.run(
        ("unshare", "-m", "sh", "-c", "mount -t tmpfs none /run/libvirt && exec sriovctl guests"),
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert status.returncode == 1
    assert status.stderr.count("\n") == 1  # and libvirt's own complaint is not on stderr
    assert "libvirt does not answer" in status.stderr
    assert "systemctl start libvirtd" in status.stderr


@pytest.fixture
def consenting_guest(tmp_path: Path) -> Iterator[str]:
    """A guest with a system that answers an unplug."""
    (tmp_path / "disk").write_bytes(demo_disk())
    console = tmp_path / "console"
    define(demo_guest_xml("Consenting", disk=str(tmp_path / "disk"), console_log=str(console)))
    run("virsh", "start", "Consenting")
    wait_for("up", console, timeout_s=60)
    yield "Consenting"
    subprocess.run(("virsh", "destroy", "Consenting"), capture_output=True, check=False)
    run("virsh", "undefine", "Consenting")


def test_a_guest_that_answers_gives_the_vf_back(consenting_guest: str) -> None:
    mac = "52:54:00:6d:90:04"
    sriovctl("attach", consenting_guest, "--vf", VF2, "--mac", mac, "--vlan", "44")
    assert mac_and_vlan(2) == (mac, 44)
    answer = detached(consenting_guest, "--all", "--timeout", "60")
    assert (answer["vf"], answer["live"], answer["config"]) == (VF2, True, True)
    assert interfaces(consenting_guest) == interfaces(consenting_guest, "--inactive") == []
    assert "8086:10ca" not in pci_as_qemu_sees_it(consenting_guest)
    # libvirt put back what the VF had before.
    assert mac_and_vlan(2) == (NO_MAC, None)
    assert detached(consenting_guest, "--vf", VF2)["changed"] is False


def test_a_vf_in_a_container_is_refused(guest: str) -> None:
    run("ip", "netns", "add", "box")
    try:
        (PCI / VF_BEHIND_SWITCH / "driver_override").write_text("igbvf")
        Path("/sys/bus/pci/drivers_probe").write_text(VF_BEHIND_SWITCH)
        run("udevadm", "settle")  # it renames the netdev
        run("ip", "link", "set", netdev(VF_BEHIND_SWITCH), "netns", "box")
        status, message = sriovctl_fails("attach", guest, "--vf", VF_BEHIND_SWITCH, "--config")
        assert (status, "another network namespace" in message) == (4, True)
    finally:
        run("ip", "netns", "del", "box")
