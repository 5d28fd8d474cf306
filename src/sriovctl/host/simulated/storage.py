"""Disks of the simulated host: NVMe namespaces, partitions, what is made of them."""

from __future__ import annotations

import errno
from itertools import count

from sriovctl.host.simulated.kernel import SimulatedKernel
from sriovctl.host.simulated.tree import Link, constant, refuse

_BLOCK_EXT_MAJOR = 259
_MAPPER_MAJOR = 253
_LOOP_MAJOR = 7
_CLASS = "/sys/class/block"


class SimulatedStorage:
    """Block devices, as the kernel shows them in sysfs."""

    def __init__(self, kernel: SimulatedKernel) -> None:
        self._kernel = kernel
        self._tree = kernel.tree
        self._subsystems = count(0)
        self._minors = count(0)
        self._mappers = count(0)
        self._loops = count(0)
        self.numbers: dict[str, str] = {}  # name -> "259:0"

    def add_namespace(self, function: str, *, multipath: bool = False) -> str:
        """Give an NVMe controller a namespace; return the block device's name.

        :param multipath: the kernel's native multipath shows it below the subsystem.
        """
        found = self._kernel.find_by_name(function)
        if found is None or found.controller is None:
            raise refuse(errno.ENODEV)
        controller = f"{found.path}/nvme/{found.controller}"
        parent = controller
        if multipath:
            parent = f"/sys/devices/virtual/nvme-subsystem/nvme-subsys{next(self._subsystems)}"
            self._tree.add(f"{parent}/{found.controller}", Link(controller))
        return self._publish(f"{parent}/{found.controller}n1", _BLOCK_EXT_MAJOR)

    def add_partition(self, disk: str, number: int = 1) -> str:
        """Divide a disk."""
        joint = "p" if disk[-1].isdigit() else ""
        path = self._tree.resolve(f"{_CLASS}/{disk}")
        return self._publish(f"{path}/{disk}{joint}{number}", _BLOCK_EXT_MAJOR)

    def add_mapper(self, name: str, *lower: str) -> str:
        """Make a device mapper device (LVM, crypt, RAID) of others; return its kernel name."""
        path = f"/sys/devices/virtual/block/dm-{next(self._mappers)}"
        kernel_name = self._publish(path, _MAPPER_MAJOR)
        self._tree.add(f"{path}/dm/name", constant(name))
        for each in lower:
            self._tree.add(f"{path}/slaves/{each}", Link(f"{_CLASS}/{each}"))
        self._tree.add(f"/dev/mapper/{name}", Link(f"/dev/{kernel_name}"))
        return kernel_name

    def add_loop(self, backing_file: str) -> str:
        """Make a disk of a file or of another disk."""
        path = f"/sys/devices/virtual/block/loop{next(self._loops)}"
        self._tree.add(f"{path}/loop/backing_file", constant(backing_file))
        return self._publish(path, _LOOP_MAJOR)

    def add_btrfs(self, uuid: str, *members: str) -> None:
        """Show which block devices one btrfs is on."""
        for each in members:
            self._tree.add(f"/sys/fs/btrfs/{uuid}/devices/{each}", Link(f"{_CLASS}/{each}"))

    def _publish(self, path: str, major: int) -> str:
        name = path.rpartition("/")[2]
        self.numbers[name] = f"{major}:{next(self._minors)}"
        self._tree.add(f"{path}/dev", constant(self.numbers[name]))
        self._tree.add(f"{_CLASS}/{name}", Link(path))
        self._tree.add(f"/sys/dev/block/{self.numbers[name]}", Link(path))
        self._tree.add(f"/dev/{name}", constant(b""))
        return name
