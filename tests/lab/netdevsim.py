"""The kernel's simulated network device, made anew for a test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BUS = Path("/sys/bus/netdevsim")
_DEBUG = Path("/sys/kernel/debug/netdevsim")


@contextmanager
def new_netdevsim(
    device_id: int, *, max_vfs: int | None = None, num_vfs: int | None = None
) -> Iterator[str]:
    """Give the name of the netdev of a device with one port; it goes with the block.

    :param max_vfs: as many VFs as it is to take; few by itself.
    """
    (BUS / "new_device").write_text(f"{device_id} 1")
    try:
        device = BUS / f"devices/netdevsim{device_id}"
        if max_vfs is not None:
            (_DEBUG / device.name / "max_vfs").write_text(str(max_vfs))
        if num_vfs is not None:
            (device / "sriov_numvfs").write_text(str(num_vfs))
        (name,) = os.listdir(device / "net")
        yield name
    finally:
        (BUS / "del_device").write_text(str(device_id))
