"""Reading one function from trees made for the occasion, and from the simulated host."""

from __future__ import annotations

from pathlib import Path

import pytest

from sriovctl.codec.pciconfig_build import build_config
from sriovctl.engine.describe import read_function, resolve_target
from sriovctl.errors import InputError, LostError
from sriovctl.host.recorded import RecordedHost
from sriovctl.host.simulated import simulated_82576
from sriovctl.host.sysfs import SysfsTree
from sriovctl.model.address import parse_pci_address
from sriovctl.model.capabilities import BAR, SRIOVCapability

PF = parse_pci_address("0000:01:00.0")
VF = parse_pci_address("0000:01:10.0")
PORT = "0000:00:01.0"
SRIOV = SRIOVCapability(
    8, 8, 0, 128, 2, 0x10CA, vf_bars=(BAR(0, 0xFEA00000, width=64), BAR(3, None, width=64))
)
ZERO = "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
RESOURCE = (
    ZERO * 7 + "0x00000000fea00000 0x00000000fea1ffff 0x0000000000140204\n" + ZERO * 5
)  # VF BAR 0: 128 KiB for 8 VFs; VF BAR 3: nothing


def pf_config(**changes: object) -> bytes:
    wanted: dict[str, object] = {
        "vendor_id": 0x8086, "device_id": 0x10C9, "class_code": 0x020000, "sriov": SRIOV,
    }  # fmt: skip
    return build_config(**(wanted | changes))  # type: ignore[arg-type]


class Tree:
    """A host tree with a root port, a PF and a VF."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.port = root / f"sys/devices/pci0000:00/{PORT}"
        self.pf = self.port / str(PF)
        self.vf = self.port / str(VF)
        port_config = build_config(
            vendor_id=0x1B36, device_id=0xC, class_code=0x060400, express_type=4,
            bridge=(0, 1, 1), ari_forwarding_supported=True, ari_forwarding_enable=True,
        )  # fmt: skip
        self.add(self.port, port_config)
        self.add(self.pf, pf_config())
        self.add(self.vf, pf_config(vendor_id=0xFFFF, device_id=0xFFFF, sriov=None))
        (self.pf / "resource").write_text(RESOURCE)
        (self.pf / "sriov_totalvfs").write_text("7\n")
        (self.pf / "sriov_numvfs").write_text("1\n")
        (self.pf / "virtfn0").symlink_to(f"../{VF}")
        (self.vf / "physfn").symlink_to(f"../{PF}")
        (self.pf / "net/eth0").mkdir(parents=True)
        self.netdev("eth0", f"sys/devices/pci0000:00/{PORT}/{PF}")

    def add(self, directory: Path, config: bytes) -> None:
        directory.mkdir(parents=True)
        (directory / "config").write_bytes(config)
        (directory / "vendor").write_text("0x8086\n")
        (directory / "device").write_text("0x10c9\n")
        (directory / "class").write_text("0x020000\n")
        link = self.root / "sys/bus/pci/devices" / directory.name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(f"../../../{directory.relative_to(self.root / 'sys')}")

    def netdev(self, name: str, device: str) -> None:
        directory = self.root / "sys/class/net" / name
        directory.mkdir(parents=True)
        (directory / "device").symlink_to(f"../../../../{device}")

    @property
    def host(self) -> RecordedHost:
        return RecordedHost(str(self.root))


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def test_pf(tree: Tree) -> None:
    function = read_function(tree.host, PF, name_of=lambda vendor, device: f"{vendor} {device}")
    assert function.name == "8086 10c9"
    assert (function.vendor_id, function.device_id) == ("8086", "10c9")
    assert (function.netdev, function.sriov_total_vfs) == ("eth0", 7)
    assert function.bridge_above == parse_pci_address(PORT)
    assert function.bridge_forwards_ari is True
    sriov = function.config.sriov
    assert sriov is not None
    # 128 KiB shared among the card's 8 VFs, not among the driver's 7.
    assert [bar.size for bar in sriov.vf_bars] == [16 << 10, None]
    assert len(function.notes) == 1
    assert function.notes[0].startswith("VF BAR 3 got no MMIO space")


def test_vf(tree: Tree) -> None:
    function = read_function(tree.host, VF)
    assert (function.pf_address, function.vf_index) == (PF, 0)
    assert function.vendor_id == "8086"
    assert function.notes == ()


def test_root_port_has_no_bridge_above(tree: Tree) -> None:
    function = read_function(tree.host, parse_pci_address(PORT))
    assert (function.bridge_above, function.bridge_forwards_ari) == (None, None)


def test_without_root_it_says_so(tree: Tree) -> None:
    (tree.pf / "config").write_bytes(pf_config()[:64])
    function = read_function(tree.host, PF)
    assert function.config.truncated_at == 64
    assert "run as root" in function.notes[0]


def test_without_extended_space_it_says_so(tree: Tree) -> None:
    (tree.pf / "config").write_bytes(pf_config()[:256])
    assert "ends at 256 bytes" in read_function(tree.host, PF).notes[0]


def test_capability_that_the_kernel_does_not_use(tree: Tree) -> None:
    (tree.pf / "sriov_totalvfs").unlink()
    assert "does not use this SR-IOV capability" in read_function(tree.host, PF).notes[0]


def test_recording_without_resource_has_no_sizes_and_no_complaint(tree: Tree) -> None:
    (tree.pf / "resource").unlink()
    function = read_function(tree.host, PF)
    assert function.config.sriov is not None
    assert [bar.size for bar in function.config.sriov.vf_bars] == [None, None]
    assert function.notes == ()


def test_broken_config_is_told_not_raised(tree: Tree) -> None:
    config = bytearray(pf_config())
    config[0x102:0x104] = b"\x01\x10"
    (tree.pf / "config").write_bytes(config)
    notes = read_function(tree.host, PF).notes
    assert notes[0].startswith("config space contradicts itself: extended capability list loops")


def test_device_that_does_not_answer(tree: Tree) -> None:
    (tree.pf / "config").write_bytes(b"\xff" * 4096)
    with pytest.raises(LostError, match="does not answer"):
        read_function(tree.host, PF)


def test_device_without_config(tree: Tree) -> None:
    (tree.pf / "config").unlink()
    with pytest.raises(LostError, match="config space cannot be found"):
        read_function(tree.host, PF)


def test_device_that_is_not_there(tree: Tree) -> None:
    with pytest.raises(LostError, match="no such PCI device"):
        read_function(tree.host, parse_pci_address("0000:01:00.1"))
    with pytest.raises(InputError, match="no such PCI device") as caught:
        resolve_target(tree.host, "0000:01:00.1")
    assert str(PF) in (caught.value.hint or "")


class VanishingTree(SysfsTree):
    """The device is gone the second time somebody asks whether it exists."""

    asked = 0

    def exists(self, path: str) -> bool:
        self.asked += 1
        return self.asked == 1 and super().exists(path)


def test_device_that_goes_away_meanwhile(tree: Tree) -> None:
    host = tree.host
    host.files = VanishingTree(str(tree.root))  # type: ignore[assignment]
    with pytest.raises(LostError, match="went away while it was read"):
        read_function(host, PF)


@pytest.mark.parametrize("text", ["0000:01:00.0", "01:00.0", "eth0"])
def test_target(tree: Tree, text: str) -> None:
    assert resolve_target(tree.host, text) == PF


def test_target_behind_virtio(tree: Tree) -> None:
    (tree.pf / "virtio0").mkdir()
    tree.netdev("eth1", f"sys/devices/pci0000:00/{PORT}/{PF}/virtio0")
    assert resolve_target(tree.host, "eth1") == PF


def test_target_on_another_bus(tree: Tree) -> None:
    (tree.pf / "usb1").mkdir()
    tree.netdev("usb0", f"sys/devices/pci0000:00/{PORT}/{PF}/usb1")
    with pytest.raises(InputError, match="not of a PCI function") as caught:
        resolve_target(tree.host, "usb0")
    assert caught.value.hint == f"it hangs below {PF}"


def test_target_without_a_device(tree: Tree) -> None:
    (tree.root / "sys/class/net/lo").mkdir()
    with pytest.raises(InputError, match="not of a PCI function"):
        resolve_target(tree.host, "lo")


@pytest.mark.parametrize("text", ["eth9", "0000:01:0.0", "../eth0", "", "0000:01:00.8"])
def test_target_that_nobody_knows(tree: Tree, text: str) -> None:
    with pytest.raises(InputError, match="neither a netdev here nor a PCI address"):
        resolve_target(tree.host, text)


def test_nearest_names_are_offered(tree: Tree) -> None:
    with pytest.raises(InputError) as caught:
        resolve_target(tree.host, "eth1")
    assert caught.value.hint == "near to it: eth0"


def test_simulated_host() -> None:
    function = read_function(simulated_82576(), PF)
    assert function.config.sriov is not None
    assert (function.config.sriov.total_vfs, function.sriov_total_vfs) == (8, 7)
