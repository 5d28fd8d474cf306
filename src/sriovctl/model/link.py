"""What route netlink says of one netdev, as far as SR-IOV cares."""

from __future__ import annotations

from sriovctl.model.functions import VFAttributes
from sriovctl.model.record import NamedTuple


class NetdevCounters(NamedTuple):
    """Traffic counters of one netdev (``IFLA_STATS64``), those that SR-IOV cares about.

    What its driver does not count is 0, and nothing tells that from a true 0.
    """

    rx_packets: int = 0
    tx_packets: int = 0
    rx_bytes: int = 0
    tx_bytes: int = 0
    rx_errors: int = 0
    tx_errors: int = 0
    rx_dropped: int = 0
    tx_dropped: int = 0
    multicast: int = 0  # received
    rx_missed: int = 0  # found no room in the card (rx_missed_errors)


class LinkReport(NamedTuple):
    """One ``RTM_NEWLINK`` message.  ``None`` means that the kernel did not say."""

    ifindex: int
    ifname: str
    mac: str | None = None  # lower-case, colons; 6 octets, or 20 on InfiniBand
    permanent_mac: str | None = None  # what the card was born with
    up: bool = False  # administratively (IFF_UP); says nothing about the cable
    carrier: bool = False  # it is up, and has a link (IFF_LOWER_UP)
    num_vfs: int | None = None  # None unless VFs were asked for
    mtu: int | None = None  # bytes
    phys_port_name: str | None = None  # as the driver names the port: p0, pf0vf1
    kind: str | None = None  # IFLA_INFO_KIND: bridge, bond, vlan, macvlan, openvswitch, …
    master: int | None = None  # ifindex of the bridge, bond or OVS datapath that it is a port of
    lower: int | None = None  # ifindex of the netdev that it stands on (IFLA_LINK)
    # The other network namespace that has that netdev, by the number that this one knows it by
    # (-1: by none).  None: it is in the same.
    lower_nsid: int | None = None
    parent_device: str | None = None  # sysfs name: 0000:01:00.0, netdevsim10
    parent_bus: str | None = None  # pci, netdevsim
    vfs: tuple[VFAttributes, ...] = ()  # ascending; a VF its driver cannot describe is left out
    counters: NetdevCounters | None = None

    @property
    def lower_elsewhere(self) -> bool:
        """Whether the netdev that it stands on is in another network namespace."""
        return self.lower_nsid is not None
