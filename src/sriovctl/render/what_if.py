"""What a change would bring, as text and as JSON."""

from __future__ import annotations

from sriovctl.render.capacity import capacity_as_json, count_vfs, format_addresses, format_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sriovctl.model.address import PCIAddress
    from sriovctl.model.capacity import Capacity, Placement


def what_if_as_json(
    capacities: Sequence[Capacity], acs_ports: Sequence[PCIAddress]
) -> dict[str, object]:
    """Shape the change that was tried.  Pure."""
    return {
        "vfs": [capacity_as_json(capacity) for capacity in capacities],
        "slot_acs": [str(port) for port in acs_ports],
    }


def format_what_if(capacities: Sequence[Capacity], acs_ports: Sequence[PCIAddress]) -> str:
    """Show the change that was tried.  Pure."""
    lines = ["as if:"]
    for capacity in capacities:
        placement = capacity.placement
        assert placement is not None  # each was asked with a number of VFs
        lines.append(f"   {capacity.address} had {_vfs(placement)}")
        usable = "not known" if capacity.max_usable_vfs is None else capacity.max_usable_vfs
        needs = "" if placement.vfs == 0 else f"{_needs(placement)}, "
        lines.append(f"      {needs}largest number that works: {usable}")
    lines += [f"   {port} had ACS" for port in acs_ports]
    return "\n".join(lines)


def _vfs(placement: Placement) -> str:
    if placement.vfs == 0:
        return "no VFs"
    return (
        f"{count_vfs(placement.vfs)}: {format_addresses(placement.addresses) or 'places not known'}"
    )


def _needs(placement: Placement) -> str:
    buses = " ".join(f"{bus:02x}" for bus in placement.buses) or "not known"
    return f"buses {buses}, memory {format_bytes(placement.memory_bytes)}"
