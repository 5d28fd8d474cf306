"""What a host has: physical functions, their VFs, and the VFs' attributes.

``None`` always means "the kernel offers no such thing here" or "could not be read"; it is never
written as 0 or an empty string.
"""

from __future__ import annotations

from sriovctl.model.address import PCIAddress
from sriovctl.model.record import NamedTuple
from sriovctl.model.words import StrEnum

_INFINIBAND_CLASS = "0207"  # of PCI: network controller, InfiniBand
# As an admin MAC: none was given, and the VF's driver chooses one.
NO_MAC = "00:00:00:00:00:00"


class LinkState(StrEnum):
    """Link state policy of a VF; the values are those of ``ip link set … vf N state``."""

    AUTO = "auto"
    ENABLE = "enable"
    DISABLE = "disable"


class VLANProtocol(StrEnum):
    """Ethertype of the tag that the card adds and strips."""

    DOT1Q = "802.1q"
    DOT1AD = "802.1ad"


class EswitchMode(StrEnum):
    """How a PF's embedded switch works (``devlink dev eswitch``)."""

    LEGACY = "legacy"
    SWITCHDEV = "switchdev"  # with a representor netdev on the host for each VF


class VLAN(NamedTuple):
    """VLAN of a VF.  ``id`` 0 with ``qos`` 0 means that the card does not tag."""

    id: int  # 0 .. 4095
    qos: int = 0  # 0 .. 7, priority code point
    protocol: str = VLANProtocol.DOT1Q  # a VLANProtocol, or the raw ethertype as 0x….


class VFCounters(NamedTuple):
    """Traffic counters that the PF's driver keeps for one VF (``IFLA_VF_STATS``)."""

    rx_packets: int
    tx_packets: int
    rx_bytes: int
    tx_bytes: int
    broadcast: int | None = None
    multicast: int | None = None
    rx_dropped: int | None = None
    tx_dropped: int | None = None


class VFAttributes(NamedTuple):
    """What the PF's driver holds for one VF, as rtnetlink reports it (``IFLA_VF_INFO``)."""

    vf_index: int
    admin_mac: str | None = None  # set through the PF; not the MAC of the VF's netdev
    vlan: VLAN | None = None
    spoofchk: bool | None = None
    trust: bool | None = None
    link_state: str | None = None  # a LinkState, or the raw number as text
    min_tx_rate_mbps: int | None = None  # 0 means "no guarantee"
    max_tx_rate_mbps: int | None = None  # 0 means "no limit"
    rss_query: bool | None = None
    node_guid: str | None = None
    port_guid: str | None = None
    counters: VFCounters | None = None

    @property
    def vlan_id(self) -> int | None:
        """Id of its VLAN; None where the card does not tag, or does not say."""
        return self.vlan.id or None if self.vlan is not None else None


class VF(NamedTuple):
    """One virtual function."""

    vf_index: int
    address: PCIAddress | None  # None for VFs of a bus other than PCI
    driver: str | None
    netdev: str | None
    iommu_group: int | None
    numa_node: int | None
    attributes: VFAttributes | None = None
    owner: str | None = None  # tokens of its users, after commas; None: nobody, or not asked
    msix_count: int | None = None  # MSI-X vectors it has; read only where the PF shares them out


class PF(NamedTuple):
    """One physical function: a device with an ``sriov_numvfs`` of its own."""

    device: str  # name of its sysfs device: the PCI address, or e.g. netdevsim10
    address: PCIAddress | None  # None when the device is not on the PCI bus
    vendor_id: str | None  # four lower-case hex digits
    device_id: str | None
    name: str | None  # from pci.ids
    pci_class: str | None  # six lower-case hex digits
    driver: str | None
    netdev: str | None  # the first of several
    numa_node: int | None
    iommu_group: int | None
    num_vfs: int | None  # enabled now: sriov_numvfs; None only in a dump that does not show it
    total_vfs: int | None  # at most: sriov_totalvfs
    drivers_autoprobe: bool | None
    vfs: tuple[VF, ...] = ()
    up: bool | None = None  # its netdev is administratively up
    permanent_mac: str | None = None
    mtu: int | None = None  # bytes
    phys_port_name: str | None = None
    # Read only when somebody asks for it, since it costs: see engine/identity.py.
    serial: str | None = None
    eswitch_mode: str | None = None  # an EswitchMode; None: none, or not asked
    owner: str | None = None  # tokens of its users, as of a VF; None: nobody, or not asked

    @property
    def on_infiniband(self) -> bool:
        """Whether it is an InfiniBand controller now: of one driver, some are and some are not."""
        return (self.pci_class or "").startswith(_INFINIBAND_CLASS)


def name_of_vf(pf: PF, vf: VF) -> str:
    """Name a VF by its function; where it has none of its own, by its PF and index.  Pure."""
    return f"{pf.device} vf {vf.vf_index}" if vf.address is None else str(vf.address)


class IOMMUGroup(NamedTuple):
    """An IOMMU group: the smallest set of functions that can be given away together."""

    id: int
    members: tuple[str, ...]  # sysfs device names, in address order
