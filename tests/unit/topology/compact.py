"""Machines of our own lab in compact form: config space, ids, paths and the kernel's groups.

The files in ``tests/data/topologies`` were recorded from Linux under QEMU.  To add one::

    python -m tests.unit.topology.compact RECORDING_OR_SCENARIO NAME.json.xz
"""

from __future__ import annotations

import json
import lzma
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sriovctl.codec.pciconfig import decode_config
from sriovctl.model.address import PCIAddress, parse_pci_address
from sriovctl.model.snapshot import FunctionSnapshot, HostSnapshot, SourceKind

FIXTURES = Path(__file__).parents[2] / "data" / "topologies"
TABLES = ("DMAR", "IVRS", "VIOT")
_ADDRESS = re.compile(r"[0-9a-f]{4,}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]")
_HEX_LINE = re.compile(r"[0-9a-f]{2,3}: ((?:[0-9a-f]{2} ?)+)")


def load(path: Path) -> HostSnapshot:
    """Read one compact machine."""
    return snapshot_of(json.loads(lzma.decompress(path.read_bytes())), name=path.name)


def snapshot_of(machine: dict[str, Any], *, name: str) -> HostSnapshot:
    """Decode a compact machine."""
    return HostSnapshot(
        source=SourceKind.HOST,
        description=name,
        functions=tuple(
            _function(parse_pci_address(address), facts)
            for address, facts in sorted(machine["functions"].items())
        ),
        cmdline=machine["cmdline"],
        kernel_release=machine["release"],
        machine="x86_64",
        acpi_tables={sign: bytes.fromhex(text) for sign, text in machine["tables"].items()},
        groups_known=True,
    )


def _function(address: PCIAddress, facts: dict[str, Any]) -> FunctionSnapshot:
    data = bytes.fromhex(facts["config"]).ljust(facts["size"], b"\0")
    return FunctionSnapshot(
        address=address,
        config=decode_config(data),
        vendor_id=facts["vendor"],
        device_id=facts["device"],
        class_code=facts["class"],
        iommu_group=facts["group"],
        pf_address=parse_pci_address(facts["pf"]) if facts["pf"] else None,
        path=tuple(parse_pci_address(above) for above in facts["path"]),
        is_vf=facts["pf"] is not None,
    )


def kernel_partition(snapshot: HostSnapshot) -> set[frozenset[PCIAddress]]:
    """Gather the kernel's groups as sets."""
    groups: dict[int, set[PCIAddress]] = {}
    for function in snapshot.functions:
        if function.iommu_group is not None:
            groups.setdefault(function.iommu_group, set()).add(function.address)
    return {frozenset(members) for members in groups.values()}


# --- making them ---------------------------------------------------------------------------------


def from_scenario(directory: Path, phase: str) -> dict[str, Any]:
    """Make a compact machine of one phase of a QEMU scenario."""
    facts = json.loads((directory / "scenario.json").read_text())
    shown = json.loads((directory / f"{phase}.sysfs.json").read_text())["devices"]
    configs = dict(_hex_dump((directory / f"{phase}.lspci-xxxx.txt").read_text()))
    return {
        "cmdline": facts["cmdline"],
        "release": facts["kernel"],
        "tables": {
            sign: (directory / f"{sign}.aml").read_bytes().hex()
            for sign in TABLES
            if (directory / f"{sign}.aml").exists()
        },
        "functions": {
            address: {
                "config": configs[address].rstrip(b"\0").hex(),
                "size": len(configs[address]),
                "vendor": int(device["attrs"]["vendor"], 16),
                "device": int(device["attrs"]["device"], 16),
                "class": int(device["attrs"]["class"], 16),
                "group": device.get("iommu_group"),
                "pf": device.get("physfn"),
                "path": _ADDRESS.findall(device["sysfs_path"])[:-1],
            }
            for address, device in shown.items()
        },
    }


def _hex_dump(text: str) -> Iterator[tuple[str, bytes]]:
    for block in text.split("\n\n"):
        if not block.strip():
            continue
        head, *lines = block.strip().splitlines()
        rows = (_HEX_LINE.fullmatch(line.strip()) for line in lines)
        yield head.split()[0], bytes.fromhex("".join(row[1] for row in rows if row))


def from_tree(tree: Path) -> dict[str, Any]:
    """Make a compact machine of a recorded host tree."""
    acpi = tree / "sys/firmware/acpi/tables"
    devices = sorted((tree / "sys/bus/pci/devices").iterdir())
    return {
        "cmdline": (tree / "proc/cmdline").read_text().strip(),
        "release": (tree / "proc/version").read_text().split()[2],
        "tables": {s: (acpi / s).read_bytes().hex() for s in TABLES if (acpi / s).exists()},
        "functions": {link.name: _device(link.resolve()) for link in devices},
    }


def _device(directory: Path) -> dict[str, Any]:
    config = (directory / "config").read_bytes()
    group, pf = directory / "iommu_group", directory / "physfn"
    return {
        "config": config.rstrip(b"\0").hex(),
        "size": len(config),
        **{n: int((directory / n).read_text(), 16) for n in ("vendor", "device", "class")},
        "group": int(group.readlink().name) if group.is_symlink() else None,
        "pf": pf.readlink().name if pf.is_symlink() else None,
        "path": _ADDRESS.findall(str(directory))[:-1],
    }


def main() -> None:
    """Write one fixture."""
    source, target = map(Path, sys.argv[1:])
    phase = "vfs" if (source / "vfs.sysfs.json").exists() else "initial"
    is_scenario = (source / "scenario.json").exists()
    machine = from_scenario(source, phase) if is_scenario else from_tree(source)
    text = json.dumps(machine, separators=(",", ":"))
    (FIXTURES / target.name).write_bytes(lzma.compress(text.encode(), preset=9))


if __name__ == "__main__":
    main()
