"""VFs in a QEMU that nobody else looks after: as text and as JSON."""

from __future__ import annotations

from sriovctl.render.table import format_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from sriovctl.model.functions import PF, VF
    from sriovctl.model.qemu import (
        QEMUAttachResult,
        QEMUDetachResult,
        QEMUFunction,
        QEMUMachine,
    )

    # By address: the VFs of this host, each with its PF.
    Known = Mapping[str, tuple[PF, VF]]

_HEADER = ("ID", "DEVICE", "VF OF", "VF", "IN GUEST", "MAC", "VLAN")


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _vlan_as_json(vlan: int | None) -> dict[str, int] | None:
    return None if vlan is None else {"id": vlan}


# --- list ------------------------------------------------------------------------------------


def machine_as_json(machine: QEMUMachine, known: Known) -> dict[str, object]:
    """Shape what a QEMU has of the host, and what room there is."""
    return {
        "guest": machine.name,
        "status": machine.status,
        "devices": [_function_as_json(each, known) for each in machine.functions],
        "ports": [
            {"id": port.port_id, "occupied": port.occupied, "hotplug": port.hotplug}
            for port in machine.ports
        ],
        "free_slots": machine.free_slots,
    }


def _function_as_json(function: QEMUFunction, known: Known) -> dict[str, object]:
    pf, index, mac, vlan = _on_host(function, known)
    return {
        "id": function.device_id,
        "address": function.source,
        "pf": pf,
        "vf_index": index,
        "guest_address": _text(function.guest_address),
        "mac": mac,
        "vlan": _vlan_as_json(vlan),
    }


def _on_host(
    function: QEMUFunction, known: Known
) -> tuple[str | None, int | None, str | None, int | None]:
    if function.source not in known:
        return None, None, None, None
    pf, vf = known[function.source]
    attributes = vf.attributes
    if attributes is None:
        return pf.device, vf.vf_index, None, None
    return pf.device, vf.vf_index, attributes.admin_mac, attributes.vlan_id


def format_machine(machine: QEMUMachine, known: Known) -> str:
    """Show what a QEMU has of the host, one row per function, and what room there is."""
    head = f"{machine.name or 'the guest'} is {machine.status}"
    if not machine.functions:
        lines = [f"{head}, and has no function of this host"]
    else:
        rows = [_row(function, known) for function in machine.functions]
        lines = [head, format_table(_HEADER, rows)]
    return "\n".join([*lines, _format_room(machine)])


def _row(function: QEMUFunction, known: Known) -> tuple[object, ...]:
    pf, index, mac, vlan = _on_host(function, known)
    return (function.device_id, function.source, pf, index, function.guest_address, mac, vlan)


def _format_room(machine: QEMUMachine) -> str:
    free = ", ".join(port.port_id for port in machine.free_ports)
    parts = [f"root ports: {len(machine.ports)}, free for a hot plug: {free or 'none'}"]
    if machine.nameless_ports:
        parts.append(f"{machine.nameless_ports} more have no id, so nothing can be plugged there")
    if machine.free_slots is not None:
        parts.append(f"free slots: {machine.free_slots}")
    return "; ".join(parts)


# --- attach and detach -----------------------------------------------------------------------


def qemu_attach_as_json(result: QEMUAttachResult) -> dict[str, object]:
    """Shape what ``qemu attach`` did."""
    return {
        "guest": result.guest,
        "vf": str(result.vf),
        "vf_index": result.vf_index,
        "pf": result.pf,
        "id": result.device_id,
        "guest_address": _text(result.guest_address),
        "mac": result.mac,
        "vlan": _vlan_as_json(result.vlan),
        "run": result.run_id,
        "changed": result.changed,
        "warnings": list(result.warnings),
    }


def format_qemu_attach(result: QEMUAttachResult) -> str:
    """Tell a person what ``qemu attach`` did."""
    done = "plugged in" if result.changed else "is there already"
    settings = [f"as {result.device_id}"] if result.device_id else []
    settings += [f"at {result.guest_address}"] if result.guest_address else []
    settings += [f"MAC {result.mac}"] if result.mac else []
    settings += [f"VLAN {result.vlan}"] if result.vlan else []
    head = f"{result.guest}: {result.vf} (VF {result.vf_index} of {result.pf}) {done}"
    lines = [", ".join([head, *settings])]
    return "\n".join([*lines, *(f"  warning: {warning}" for warning in result.warnings)])


def qemu_detach_as_json(result: QEMUDetachResult) -> dict[str, object]:
    """Shape what ``qemu detach`` did."""
    return {
        "guest": result.guest,
        "vf": str(result.vf),
        "changed": result.changed,
        "waited_s": round(result.waited_s, 1),
        "given_back": result.given_back,
        "host_driver": result.host_driver,
        "warnings": list(result.warnings),
    }


def format_qemu_detach(result: QEMUDetachResult) -> str:
    """Tell a person what ``qemu detach`` did."""
    done = "unplugged" if result.changed else "is not in the guest"
    driver = result.host_driver or "none"
    parts = [f"{result.guest}: {result.vf} {done}"]
    if result.given_back is not None:
        parts.append(f"its driver, MAC and VLAN are as before run {result.given_back}")
    parts.append(f"its driver on the host: {driver}")
    return "\n".join(["; ".join(parts), *(f"  warning: {one}" for one in result.warnings)])
