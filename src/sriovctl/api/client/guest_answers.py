"""Guests as the interface lists them, as far as ``guests`` shows them."""

from __future__ import annotations

from sriovctl.model.address import parse_pci_address
from sriovctl.model.guest import DeviceKind, Guest, GuestDevice, HotplugRoom
from sriovctl.model.guest_network import (
    NativeMode,
    NetworkInterface,
    VirtualPort,
    VirtualPortKind,
    VLANTrunk,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Document = Mapping[str, Any]


def parse_guests(said: Document) -> tuple[tuple[Guest, ...], frozenset[str]]:
    """Read guests, and the networks that give VFs away and that they will take some out of."""
    guests = tuple(map(_parse_guest, said["guests"]))
    return guests, frozenset(one.network for guest in guests for one in guest.network_interfaces)


def _parse_guest(said: Document) -> Guest:
    free = said["free_hotplug_slots"]
    return Guest(
        name=said["name"],
        uuid=said["uuid"],
        state=said["state"],
        active=any(one["live"] for one in said["devices"]),
        persistent=said["persistent"],
        machine=said["machine"],
        acpi=True,
        devices=tuple(map(_parse_device, said["devices"])),
        own_interfaces=(),
        room=None if free is None else HotplugRoom("slots", free, free),
        network_interfaces=tuple(
            NetworkInterface(one["network"], one["mac"], _vlan(one["vlan"]), None)
            for one in said["from_networks"]
        ),
    )


def _parse_device(said: Document) -> GuestDevice:
    place = said["guest_address"]
    return GuestDevice(
        kind=DeviceKind(said["kind"]),
        source=parse_pci_address(said["address"]),
        mac=said["mac"],
        vlan=_vlan(said["vlan"]),
        alias=said["alias"],
        guest_address=None if place is None else parse_pci_address(place),
        live=said["live"],
        config=said["config"],
        trunk=_trunk(said["vlan_trunk"]),
        virtual_port=_port(said["virtual_port"]),
        network=said["network"],
    )


def _vlan(said: Document | None) -> int | None:
    return None if said is None else int(said["id"])


def _trunk(said: Document | None) -> VLANTrunk | None:
    if said is None:
        return None
    mode = said["native_mode"]
    return VLANTrunk(tuple(said["ids"]), said["native"], None if mode is None else NativeMode(mode))


def _port(said: Document | None) -> VirtualPort | None:
    return None if said is None else VirtualPort(**{**said, "kind": VirtualPortKind(said["kind"])})
