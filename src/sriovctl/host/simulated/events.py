"""What the simulated kernel tells of by itself, and a subscription to it.

Source: kernel ``lib/kobject_uevent.c``, ``drivers/pci/iov.c`` (``sriov_enable()``: the change of a
PF that has got VFs), ``net/core/dev.c`` (``netdev_state_change()``: silent while a netdev is down).
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from sriovctl.codec.link_event import encode_link_event
from sriovctl.codec.uevent import UEvent, encode_uevent
from sriovctl.host.events_api import Received

if TYPE_CHECKING:
    from sriovctl.host.simulated.functions import Function, Netdev
    from sriovctl.host.simulated.kernel import SimulatedKernel

_ROOM = 4096  # events that wait for a subscriber at most


class SimulatedEvents:
    """A :class:`sriovctl.host.events_api.EventSource` in memory.

    :param room: how many events may wait; beyond them some are lost, as in a socket's buffer.
    """

    def __init__(self, kernel: SimulatedKernel, *, room: int = _ROOM) -> None:
        self._kernel = kernel
        self._links: deque[bytes] = deque()
        self._uevents: deque[bytes] = deque()
        self._room = room
        self._lost = False
        kernel.listeners.append(self)

    def tell_link(self, message: bytes) -> None:
        """Take a link message, as long as there is room."""
        self._keep(self._links, message)

    def tell_uevent(self, datagram: bytes) -> None:
        """Take a uevent, as long as there is room."""
        self._keep(self._uevents, datagram)

    def _keep(self, queue: deque[bytes], data: bytes) -> None:
        if len(queue) < self._room:
            queue.append(data)
        else:
            self._lost = True

    def filenos(self) -> tuple[int, ...]:
        """No files: there is nothing to wait for."""
        return ()

    def receive(self) -> Received:
        """Take all that has come."""
        received = Received(tuple(self._links), tuple(self._uevents), self._lost)
        self._links.clear()
        self._uevents.clear()
        self._lost = False
        return received

    def close(self) -> None:
        """End the subscription."""
        if self in self._kernel.listeners:
            self._kernel.listeners.remove(self)


def announce_function(kernel: SimulatedKernel, action: str, function: Function) -> None:
    """Send the uevent of a PCI function."""
    if kernel.listeners:
        path = function.path.removeprefix("/sys")
        _send(kernel, UEvent(action, path, "pci"))


def announce_netdev(kernel: SimulatedKernel, action: str, netdev: Netdev) -> None:
    """Send the uevent of a netdev that comes or goes."""
    if kernel.listeners:
        path = f"{netdev.function.path.removeprefix('/sys')}/net/{netdev.name}"
        _send(kernel, UEvent(action, path, "net", netdev.ifindex))
        announce_link(kernel, netdev, removed=action == "remove")


def announce_link(kernel: SimulatedKernel, netdev: Netdev, *, removed: bool = False) -> None:
    """Send the link message of a netdev of the host's own namespace."""
    if kernel.listeners and netdev.namespace is None:
        message = encode_link_event(
            netdev.ifindex, netdev.name, netdev.function.name, removed=removed
        )
        for listener in kernel.listeners:
            listener.tell_link(message)


def _send(kernel: SimulatedKernel, event: UEvent) -> None:
    datagram = encode_uevent(event)
    for listener in kernel.listeners:
        listener.tell_uevent(datagram)
