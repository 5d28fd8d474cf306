"""The drivers of the simulated host: what each can do for its VFs, and what it refuses.

igb, igbvf, nvme and vfio-pci behave as seen on Linux 6.12 in the lab; the contract suite keeps
them so.  ixgbe, i40e, ice, mlx5_core and bnxt_en follow a reading of Linux 6.12: their
``sriov_configure``, ``ndo_set_vf_*``, eswitch and MSI-X functions.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import dataclass, field

from sriovctl.model.functions import LinkState, VFCounters, VLANProtocol

IDs = tuple[int, int]  # vendor, device
_ALL_COUNTERS = frozenset(VFCounters._fields)


@dataclass(frozen=True, slots=True)
class VFSupport:
    """What ``ndo_set_vf_*`` of a PF's driver accepts."""

    spoofchk: bool = True
    trust: bool = True
    link_state: bool = True
    rates: bool = True
    min_rate: bool = True
    rss_query: bool = False
    node_guid: bool = False
    port_guid: bool = False
    vlan_protocols: tuple[str, ...] = (VLANProtocol.DOT1Q, VLANProtocol.DOT1AD)
    max_vlan_id: int = 4094
    spoofchk_default: bool | None = True
    # igb limits rates relative to the speed of the link (igb_ndo_set_vf_bw), so it needs one.
    rates_need_link: bool = False
    link_speed_mbps: int = 1000
    least_rate_mbps: int = 0  # of a limit, beside "none"
    ignored_link_states: frozenset[str] = frozenset()  # acknowledged, and that is all
    denied_without_vfs: frozenset[str] = frozenset()  # EOPNOTSUPP while there are none
    # While a new VF is in reset, the driver answers so to what is wanted of it.
    reset_s: float = 0.0
    errno_in_reset: int = errno.EAGAIN
    # What ndo_get_vf_stats fills in; without one, all counters of its VFs are zero for ever.
    counts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class EswitchSupport:
    """What a driver's devlink operations on the eswitch do.

    :param refuses_with_vfs: does not change the mode while there are VFs, and says this.
    :param refuses_in_switchdev: attributes that ``ndo_set_vf_*`` answers EOPNOTSUPP to then.
    """

    refuses_with_vfs: str | None = None
    refuses_in_switchdev: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class MSIXPool:
    """MSI-X vectors that a PF shares out among its VFs (``sriov_vf_msix_count``).

    :param total: what ``sriov_vf_total_msix`` shows.
    :param minimum: of one VF.
    :param maximum: of one VF.
    :param default_maximum: of one VF, unless the administrator says otherwise.
    :param extra: vectors that a VF gets beyond the number that was written.
    :param zero_is_default: writing 0 gives a VF its default again; otherwise it does nothing.
    :param errno_beyond_maximum: for more than one VF may have.
    :param errno_when_empty: for more than the pool has left.
    """

    total: int
    minimum: int
    maximum: int
    default_maximum: int
    errno_beyond_maximum: int
    errno_when_empty: int
    extra: int = 0
    zero_is_default: bool = True


@dataclass(frozen=True, slots=True)
class Driver:
    """One PCI driver.

    :param ids: what it binds to without ``driver_override``.
    :param configures_sriov: has ``sriov_configure``.
    :param max_vfs: the limit it tells the kernel (``pci_sriov_set_totalvfs``).
    :param vfs: None if its netdev has no VF operations.
    :param removes_vfs: its ``remove()`` disables SR-IOV; other drivers leave the VFs behind.
    :param link_delay_s: from "up", or from a reset of the PF, until there is a carrier.
    :param resets_on_sriov: changing the number of VFs resets the PF.
    :param ignores_count_while_down: with its netdev down, a new number is taken and forgotten.
    :param makes_controller: makes an NVMe controller, ``nvmeN``.
    :param refuses_vfs: its ``probe()`` fails on VFs.
    :param eswitch: None if its devices are none of devlink's.
    :param msix: None if VFs have the vectors that they are made with.
    :param module: name of its module, where that is not its own.
    :param is_built_in: part of the kernel, which shows it as a module that was never loaded.
    :param parameters: of the module, those that the kernel shows.
    """

    name: str
    ids: frozenset[IDs] = frozenset()
    makes_netdev: bool = False
    makes_controller: bool = False
    configures_sriov: bool = False
    max_vfs: int | None = None
    vfs: VFSupport | None = None
    removes_vfs: bool = True
    link_delay_s: float = 0.0
    resets_on_sriov: bool = False
    ignores_count_while_down: bool = False
    refuses_vfs: bool = False
    max_mtu: int = 9000
    eswitch: EswitchSupport | None = None
    msix: MSIXPool | None = None
    module: str | None = None
    is_built_in: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict)


IGB = Driver(
    name="igb",
    ids=frozenset({(0x8086, 0x10C9), (0x8086, 0x1521)}),
    makes_netdev=True,
    configures_sriov=True,
    max_vfs=7,  # the capability says 8 (drivers/net/ethernet/intel/igb/igb_main.c)
    vfs=VFSupport(
        link_state=False,
        min_rate=False,
        vlan_protocols=(VLANProtocol.DOT1Q,),
        max_vlan_id=4095,
        rates_need_link=True,
        denied_without_vfs=frozenset({"spoofchk"}),
    ),
    link_delay_s=3.0,
    resets_on_sriov=True,
    parameters={"max_vfs": "0"},
    max_mtu=9216,  # MAX_STD_JUMBO_FRAME_SIZE less what frames add: igb_main.c, igb_probe()
)
IGBVF = Driver(name="igbvf", ids=frozenset({(0x8086, 0x10CA), (0x8086, 0x1520)}), makes_netdev=True)
# An NVMe VF without queue resources: "Device not ready; aborting initialisation, CSTS=0x2".
NVME = Driver(
    name="nvme",
    ids=frozenset({(0x1B36, 0x0010)}),
    makes_controller=True,
    configures_sriov=True,
    removes_vfs=False,
    refuses_vfs=True,
)
# ixgbe_sriov.c: ixgbe_pci_sriov_enable(), ixgbe_ndo_set_vf_bw(), ixgbe_ndo_set_vf_link_state().
IXGBE = Driver(
    name="ixgbe",
    ids=frozenset({(0x8086, 0x10FB)}),
    makes_netdev=True,
    configures_sriov=True,
    max_vfs=63,
    vfs=VFSupport(
        min_rate=False,
        rss_query=True,
        vlan_protocols=(VLANProtocol.DOT1Q,),
        max_vlan_id=4095,
        rates_need_link=True,
        link_speed_mbps=10_000,
        least_rate_mbps=11,
        ignored_link_states=frozenset({LinkState.ENABLE}),
        counts=frozenset({"rx_packets", "tx_packets", "rx_bytes", "tx_bytes", "multicast"}),
    ),
    link_delay_s=3.0,
    resets_on_sriov=True,
    max_mtu=9710,
)
IXGBEVF = Driver(name="ixgbevf", ids=frozenset({(0x8086, 0x10ED)}), makes_netdev=True)
# i40e_virtchnl_pf.c: i40e_pci_sriov_configure(), i40e_check_vf_init_timeout(): "still in reset".
I40E = Driver(
    name="i40e",
    ids=frozenset({(0x8086, 0x1572)}),
    makes_netdev=True,
    configures_sriov=True,
    vfs=VFSupport(
        min_rate=False,
        vlan_protocols=(VLANProtocol.DOT1Q,),
        max_vlan_id=4095,
        link_speed_mbps=10_000,
        reset_s=2.0,
        counts=_ALL_COUNTERS,
    ),
    link_delay_s=1.0,
    resets_on_sriov=True,
    max_mtu=9702,
)
ICE = Driver(
    name="ice",
    ids=frozenset({(0x8086, 0x1592)}),
    makes_netdev=True,
    configures_sriov=True,
    vfs=VFSupport(link_speed_mbps=100_000, counts=_ALL_COUNTERS),
    # ice_eswitch.c ice_eswitch_mode_set(); ice_sriov.c ice_set_vf_trust().
    eswitch=EswitchSupport(
        refuses_with_vfs="ice: Changing eswitch mode is allowed only if there is no VFs created",
        refuses_in_switchdev=frozenset({"trust"}),
    ),
    # ice_sriov.c, ice_sriov_set_msix_vec_count(): the number is that of queues, and one vector
    # more is for everything else.  ice_set_per_vf_res(): 17 by default where they suffice.
    msix=MSIXPool(
        total=512,
        minimum=1,
        maximum=256,
        default_maximum=16,
        errno_beyond_maximum=errno.EINVAL,
        errno_when_empty=errno.ENOSPC,
        extra=1,
        zero_is_default=False,
    ),
)
IAVF = Driver(name="iavf", ids=frozenset({(0x8086, 0x1889), (0x8086, 0x154C)}), makes_netdev=True)
# bnxt_sriov.c: bnxt_sriov_configure(), "Reject SRIOV config request since if is down!".
BNXT_EN = Driver(
    name="bnxt_en",
    ids=frozenset({(0x14E4, 0x16D8), (0x14E4, 0x16DC)}),
    makes_netdev=True,
    configures_sriov=True,
    vfs=VFSupport(
        spoofchk_default=False,
        vlan_protocols=(VLANProtocol.DOT1Q,),
        max_vlan_id=4095,
        link_speed_mbps=10_000,
    ),
    ignores_count_while_down=True,
    eswitch=EswitchSupport(),
    max_mtu=9500,
)
MLX5 = Driver(
    name="mlx5_core",
    ids=frozenset({(0x15B3, 0x101D), (0x15B3, 0x101E)}),
    makes_netdev=True,
    configures_sriov=True,
    # en_main.c, mlx5e_set_vf_vlan(): 802.1Q alone.
    vfs=VFSupport(
        spoofchk_default=False,
        link_speed_mbps=100_000,
        vlan_protocols=(VLANProtocol.DOT1Q,),
        counts=_ALL_COUNTERS,
    ),
    # esw/legacy.c, mlx5_eswitch_set_vport_vlan() and its neighbours; eswitch.c,
    # mlx5_eswitch_set_vport_state().  MAC and rates go on working.
    eswitch=EswitchSupport(
        refuses_in_switchdev=frozenset({"vlan", "spoofchk", "trust", "link_state"})
    ),
    # pci_irq.c, mlx5_set_msix_vec_count(), mlx5_get_default_msix_vec_count().  What the firmware
    # answers when its pool is empty is not to be seen there; ENOMEM is for "exceeds a limit".
    msix=MSIXPool(
        total=1024,
        minimum=2,
        maximum=256,
        default_maximum=128,
        errno_beyond_maximum=errno.EOVERFLOW,
        errno_when_empty=errno.ENOMEM,
    ),
)
PCIEPORT = Driver(
    name="pcieport",
    ids=frozenset({(0x1B36, 0x000C), (0x104C, 0x8232), (0x104C, 0x8233)}),
    module="pcieportdrv",
    is_built_in=True,
)
VFIO_PCI = Driver(name="vfio-pci")
PCI_STUB = Driver(name="pci-stub")
PCI_PF_STUB = Driver(name="pci-pf-stub", configures_sriov=True, removes_vfs=False)

ALL_DRIVERS = (
    PCIEPORT,
    IGB,
    IGBVF,
    NVME,
    IXGBE,
    IXGBEVF,
    I40E,
    ICE,
    IAVF,
    MLX5,
    BNXT_EN,
    VFIO_PCI,
    PCI_STUB,
    PCI_PF_STUB,
)
