"""Network namespaces of the simulated host, and the netdevs in them."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from itertools import count

from sriovctl.codec.netlink import decode_header
from sriovctl.codec.rtnl import RTM_GETLINK, encode_link
from sriovctl.codec.rtnl_nsid import RTM_GETNSID, encode_nsid
from sriovctl.errors import LostError
from sriovctl.host.api import RouteNetlink
from sriovctl.host.kernel_errors import kernel_error
from sriovctl.host.simulated.kernel import SimulatedKernel
from sriovctl.host.simulated.layout import hide_netdev
from sriovctl.host.simulated.mounts import SimulatedMounts
from sriovctl.host.simulated.tree import refuse
from sriovctl.model.link import LinkReport
from sriovctl.model.netlink import NetlinkAnswer

_FIRST_HANDLE = 4026531840
_LOOPBACK = LinkReport(ifindex=1, ifname="lo")
_HOST_NUMBER = 0  # by which each namespace knows the host's


class SimulatedNamespaces:
    """A :class:`sriovctl.host.api.NetworkNamespaces` in memory.

    :param own: route netlink of the host's own namespace.
    """

    def __init__(self, kernel: SimulatedKernel, mounts: SimulatedMounts, own: RouteNetlink) -> None:
        self._kernel = kernel
        self._own = own
        self._mounts = mounts
        self._handles = (f"net:[{number}]" for number in count(_FIRST_HANDLE))
        self.own = next(self._handles)
        self._links: dict[str, list[LinkReport]] = {}
        self._mounted: dict[str, str] = {}  # mount point -> handle
        self.entered: list[str] = []  # for tests to count
        self._failures: dict[str, int] = {}

    # --- setting it up -------------------------------------------------------------------

    def add(self, mount_point: str | None = None) -> str:
        """Make a namespace and return its handle.

        :param mount_point: where the handle is mounted, as ``ip netns add`` does; None: nowhere,
            and it lives by its processes.
        """
        handle = next(self._handles)
        self._links[handle] = [_LOOPBACK]
        if mount_point is not None:
            self._mounted[mount_point] = handle
            self._mounts.mount("nsfs", mount_point, device="0:4", fstype="nsfs", root=handle)
        return handle

    def move(self, netdev: str, handle: str) -> None:
        """Move a card's netdev into a namespace, as ``ip link set … netns``."""
        for each in self._kernel.netdevs_here():
            if each.name == netdev:
                each.namespace = handle
                hide_netdev(self._kernel, each)
                return
        raise refuse(errno.ENODEV)

    def add_link(
        self, handle: str, name: str, kind: str, *, lower: int, lower_nsid: int = _HOST_NUMBER
    ) -> None:
        """Make a netdev in a namespace that stands on one in another, by its ifindex there.

        :param lower_nsid: of that other one; the host's by default.
        """
        report = LinkReport(self._kernel.next_ifindex(), name, kind=kind, lower=lower)
        self._links[handle].append(report._replace(lower_nsid=lower_nsid))

    def add_device(self, handle: str, name: str, *, parent: str) -> None:
        """Show a netdev of a device in a namespace, by its parent's name in sysfs."""
        report = LinkReport(self._kernel.next_ifindex(), name, parent_device=parent)
        self._links[handle].append(report)

    def fail(self, path: str, number: int) -> None:
        """Let a namespace be entered only with an errno."""
        self._failures[path] = number

    # --- answering -----------------------------------------------------------------------

    def exchange(self, path: str, requests: Sequence[bytes]) -> tuple[NetlinkAnswer, ...]:
        """Answer each request; see :class:`sriovctl.host.api.NetworkNamespaces`."""
        self.entered.append(path)
        if path in self._failures:
            raise kernel_error(
                refuse(self._failures[path]), subject=path, action="cannot enter the namespace"
            )
        handle = self._mounted.get(path) or self._kernel.tree.read_target(path)
        if handle is None:
            raise LostError("there is no such namespace", subject=path)
        if handle == self.own:
            return self._own.exchange(requests)
        return tuple(self._answer(handle, request) for request in requests)

    def _answer(self, handle: str, request: bytes) -> NetlinkAnswer:
        match decode_header(request).type:
            case kind if kind == RTM_GETLINK:
                return NetlinkAnswer(0, None, tuple(map(encode_link, self._links_in(handle))))
            case kind if kind == RTM_GETNSID:
                return NetlinkAnswer(0, None, (encode_nsid(_HOST_NUMBER),))
        return NetlinkAnswer(errno.EOPNOTSUPP, None, ())

    def _links_in(self, handle: str) -> list[LinkReport]:
        moved = [
            LinkReport(
                ifindex=netdev.ifindex,
                ifname=netdev.name,
                mac=netdev.mac,
                parent_device=netdev.function.name,
                parent_bus="pci",
            )
            for netdev in self._kernel.netdevs.values()
            if netdev.namespace == handle
        ]
        return [*self._links.get(handle, ()), *moved]
