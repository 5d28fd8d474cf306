"""Snapshots of the recorded QEMU scenarios, as a live host would have shown them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from sriovctl.codec.kernel_log import find_command_line, find_kernel_release, parse_kernel_log
from sriovctl.codec.pciconfig import decode_config
from sriovctl.model.address import PCIAddress, parse_pci_address
from sriovctl.model.snapshot import FunctionSnapshot, HostSnapshot, ResourceLine, SourceKind

DATA = Path(__file__).parents[4] / "shared" / "data"


def need(folder: str) -> Path:
    """Return a folder of recorded data, or skip."""
    if not (DATA / folder).is_dir():
        pytest.skip(f"recorded data {folder} are not on this machine")
    return DATA / folder


def read_log(path: Path) -> tuple[str, ...]:
    return parse_kernel_log(path.read_text(errors="replace"))


def read_scenario(name: str, *, phase: str = "initial") -> HostSnapshot:
    """Read one scenario; *phase* is ``initial`` or ``vfs``."""
    folder = need("qemu") / name
    log = read_log(folder / "dmesg.txt")
    shown = json.loads((folder / f"{phase}.sysfs.json").read_text())
    configs = read_configs(read_dump(folder / f"{phase}.lspci-xxxx.txt"))
    devices = sorted((parse_pci_address(one), facts) for one, facts in shown["devices"].items())
    return HostSnapshot(
        source=SourceKind.HOST,
        description=name,
        functions=tuple(read_function(one, facts, configs) for one, facts in devices),
        cmdline=find_command_line(log) or "",
        kernel_release=find_kernel_release(log),
        iomem=(folder / "iomem.txt").read_text(),
        acpi_tables={path.stem: path.read_bytes() for path in folder.glob("*.aml")},
        groups_known=True,
        kernel_log=log,
        privileged=True,
    )


def read_function(
    address: PCIAddress, facts: dict[str, Any], configs: dict[PCIAddress, bytes]
) -> FunctionSnapshot:
    attrs = facts["attrs"]
    total_vfs, num_vfs = attrs.get("sriov_totalvfs"), attrs.get("sriov_numvfs")
    pf = facts.get("physfn")
    return FunctionSnapshot(
        address=address,
        config=decode_config(configs[address]),
        vendor_id=int(attrs["vendor"], 16),
        device_id=int(attrs["device"], 16),
        class_code=int(attrs["class"], 16),
        driver=facts.get("driver"),
        iommu_group=facts.get("iommu_group"),
        pf_address=parse_pci_address(pf) if pf else None,
        is_vf=pf is not None,
        sriov_total_vfs=None if total_vfs is None else int(total_vfs),
        sriov_num_vfs=None if num_vfs is None else int(num_vfs),
        resources=tuple(
            ResourceLine(*(int(word, 16) for word in line.split())) for line in facts["resource"]
        ),
        path=tuple(parse_pci_address(one) for one in facts["sysfs_path"].split("/")[4:-1]),
    )


def read_dump(path: Path) -> str:
    """Read a dump; the large ones are compressed."""
    packed = path.with_name(path.name + ".gz")
    return gzip.decompress(packed.read_bytes()).decode() if packed.exists() else path.read_text()


def read_configs(dump: str) -> dict[PCIAddress, bytes]:
    """Read ``lspci -D -xxxx``."""
    found = {}
    for block in dump.strip().split("\n\n"):
        head, *lines = block.splitlines()
        found[parse_pci_address(head.split()[0])] = b"".join(
            bytes.fromhex(line.partition(": ")[2]) for line in lines
        )
    return found
