"""Network namespaces of the simulated host, and the netdevs in them.

Source: kernel ``net/core/dev.c`` (``__dev_change_net_namespace()``, ``default_device_exit_net()``),
``net/core/rtnetlink.c`` (``do_setlink()``).
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from itertools import count

from sriovctl.codec.netlink import decode_header
from sriovctl.codec.rtnl import RTM_GETLINK, RTM_SETLINK
from sriovctl.codec.rtnl_change import decode_set_link
from sriovctl.codec.rtnl_link_encode import encode_link
from sriovctl.codec.rtnl_nsid import RTM_GETNSID, encode_nsid
from sriovctl.errors import LostError
from sriovctl.host.api import RouteNetlink
from sriovctl.host.kernel_errors import kernel_error
from sriovctl.host.simulated.functions import Netdev
from sriovctl.host.simulated.kernel import SimulatedKernel
from sriovctl.host.simulated.layout import out_of_sight
from sriovctl.host.simulated.mounts import SimulatedMounts
from sriovctl.host.simulated.network import SimulatedNetwork
from sriovctl.host.simulated.tree import refuse
from sriovctl.model.link import LinkReport
from sriovctl.model.netlink import NetlinkAnswer

_FIRST_HANDLE = 4026531840
_LOOPBACK = LinkReport(ifindex=1, ifname="lo")
_HOST_NUMBER = 0  # by which each namespace knows the host's


class SimulatedNamespaces:
    """A :class:`sriovctl.host.api.NetworkNamespaces` in memory.

    :param own: route netlink of the host's own namespace.
    :param network: the netdevs in that, of cards and others.
    """

    def __init__(
        self,
        kernel: SimulatedKernel,
        mounts: SimulatedMounts,
        own: RouteNetlink,
        network: SimulatedNetwork,
    ) -> None:
        self._kernel = kernel
        self._own = own
        self._network = network
        self._mounts = mounts
        self._handles = (f"net:[{number}]" for number in count(_FIRST_HANDLE))
        self.own = next(self._handles)
        self._links: dict[str, list[LinkReport]] = {}
        self._mounted: dict[str, str] = {}  # mount point -> handle
        self.entered: list[str] = []  # for tests to count
        self._failures: dict[str, int] = {}
        self._refusals: list[int] = []

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

    def delete(self, mount_point: str) -> None:
        """Unmount a handle, as ``ip netns delete``; with the last way in, the namespace goes.

        The netdevs of cards come back to the host; others are destroyed.
        """
        handle = self._mounted.pop(mount_point)
        self._mounts.unmount(mount_point)
        if handle in self._mounted.values() or self._has_processes(handle):
            return
        del self._links[handle]
        for netdev in self._netdevs_in(handle):
            taken = {each.name for each in self._kernel.netdevs_here()}
            name = f"dev{netdev.ifindex}" if netdev.name in taken else netdev.name
            self._place(netdev, None, name)

    def _has_processes(self, handle: str) -> bool:
        tree = self._kernel.tree
        pids = filter(str.isdigit, tree.list_dir("/proc"))
        return any(tree.read_target(f"/proc/{pid}/ns/net") == handle for pid in pids)

    def move(self, netdev: str, handle: str) -> None:
        """Move a card's netdev into a namespace, as ``ip link set … netns``."""
        self._move(self._find(None, netdev), handle, None)

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

    def fail_move(self, number: int) -> None:
        """Let the next netdev that is to be moved be refused."""
        self._refusals.append(number)

    @property
    def mount_points(self) -> tuple[str, ...]:
        """Where handles are mounted."""
        return tuple(self._mounted)

    # --- moving --------------------------------------------------------------------------

    def move_netdev(
        self, ifindex: int, *, source: str | None, target: str | None, name: str | None
    ) -> NetlinkAnswer:
        """Move a netdev; see :class:`sriovctl.host.api.NetworkNamespaces`."""
        into = self._enter(target)
        try:
            if self._refusals:
                raise refuse(self._refusals.pop())
            self._move(self._find(self._enter(source), ifindex), into, name)
        except OSError as error:
            return NetlinkAnswer(error.errno or errno.EIO, None, ())
        return NetlinkAnswer(0, None, ())

    # What is asked for matters only where the present name is taken; elsewhere the netdev is
    # renamed when it is there, and stays there if that fails.
    def _move(self, netdev: Netdev, target: str | None, name: str | None) -> None:
        taken = self._names_in(target)
        if netdev.namespace != target:
            arrives_as = netdev.name
            if netdev.name in taken:
                if name is None or name in taken:
                    raise refuse(errno.EEXIST)
                arrives_as = name
            self._place(netdev, target, arrives_as)
        if name is not None:
            self._kernel.rename_netdev(netdev, name, taken=taken)

    def _place(self, netdev: Netdev, target: str | None, name: str) -> None:
        with out_of_sight(self._kernel, netdev):
            netdev.namespace, netdev.name, netdev.is_up = target, name, False

    def _find(self, namespace: str | None, which: int | str) -> Netdev:
        for each in self._netdevs_in(namespace):
            if which in (each.ifindex, each.name):
                return each
        raise refuse(errno.ENODEV)

    def _netdevs_in(self, namespace: str | None) -> list[Netdev]:
        return [each for each in self._kernel.netdevs.values() if each.namespace == namespace]

    def _names_in(self, namespace: str | None) -> set[str]:
        if namespace is None:
            return {link.ifname for link in self._network.links()}
        return {link.ifname for link in self._links_in(namespace)}

    # --- answering -----------------------------------------------------------------------

    def exchange(self, path: str, requests: Sequence[bytes]) -> tuple[NetlinkAnswer, ...]:
        """Answer each request; see :class:`sriovctl.host.api.NetworkNamespaces`."""
        handle = self._enter(path)
        if handle is None:
            return self._own.exchange(requests)
        return tuple(self._answer(handle, request) for request in requests)

    # None: the host's own.
    def _enter(self, path: str | None) -> str | None:
        if path is None:
            return None
        self.entered.append(path)
        if path in self._failures:
            raise kernel_error(
                refuse(self._failures[path]), subject=path, action="cannot enter the namespace"
            )
        handle = self._mounted.get(path) or self._kernel.tree.read_target(path)
        if handle is None or (handle != self.own and handle not in self._links):
            raise LostError("there is no such namespace", subject=path)
        return None if handle == self.own else handle

    def _answer(self, handle: str, request: bytes) -> NetlinkAnswer:
        match decode_header(request).type:
            case kind if kind == RTM_GETLINK:
                return NetlinkAnswer(0, None, tuple(map(encode_link, self._links_in(handle))))
            case kind if kind == RTM_GETNSID:
                return NetlinkAnswer(0, None, (encode_nsid(_HOST_NUMBER),))
            case kind if kind == RTM_SETLINK:
                return self._set_link(handle, request)
        return NetlinkAnswer(errno.EOPNOTSUPP, None, ())

    def _set_link(self, handle: str, request: bytes) -> NetlinkAnswer:
        change = decode_set_link(request)
        try:
            netdev = self._find(handle, change.ifindex)
            if change.name is not None:
                taken = self._names_in(handle)
                self._kernel.rename_netdev(netdev, change.name, taken=taken)
            if change.up is not None:
                self._kernel.set_link_up(netdev, up=change.up)
        except OSError as error:
            return NetlinkAnswer(error.errno or errno.EIO, None, ())
        return NetlinkAnswer(0, None, ())

    def _links_in(self, handle: str) -> list[LinkReport]:
        moved = [
            LinkReport(
                ifindex=netdev.ifindex,
                ifname=netdev.name,
                mac=netdev.mac,
                up=netdev.is_up,
                mtu=netdev.mtu,
                parent_device=netdev.function.name,
                parent_bus="pci",
            )
            for netdev in self._netdevs_in(handle)
        ]
        return [*self._links.get(handle, ()), *moved]
