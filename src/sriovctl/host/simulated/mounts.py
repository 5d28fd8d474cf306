"""What is mounted on the simulated host."""

from __future__ import annotations

from sriovctl.host.simulated.tree import Attribute, VirtualTree

_ROOT = ("8:1", "/", "/", "ext4", "/dev/sda1")
_SWAPS = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority"


class SimulatedMounts:
    """``mountinfo`` of all processes, which share one mount namespace, and ``/proc/swaps``."""

    def __init__(self, tree: VirtualTree) -> None:
        self._mounts = [_ROOT]
        self._swaps: list[str] = []
        for process in ("1", "4000"):
            tree.add(f"/proc/{process}/mountinfo", Attribute(self._mountinfo))
        tree.add("/proc/swaps", Attribute(lambda: "\n".join([_SWAPS, *self._swaps])))

    def mount(
        self, source: str, mount_point: str, *, device: str, fstype: str, root: str = "/"
    ) -> None:
        """Mount something.

        :param device: its number: ``259:1``, ``0:40`` where no single block device is behind it.
        """
        self._mounts.append((device, root, mount_point, fstype, source))

    def unmount(self, mount_point: str) -> None:
        """Unmount what is there."""
        self._mounts = [mount for mount in self._mounts if mount[2] != mount_point]

    def swap_on(self, path: str) -> None:
        """Use a block device or file for swap."""
        self._swaps.append(f"{path} partition\t1048572\t\t0\t\t-2")

    def _mountinfo(self) -> str:
        numbered = enumerate(self._mounts, start=20)
        return "\n".join(
            f"{n} 1 {device} {_escape(root)} {_escape(point)} rw,relatime shared:{n} "
            f"- {fstype} {_escape(source)} rw"
            for n, (device, root, point, fstype, source) in numbered
        )


def _escape(text: str) -> str:
    return text.replace("\\", r"\134").replace(" ", r"\040")
