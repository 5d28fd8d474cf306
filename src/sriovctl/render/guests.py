"""Guests and their VFs, and what was attached and detached: as text and as JSON."""

from __future__ import annotations

from sriovctl.render.table import format_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sriovctl.model.guest import AttachResult, DetachResult, Guest, GuestDevice

_HEADER = ("GUEST", "STATE", "DEVICE", "KIND", "MAC", "VLAN", "IN GUEST", "NOW", "NEXT BOOT")


def guests_as_json(guests: Sequence[Guest]) -> dict[str, object]:
    """Shape guests as ``guests --json`` promises them."""
    return {"guests": [_guest_as_json(guest) for guest in guests]}


def _guest_as_json(guest: Guest) -> dict[str, object]:
    return {
        "name": guest.name,
        "uuid": guest.uuid,
        "state": guest.state,
        "persistent": guest.persistent,
        "machine": guest.machine,
        "free_hotplug_slots": None if guest.room is None else guest.room.free,
        "devices": [_device_as_json(device) for device in guest.devices],
    }


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
    }


def _vlan_as_json(vlan: int | None) -> dict[str, int] | None:
    return None if vlan is None else {"id": vlan}


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def format_guests(guests: Sequence[Guest]) -> str:
    """Show who has what, one row per device; guests without any have one row too."""
    if not guests:
        return "libvirt knows no guests here"
    return format_table(_HEADER, [row for guest in guests for row in _rows(guest)])


def _rows(guest: Guest) -> list[tuple[object, ...]]:
    head = (guest.name, guest.state)
    if not guest.devices:
        return [(*head, *[None] * (len(_HEADER) - len(head)))]
    return [(*head, *_cells(device)) for device in guest.devices]


def _cells(device: GuestDevice) -> tuple[object, ...]:
    return (
        device.source,
        device.kind,
        device.mac,
        device.vlan,
        device.guest_address,
        "yes" if device.live else "no",
        "yes" if device.config else "no",
    )


def attach_as_json(result: AttachResult) -> dict[str, object]:
    """Shape what ``attach`` did."""
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
    }


def format_attach(result: AttachResult) -> str:
    """Tell a person what ``attach`` did."""
    done = "attached" if result.changed else "already attached"
    pf = result.pf_netdev or str(result.pf)
    settings = [f"MAC {result.mac}"] if result.mac else []
    settings += [f"VLAN {result.vlan}"] if result.vlan else []
    settings += [f"in the guest at {result.guest_address}"] if result.guest_address else []
    when = _when(live=result.live, config=result.config, now="now", later="after its next boot")
    lines = [f"{result.guest}: {result.vf} (VF {result.vf_index} of {pf}) {done}, {when}"]
    lines += [f"  {', '.join(settings)}"] if settings else []
    lines += [f"  warning: {warning}" for warning in result.warnings]
    return "\n".join(lines)


def detach_as_json(results: Sequence[DetachResult]) -> dict[str, object]:
    """Shape what ``detach`` did."""
    return {
        "detached": [
            {
                "guest": result.guest,
                "vf": str(result.vf),
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
    if not result.changed:
        return f"{result.guest}: {result.vf} is not attached"
    where = _when(
        live=result.live,
        config=result.config,
        now="from the running guest",
        later="from its next boot",
    )
    driver = result.host_driver or "none"
    return f"{result.guest}: {result.vf} detached {where}; its driver on the host: {driver}"


def _when(*, live: bool, config: bool, now: str, later: str) -> str:
    return " and ".join([now] * live + [later] * config)
