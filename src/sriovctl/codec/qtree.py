"""What QEMU's human monitor answers to ``info qtree``.  Pure.

Source: QEMU ``system/qdev-monitor.c`` (``qdev_print()``).
"""

from __future__ import annotations

_DEVICE = "dev: "
_HOST = 'host = "'


def parse_vfio_devices(text: str) -> dict[str, str]:
    """Read the host's functions in a guest: PCI address on the host -> id in QEMU."""
    found: dict[str, str] = {}
    device_id = None
    for line in map(str.strip, text.splitlines()):
        if line.startswith(_DEVICE):
            kind, _, rest = line.removeprefix(_DEVICE).partition(", id ")
            device_id = rest.strip('"') if kind.startswith("vfio-pci") else None
        elif device_id and line.startswith(_HOST):
            found[line.removeprefix(_HOST).rstrip('"')] = device_id
    return found
