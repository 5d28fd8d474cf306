"""libvirt's pools of VFs: as text and as JSON."""

from __future__ import annotations

from sriovctl.render.table import format_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sriovctl.model.address import PCIAddress
    from sriovctl.model.guest import Guest
    from sriovctl.model.guest_network import VFNetwork

_HEADER = ("NETWORK", "STATE", "AUTOSTART", "FROM", "VLAN", "VFS", "FREE")
_VF_HEADER = ("VF", "GUEST", "MAC", "VLAN")


def vf_network_as_json(network: VFNetwork, guests: Sequence[Guest]) -> dict[str, object]:
    """Shape one network as ``network show --json`` promises it."""
    pool = network.pool
    return {
        "name": pool.name,
        "active": network.active,
        "persistent": network.persistent,
        "autostart": network.autostart,
        "pf_netdevs": list(pool.pf_netdevs),
        "vlan": None if pool.vlan is None else {"id": pool.vlan},
        "vfs": [{"address": str(vf), "guest": _holder(vf, guests)} for vf in pool.sources],
        "guests": [guest.name for guest in guests if pool.name in guest.networks],
    }


def format_vf_networks(networks: Sequence[VFNetwork], guests: Sequence[Guest]) -> str:
    """List networks, one per row."""
    if not networks:
        return "libvirt has no network that gives VFs away"
    return format_table(_HEADER, [_row(network, guests) for network in networks])


def format_vf_network(network: VFNetwork, guests: Sequence[Guest]) -> str:
    """Show one network, and who has each of its VFs."""
    rows = [_vf_row(vf, guests) for vf in network.pool.sources]
    wanting = [guest.name for guest in guests if network.pool.name in guest.networks]
    return "\n".join(
        (
            format_table(_HEADER, [_row(network, guests)]),
            "",
            format_table(_VF_HEADER, rows) if rows else "it has no VFs now",
            "",
            f"guests that take a VF out of it when they start: {', '.join(wanting) or 'none'}",
        )
    )


def _row(network: VFNetwork, guests: Sequence[Guest]) -> tuple[object, ...]:
    pool = network.pool
    return (
        pool.name,
        "active" if network.active else "inactive",
        "yes" if network.autostart else "no",
        " ".join(pool.pf_netdevs) or "addresses",
        pool.vlan,
        len(pool.sources),
        sum(_holder(vf, guests) is None for vf in pool.sources),
    )


def _vf_row(vf: PCIAddress, guests: Sequence[Guest]) -> tuple[object, ...]:
    held = [(guest.name, device.mac, device.vlan) for guest in guests for device in guest.holds(vf)]
    return (vf, *(held[0] if held else (None, None, None)))


def _holder(vf: PCIAddress, guests: Sequence[Guest]) -> str | None:
    return next((guest.name for guest in guests if guest.holds(vf)), None)
