"""Answers of QEMU's monitor, as QEMU 10 gave them."""

from __future__ import annotations

import pytest

from sriovctl.codec.qmp import (
    children,
    free_root_slots,
    guest_addresses,
    is_occupied,
    is_vfio,
    number_field,
    properties,
    text_field,
)
from sriovctl.errors import HostError
from sriovctl.model.address import parse_pci_address

PERIPHERAL = [
    {"name": "type", "type": "string"},
    {"name": "rp1", "type": "child<pcie-root-port>"},
    {"name": "n1", "type": "child<e1000e>"},
    {"name": "memory", "type": "link<memory-region>"},
]


def device(bus: int, slot: int, qdev_id: str = "", function: int = 0) -> dict[str, object]:
    return {"bus": bus, "slot": slot, "function": function, "qdev_id": qdev_id, "regions": []}


def behind(bridge: dict[str, object], *devices: dict[str, object]) -> dict[str, object]:
    return {**bridge, "pci_bridge": {"bus": {"number": 0}, "devices": list(devices)}}


TREE = [
    {
        "bus": 0,
        "devices": [
            device(0, 0),
            behind(device(0, 1, "rp1"), device(1, 0, "n1"), device(1, 0, "n2", function=1)),
            # A bridge whose bus has no number yet shows nothing of what is behind it.
            {**device(0, 3, "rp3"), "pci_bridge": {"bus": {"number": 0}}},
            behind(device(0, 4, "rp4"), behind(device(2, 0, "up"), device(3, 1, "n3"))),
            device(0, 31),
            device(0, 31, function=2),
        ],
    }
]


def test_objects_and_their_types() -> None:
    assert children(PERIPHERAL) == {"rp1": "pcie-root-port", "n1": "e1000e"}
    assert properties(PERIPHERAL) == {"type", "rp1", "n1", "memory"}


def test_a_bus_with_and_without_a_device() -> None:
    bus = [{"name": "type", "type": "string"}, {"name": "acpi-pcihp-bsel", "type": "uint32"}]
    assert not is_occupied(bus)
    assert is_occupied([*bus, {"name": "child[0]", "type": "link<e1000e>"}])


def test_where_devices_are_in_the_guest() -> None:
    assert guest_addresses(TREE) == {
        "rp1": parse_pci_address("00:01.0"),
        "n1": parse_pci_address("01:00.0"),
        "n2": parse_pci_address("01:00.1"),
        "rp3": parse_pci_address("00:03.0"),
        "rp4": parse_pci_address("00:04.0"),
        "up": parse_pci_address("02:00.0"),
        "n3": parse_pci_address("03:01.0"),
    }
    assert free_root_slots(TREE) == 32 - 5


@pytest.mark.parametrize(
    ("kind", "answer"),
    [("vfio-pci", True), ("vfio-pci-nohotplug", True), ("vfio-pci-igd-lpc-bridge", False)],
)
def test_types_that_hand_a_function_out(kind: str, answer: bool) -> None:
    assert is_vfio(kind) is answer


def test_single_values() -> None:
    assert text_field({"name": "MyGuest"}, "name") == "MyGuest"
    assert text_field({}, "name") is text_field([], "name") is None
    assert number_field({"base-memory": 7}, "base-memory") == 7
    assert number_field({"base-memory": "7"}, "base-memory") is None


@pytest.mark.parametrize("answer", [None, {}, "x", [{"bus": 0}], [{"devices": [{"qdev_id": "a"}]}]])
def test_what_makes_no_sense(answer: object) -> None:
    with pytest.raises(HostError):
        guest_addresses(answer)
    with pytest.raises(HostError):
        children({})
