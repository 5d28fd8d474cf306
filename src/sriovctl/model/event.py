"""What the kernel tells of by itself: a device or netdev came, went or changed."""

from __future__ import annotations

from sriovctl.model.record import NamedTuple


class HostEvent(NamedTuple):
    """Something happened to a device; what it is like now has to be read."""

    what: str  # for people: "pci remove", "link change"
    device: str | None  # sysfs name of the device, PF or VF, that it is about; None: not told
    ifindex: int | None = None  # of the netdev, where it is about one
