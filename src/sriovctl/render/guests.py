"""Guests and their VFs, and what was attached and detached: as text and as JSON."""

from __future__ import annotations

from sriovctl.render.table import format_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sriovctl.model.guest import (
        AttachResult,
        DetachResult,
        Guest,
        GuestDevice,
        NetworkAttachResult,
    )
    from sriovctl.model.guest_network import NetworkInterface, VirtualPort, VLANTrunk

_HEADER = ("GUEST", "STATE", "DEVICE", "KIND", "MAC", "VLAN", "IN GUEST", "NOW", "NEXT BOOT")


def guests_as_json(guests: Sequence[Guest], vf_networks: Collection[str] = ()) -> dict[str, object]:
    """Shape guests as ``guests --json`` promises them.

    :param vf_networks: networks of libvirt that give VFs away.
    """
    return {"guests": [_guest_as_json(guest, vf_networks) for guest in guests]}


def _guest_as_json(guest: Guest, vf_networks: Collection[str]) -> dict[str, object]:
    return {
        "name": guest.name,
        "uuid": guest.uuid,
        "state": guest.state,
        "persistent": guest.persistent,
        "machine": guest.machine,
        "free_hotplug_slots": None if guest.room is None else guest.room.free,
        "devices": [_device_as_json(device) for device in guest.devices],
        "from_networks": [
            {"network": each.network, "mac": each.mac, "vlan": _vlan_as_json(each.vlan)}
            for each in _coming(guest, vf_networks)
        ],
    }


# What will come out of a network at the next boot; which VF, nobody knows yet.
def _coming(guest: Guest, vf_networks: Collection[str]) -> list[NetworkInterface]:
    return [each for each in guest.network_interfaces if each.network in vf_networks]


def _device_as_json(device: GuestDevice) -> dict[str, object]:
    return {
        "kind": str(device.kind),
        "address": str(device.source),
        "mac": device.mac,
        "vlan": _vlan_as_json(device.vlan),
        "alias": device.alias,
        "guest_address": _text(device.guest_address),
        "live": device.live,
        "config": device.config,
        "vlan_trunk": _trunk_as_json(device.trunk),
        "virtual_port": _port_as_json(device.virtual_port),
        "network": device.network,
    }


def _trunk_as_json(trunk: VLANTrunk | None) -> dict[str, object] | None:
    return None if trunk is None else trunk._asdict()


def _port_as_json(port: VirtualPort | None) -> dict[str, object] | None:
    return None if port is None else port._asdict()


def _vlan_as_json(vlan: int | None) -> dict[str, int] | None:
    return None if vlan is None else {"id": vlan}


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def format_guests(guests: Sequence[Guest], vf_networks: Collection[str] = ()) -> str:
    """Show who has what, one row per device; guests without any have one row too.

    :param vf_networks: networks of libvirt that give VFs away.
    """
    if not guests:
        return "libvirt knows no guests here"
    return format_table(_HEADER, [row for guest in guests for row in _rows(guest, vf_networks)])


def _rows(guest: Guest, vf_networks: Collection[str]) -> list[tuple[object, ...]]:
    head = (guest.name, guest.state)
    rows = [(*head, *_cells(device)) for device in guest.devices]
    now = {device.mac for device in guest.devices if device.network is not None}
    rows += [
        (*head, None, "interface", each.mac, each.vlan, None, "no", f"one of {each.network}")
        for each in _coming(guest, vf_networks)
        if each.mac not in now
    ]
    return rows or [(*head, *[None] * (len(_HEADER) - len(head)))]


def _cells(device: GuestDevice) -> tuple[object, ...]:
    later = "yes" if device.config else "no"
    return (
        device.source,
        device.kind,
        device.mac,
        device.vlan or device.trunk or device.virtual_port,
        device.guest_address,
        "yes" if device.live else "no",
        later if device.network is None else f"one of {device.network}",
    )


def attach_as_json(results: Sequence[AttachResult]) -> dict[str, object]:
    """Shape what ``attach`` did; of a single VF also without a list, as it has always been."""
    rows = [_attached_as_json(result) for result in results]
    alone = rows[0] if len(rows) == 1 else {}
    return {**alone, "changed": any(result.changed for result in results), "attached": rows}


def _attached_as_json(result: AttachResult) -> dict[str, object]:
    return {
        "guest": result.guest,
        "vf": str(result.vf),
        "vf_index": result.vf_index,
        "pf": str(result.pf),
        "pf_netdev": result.pf_netdev,
        "kind": str(result.kind),
        "mac": result.mac,
        "vlan": _vlan_as_json(result.vlan),
        "guest_address": _text(result.guest_address),
        "live": result.live,
        "config": result.config,
        "changed": result.changed,
        "warnings": list(result.warnings),
        "vlan_trunk": _trunk_as_json(result.trunk),
        "virtual_port": _port_as_json(result.virtual_port),
    }


def network_attach_as_json(result: NetworkAttachResult) -> dict[str, object]:
    """Shape what ``attach --network`` did."""
    return {
        "guest": result.guest,
        "network": result.network,
        "vf": _text(result.vf),
        "mac": result.mac,
        "vlan": _vlan_as_json(result.vlan),
        "guest_address": _text(result.guest_address),
        "live": result.live,
        "config": result.config,
        "changed": result.changed,
        "warnings": list(result.warnings),
    }


def format_attach(result: AttachResult) -> str:
    """Tell a person what ``attach`` did."""
    pf = result.pf_netdev or str(result.pf)
    head = f"{result.guest}: {result.vf} (VF {result.vf_index} of {pf})"
    tagging = [f"VLAN trunk {result.trunk}"] if result.trunk else []
    tagging += [str(result.virtual_port)] if result.virtual_port else []
    return _format_attached(head, result, tagging)


def format_network_attach(result: NetworkAttachResult) -> str:
    """Tell a person what ``attach --network`` did."""
    which = f"{result.vf} out of" if result.vf else "a VF of"
    return _format_attached(f"{result.guest}: {which} network {result.network}", result, [])


def _format_attached(
    head: str, result: AttachResult | NetworkAttachResult, tagging: list[str]
) -> str:
    done = "attached" if result.changed else "already attached"
    settings = [f"MAC {result.mac}"] if result.mac else []
    settings += [f"VLAN {result.vlan}"] if result.vlan else []
    settings += tagging
    settings += [f"in the guest at {result.guest_address}"] if result.guest_address else []
    when = _when(live=result.live, config=result.config, now="now", later="after its next boot")
    lines = [f"{head} {done}, {when}"]
    lines += [f"  {', '.join(settings)}"] if settings else []
    lines += [f"  warning: {warning}" for warning in result.warnings]
    return "\n".join(lines)


def detach_as_json(results: Sequence[DetachResult]) -> dict[str, object]:
    """Shape what ``detach`` did."""
    return {
        "detached": [
            {
                "guest": result.guest,
                "vf": _text(result.vf),
                "network": result.network,
                "live": result.live,
                "config": result.config,
                "changed": result.changed,
                "waited_s": round(result.waited_s, 1),
                "host_driver": result.host_driver,
            }
            for result in results
        ]
    }


def format_detach(result: DetachResult) -> str:
    """Tell a person what ``detach`` did."""
    what = f"a VF of network {result.network}" if result.vf is None else str(result.vf)
    if not result.changed:
        return f"{result.guest}: {what} is not attached"
    where = _when(
        live=result.live,
        config=result.config,
        now="from the running guest",
        later="from its next boot",
    )
    driver = f"; its driver on the host: {result.host_driver or 'none'}" if result.vf else ""
    if not where:
        return f"{result.guest}: {what} put back as it was before libvirt was cut short{driver}"
    return f"{result.guest}: {what} detached {where}{driver}"


def _when(*, live: bool, config: bool, now: str, later: str) -> str:
    return " and ".join([now] * live + [later] * config)
