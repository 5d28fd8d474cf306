"""Attach and detach while libvirtd, QEMU or sriovctl is killed, on a real kernel and libvirtd.

A stopped QEMU keeps libvirtd, and so sriovctl, at the one point where the VF has its MAC, VLAN and
driver for the guest and libvirt has not yet written down that the guest has it.  After each case
MAC, VLAN and driver are held against ip and sysfs, the definitions against virsh, what the guest
has against QEMU's monitor; and nobody may be left with a lease.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from sriovctl.demo.guest import demo_guest_xml
from tests.lab.shell import PCI, netdev_of, run, sriovctl, vfs_by_ip

pytestmark = pytest.mark.lab("82576", services=("libvirt",))

PF, VF = "0000:01:00.0", "0000:01:10.0"
MAC, VLAN = "52:54:00:6d:90:02", 42
# What the VF has before, so that "as it was" is something.
OWN_MAC, OWN_VLAN = "52:54:00:6d:90:0a", 7
GUEST = "CutShort"
ATTACH = ("attach", GUEST, "--vf", VF, "--mac", MAC, "--vlan", str(VLAN))
DETACH = ("detach", GUEST, "--vf", VF, "--timeout", "3")


@pytest.fixture(autouse=True, scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A guest that sits in its firmware, so it answers no unplug, and VFs without a driver."""
    with pytest.MonkeyPatch.context() as patch:
        directory = tmp_path_factory.mktemp("cut-short")
        patch.setenv("SRIOVCTL_STATE_DIR", str(directory))
        (PCI / PF / "sriov_numvfs").write_text("0")  # other tests of this machine leave theirs
        (PCI / PF / "sriov_drivers_autoprobe").write_text("0")
        (PCI / PF / "sriov_numvfs").write_text("2")
        run("ip", "link", "set", netdev_of(PF), "up")
        (directory / "guest.xml").write_text(demo_guest_xml(GUEST))
        run("virsh", "define", str(directory / "guest.xml"))
        yield
        run("virsh", "undefine", GUEST)
        (PCI / PF / "sriov_numvfs").write_text("0")
        (PCI / PF / "sriov_drivers_autoprobe").write_text("1")


@pytest.fixture(autouse=True)
def start() -> Iterator[None]:
    """The guest runs; afterwards it does not, and libvirtd does."""
    run("ip", "link", "set", netdev_of(PF), "vf", "0", "mac", OWN_MAC, "vlan", str(OWN_VLAN))
    run("virsh", "start", GUEST)
    yield
    start_libvirtd()
    subprocess.run(("virsh", "destroy", GUEST), capture_output=True, check=False)


def pid_of(pattern: str) -> int:
    return int(run("pgrep", "-f", pattern).split()[0])


def libvirtds() -> list[int]:
    return [int(pid) for pid in said_by("pidof", "libvirtd").split()]


def said_by(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout


def kill_libvirtd(number: signal.Signals) -> None:
    for pid in libvirtds():
        os.kill(pid, number)


def start_libvirtd() -> None:
    if not libvirtds():
        run("libvirtd", "-d")
    until(lambda: "Name" in said_by("virsh", "list"))


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def begin(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ("sriovctl", *words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def end_of(process: subprocess.Popen[str]) -> str:
    said, _ = process.communicate(timeout=120)
    assert "Traceback" not in said
    return said


def driver() -> str | None:
    link = PCI / VF / "driver"
    return link.resolve().name if link.exists() else None


def on_card() -> tuple[object, object]:
    shown = vfs_by_ip(netdev_of(PF))[0]
    vlans = shown.get("vlan_list")
    return shown["address"], vlans[0].get("vlan") if isinstance(vlans, list) and vlans else None


def in_xml(*flags: str) -> bool:
    return MAC in run("virsh", "dumpxml", GUEST, *flags)


def in_qemu() -> bool:
    return f'host = "{VF}"' in run("virsh", "qemu-monitor-command", "--hmp", GUEST, "info qtree")


def assert_as_before() -> None:
    assert (on_card(), driver()) == ((OWN_MAC, OWN_VLAN), None)
    assert "no VF is lent" in sriovctl("lease", "list")


def begin_and_stop_half_way() -> tuple[subprocess.Popen[str], int]:
    """Begin an attach that waits for QEMU, with the VF ready for the guest."""
    qemu = pid_of(f"guest={GUEST},")
    os.kill(qemu, signal.SIGSTOP)
    process = begin(*ATTACH)
    until(lambda: driver() == "vfio-pci" and on_card() == (MAC, VLAN))
    until(has_unread_order)
    return process, qemu


def has_unread_order() -> bool:
    """Whether libvirtd has written something to QEMU's monitor that QEMU has not read."""
    lines = said_by("ss", "-xH", "state", "established").splitlines()
    queued = [line.split()[1] for line in lines if f"{GUEST}/monitor.sock" in line]
    return any(int(octets) for octets in queued)


def test_libvirtd_is_killed_while_qemu_takes_the_vf() -> None:
    process, qemu = begin_and_stop_half_way()
    # QEMU drops orders of one who is gone already: so let it take the VF, and libvirtd not see it.
    kill_libvirtd(signal.SIGSTOP)
    os.kill(qemu, signal.SIGCONT)
    until(lambda: (PCI / VF / "enable").read_text() != "0\n")
    kill_libvirtd(signal.SIGKILL)
    said = end_of(process)
    assert "libvirt's daemon went away meanwhile" in said
    assert "run the same command again" in said
    assert "systemctl start libvirtd" in sriovctl(*ATTACH, expect=1)
    start_libvirtd()
    until(in_qemu)
    assert not in_xml()
    said = sriovctl(*ATTACH, expect=1)
    assert "is in the guest, and libvirt does not know it" in said
    assert f"sriovctl detach {GUEST} --vf {VF}" in said
    assert "has not let go of a VF that libvirt does not know" in sriovctl(*DETACH, expect=1)
    assert on_card() == (MAC, VLAN)  # it is the guest's still
    run("virsh", "destroy", GUEST)
    assert "put back as it was" in sriovctl(*DETACH)
    assert_as_before()
    assert "is not attached" in sriovctl(*DETACH)


def test_libvirtd_and_qemu_are_killed_before_qemu_takes_the_vf() -> None:
    process, qemu = begin_and_stop_half_way()
    kill_libvirtd(signal.SIGKILL)
    os.kill(qemu, signal.SIGKILL)
    assert "libvirt's daemon went away meanwhile" in end_of(process)
    start_libvirtd()
    until(lambda: "shut off" in run("virsh", "domstate", GUEST))
    # Nobody has put anything back.  What the VF has now is not what it had before.
    assert (on_card(), driver()) == ((MAC, VLAN), "vfio-pci")
    run("virsh", "start", GUEST)
    sriovctl(*ATTACH)
    assert (in_xml(), in_qemu(), on_card()) == (True, True, (MAC, VLAN))
    run("virsh", "destroy", GUEST)
    until(lambda: driver() is None)
    sriovctl(*DETACH)
    assert_as_before()


def test_sriovctl_is_killed_in_mid_attach_and_mid_detach_and_then_qemu() -> None:
    process, qemu = begin_and_stop_half_way()
    process.kill()
    end_of(process)
    os.kill(qemu, signal.SIGCONT)
    # libvirtd went on without it: there is nothing left to do.
    until(in_xml)
    assert "already" in sriovctl(*ATTACH)
    assert (in_xml("--inactive"), in_qemu(), on_card()) == (True, True, (MAC, VLAN))
    assert "no VF is lent" in sriovctl("lease", "list")

    process = begin("detach", GUEST, "--vf", VF, "--timeout", "60")
    until(lambda: not in_xml("--inactive"))
    process.kill()
    end_of(process)
    assert (in_xml(), on_card()) == (True, (MAC, VLAN))

    # The next one is still waiting when libvirtd is restarted.
    process = begin("detach", GUEST, "--vf", VF, "--timeout", "15")
    time.sleep(8)  # libvirtd itself waits five seconds for the guest
    kill_libvirtd(signal.SIGTERM)
    until(lambda: not libvirtds())
    start_libvirtd()
    said = end_of(process)
    assert process.returncode == 1
    assert "has not let go of the VF" in said
    assert "now attached, next boot gone" in said

    os.kill(qemu, signal.SIGKILL)
    until(lambda: driver() is None)
    assert "is not attached" in sriovctl(*DETACH)
    assert_as_before()


def test_libvirtd_stops_before_and_dies_after_and_qemu_with_it() -> None:
    kill_libvirtd(signal.SIGSTOP)
    process = begin(*ATTACH)
    time.sleep(3)
    process.kill()
    end_of(process)
    kill_libvirtd(signal.SIGCONT)
    assert_as_before()

    sriovctl(*ATTACH)
    kill_libvirtd(signal.SIGKILL)
    os.kill(pid_of(f"guest={GUEST},"), signal.SIGKILL)
    start_libvirtd()
    # The next libvirtd finds the guest dead and returns what it had.
    until(lambda: driver() is None)
    assert "shut off" in sriovctl("guests")
    assert f"guest-config:{GUEST}" in sriovctl("owners", VF)
    assert "from its next boot" in sriovctl(*DETACH)
    assert not in_xml("--inactive")
    assert_as_before()
