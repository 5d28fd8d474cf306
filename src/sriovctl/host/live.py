"""The host that this program runs on."""

from __future__ import annotations

import time

from sriovctl.host.kernel_log import LogTree
from sriovctl.host.sysfs import SysfsTree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.host.devlink import DevlinkDoor
    from sriovctl.host.rtnl import KernelRouteNetlink


class MonotonicClock:
    """The real time, as a :class:`sriovctl.host.api.Clock`."""

    def now(self) -> float:
        """Seconds on a clock that never goes back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        time.sleep(seconds)


class LiveHost:
    """This host, as a :class:`sriovctl.host.api.Host`.  The netlink socket opens when first used.

    :param root: where the host's ``/`` is found; sysfs may be mounted elsewhere.
    """

    def __init__(self, root: str = "/") -> None:
        # The kernel's log is that of this machine, whatever directory stands for its root.
        self.files = LogTree() if root == "/" else SysfsTree(root)
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
    def devlink(self) -> DevlinkDoor:
        """The kernel's devlink."""
        from sriovctl.host.devlink import DevlinkDoor

        return DevlinkDoor()

    def close(self) -> None:
        """Close the netlink socket, if it was opened."""
        if self._rtnl is not None:
            self._rtnl.close()
            self._rtnl = None
