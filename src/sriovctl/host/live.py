"""The host that this program runs on."""

from __future__ import annotations

import os
import time

from sriovctl.host.kernel_errors import write_error
from sriovctl.host.sysfs import WRITE_TIMEOUT_S, SysfsTree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sriovctl.host.devlink import DevlinkDoor
    from sriovctl.host.guarded import GuardedWriter
    from sriovctl.host.namespaces import KernelNetworkNamespaces
    from sriovctl.host.rtnl import KernelRouteNetlink

KERNEL_LOG = "/kernel.log"


class MonotonicClock:
    """The real time, as a :class:`sriovctl.host.api.Clock`."""

    def now(self) -> float:
        """Seconds on a clock that never goes back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        time.sleep(seconds)


class LiveTree(SysfsTree):
    """This host's files, and its kernel log; a write that hangs in the kernel is given up.

    :param write_timeout_s: how long one write may take.
    """

    def __init__(self, *, write_timeout_s: float = WRITE_TIMEOUT_S) -> None:
        super().__init__()
        self._write_timeout_s = write_timeout_s
        self._guarded: GuardedWriter | None = None  # none before the first write

    def read_bytes(self, path: str) -> bytes | None:
        """Read a whole file; see :class:`sriovctl.host.api.FileTree`."""
        if path != KERNEL_LOG:
            return super().read_bytes(path)
        from sriovctl.host.kernel_log import read_kernel_log

        return read_kernel_log()

    @property
    def _writer(self) -> GuardedWriter:
        if self._guarded is None:
            from sriovctl.host.guarded import GuardedWriter

            self._guarded = GuardedWriter(timeout_s=self._write_timeout_s)
        return self._guarded

    def _write(self, real: str, data: bytes) -> None:
        self._writer.write(real, data)

    def write_each(self, writes: Sequence[tuple[str, str]]) -> None:
        """Write several attributes in order; see :class:`sriovctl.host.api.FileTree`."""
        refused = self._writer.write_each([(path, text.encode()) for path, text in writes])
        if refused is not None:
            path, text = writes[refused.position]
            error = OSError(refused.errno, os.strerror(refused.errno))
            raise write_error(error, path=path, value=text, exists=self.exists(path)) from error

    def close(self) -> None:
        """End the process that writes, if one was needed."""
        if self._guarded is not None:
            self._guarded.close()


class LiveHost:
    """This host, as a :class:`sriovctl.host.api.Host`.  The netlink socket opens when first used.

    :param root: where the host's ``/`` is found; sysfs may be mounted elsewhere.
    :param write_timeout_s: how long one write to sysfs may take.
    """

    def __init__(self, root: str = "/", *, write_timeout_s: float = WRITE_TIMEOUT_S) -> None:
        # The kernel's log is that of this machine, whatever directory stands for its root.
        self._live = LiveTree(write_timeout_s=write_timeout_s) if root == "/" else None
        self.files: SysfsTree = self._live or SysfsTree(root)
        self.clock = MonotonicClock()
        self.description = "this host"
        self._rtnl: KernelRouteNetlink | None = None

    @property
    def rtnl(self) -> KernelRouteNetlink:
        """The kernel's route netlink.

        :raises HostError: the socket cannot be opened.
        """
        if self._rtnl is None:
            # Here, not above: verbs that only read sysfs need no socket module.
            from sriovctl.host.rtnl import KernelRouteNetlink

            self._rtnl = KernelRouteNetlink()
        return self._rtnl

    @property
    def namespaces(self) -> KernelNetworkNamespaces:
        """The kernel's other network namespaces."""
        from sriovctl.host.namespaces import KernelNetworkNamespaces

        return KernelNetworkNamespaces()

    @property
    def devlink(self) -> DevlinkDoor:
        """The kernel's devlink."""
        from sriovctl.host.devlink import DevlinkDoor

        return DevlinkDoor()

    def close(self) -> None:
        """Close the netlink socket and end the process that writes, where there are such."""
        if self._live is not None:
            self._live.close()
        if self._rtnl is not None:
            self._rtnl.close()
            self._rtnl = None
