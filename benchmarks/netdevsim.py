"""A PF of the kernel's simulated network device, with as many VFs as are wanted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BUS = Path("/sys/bus/netdevsim")
DEBUG = Path("/sys/kernel/debug/netdevsim")
ID = 77


@contextmanager
def netdev_with_vfs(num_vfs: int) -> Iterator[str]:
    """Make one, give the name of its netdev, and take it away again."""
    (BUS / "new_device").write_text(f"{ID} 1")
    try:
        device = BUS / f"devices/netdevsim{ID}"
        (DEBUG / f"netdevsim{ID}/max_vfs").write_text(str(num_vfs))
        (device / "sriov_numvfs").write_text(str(num_vfs))
        (netdev,) = os.listdir(device / "net")
        yield netdev
    finally:
        (BUS / "del_device").write_text(str(ID))
