"""A host of 10 048 PCI functions, made up in a directory: 40 PFs with 249 VFs each, some of them
below a switch without ACS.  Files on disk answer faster than a kernel's sysfs.
"""

from __future__ import annotations

import os
from pathlib import Path

from sriovctl.codec.pciconfig_build import build_config
from sriovctl.model.address import PCIAddress, vf_address
from sriovctl.model.capabilities import SRIOVCapability

PFS, VFS, BELOW_SWITCH = 40, 249, 4
ACS = 0x1D  # all that isolation needs
NIC, BRIDGE = 0x020000, 0x060400
FILES = {
    "numa_node": "0\n",
    "resource": "0x00000000fe800000 0x00000000fe803fff 0x0000000000140204\n"
    + ("0x0 0x0 0x0\n" * 12),
}
CAPABILITY = SRIOVCapability(
    total_vfs=VFS,
    initial_vfs=VFS,
    num_vfs=VFS,
    first_vf_offset=1,
    vf_stride=1,
    vf_device_id=0x1889,
    vf_enable=True,
    vf_mse=True,
    ari_capable_hierarchy=True,
)


class Tree:
    """Writes the functions of a host as sysfs has them."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._devices = root / "sys/bus/pci/devices"
        self._devices.mkdir(parents=True)
        self._groups = root / "sys/kernel/iommu_groups"
        (root / "sys/class/iommu/dmar0").mkdir(parents=True)
        (root / "sys/firmware/acpi/tables").mkdir(parents=True)
        self._put("proc/cmdline", "intel_iommu=on iommu=pt\n")
        self._put("proc/sys/kernel/osrelease", "6.12.0\n")
        self._put("proc/sys/kernel/arch", "x86_64\n")
        self.functions = 0

    def add(
        self, above: Path, address: PCIAddress, config: bytes, *, group: int, device_id: int = 0
    ) -> Path:
        directory = above / str(address)
        (self._root / directory).mkdir(parents=True)
        (self._root / directory / "config").write_bytes(config)
        is_bridge = config[0x0E] & 0x7F == 1
        for name, text in {
            **FILES,
            "vendor": "0x8086\n",
            "device": f"{device_id or int.from_bytes(config[2:4], 'little'):#06x}\n",
            "class": f"{BRIDGE if is_bridge else NIC:#08x}\n",
        }.items():
            self._put(directory / name, text)
        self.link(directory, "iommu_group", f"../../../kernel/iommu_groups/{group}")
        os.symlink(f"../../../../{directory}", self._devices / str(address))
        self.functions += 1
        return directory

    def link(self, directory: Path, name: str, target: str) -> None:
        os.symlink(target, self._root / directory / name)

    def _put(self, path: str | Path, text: str) -> None:
        file = self._root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def put_sriov(self, directory: Path) -> None:
        self._put(directory / "sriov_totalvfs", f"{VFS}\n")
        self._put(directory / "sriov_numvfs", f"{VFS}\n")


def make_host(root: Path) -> int:
    """Return the number of functions."""
    tree, bus = Tree(root), 1
    for number in range(PFS):
        above = Path("sys/devices/pci0000:00")
        has_switch = number >= PFS - BELOW_SWITCH
        last = bus + 2 if has_switch else bus
        place = PCIAddress(0, 0, 1 + number // 8, number % 8)
        above = tree.add(above, place, port(4, 0, bus, last, acs=ACS), group=bus)
        if has_switch:
            above = tree.add(
                above, PCIAddress(0, bus, 0, 0), port(5, bus, bus + 1, last), group=bus
            )
            place = PCIAddress(0, bus + 1, 0, 0)
            above = tree.add(above, place, port(6, bus + 1, last, last), group=bus)
        add_pf(tree, above, last)
        bus = last + 1
    return tree.functions


def port(kind: int, primary: int, secondary: int, last: int, *, acs: int | None = None) -> bytes:
    return build_config(
        vendor_id=0x8086,
        device_id=0x2000 + kind,
        class_code=BRIDGE,
        express_type=kind,
        bridge=(primary, secondary, last),
        multifunction=kind == 4,
        acs_capabilities=acs,
        acs_control=acs or 0,
        ari_forwarding_supported=True,
        ari_forwarding_enable=True,
    )


def add_pf(tree: Tree, above: Path, bus: int) -> None:
    pf = PCIAddress(0, bus, 0, 0)
    config = build_config(
        vendor_id=0x8086, device_id=0x1592, class_code=NIC, ari=True, sriov=CAPABILITY, flr=True
    )
    directory = tree.add(above, pf, config, group=bus)
    tree.put_sriov(directory)
    # A VF's ids read ffff: the kernel tells them apart from its config space.
    vf_config = build_config(
        vendor_id=0xFFFF, device_id=0xFFFF, class_code=NIC, ari=True, flr=True, msix_vectors=17
    )
    for index in range(VFS):
        vf = vf_address(pf, index, first_vf_offset=1, vf_stride=1)
        own = tree.add(above, vf, vf_config, group=bus * 256 + index, device_id=0x1889)
        tree.link(own, "physfn", f"../{pf}")
        tree.link(directory, f"virtfn{index}", f"../{vf}")
