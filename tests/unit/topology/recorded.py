"""Snapshots from the recorded QEMU scenarios, where they lie beside the checkout.

They hold, for each machine, the state before and after VFs were asked for, and the exit status of
the write, so the kernel's own answer is at hand.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from sriovctl.codec.iomem import root_bus_windows
from sriovctl.codec.pciconfig import decode_config
from sriovctl.model.address import PCIAddress, is_pci_address, parse_pci_address
from sriovctl.model.snapshot import (
    FunctionSnapshot,
    HostSnapshot,
    ResourceLine,
    RootBus,
    SourceKind,
)

SCENARIOS = Path(__file__).parents[4] / "shared/data/qemu"
WHY_SKIPPED = "the recorded QEMU scenarios are not beside this checkout"

_HEX_LINE = re.compile(r"^[0-9a-f]{2,3}: ((?:[0-9a-f]{2} ?)+)$")


def scenario_names() -> list[str]:
    """Names of the scenarios; none when they are not there."""
    return sorted(path.parent.name for path in SCENARIOS.glob("*/scenario.json"))


@cache
def scenario(name: str) -> dict[str, Any]:
    """How the machine was made, and what was written to its PFs."""
    loaded: dict[str, Any] = json.loads((SCENARIOS / name / "scenario.json").read_text())
    return loaded


@cache
def recorded_snapshot(name: str, phase: str) -> HostSnapshot:
    """Make the snapshot of one scenario: phase ``initial``, or ``vfs`` after the writes."""
    directory = SCENARIOS / name
    dump = directory / f"{phase}.lspci-xxxx.txt"  # left out where it would be a megabyte
    configs = _configs(dump.read_text()) if dump.exists() else {}
    shown = json.loads((directory / f"{phase}.sysfs.json").read_text())["devices"]
    functions = tuple(
        sorted(_function(name, facts, configs.get(name)) for name, facts in shown.items())
    )
    iomem = (directory / "iomem.txt").read_text()
    log = (directory / "dmesg.txt").read_text().splitlines()
    return HostSnapshot(
        source=SourceKind.HOST,
        description=f"scenario {name}",
        functions=functions,
        root_buses=_root_buses(shown, iomem),
        cmdline=scenario(name)["cmdline"],
        kernel_release=scenario(name)["kernel"],
        iomem=iomem,
        groups_known=True,
        kernel_log=tuple(line.partition("] ")[2] for line in log),
    )


def _configs(dump: str) -> dict[str, bytes]:
    configs: dict[str, bytes] = {}
    name = ""
    for line in dump.splitlines():
        match = _HEX_LINE.match(line)
        if match:
            configs[name] += bytes.fromhex(match[1])
        elif line:
            name = line.split()[0]
            configs[name] = b""
    return configs


def _function(name: str, facts: dict[str, Any], config: bytes | None) -> FunctionSnapshot:
    attrs = facts["attrs"]
    parts = facts["sysfs_path"].split("/")[:-1]
    virtfn = facts["virtfn"]
    node = int(attrs["numa_node"])
    return FunctionSnapshot(
        address=parse_pci_address(name),
        config=None if config is None else decode_config(config),
        vendor_id=int(attrs["vendor"], 16),
        device_id=int(attrs["device"], 16),
        class_code=int(attrs["class"], 16),
        driver=facts.get("driver"),
        numa_node=None if node < 0 else node,
        iommu_group=facts.get("iommu_group"),
        pf_address=_address(facts.get("physfn")),
        sriov_total_vfs=_number(attrs.get("sriov_totalvfs")),
        sriov_num_vfs=_number(attrs.get("sriov_numvfs")),
        resources=tuple(_resource(line) for line in facts["resource"]),
        path=tuple(parse_pci_address(part) for part in parts if is_pci_address(part)),
        is_vf="physfn" in facts,
        virtfn_addresses=tuple(
            parse_pci_address(virtfn[index]) for index in sorted(virtfn, key=_index)
        ),
    )


def _index(text: str) -> int:
    return int(text.removeprefix("virtfn"))


def _address(text: str | None) -> PCIAddress | None:
    return None if text is None else parse_pci_address(text)


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)


def _resource(line: str) -> ResourceLine:
    start, end, flags = (int(word, 16) for word in line.split())
    return ResourceLine(start, end, flags)


def _root_buses(shown: dict[str, Any], iomem: str) -> tuple[RootBus, ...]:
    names = {facts["sysfs_path"].split("/")[3] for facts in shown.values()}
    buses = sorted(tuple(int(part, 16) for part in name[3:].split(":")) for name in names)
    windows = root_bus_windows(iomem)
    return tuple(RootBus(domain, bus, windows=windows.get((domain, bus))) for domain, bus in buses)
