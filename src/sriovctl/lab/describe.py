"""A machine as plain data, for JSON.  Pure."""

from __future__ import annotations

from sriovctl.lab.machines import IGB, Machine, NVMe, RootPort, Switch


def describe_machine(machine: Machine) -> dict[str, object]:
    """Turn a machine into what ``lab list --json`` shows.  Pure."""
    return {
        "name": machine.name,
        "summary": machine.summary,
        "iommu": machine.iommu.value,
        "memory_mib": machine.memory_mib,
        "cpus": machine.cpus,
        "modules": list(machine.modules),
        "root_ports": [_describe_root_port(port) for port in machine.root_ports],
    }


def _describe_root_port(port: RootPort) -> dict[str, object]:
    return {"acs": port.acs, "below": _describe_below(port.below)}


def _describe_below(below: IGB | NVMe | Switch | None) -> dict[str, object] | None:
    match below:
        case IGB():
            return {"kind": "igb", "total_vfs": 7}
        case NVMe(total_vfs=total_vfs):
            return {"kind": "nvme", "total_vfs": total_vfs}
        case Switch(devices=devices):
            return {"kind": "switch", "acs": False, "below": [*map(_describe_below, devices)]}
        case None:
            return None
