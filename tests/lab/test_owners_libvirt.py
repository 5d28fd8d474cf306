"""Guests of a real libvirt as owners, compared with what virsh says."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from sriovctl.demo.guest import demo_guest_xml
from sriovctl.engine.inventory import read_inventory
from sriovctl.engine.owners import read_owners
from sriovctl.host.libvirt import LibvirtConnection
from sriovctl.host.live import LiveHost
from sriovctl.host.patient_libvirt import PatientLibvirt
from tests.lab.owners_seen import PCI, document, netdev, run

pytestmark = pytest.mark.lab("82576", services=("libvirt",))

PF = "0000:01:00.0"
VF0, VF1 = "0000:01:10.0", "0000:01:10.2"
HOSTDEV = """
<hostdev mode='subsystem' type='pci' managed='yes'>
  <source><address domain='0' bus='1' slot='16' function='0'/></source>
</hostdev>
"""
POOL = (
    "<network><name>pool1</name>"
    "<forward mode='hostdev' managed='yes'><pf dev='{}'/></forward></network>"
)
FROM_POOL = "<interface type='network'><source network='pool1'/></interface>"


def owners() -> dict[str, dict[str, str]]:
    """Evidence by token by device."""
    found: dict[str, dict[str, str]] = {}
    for owner in document()["owners"]:
        found.setdefault(owner["device"], {})[owner["token"]] = owner["evidence"]
    return found


def sources(guest: str, *flags: str) -> set[str]:
    """Functions that virsh says the guest has: a second source."""
    domain = ElementTree.fromstring(run("virsh", "dumpxml", guest, *flags))
    found = set()
    for element in domain.iterfind("devices/*/source/address"):
        bus, slot, function = (int(element.get(k, "0"), 16) for k in ("bus", "slot", "function"))
        found.add(f"0000:{bus:02x}:{slot:02x}.{function}")
    return found


@pytest.fixture(scope="module", autouse=True)
def vfs() -> Iterator[None]:
    run("ip", "link", "set", netdev(PF), "up")
    (PCI / PF / "sriov_numvfs").write_text("0")
    (PCI / PF / "sriov_drivers_autoprobe").write_text("0")
    (PCI / PF / "sriov_numvfs").write_text("2")
    yield
    (PCI / PF / "sriov_numvfs").write_text("0")
    (PCI / PF / "sriov_drivers_autoprobe").write_text("1")
    run("ip", "link", "set", netdev(PF), "down")


def define(name: str, device: str) -> None:
    domain = ElementTree.fromstring(demo_guest_xml(name))
    devices = domain.find("devices")
    assert devices is not None
    devices.append(ElementTree.fromstring(device))
    path = Path(f"/tmp/{name}.xml")
    path.write_text(ElementTree.tostring(domain, encoding="unicode"))
    run("virsh", "define", str(path))


@pytest.fixture
def guest() -> Iterator[str]:
    """A guest that is defined with VF 0."""
    define("Owner", HOSTDEV)
    yield "Owner"
    subprocess.run(("virsh", "destroy", "Owner"), capture_output=True, check=False)
    run("virsh", "undefine", "Owner")


def test_a_guest_before_while_and_after_it_runs(guest: str) -> None:
    assert sources(guest, "--inactive") == {VF0}
    assert list(owners()[VF0]) == [f"guest-config:{guest}"]
    run("virsh", "start", guest)
    assert sources(guest) == {VF0}
    # QEMU has the group open, and is no owner beside its guest.
    assert owners() == {VF0: {f"guest:{guest}": "live and config XML of the guest"}}
    # In a mount namespace of its own, so that libvirtd goes on for the others.
    hidden = ("unshare", "-m", "sh", "-c", 'mount -t tmpfs none /run/libvirt && exec "$0" "$@"')
    seen = document(*hidden)
    (owner,) = seen["owners"]
    pid = Path(f"/run/libvirt/qemu/{guest}.pid").read_text().strip()
    assert (owner["device"], owner["token"]) == (VF0, f"process:{guest}-{pid}")
    assert any("libvirt does not answer" in note for note in map(str, seen["notes"]))
    run("virsh", "destroy", guest)
    assert list(owners()[VF0]) == [f"guest-config:{guest}"]


def test_a_guest_that_takes_a_vf_from_a_pool() -> None:
    Path("/tmp/pool1.xml").write_text(POOL.format(netdev(PF)))
    run("virsh", "net-define", "/tmp/pool1.xml")
    define("Pooled", FROM_POOL)
    try:
        run("virsh", "net-start", "pool1")
        seen = document()
        assert {each["device"]: each["token"] for each in seen["owners"]} == {
            VF0: "network:pool1",
            VF1: "network:pool1",
        }
        assert any("pool1" in str(note) and "Pooled" in str(note) for note in seen["notes"])
        run("virsh", "start", "Pooled")
        (vf,) = sources("Pooled")
        assert vf in (VF0, VF1)
        assert list(owners()) == [VF0, VF1]
        assert list(owners()[vf]) == ["guest:Pooled", "network:pool1"]
    finally:
        subprocess.run(("virsh", "destroy", "Pooled"), capture_output=True, check=False)
        run("virsh", "undefine", "Pooled")
        subprocess.run(("virsh", "net-destroy", "pool1"), capture_output=True, check=False)
        run("virsh", "net-undefine", "pool1")


def test_a_libvirt_that_hangs_is_a_note() -> None:
    pid = int(run("pidof", "libvirtd"))
    os.kill(pid, signal.SIGSTOP)
    try:
        host = LiveHost()
        pfs = read_inventory(host, name_of=lambda *_: None)
        report = read_owners(
            host,
            pfs,
            open_libvirt=lambda: PatientLibvirt(LibvirtConnection, timeout_s=2),
            progress=lambda _: None,
        )
        host.close()
    finally:
        os.kill(pid, signal.SIGCONT)
    (note,) = report.notes
    assert "libvirt does not answer: nothing came within 2 s" in note
    assert "Owner" not in run("virsh", "list", "--name")  # it goes on
