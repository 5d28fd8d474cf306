"""Several VFs, teaming, pools, port profiles and root ports with a real libvirtd and kernel.

One guest runs, with a system that answers unplugs, so that all comes back; another one is only
defined.  virsh and ip are the second sources.
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
from sriovctl.engine.guests.attach import attach_all
from sriovctl.errors import HostError
from sriovctl.host.libvirt import LibvirtConnection
from sriovctl.host.live import LiveHost
from sriovctl.model.address import parse_pci_address
from sriovctl.model.guest import Wanted
from sriovctl.model.guest_network import parse_qbh
from tests.lab.shell import PCI, ip, netdev_of, run, sriovctl, vfs_by_ip

pytestmark = pytest.mark.lab("82576", services=("libvirt",))

PF, NVME = "0000:01:00.0", "0000:05:00.0"
VF0, VF1, VF2, VF3 = (f"0000:01:10.{function}" for function in (0, 2, 4, 6))
NVME_VF = "0000:05:00.1"
MAC, OTHER_MAC, TEAM_MAC = (f"52:54:00:6d:90:{tail}" for tail in ("02", "03", "77"))
NO_MAC = "00:00:00:00:00:00"
QBG = "managerid=11,typeid=1193047,typeidversion=2,instanceid=09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f"
LASTING_HALF = (
    f"<interface type='user'><mac address='{TEAM_MAC}'/><model type='virtio'/>"
    "<teaming type='persistent'/><alias name='ua-backup0'/></interface>"
)


def answer(*words: str) -> dict[str, object]:
    document = json.loads(sriovctl(*words, "--json"))
    assert isinstance(document, dict)
    return document


def on_card(vf_index: int) -> tuple[object, object]:
    """MAC and VLAN of a VF, as iproute2 says."""
    info = vfs_by_ip(netdev_of(PF))[vf_index]
    vlans = info.get("vlan_list")
    vlan = vlans[0].get("vlan") if isinstance(vlans, list) and vlans else None
    return info.get("address", info.get("mac")), vlan or None


def domain(guest: str, *flags: str) -> ElementTree.Element:
    return ElementTree.fromstring(run("virsh", "dumpxml", guest, *flags))


def devices(guest: str, *flags: str) -> list[tuple[str, str | None, str | None]]:
    """Source, MAC and VLAN of all that was passed through, as virsh says."""
    found = []
    for element in domain(guest, *flags).findall("devices/*"):
        source = element.find("source/address")
        if element.tag in ("interface", "hostdev") and source is not None:
            bus, slot, function = (int(source.get(k, "0"), 16) for k in ("bus", "slot", "function"))
            mac, tag = element.find("mac"), element.find("vlan/tag")
            found.append(
                (
                    f"0000:{bus:02x}:{slot:02x}.{function}",
                    None if mac is None else mac.get("address"),
                    None if tag is None else tag.get("id"),
                )
            )
    return found


def define(xml: str) -> None:
    path = Path("/tmp/features.xml")
    path.write_text(xml)
    run("virsh", "define", "--validate", str(path))


def undefine(guest: str) -> None:
    subprocess.run(("virsh", "destroy", guest), capture_output=True, check=False)
    run("virsh", "undefine", guest)


@pytest.fixture(scope="module", autouse=True)
def vfs() -> Iterator[None]:
    ip("link", "set", netdev_of(PF), "up")
    for pf, num_vfs in ((PF, 4), (NVME, 1)):
        (PCI / pf / "sriov_drivers_autoprobe").write_text("0")
        (PCI / pf / "sriov_numvfs").write_text(str(num_vfs))
    yield
    for pf in (PF, NVME):
        (PCI / pf / "sriov_numvfs").write_text("0")
        (PCI / pf / "sriov_drivers_autoprobe").write_text("1")
    ip("link", "set", netdev_of(PF), "down")


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running guest that answers unplugs, with one half of a teaming pair."""
    directory = tmp_path_factory.mktemp("guest")
    disk, console = directory / "disk", directory / "console"
    disk.write_bytes(demo_disk())
    xml = demo_guest_xml("Running", root_ports=4, disk=str(disk), console_log=str(console))
    define(xml.replace("</devices>", f"{LASTING_HALF}</devices>"))
    run("virsh", "start", "Running")
    deadline = time.monotonic() + 60
    while not console.exists() or "up" not in console.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.5)
    yield "Running"
    undefine("Running")


@pytest.fixture(scope="module")
def defined() -> Iterator[str]:
    """A guest that is only defined, with a password that nobody may lose."""
    xml = demo_guest_xml("Defined", root_ports=1)
    graphics = "<graphics type='vnc' port='-1' passwd='secret'/>"
    limit = "<memtune><hard_limit unit='MiB'>64</hard_limit></memtune><vcpu>"
    define(xml.replace("</devices>", f"{graphics}</devices>").replace("<vcpu>", limit))
    yield "Defined"
    undefine("Defined")


def test_several_vfs_go_in_and_come_back(guest: str) -> None:
    words = ("attach", guest, "--vf", VF0, "--mac", MAC, "--vf", VF1, "--mac", OTHER_MAC)
    first = answer(*words, "--vlan", "42")
    assert [row["vf"] for row in first["attached"]] == [VF0, VF1]  # type: ignore[attr-defined]
    wanted = [(VF0, MAC, "42"), (VF1, OTHER_MAC, "42")]
    assert devices(guest) == devices(guest, "--inactive") == wanted
    assert [on_card(0), on_card(1)] == [(MAC, 42), (OTHER_MAC, 42)]
    assert answer(*words, "--vlan", "42")["changed"] is False
    # Two of four ports are left, less the one of the virtio interface.
    said = sriovctl("attach", guest, "--vf", VF2, "--vf", VF3, expect=1)
    assert "1 free root ports for a hot plug, and 2 are needed" in said
    sriovctl("detach", guest, "--all", "--timeout", "60")
    assert devices(guest) == devices(guest, "--inactive") == []
    assert [on_card(0), on_card(1)] == [(NO_MAC, None), (NO_MAC, None)]


def test_when_the_second_fails_the_first_is_taken_back(guest: str) -> None:
    # What fails is a port profile, of which the card knows nothing.  libvirt leaves its MAC there.
    host, libvirt = LiveHost(), LibvirtConnection()
    wanted = [
        (parse_pci_address(VF0), Wanted(mac=MAC, vlan=42)),
        (parse_pci_address(VF1), Wanted(mac=OTHER_MAC, virtual_port=parse_qbh("finance"))),
    ]
    try:
        with pytest.raises(HostError, match="PortProfileRequest failed") as caught:
            attach_all(host, libvirt, guest=guest, wanted=wanted, timeout_s=60)
    finally:
        libvirt.close()
        host.close()
    assert caught.value.evidence["taken back"] == VF0
    assert "the PF's driver (igb) has to know 802.1Qbh" in str(caught.value.hint)
    assert devices(guest) == devices(guest, "--inactive") == []
    assert [on_card(0), on_card(1)] == [(NO_MAC, None), (NO_MAC, None)]


def test_a_teaming_pair_and_an_nvme_vf(guest: str) -> None:
    team = ("attach", guest, "--vf", VF0, "--teaming-with", "ua-backup0", "--alias", "ua-fast")
    assert answer(*team)["mac"] == TEAM_MAC
    assert answer(*team)["changed"] is False
    (teaming,) = domain(guest).findall("devices/interface[@type='hostdev']/teaming")
    assert teaming.attrib == {"type": "transient", "persistent": "ua-backup0"}
    assert on_card(0) == (TEAM_MAC, None)
    assert answer("attach", guest, "--vf", NVME_VF)["kind"] == "hostdev"
    assert devices(guest) == [(VF0, TEAM_MAC, None), (NVME_VF, None, None)]
    pci = run("virsh", "qemu-monitor-command", "--hmp", guest, "info pci")
    assert "1b36:0010" in pci
    aliases = [each.get("name") for each in domain(guest).findall("devices/interface/alias")]
    assert aliases == ["ua-backup0", "ua-fast"]
    sriovctl("detach", guest, "--all", "--timeout", "60")
    assert devices(guest) == []


def test_a_pool_lets_libvirt_choose(guest: str, defined: str) -> None:
    create = ("network", "create", "finance", "--vf", VF2, "--vf", VF3, "--vlan", "43")
    assert answer(*create)["changed"] is True
    assert answer(*create)["changed"] is False
    try:
        network = ElementTree.fromstring(run("virsh", "net-dumpxml", "finance"))
        slots = [each.get("function") for each in network.findall("forward/address")]
        assert (slots, network.find("vlan/tag").attrib) == (["0x4", "0x6"], {"id": "43"})  # type: ignore[union-attr]
        assert "yes" in run("virsh", "net-info", "finance").split("Autostart:")[1]
        taken = answer("attach", guest, "--network", "finance")
        assert answer("attach", guest, "--network", "finance")["changed"] is False
        assert (taken["vf"], taken["vlan"]) == (VF2, {"id": 43})
        assert devices(guest) == [(VF2, taken["mac"], "43")]
        assert on_card(2) == (taken["mac"], 43)
        (later,) = domain(guest, "--inactive").findall("devices/interface[@type='network']")
        assert later.find("source").attrib == {"network": "finance"}  # type: ignore[union-attr]
        (row,) = (each for each in answer("guests")["guests"] if each["name"] == guest)  # type: ignore[attr-defined]
        assert (row["devices"][0]["address"], row["devices"][0]["network"]) == (VF2, "finance")
        assert "connections='1'" in run("virsh", "net-dumpxml", "finance")
        sriovctl("attach", defined, "--network", "finance", "--config")
        said = sriovctl("network", "delete", "finance", expect=4)
        assert f"guest {guest} has a VF of it now" in said
        assert f"guest {defined} wants one at its next boot" in said
        sriovctl("detach", defined, "--network", "finance")
        sriovctl("detach", guest, "--network", "finance", "--timeout", "60")
        assert devices(guest) == []
        assert domain(guest, "--inactive").findall("devices/interface[@type='network']") == []
        assert on_card(2) == (NO_MAC, None)
    finally:
        sriovctl("network", "delete", "finance")
    assert "finance" not in run("virsh", "net-list", "--all", "--name")


def test_vfs_in_use_make_no_pool(guest: str) -> None:
    netdev = netdev_of(PF)
    printed = Path("/tmp/pool.xml")
    printed.write_text(sriovctl("xml", "--define-network", "printed", "--pf", netdev))
    run("virsh", "net-define", "--validate", str(printed))
    run("virsh", "net-undefine", "printed")
    sriovctl("attach", guest, "--vf", VF3, "--config")
    said = sriovctl("network", "create", "all", "--pf", netdev, expect=4)
    assert f"{VF3} guest {guest}" in said
    sriovctl("detach", guest, "--vf", VF3, "--config")
    assert "all" not in run("virsh", "net-list", "--all", "--name").split()


def test_a_pool_of_a_whole_pf() -> None:
    netdev = netdev_of(PF)
    create = ("network", "create", "all", "--pf", netdev)
    assert answer(*create)["changed"] is True
    try:
        assert answer(*create)["changed"] is False
        made = ElementTree.fromstring(run("virsh", "net-dumpxml", "all"))
        assert [each.get("dev") for each in made.findall("forward/pf")] == [netdev]
        # libvirt has found its VFs by itself, and started it.
        functions = [each.get("function") for each in made.findall("forward/address")]
        assert functions == ["0x0", "0x2", "0x4", "0x6"]
        assert "all" in run("virsh", "net-list", "--name", "--autostart").split()
    finally:
        sriovctl("network", "delete", "all")
    assert "all" not in run("virsh", "net-list", "--all", "--name").split()


@pytest.mark.parametrize(
    ("option", "element", "told", "refusal"),
    [
        (
            ("--vlan-trunk", "10,20", "--native", "10"),
            "vlan",
            f"the guest will not start with {VF1}: libvirt sets one VLAN tag on a VF, and no trunk",
            "vlan trunking is not supported",
        ),
        (
            ("--qbg", QBG),
            "virtualport",
            f"the guest will not start with {VF1}: libvirt has 802.1Qbg for macvtap interfaces",
            "802.1Qbg is currently not supported",
        ),
        (
            ("--qbh", "finance"),
            "virtualport",
            "which igb is not known to do",
            "PortProfileRequest failed",
        ),
    ],
    ids=["trunk", "qbg", "qbh"],
)
def test_what_libvirt_defines_and_does_not_start_is_told_beforehand(
    defined: str, option: tuple[str, ...], element: str, told: str, refusal: str
) -> None:
    printed = ElementTree.fromstring(sriovctl("xml", "--vf", VF1, *option))
    attached = answer("attach", defined, "--vf", VF1, "--mac", MAC, *option)
    assert told in str(attached["warnings"])
    (interface,) = domain(defined, "--inactive").findall("devices/interface")
    kept, asked = interface.find(element), printed.find(element)
    assert kept is not None
    assert asked is not None
    assert [(e.tag, e.attrib) for e in kept.iter()] == [(e.tag, e.attrib) for e in asked.iter()]
    try:
        assert answer("attach", defined, "--vf", VF1, *option)["changed"] is False
        define(run("virsh", "dumpxml", defined, "--inactive", "--security-info"))
        started = subprocess.run(
            ("virsh", "start", defined), capture_output=True, text=True, check=False
        )
        assert (started.returncode, refusal in started.stderr) == (1, True)
    finally:
        sriovctl("detach", defined, "--vf", VF1)
        ip("link", "set", netdev_of(PF), "vf", "1", "mac", NO_MAC)


def test_what_is_told_beforehand_is_refused_where_it_would_be_now(guest: str) -> None:
    for option, words in (
        (("--vlan-trunk", "10,20"), "one VLAN tag on a VF, and no trunk"),
        (("--qbg", QBG), "802.1Qbg for macvtap interfaces"),
        (("--boot-order", "1"), "boots by classes of devices"),
    ):
        assert words in sriovctl("attach", guest, "--vf", VF1, *option, expect=1)
    ip("link", "set", netdev_of(PF), "vf", "3", "mac", OTHER_MAC)
    said = sriovctl("attach", guest, "--vf", VF1, "--mac", OTHER_MAC, expect=4)
    assert f"already the MAC of VF 3 of {netdev_of(PF)}" in said
    ip("link", "set", netdev_of(PF), "vf", "3", "mac", NO_MAC)
    assert devices(guest) == devices(guest, "--inactive") == []
    assert on_card(1) == (NO_MAC, None)


def test_firmware_boots_from_a_vf_in_the_order_that_was_given() -> None:
    network = "<interface type='user'><model type='virtio'/><boot order='2'/></interface>"
    xml = demo_guest_xml("Ordered", root_ports=2)
    define(xml.replace("</devices>", f"{network}</devices>"))
    try:
        sriovctl("attach", "Ordered", "--vf", VF1, "--mac", MAC, "--boot-order", "1")
        order = "devices/interface[@type='{}']/boot"
        found = [domain("Ordered").find(order.format(kind)) for kind in ("hostdev", "user")]
        assert [None if one is None else one.get("order") for one in found] == ["1", "2"]
        taken = sriovctl("attach", "Ordered", "--vf", VF2, "--boot-order", "2", expect=2)
        assert "--boot-order 2: is taken in Ordered" in taken
    finally:
        sriovctl("detach", "Ordered", "--all")
        undefine("Ordered")


def test_root_ports_for_the_next_start_keep_the_definition(defined: str) -> None:
    words = ("attach", defined, "--vf", VF1, "--mac", MAC, "--add-root-ports", "3")
    said = sriovctl(*words)
    assert "may lock 64 MiB (<hard_limit>)" in said
    try:
        assert "already attached" in sriovctl(*words)
        before = domain(defined, "--inactive", "--security-info")
        ports = before.findall("devices/controller[@model='pcie-root-port']")
        assert len(ports) == 4  # one with the VF, and three that are free
        assert [graphics.get("passwd") for graphics in before.findall("devices/graphics")] == [
            "secret"
        ]
    finally:
        sriovctl("detach", defined, "--vf", VF1)


def test_a_pf_that_is_down_is_refused_as_libvirt_would(guest: str) -> None:
    netdev = netdev_of(PF)
    ip("link", "set", netdev, "down")
    try:
        said = sriovctl("attach", guest, "--vf", VF1, "--mac", MAC, expect=1)
        assert f"its PF {netdev} is down, and libvirt sets MAC and VLAN only" in said
        # The same without us, in its own words.
        xml = Path("/tmp/vf1.xml")
        xml.write_text(sriovctl("xml", "--vf", VF1, "--mac", MAC))
        refused = subprocess.run(
            ("virsh", "attach-device", guest, str(xml), "--live"),
            capture_output=True,
            text=True,
            check=False,
        )
        assert "PF is not online" in refused.stderr
        assert on_card(1) == (NO_MAC, None)
    finally:
        ip("link", "set", netdev, "up")
