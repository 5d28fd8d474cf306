"""A real Linux gets a VF while it runs, and says itself what it got: MAC, VLAN, and who answers.

A second source for each claim: the guest's own igbvf and ping, QEMU's monitor, ip, sysfs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.linux_guest import LinuxGuest
from tests.lab.shell import PCI, ip, netdev_of, run, sriovctl, vfs_by_ip

pytestmark = [pytest.mark.lab("82576", services=("libvirt",)), pytest.mark.linux_guest]

PF = "0000:01:00.0"
VF0 = "0000:01:10.0"
MAC = "52:54:00:6d:90:02"
# The VF, its VLAN, and the network namespace that its netdev is in.
NEIGHBOURS = (("0000:01:10.2", 42, "same"), ("0000:01:10.4", 43, "other"))
ADDRESS = {"guest": "10.0.0.1", "same": "10.0.0.2", "other": "10.0.0.3"}
DRIVER_SAYS = "Address: "


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LinuxGuest]:
    """A running Linux, and beside it two VFs on two VLANs, each in a namespace of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SRIOVCTL_STATE_DIR", str(tmp_path_factory.mktemp("state")))
        (PCI / PF / "sriov_numvfs").write_text("0")  # other tests of this machine leave theirs
        sriovctl("apply", "-", stdin=state(guest_vlan=None))
        run("udevadm", "settle")
        for vf, _, name in NEIGHBOURS:
            add_namespace(name, netdev_of(vf))
        linux = LinuxGuest()
        yield linux
        linux.end()
        for _, _, name in NEIGHBOURS:
            ip("netns", "del", name)
        (PCI / PF / "sriov_numvfs").write_text("0")
        (PCI / PF / "sriov_drivers_autoprobe").write_text("1")


def state(*, guest_vlan: int | None) -> str:
    vfs = [
        f"{n}: {{vlan: {{id: {each[1]}}}, driver: igbvf}}" for n, each in enumerate(NEIGHBOURS, 1)
    ]
    if guest_vlan is not None:
        vfs.append(f"0: {{vlan: {{id: {guest_vlan}}}}}")
    return (
        f'version: 1\npfs: {{a: {{match: {{address: "{PF}"}}, num_vfs: 3, link: {{state: up}}, '
        f"drivers_autoprobe: false, vfs: {{{', '.join(vfs)}}}}}}}"
    )


def add_namespace(name: str, netdev: str) -> None:
    ip("netns", "add", name)
    ip("link", "set", netdev, "netns", name)
    ip("-n", name, "link", "set", netdev, "up")
    ip("-n", name, "addr", "add", f"{ADDRESS[name]}/24", "dev", netdev)


@pytest.fixture(scope="module")
def attached(guest: LinuxGuest) -> dict[str, object]:
    """What attach said; the guest's netdev is up, with an address."""
    words = ("attach", guest.name, "--vf", VF0, "--mac", MAC, "--vlan", "42", "--json")
    said: dict[str, object] = json.loads(sriovctl(*words))
    guest.wait_for("test -e /sys/class/net/eth0")
    guest.ask(f"ip link set eth0 up && ip addr add {ADDRESS['guest']}/24 dev eth0")
    guest.wait_for("grep -q 1 /sys/class/net/eth0/carrier")
    return said


def guest_reaches(guest: LinuxGuest, name: str) -> bool:
    return guest.shell(f"ping -c 2 -W 2 {ADDRESS[name]}").status == 0


def test_the_guests_driver_has_our_mac(guest: LinuxGuest, attached: dict[str, object]) -> None:
    assert guest.ask("cat /sys/class/net/eth0/address") == MAC
    assert f"{DRIVER_SAYS}{MAC}" in guest.ask("dmesg | grep igbvf")
    device = f"/sys/bus/pci/devices/{attached['guest_address']}"
    assert guest.ask(f"cat {device}/vendor {device}/device").split() == ["0x8086", "0x10ca"]
    assert guest.ask(f"ls {device}/net") == "eth0"


def test_qemu_and_the_card_say_the_same(guest: LinuxGuest, attached: dict[str, object]) -> None:
    assert attached["mac"] == MAC
    shown = run("virsh", "qemu-monitor-command", "--hmp", guest.name, "info pci")
    assert shown.count("8086:10ca") == 1
    assert vfs_by_ip(netdev_of(PF))[0]["address"] == MAC


@pytest.mark.usefixtures("attached")
def test_the_guest_reaches_its_own_vlan_and_no_other(guest: LinuxGuest) -> None:
    assert guest_reaches(guest, "same")
    assert not guest_reaches(guest, "other")
    (heard,) = json.loads(ip("-n", "same", "-j", "neigh", "show", ADDRESS["guest"]))
    assert heard["lladdr"] == MAC
    assert json.loads(ip("-n", "other", "-j", "neigh", "show", ADDRESS["guest"])) == []


@pytest.mark.usefixtures("attached")
def test_frames_go_by_dma_and_interrupts_of_the_vf(guest: LinuxGuest) -> None:
    inside = guest.ask("grep eth0-rx /proc/interrupts").split()
    assert int(inside[1]) > 0
    lines = Path("/proc/interrupts").read_text().splitlines()
    passed_on = [line.split() for line in lines if f"vfio-msix[1]({VF0})" in line]
    assert [int(words[1]) > 0 for words in passed_on] == [True]


@pytest.mark.usefixtures("attached")
def test_the_guest_cannot_take_another_mac(guest: LinuxGuest) -> None:
    assert guest.shell("ip link set eth0 address 52:54:00:66:66:66").status != 0
    assert guest.ask("cat /sys/class/net/eth0/address") == MAC


@pytest.mark.usefixtures("attached")
def test_the_running_guest_is_moved_to_another_vlan_and_back(guest: LinuxGuest) -> None:
    token = f"guest:{guest.name}"
    sriovctl("apply", "-", "--allow", token, stdin=state(guest_vlan=43))
    assert guest_reaches(guest, "other")
    assert not guest_reaches(guest, "same")
    sriovctl("undo", "--allow", token)
    assert guest_reaches(guest, "same")


@pytest.mark.usefixtures("attached")
def test_the_vf_comes_back_and_the_guest_has_let_go(guest: LinuxGuest) -> None:
    (row,) = json.loads(sriovctl("detach", guest.name, "--vf", VF0, "--json"))["detached"]
    assert (row["live"], row["config"], row["changed"]) == (True, True, True)
    assert "eth0" not in guest.ask("ls /sys/class/net")
    assert "0x10ca" not in guest.ask("cat /sys/bus/pci/devices/*/device")
    assert "8086:10ca" not in run("virsh", "qemu-monitor-command", "--hmp", guest.name, "info pci")
    on_card = vfs_by_ip(netdev_of(PF))[0]
    assert on_card["address"] == "00:00:00:00:00:00"
    assert on_card["vlan_list"][0].get("vlan", 0) == 0  # type: ignore[index]
    # And it works for the host again.
    sriovctl("bind", VF0, "--driver", "igbvf")
    assert (PCI / VF0 / "driver").resolve().name == "igbvf"
