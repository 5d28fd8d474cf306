"""Names are found wherever they stand in the file, as a reading of all its lines finds them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriovctl.codec.pci_ids import find_device_name
from sriovctl.host.pci_ids import PATHS

IDS = st.integers(0, 0xFFFF).map(lambda number: f"{number:04x}")
HEAD = "#\n#\tList of PCI ID's\n#\n\n# Vendors, devices and subsystems. Please keep sorted.\n\n"
CLASSES = "C 00  Unclassified device\n\t00  Non-VGA unclassified device\n"


def read_all(text: str) -> dict[str, tuple[str, dict[str, str]]]:
    """By vendor: its name, and those of its devices."""
    found: dict[str, tuple[str, dict[str, str]]] = {}
    devices: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith("C "):
            break
        if line[:1] == "\t" and line[1:2] != "\t":
            devices.setdefault(line[1:5], line[7:])
        elif line[:1] not in ("", "#", "\t"):
            devices = {}
            found.setdefault(line[:4], (line[6:], devices))
    return found


def named(vendors: dict[str, tuple[str, dict[str, str]]], vendor: str, device: str) -> str | None:
    if vendor not in vendors:
        return None
    name, devices = vendors[vendor]
    return f"{name} {devices[device]}" if device in devices else name


def lines_of(vendor: str, num_devices: int) -> str:
    devices = (
        f"\t{n:04x}  Device {n}\n\t\t1028 {n:04x}  Board\n"
        + ("# a comment\n" if n % 7 == 3 else "")
        for n in range(num_devices)
    )
    return f"{vendor}  Vendor {vendor}\n{''.join(devices)}"


@given(
    st.dictionaries(IDS, st.sampled_from([0, 1, 40, 2500]), min_size=1, max_size=12),
    st.permutations(range(12)),
    st.booleans(),
    IDS,
)
def test_sorted_or_not(
    sizes: dict[str, int], order: list[int], is_sorted: bool, stranger: str
) -> None:
    vendors = sorted(sizes)
    if not is_sorted:
        vendors = [vendors[place] for place in order if place < len(vendors)]
    text = HEAD + "".join(lines_of(vendor, sizes[vendor]) for vendor in vendors) + CLASSES
    known, data = read_all(text), text.encode()
    for vendor in (*vendors, stranger):
        for device in ("0000", "0027", "09c3", "ffff"):
            assert find_device_name(data, vendor, device) == named(known, vendor, device)


def test_every_vendor_of_this_machines_file() -> None:
    path = next((path for path in map(Path, PATHS) if path.exists()), None)
    if path is None:
        pytest.skip("this machine has no pci.ids")
    data = path.read_bytes()
    known = read_all(data.decode("utf-8", "replace"))
    for vendor, (_, devices) in known.items():
        device = next(reversed(devices), "ffff")
        assert find_device_name(data, vendor, device) == named(known, vendor, device)
