"""Who uses what on a real kernel, compared with what ip, QEMU and the kernel itself say.

Each test makes one use, looks, and takes it away again.
"""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from sriovctl.engine.inventory import read_inventory
from sriovctl.engine.owners import read_owners
from sriovctl.host.live import LiveHost
from sriovctl.model.owner import OwnerReport

pytestmark = pytest.mark.lab("82576")

PCI = Path("/sys/bus/pci/devices")
PROBE = Path("/sys/bus/pci/drivers_probe")
PF, OTHER_PF = "0000:01:00.0", "0000:04:00.0"
VF0, VF1 = "0000:01:10.0", "0000:01:10.2"


def run(*argv: str) -> str:
    """Run a program that must succeed."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(argv)}: {done.stdout}{done.stderr}"
    return done.stdout


def ip(*argv: str) -> list[dict[str, object]]:
    found = json.loads(run("ip", "-j", *argv))
    assert isinstance(found, list)
    return found


def report() -> OwnerReport:
    """Ask in this process: each Python costs a second here."""
    host = LiveHost()
    pfs = read_inventory(host, name_of=lambda *_: None)
    found = read_owners(host, pfs, open_libvirt=None, progress=lambda _: None)
    host.close()
    return found


def owners() -> dict[str, dict[str, str]]:
    """Evidence by token by device."""
    return {
        device: {owner.token: owner.evidence for owner in found}
        for device, found in report().owners.items()
    }


def document(*prefix: str) -> dict[str, list[dict[str, str]]]:
    """What the command says, started by another."""
    found = json.loads(run(*prefix, "sriovctl", "owners", "--json"))
    assert isinstance(found, dict)
    # The VFs are this test's, and so foreign to sriovctl.
    found["owners"] = [owner for owner in found["owners"] if owner["kind"] != "foreign"]
    return found


def netdev(device: str) -> str:
    return next((PCI / device / "net").iterdir()).name


def bind(device: str, driver: str) -> None:
    (PCI / device / "driver_override").write_text(driver)
    PROBE.write_text(device)
    assert (PCI / device / "driver").resolve().name == driver


@pytest.fixture(scope="module", autouse=True)
def vfs() -> Iterator[None]:
    """Two VFs without a driver; netdevs of both PFs are up."""
    for pf in (PF, OTHER_PF):
        run("ip", "link", "set", netdev(pf), "up")
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


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.2)


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
    bond(undo)
    run("ip", "link", "add", "mv0", "link", "bond0", "type", "macvlan")
    run("ip", "link", "set", "mv0", "netns", "box")
    # From there a VLAN goes on to a third namespace: its lower is none of ours.
    run("ip", "-n", "box", "link", "add", "mv0.7", "link", "mv0", "type", "vlan", "id", "7")
    run("ip", "-n", "box", "link", "set", "mv0.7", "netns", "third")
    evidence = f"the macvlan mv0 in it stands on bond0, of which {netdev(PF)} is a port"
    assert owners()[PF]["namespace:box"] == evidence
    assert "namespace:third" not in owners()[PF]


# --- addresses and what stands on a netdev ---------------------------------------------------


def bond(undo: ExitStack) -> None:
    run("ip", "link", "add", "bond0", "type", "bond", "mode", "active-backup")
    undo.callback(run, "ip", "link", "set", netdev(PF), "up")  # a bond leaves its ports down
    undo.callback(run, "ip", "link", "del", "bond0")
    run("ip", "link", "set", netdev(PF), "down")
    run("ip", "link", "set", netdev(PF), "master", "bond0")
    run("ip", "link", "set", "bond0", "up")


def test_addresses_of_both_families(undo: ExitStack) -> None:
    name = netdev(PF)
    for address in ("192.0.2.1/24", "2001:db8::1/64"):
        run("ip", "address", "add", address, "dev", name, *(("nodad",) if ":" in address else ()))
        undo.callback(run, "ip", "address", "del", address, "dev", name)
    (seen,) = ip("address", "show", "dev", name)
    infos = seen["addr_info"]
    assert isinstance(infos, list)
    used = {f"address:{info['local']}" for info in infos if info["scope"] != "link"}
    assert len(used) == 2
    assert set(owners()[PF]) == used
    assert owners()[PF]["address:192.0.2.1"] == f"address 192.0.2.1/24 on {name}"
    assert OTHER_PF not in owners()  # it is up, and has a link-local address alone


def test_a_vlan_on_a_bridge_on_a_bond(undo: ExitStack) -> None:
    bond(undo)
    run("ip", "link", "add", "br0", "type", "bridge")
    undo.callback(run, "ip", "link", "del", "br0")
    run("ip", "link", "set", "bond0", "master", "br0")
    run("ip", "link", "add", "br0.42", "link", "br0", "type", "vlan", "id", "42")
    run("ip", "address", "add", "192.0.2.1/24", "dev", "br0.42")
    (seen,) = ip("link", "show", "dev", netdev(PF))
    assert seen["master"] == "bond0"
    way = f"br0.42 on br0, of which bond0 is a port, of which {netdev(PF)} is a port"
    assert owners() == {
        PF: {
            "address:192.0.2.1": f"address 192.0.2.1/24 on {way}",
            "bond:bond0": f"{netdev(PF)} is a port of the bond bond0",
        }
    }


@pytest.mark.parametrize(
    ("kind", "options"), [("vlan", ("id", "7")), ("macvlan", ()), ("ipvlan", ()), ("macsec", ())]
)
def test_what_stands_on_a_pf(undo: ExitStack, kind: str, options: tuple[str, ...]) -> None:
    run("ip", "link", "add", "link", netdev(PF), "name", "top0", "type", kind, *options)
    undo.callback(run, "ip", "link", "del", "top0")
    (seen,) = ip("-d", "link", "show", "dev", "top0")
    info = seen["linkinfo"]
    assert isinstance(info, dict)
    assert (seen["link"], info["info_kind"]) == (netdev(PF), kind)
    assert owners() == {PF: {"stacked:top0": f"the {kind} top0 stands on {netdev(PF)}"}}


# --- routes and SSH --------------------------------------------------------------------------


@pytest.fixture
def bridge(undo: ExitStack) -> str:
    """A bridge with an address, of which the PF is a port."""
    run("ip", "link", "add", "br0", "type", "bridge")
    undo.callback(run, "ip", "link", "del", "br0")
    run("ip", "link", "set", netdev(PF), "master", "br0")
    run("ip", "link", "set", "br0", "up")
    run("ip", "address", "add", "192.0.2.1/24", "dev", "br0")
    return "br0"


def test_the_default_route(bridge: str) -> None:
    run("ip", "route", "add", "default", "via", "192.0.2.254")
    run("ip", "-6", "route", "add", "default", "dev", bridge, "metric", "5")
    run("ip", "route", "add", "default", "via", "192.0.2.253", "table", "77")
    (route,) = ip("route", "show", "default")
    assert route["dev"] == bridge
    way = f"{bridge}, of which {netdev(PF)} is a port"
    assert sorted(owners()[PF][f"default-route:{bridge}"].split("; ")) == [
        f"IPv4 default route of table 77 to 192.0.2.253 through {way}",
        f"IPv4 default route to 192.0.2.254 through {way}",
        f"IPv6 default route through {way}",
    ]


def test_a_default_route_of_several_ways_and_one_through_an_object(undo: ExitStack) -> None:
    for pf, net in ((PF, "192.0.2"), (OTHER_PF, "198.51.100")):
        run("ip", "address", "add", f"{net}.1/24", "dev", netdev(pf))
        undo.callback(run, "ip", "address", "flush", "dev", netdev(pf))
    hops = [word for net in ("192.0.2", "198.51.100") for word in ("nexthop", "via", f"{net}.254")]
    run("ip", "route", "add", "default", *hops)
    found = owners()
    for pf in (PF, OTHER_PF):
        assert "one of 2 ways" in found[pf][f"default-route:{netdev(pf)}"]
    run("ip", "route", "del", "default")
    wait_until(lambda: Path(f"/sys/class/net/{netdev(PF)}/operstate").read_text() == "up\n")
    run("ip", "nexthop", "add", "id", "7", "via", "192.0.2.254", "dev", netdev(PF))
    undo.callback(run, "ip", "nexthop", "del", "id", "7")
    run("ip", "route", "add", "default", "nhid", "7")
    assert f"default-route:{netdev(PF)}" in owners()[PF]
    assert f"default-route:{netdev(OTHER_PF)}" not in owners()[OTHER_PF]


def test_the_way_to_the_ssh_client_which_sudo_hides(bridge: str) -> None:
    client = "203.0.113.7"
    run("ip", "route", "add", "203.0.113.0/24", "via", "192.0.2.254")
    (route,) = ip("route", "get", client)
    assert route["dev"] == bridge
    # The shell has the variable, and what it starts has not.
    shell = ("env", f"SSH_CONNECTION={client} 50000 192.0.2.1 22", "sh", "-c")
    hidden = 'env -u SSH_CONNECTION "$0" "$@"; exit $?'
    found = document(*shell, hidden)
    (owner,) = (owner for owner in found["owners"] if owner["kind"] == "ssh")
    assert (owner["device"], owner["token"]) == (PF, f"ssh:{client}")
    way = f"{bridge}, of which {netdev(PF)} is a port"
    first, second = owner["evidence"].split("; ")
    assert first.endswith(f": the way there leads through {way}")
    assert second.endswith(f": it came to 192.0.2.1/24 on {way}")
    assert f"ssh:{client}" not in owners()[PF]
