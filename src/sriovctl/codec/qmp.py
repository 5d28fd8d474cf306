"""Answers of QEMU's monitor and what they mean.  Pure.

QEMU's devices are objects in a tree of paths: those with an id below ``/machine/peripheral``,
others below ``/machine/peripheral-anon``; a port's bus is a child of the port and has its name.
``query-pci`` tells where the guest's firmware or kernel has put which device.

Source: QEMU ``qapi/qom.json``, ``qapi/pci.json``, ``docs/devel/qom.rst``; ``hw/pci/pci_bridge.c``
(``pci_bridge_initfn()``: the name of a bridge's bus).
"""

from __future__ import annotations

import re

from sriovctl.errors import HostError
from sriovctl.model.address import PCIAddress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# Each takes one device, in slot 0 of its bus.
PORT_TYPES = ("pcie-root-port", "ioh3420", "xio3130-downstream")
# Of the devices that hand a host's function to the guest.
_VFIO_TYPE = re.compile(r"vfio-pci(-nohotplug)?")
_CHILD = re.compile(r"child<(.+)>")
_SLOTS = 32


def children(listing: object) -> dict[str, str]:
    """Read an answer to ``qom-list``: the objects in it, name -> type.

    :raises HostError: it is something else.
    """
    found = {}
    for entry in _list(listing, "qom-list"):
        name, kind = _text(entry, "name"), _text(entry, "type")
        match = _CHILD.fullmatch(kind)
        if match is not None:
            found[name] = match[1]
    return found


def properties(listing: object) -> frozenset[str]:
    """Read an answer to ``qom-list``: the names of all in it.

    :raises HostError: it is something else.
    """
    return frozenset(_text(entry, "name") for entry in _list(listing, "qom-list"))


def is_occupied(bus_listing: object) -> bool:
    """Say from an answer to ``qom-list`` of a bus whether a device is plugged into it.

    :raises HostError: it is something else.
    """
    return any(name.startswith("child[") for name in properties(bus_listing))


def is_vfio(type_name: str) -> bool:
    """Say whether devices of a type are functions of the host."""
    return _VFIO_TYPE.fullmatch(type_name) is not None


def guest_addresses(answer: object) -> dict[str, PCIAddress]:
    """Read from an answer to ``query-pci`` where devices with an id are: id -> address.

    :raises HostError: it is something else.
    """
    return {
        device_id: PCIAddress(
            0, _number(device, "bus"), _number(device, "slot"), _number(device, "function")
        )
        for bus in _list(answer, "query-pci")
        for device in _devices_of(bus)
        if (device_id := _text(device, "qdev_id"))
    }


def free_root_slots(answer: object) -> int:
    """Count from an answer to ``query-pci`` the slots of bus 0 without a device.

    :raises HostError: it is something else.
    """
    taken = {
        _number(device, "slot")
        for bus in _list(answer, "query-pci")
        for device in _devices_of(bus)
        if _number(device, "bus") == 0
    }
    return _SLOTS - len(taken)


def _devices_of(bus: object) -> Iterator[object]:
    for device in _list(_field(bus, "devices"), "query-pci"):
        yield device
        bridge = _field(device, "pci_bridge")
        if bridge is not None and _field(bridge, "devices") is not None:
            yield from _devices_of(bridge)


def text_field(answer: object, key: str) -> str | None:
    """Read one text out of an answer; None if it has none."""
    value = _field(answer, key)
    return value if isinstance(value, str) else None


def number_field(answer: object, key: str) -> int | None:
    """Read one number out of an answer; None if it has none."""
    value = _field(answer, key)
    return value if isinstance(value, int) else None


def _field(value: object, key: str) -> object:
    return value.get(key) if isinstance(value, dict) else None


def _list(value: object, command: str) -> list[object]:
    if not isinstance(value, list):
        raise HostError(
            f"QEMU's answer to '{command}' is no list", evidence={"answer": repr(value)[:80]}
        )
    return value


def _text(entry: object, key: str) -> str:
    value = _field(entry, key)
    return value if isinstance(value, str) else ""


def _number(entry: object, key: str) -> int:
    value = _field(entry, key)
    if not isinstance(value, int):
        raise HostError(f"QEMU told no {key} of a device", evidence={"answer": repr(entry)[:80]})
    return value
