"""Who uses what on a real kernel, compared with what ip, QEMU and the kernel itself say.

Each test makes one use, looks, and takes it away again.
"""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from sriovctl.model.owner import OwnerReport
from tests.lab.owners_seen import PCI, bond, document, ip, netdev, owners, report, run, wait_until

pytestmark = pytest.mark.lab("82576")

PROBE = Path("/sys/bus/pci/drivers_probe")
PF, OTHER_PF = "0000:01:00.0", "0000:04:00.0"
VF0, VF1 = "0000:01:10.0", "0000:01:10.2"


def bind(device: str, driver: str) -> None:
    (PCI / device / "driver_override").write_text(driver)
    PROBE.write_text(device)
    assert (PCI / device / "driver").resolve().name == driver


@pytest.fixture(scope="module", autouse=True)
def vfs() -> Iterator[None]:
    """Two VFs without a driver; netdevs of both PFs are up."""
    for pf in (PF, OTHER_PF):
        run("ip", "link", "set", netdev(pf), "up")
    (PCI / PF / "sriov_numvfs").write_text("0")
    (PCI / PF / "sriov_drivers_autoprobe").write_text("0")
    (PCI / PF / "sriov_numvfs").write_text("2")
    yield
    (PCI / PF / "sriov_numvfs").write_text("0")
    (PCI / PF / "sriov_drivers_autoprobe").write_text("1")
    for pf in (PF, OTHER_PF):
        run("ip", "link", "set", netdev(pf), "down")


@pytest.fixture(autouse=True)
def unbound() -> Iterator[None]:
    """Take the VFs' drivers away after each test."""
    yield
    for vf in (VF0, VF1):
        if (PCI / vf / "driver").exists():
            (PCI / vf / "driver/unbind").write_text(vf)
        (PCI / vf / "driver_override").write_text("\n")


@pytest.fixture
def undo() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@contextmanager
def running(*argv: str, until: Path | None = None) -> Iterator[subprocess.Popen[str]]:
    """A process that is killed at the end; it says "ready" first."""
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        try:
            if until is None:
                assert process.stdout is not None
                assert process.stdout.readline() == "ready\n"
            else:
                wait_until(until.exists)
            yield process
        finally:
            process.kill()


def test_nobody_uses_a_fresh_machine() -> None:
    assert report() == OwnerReport({}, ())
    # Debian's libvirt is installed in the lab, does not run on this machine, and has no guests.
    assert document()["notes"] == []


# --- VFIO ------------------------------------------------------------------------------------


def group_node(device: str) -> Path:
    return Path("/dev/vfio") / (PCI / device / "iommu_group").resolve().name


OPEN_GROUP = """
import sys, time
group = open(sys.argv[1], "rb+", 0)
print("ready", flush=True)
time.sleep(600)
"""


def test_bound_to_vfio_is_not_in_use_and_can_be_opened() -> None:
    bind(VF0, "vfio-pci")
    assert owners() == {}
    os.close(os.open(group_node(VF0), os.O_RDWR))


def test_a_process_with_the_group_open_is_the_owner_and_nobody_else_gets_in() -> None:
    for device in (VF0, VF1):
        bind(device, "vfio-pci")
    node = group_node(VF0)
    with running(sys.executable, "-c", OPEN_GROUP, str(node)) as process:
        with pytest.raises(OSError, match="busy") as refusal:
            os.open(node, os.O_RDWR)
        assert refusal.value.errno == errno.EBUSY
        found = owners()
        assert list(found) == [VF0]
        (token, evidence), *others = found[VF0].items()
        program = Path(f"/proc/{process.pid}/comm").read_text().strip()
        assert token == f"process:{program}-{process.pid}"
        assert others == []
        path, _, target = evidence.partition(" -> ")
        assert os.readlink(path) == target == str(node)
    assert owners() == {}


# A function's own file alone: the container, then the group, are closed behind it.
OPEN_DEVICE = """
import fcntl, os, sys, time
container = os.open("/dev/vfio/vfio", os.O_RDWR)
group = os.open(sys.argv[1], os.O_RDWR)
fcntl.ioctl(group, 0x3b68, container.to_bytes(4, "little"))  # VFIO_GROUP_SET_CONTAINER
fcntl.ioctl(container, 0x3b66, 3)  # VFIO_SET_IOMMU: type 1, version 2
device = fcntl.ioctl(group, 0x3b6a, sys.argv[2].encode() + b"\\0")  # VFIO_GROUP_GET_DEVICE_FD
os.close(group)
print("ready", flush=True)
time.sleep(600)
"""


def test_a_function_without_its_group_still_keeps_others_out_and_is_in_use() -> None:
    bind(VF0, "vfio-pci")
    assert (PCI / VF0 / "enable").read_text() == "0\n"
    node = group_node(VF0)
    with running(sys.executable, "-c", OPEN_DEVICE, str(node), VF0) as process:
        with pytest.raises(OSError, match="busy"):
            os.open(node, os.O_RDWR)
        assert (PCI / VF0 / "enable").read_text() == "1\n"
        links = [os.readlink(fd) for fd in Path(f"/proc/{process.pid}/fd").iterdir()]
        assert "anon_inode:[vfio-device]" in links
        assert str(node) not in links
        (token,) = owners()[VF0]
        # Since Linux 6.18 the kernel says whose file it is.
        assert token in (f"vfio:{VF0}", f"process:python3-{process.pid}")
    assert (PCI / VF0 / "enable").read_text() == "0\n"
    assert owners() == {}


def test_qemu_without_libvirt_is_named_by_its_guest(tmp_path: Path) -> None:
    bind(VF0, "vfio-pci")
    monitor = tmp_path / "monitor"
    qemu = (
        *("qemu-system-x86_64", "-M", "q35", "-m", "32M", "-name", "guest=Bare,debug-threads=on"),
        *("-nodefaults", "-display", "none", "-S"),
        *("-monitor", f"unix:{monitor},server=on,wait=off", "-device", f"vfio-pci,host={VF0}"),
    )
    with running(*qemu, until=monitor) as process:
        # It answers when all its devices are there.
        assert "8086:10ca" in ask_monitor(monitor, "info pci")
        assert list(owners()[VF0]) == [f"process:Bare-{process.pid}"]
    assert owners() == {}


def ask_monitor(path: Path, command: str) -> str:
    import socket

    with socket.socket(socket.AF_UNIX) as door:
        door.settimeout(60)
        door.connect(str(path))
        said = b""
        while said.count(b"(qemu)") < 1:
            said += door.recv(4096)
        door.sendall(command.encode() + b"\n")
        while said.count(b"(qemu)") < 2:
            said += door.recv(4096)
    return said.decode()


def test_without_root_what_cannot_be_seen_is_said() -> None:
    for device in (VF0, VF1):
        bind(device, "vfio-pci")
    as_nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--")
    with running(sys.executable, "-c", OPEN_DEVICE, str(group_node(VF0)), VF0):
        found = document(*as_nobody)
    assert [(owner["device"], owner["kind"]) for owner in found["owners"]] == [(VF0, "vfio")]
    assert any("could not be looked into: run as root" in str(n) for n in found["notes"])


# --- network namespaces ----------------------------------------------------------------------


def test_a_vf_in_a_named_namespace(undo: ExitStack) -> None:
    run("ip", "netns", "add", "box")
    undo.callback(run, "ip", "netns", "del", "box")
    bind(VF0, "igbvf")
    name = netdev(VF0)
    run("ip", "link", "set", name, "netns", "box")
    (link,) = (link for link in ip("-d", "-n", "box", "link") if link["ifname"] == name)
    assert link["parentdev"] == VF0
    assert owners() == {
        VF0: {"namespace:box": f"its netdev {name} is in the network namespace /run/netns/box"}
    }


def test_a_vf_in_a_namespace_without_a_name() -> None:
    bind(VF0, "igbvf")
    name = netdev(VF0)
    with running("unshare", "-n", "sh", "-c", "echo ready; exec sleep 600") as process:
        run("ip", "link", "set", name, "netns", str(process.pid))
        inside = run("nsenter", f"--net=/proc/{process.pid}/ns/net", "ip", "-d", "-j", "link")
        assert VF0 in [link.get("parentdev") for link in json.loads(inside)]
        assert list(owners()[VF0]) == [f"namespace:pid-{process.pid}"]


def test_a_macvlan_in_a_namespace_on_a_bond_here(undo: ExitStack) -> None:
    for name in ("box", "third"):
        run("ip", "netns", "add", name)
        undo.callback(run, "ip", "netns", "del", name)
    bond(undo, PF)
    run("ip", "link", "add", "mv0", "link", "bond0", "type", "macvlan")
    run("ip", "link", "set", "mv0", "netns", "box")
    # From there a VLAN goes on to a third namespace: its lower is none of ours.
    run("ip", "-n", "box", "link", "add", "mv0.7", "link", "mv0", "type", "vlan", "id", "7")
    run("ip", "-n", "box", "link", "set", "mv0.7", "netns", "third")
    evidence = f"the macvlan mv0 in it stands on bond0, of which {netdev(PF)} is a port"
    assert owners()[PF]["namespace:box"] == evidence
    assert "namespace:third" not in owners()[PF]
