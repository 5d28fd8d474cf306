"""A machine as plain data, for JSON.  Pure."""

from __future__ import annotations

from collections.abc import Iterable

from sriovctl.lab.machines import (
    IGB,
    Bridge,
    Device,
    HostBridge,
    Machine,
    MultiFunction,
    NVMe,
    Plain,
    RootPort,
    Switch,
)


def describe_machine(machine: Machine) -> dict[str, object]:
    """Turn a machine into what ``lab list --json`` shows.  Pure."""
    return {
        "name": machine.name,
        "summary": machine.summary,
        "iommu": machine.iommu.value,
        "memory_mib": machine.memory_mib,
        "cpus": machine.cpus,
        "modules": list(machine.modules),
        "root_bus": _describe_all(machine.root_bus),
    }


def _describe_all(devices: Iterable[Device | None]) -> list[dict[str, object] | None]:
    return [_describe(device) for device in devices]


def _describe(device: Device | None) -> dict[str, object] | None:
    words: dict[str, object] = {}
    match device:
        case None:
            return None
        case IGB():
            words = {"kind": "igb", "total_vfs": 7}
        case NVMe(total_vfs=total_vfs, disk=disk):
            words = {"kind": "nvme", "total_vfs": total_vfs}
            words |= {} if disk is None else {"disk_mib": disk.size_mib}
        case Plain(model=model):
            words = {"kind": model.value}
        case MultiFunction(functions=functions):
            words = {"kind": "functions", "functions": _describe_all(functions)}
        case RootPort(below=below, acs=acs):
            words = {"kind": "root-port", "acs": acs, "below": _describe(below)}
        case Switch(devices=devices, one_slot=one_slot):
            words = {"kind": "switch", "acs": False, "one_slot": one_slot}
            words["below"] = _describe_all(devices)
        case Bridge(model=bridge, devices=devices):
            words = {"kind": bridge.value, "below": _describe_all(devices)}
        case HostBridge(devices=devices):
            words = {"kind": "host-bridge", "below": _describe_all(devices)}
    return words
