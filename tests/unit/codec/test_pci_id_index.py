from __future__ import annotations

import pytest

from sriovctl.codec.pci_id_index import IDIndex

IDS = b"""\
# a comment
8086  Intel Corporation
\t10c9  82576 Gigabit Network Connection
\t\t8086 a03c  Gigabit ET Dual Port Server Adapter
\t1521  I350 Gigabit Network Connection
\t1522  I350 Gigabit Network Connection
8087  Intel Corporation Twin
\t0001  Thing
1af4  Red Hat, Inc.
\t1041  Virtio 1.0 network device
1b36  Red Hat, Inc.
\t000c  QEMU PCIe Root port
C 02  Network controller
\t00  Ethernet controller
"""


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("Intel Corporation 82576 Gigabit Network Connection", (0x8086, 0x10C9)),
        ("Intel Corporation I350 Gigabit Network Connection", (0x8086, 0x1521)),  # two have it
        ("Intel Corporation Device 1234", (0x8086, None)),
        ("Intel Corporation Twin Thing", (0x8087, 1)),
        ("Red Hat, Inc. QEMU PCIe Root port", (0x1B36, 0x000C)),  # two vendors of one name
        ("Red Hat, Inc. Device 0001", (None, None)),
        ("Nobody Device 0001", (None, None)),
        ("", (None, None)),
    ],
)
def test_ids_by_name(name: str, ids: tuple[int | None, int | None]) -> None:
    assert IDIndex(IDS).ids_of(name) == ids


def test_without_a_file() -> None:
    assert IDIndex(b"").ids_of("Intel Corporation x") == (None, None)
