"""VFs in a QEMU without libvirt, on a real kernel, judged by QEMU's monitor, ip and sysfs."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.bare_qemu import PORTS, BareQEMU
from tests.lab.shell import PCI, netdev_of, run, sriovctl, vf_drivers, vfs_by_ip

# Inside a machine it runs whatever the host has chosen.
CHOSEN = {"SRIOVCTL_LONG_TESTS", "SRIOVCTL_LAB_MACHINE"} & os.environ.keys()
pytestmark = [
    pytest.mark.lab("82576", services=("udev",)),
    *([] if CHOSEN else [pytest.mark.skip("takes five minutes: SRIOVCTL_LONG_TESTS=1 runs it")]),
]

PF, PF_BELOW_SWITCH = "0000:01:00.0", "0000:04:00.0"
VF0, VF1, VF2 = "0000:01:10.0", "0000:01:10.2", "0000:01:10.4"
MAC = "52:54:00:6d:90:02"
IDS = "8086:10ca"


@pytest.fixture(autouse=True)
def vfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Three VFs with igbvf, of a PF that is up, and a journal of their own."""
    monkeypatch.setenv("SRIOVCTL_STATE_DIR", str(tmp_path / "state"))
    run("ip", "link", "set", netdev_of(PF), "up")
    (PCI / PF / "sriov_numvfs").write_text("3")
    yield
    (PCI / PF / "sriov_numvfs").write_text("0")
    run("ip", "link", "set", netdev_of(PF), "down")


@pytest.fixture
def guests() -> Iterator[list[BareQEMU]]:
    """QEMUs that a test started; ended with it, before its VFs go."""
    started: list[BareQEMU] = []
    yield started
    for each in started:
        each.kill()
        wait_until_closed(VF0, VF1, VF2)


@pytest.fixture
def guest(tmp_path: Path, guests: list[BareQEMU]) -> BareQEMU:
    """A guest that sits in its firmware, with two root ports."""
    guests.append(BareQEMU(tmp_path, *PORTS))
    return guests[0]


def mac_and_vlan(vf_index: int) -> tuple[object, object]:
    info = vfs_by_ip(netdev_of(PF))[vf_index]
    vlans = info.get("vlan_list")
    vlan = vlans[0].get("vlan") if isinstance(vlans, list) and vlans else None
    return info["address"], vlan or None


def wait_until_closed(*vfs: str) -> None:
    deadline = time.monotonic() + 20
    for vf in vfs:
        while (PCI / vf / "enable").read_text() != "0\n" and driver(vf) == "vfio-pci":
            assert time.monotonic() < deadline, f"{vf} is still open"
            time.sleep(0.1)


def driver(vf: str) -> str | None:
    link = PCI / vf / "driver"
    return link.resolve().name if link.exists() else None


def answer(*words: str) -> dict[str, object]:
    document = json.loads(sriovctl(*words, "--json"))
    assert isinstance(document, dict)
    return document


def owners_of(vf: str) -> list[object]:
    rows = answer("owners", vf)["owners"]
    assert isinstance(rows, list)
    return [row["token"] for row in rows]


# --- arguments -------------------------------------------------------------------------------


def test_qemu_starts_with_the_printed_arguments(tmp_path: Path, guests: list[BareQEMU]) -> None:
    sriovctl("bind", VF0, VF1, "--driver", "vfio-pci")
    words = sriovctl("qemu", "args", VF0, VF1, "--rombar", "0").split()
    guests.append(BareQEMU(tmp_path, *words))
    guests[0].wait_for_pci(IDS, 2)
    assert (PCI / VF0 / "enable").read_text() == "1\n"
    assert owners_of(VF0) == owners_of(VF1) == [f"process:BareGuest-{guests[0].process.pid}"]
    assert owners_of(VF2) == []


def test_vfs_become_functions_of_one_device(tmp_path: Path, guests: list[BareQEMU]) -> None:
    sriovctl("bind", VF0, VF1, "--driver", "vfio-pci")
    words = sriovctl("qemu", "args", VF0, VF1, "--multifunction").split()
    guests.append(BareQEMU(tmp_path, *words))
    shown = guests[0].wait_for_pci(IDS, 2)
    lines = [line.split() for line in shown.splitlines() if "function" in line]
    # "Bus 1, device 0, function 1:"
    assert [line[-1] for line in lines if line[1] == "1,"] == ["0:", "1:"]


def test_an_old_command_line_starts_translated(tmp_path: Path, guests: list[BareQEMU]) -> None:
    sriovctl("bind", VF0, VF1, "--driver", "vfio-pci")
    old = "-device pci-assign,host=01:10.0,id=hostdev0,prefer_msi=on,bus=port2,configfd=9"
    old += " -pcidevice host=01:10.2,name=second"
    said = sriovctl("qemu", "translate", "--", *old.split())
    guests.append(BareQEMU(tmp_path, *PORTS, *said.splitlines()[0].split()))
    guests[0].wait_for_pci(IDS, 2)
    listed = answer("qemu", "list", guests[0].socket)
    assert isinstance(listed["devices"], list)
    assert [(one["id"], one["address"], one["pf"]) for one in listed["devices"]] == [
        ("hostdev0", VF0, PF),
        ("second", VF1, PF),
    ]
    assert listed["ports"] == [
        {"id": "port1", "occupied": False, "hotplug": True},
        {"id": "port2", "occupied": True, "hotplug": True},
    ]


# --- hot plug --------------------------------------------------------------------------------


def test_a_vf_is_plugged_in_with_its_settings_and_seen_by_all(guest: BareQEMU) -> None:
    said = answer("qemu", "attach", guest.socket, VF0, "--mac", MAC, "--vlan", "42")
    assert (said["changed"], said["mac"], said["vlan"]) == (True, MAC, {"id": 42})
    assert mac_and_vlan(0) == (MAC, 42)
    assert IDS in guest.hmp("info pci")
    assert driver(VF0) == "vfio-pci"
    assert (PCI / VF0 / "enable").read_text() == "1\n"
    assert owners_of(VF0) == [f"process:BareGuest-{guest.process.pid}"]
    again = answer("qemu", "attach", guest.socket, VF0, "--mac", MAC)
    assert again["changed"] is False
    assert "already in this guest" in sriovctl(
        "qemu", "attach", guest.socket, VF0, "--vlan", "43", expect=1
    )
    assert "is in use" in sriovctl("bind", VF0, "--driver", "original", expect=4)
    assert "is in use" in sriovctl("undo", expect=4)
    assert mac_and_vlan(0) == (MAC, 42)


def test_two_ports_and_no_third(guest: BareQEMU) -> None:
    for vf in (VF0, VF1):
        sriovctl("qemu", "attach", guest.socket, vf)
    assert guest.hmp("info pci").count(IDS) == 2
    said = sriovctl("qemu", "attach", guest.socket, VF2, "--mac", MAC, expect=1)
    assert "no free root port" in said
    assert driver(VF2) == "igbvf"
    assert mac_and_vlan(2)[0] != MAC


def test_what_qemu_refuses_leaves_the_vf_as_it_was(guest: BareQEMU) -> None:
    before = mac_and_vlan(0)
    said = sriovctl(
        "qemu", "attach", guest.socket, VF0, "--bus", "nowhere", "--vlan", "42", expect=1
    )
    assert "Bus 'nowhere' not found" in said
    assert "as it was" in said
    assert (driver(VF0), mac_and_vlan(0)[1]) == ("igbvf", before[1])
    assert IDS not in guest.hmp("info pci")


def test_a_guest_that_does_not_answer_keeps_the_vf_and_we_say_so(guest: BareQEMU) -> None:
    sriovctl("qemu", "attach", guest.socket, VF0, "--mac", MAC, "--vlan", "42")
    for _ in range(2):  # the second time the request is open already
        said = sriovctl("qemu", "detach", guest.socket, VF0, "--timeout", "2", expect=1)
        assert "has not let go of the VF; the request stays open" in said
        assert "still in the guest, with its MAC and VLAN" in said
        assert IDS in guest.hmp("info pci")
        assert mac_and_vlan(0) == (MAC, 42)


def test_a_vf_of_a_qemu_that_was_killed_is_free_and_can_be_had_back(guest: BareQEMU) -> None:
    sriovctl("qemu", "attach", guest.socket, VF0, "--mac", MAC, "--vlan", "42")
    guest.kill()
    wait_until_closed(VF0)
    assert owners_of(VF0) == []
    # As it was for the guest: another one may have it just so.
    assert (driver(VF0), mac_and_vlan(0)) == ("vfio-pci", (MAC, 42))
    said = answer("qemu", "detach", guest.socket, VF0)
    assert (said["changed"], said["given_back"], said["host_driver"]) == (False, 1, "igbvf")
    assert driver(VF0) == "igbvf"
    assert mac_and_vlan(0)[0] != MAC
    assert mac_and_vlan(0)[1] is None
    assert "nobody listens" in sriovctl("qemu", "detach", guest.socket, VF0, expect=1)


def test_a_guest_that_answers_gives_the_vf_back(tmp_path: Path, guests: list[BareQEMU]) -> None:
    guest = BareQEMU(tmp_path, *PORTS, consents=True)
    guests.append(guest)
    # Both at once, so that each is given back although the other's run is newer or older.
    sriovctl("qemu", "attach", guest.socket, VF0, "--mac", MAC, "--vlan", "42")
    sriovctl("qemu", "attach", guest.socket, VF1, "--vlan", "43")
    assert guest.hmp("info pci").count(IDS) == 2
    for index, vf in enumerate((VF0, VF1)):
        said = answer("qemu", "detach", guest.socket, vf, "--timeout", "60")
        assert (said["changed"], said["host_driver"]) == (True, "igbvf")
        assert f'host = "{vf}"' not in guest.hmp("info qtree")
        assert mac_and_vlan(index)[1] is None
    assert IDS not in guest.hmp("info pci")
    assert vf_drivers(PF) == ["igbvf"] * 3
    assert mac_and_vlan(0)[0] != MAC
    sriovctl("qemu", "attach", guest.socket, VF0)  # and again
    assert IDS in guest.hmp("info pci")


def test_a_conventional_machine_has_slots(tmp_path: Path, guests: list[BareQEMU]) -> None:
    guests.append(BareQEMU(tmp_path, machine="pc"))
    sriovctl("qemu", "attach", guests[0].socket, VF0)
    assert IDS in guests[0].hmp("info pci")


def test_a_vf_that_shares_its_group_is_refused_untouched(guest: BareQEMU) -> None:
    (PCI / PF_BELOW_SWITCH / "sriov_numvfs").write_text("1")
    try:
        said = sriovctl("qemu", "attach", guest.socket, "0000:04:10.0", "--vlan", "42", expect=1)
        assert f"{PF_BELOW_SWITCH} (igb)" in said
        assert driver("0000:04:10.0") == "igbvf"
    finally:
        (PCI / PF_BELOW_SWITCH / "sriov_numvfs").write_text("0")


def test_qemu_must_be_allowed_to_lock_the_memory(tmp_path: Path, guests: list[BareQEMU]) -> None:
    less = ("setpriv", "--bounding-set=-ipc_lock", "prlimit", "--memlock=65536:65536")
    guests.append(BareQEMU(tmp_path, *PORTS, prefix=less))
    said = sriovctl("qemu", "attach", guests[0].socket, VF0, expect=1)
    assert "may lock 0 MiB of memory, and the guest has 64" in said
    assert driver(VF0) == "igbvf"
    # And QEMU itself would fail just so.
    sriovctl("bind", VF0, "--driver", "vfio-pci")
    complaint = guests[0].hmp(f"device_add vfio-pci,host={VF0},bus=port1")
    assert "memory" in complaint.lower()
    run("prlimit", "--pid", str(guests[0].process.pid), "--memlock=unlimited:unlimited")
    sriovctl("qemu", "attach", guests[0].socket, VF0)
    assert IDS in guests[0].hmp("info pci")


def test_sockets_that_cannot_be_used(tmp_path: Path, guest: BareQEMU) -> None:
    import socket

    assert "is no socket" in sriovctl("qemu", "list", str(tmp_path / "none"), expect=2)
    with socket.socket(socket.AF_UNIX) as other:
        other.connect(guest.socket)
        other.recv(1)  # QEMU has greeted it
        assert "somebody else is connected" in sriovctl("qemu", "list", guest.socket, expect=1)
    assert "BareGuest is running" in sriovctl("qemu", "list", guest.socket)
