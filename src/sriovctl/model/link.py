"""What route netlink says of one netdev, as far as SR-IOV cares."""

from __future__ import annotations

from typing import NamedTuple

from sriovctl.model.functions import VFAttributes


class LinkReport(NamedTuple):
    """One ``RTM_NEWLINK`` message.  ``None`` means that the kernel did not say."""

    ifindex: int
    ifname: str
    mac: str | None = None  # lower-case, colons; 6 octets, or 20 on InfiniBand
    permanent_mac: str | None = None  # what the card was born with
    up: bool = False  # administratively (IFF_UP); says nothing about the cable
    num_vfs: int | None = None  # None unless VFs were asked for
    parent_device: str | None = None  # sysfs name: 0000:01:00.0, netdevsim10
    parent_bus: str | None = None  # pci, netdevsim
    vfs: tuple[VFAttributes, ...] = ()  # ascending; a VF its driver cannot describe is left out
