"""The door to what the kernel tells by itself."""

from __future__ import annotations

from typing import Protocol

from sriovctl.model.record import NamedTuple


class Received(NamedTuple):
    """What has come since the last time, undecoded and in order."""

    link_messages: tuple[bytes, ...] = ()  # whole messages of route netlink
    uevents: tuple[bytes, ...] = ()  # datagrams of the kernel, or of udev
    lost: bool = False  # more came than there was room for: what happened is not known


class EventSource(Protocol):
    """A subscription to the events of devices and netdevs."""

    def filenos(self) -> tuple[int, ...]:
        """Files that can be read when something has come; none on a simulated host."""

    def receive(self) -> Received:
        """Take what has come, and do not wait; there may be more than is taken at once.

        :raises HostError: the subscription is broken.
        """

    def close(self) -> None:
        """End the subscription."""
