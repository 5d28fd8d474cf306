"""What each PF driver can set of its VFs: one row per driver, read from its source (Linux 6.12).

``sets`` is the driver's ``struct net_device_ops``: a key is in it when the driver has the
operation.  The other fields say what the operation refuses, or swallows.  Two drivers that drive
two kinds of cards have a row for each: InfiniBand's netdev is another (ipoib).
"""

from __future__ import annotations

from sriovctl.model.functions import LinkState, VLANProtocol
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

DOT1AD = "vlan.protocol"  # the keys of two parts of a VLAN, beside its id
QOS = "vlan.qos"

_DOT1Q = (VLANProtocol.DOT1Q,)
_BOTH = (VLANProtocol.DOT1Q, VLANProtocol.DOT1AD)


class OnlyOn(NamedTuple):
    """A key that only some cards of a driver have."""

    cards: str
    device_ids: frozenset[str]


class DriverAbilities(NamedTuple):
    """What one driver can set of its VFs, and of its PF where drivers differ."""

    driver: str
    sets: frozenset[str]  # keys of WantedVF, and eswitch_mode
    source: str  # below drivers/
    # key -> what the driver does instead, where it is not just "has no operation for it"
    why_not: Mapping[str, str] = {}
    vlan_protocols: tuple[str, ...] = _DOT1Q
    maybe_dot1ad: str | None = None  # what 802.1ad depends on
    vlan_qos: bool = True
    vlan_qos_alone: bool = True  # takes a qos without a VLAN id
    max_vlan_id: int = 4095
    zero_mac: bool = True  # takes the MAC away again
    link_states: tuple[str, ...] = tuple(LinkState)
    max_rate_mbps: tuple[int, int] | None = None  # least and most, beside 0
    only_on: Mapping[str, OnlyOn] = {}
    not_in_switchdev: frozenset[str] = frozenset()
    max_mtu: int | None = None  # bytes


def _keys(text: str) -> frozenset[str]:
    names = {
        "mac": "admin_mac",
        "state": "link_state",
        "max": "max_tx_rate_mbps",
        "min": "min_tx_rate_mbps",
        "rss": "rss_query",
        "msix": "msix_count",
        "eswitch": "eswitch_mode",
    }
    return frozenset(names.get(word, word) for word in text.split())


_82576 = OnlyOn(
    "the 82576", frozenset({"10c9", "10e6", "10e7", "10e8", "1526", "150a", "1518", "150d"})
)
# mac.type from 82599 up to, not including, X550 (ixgbe_ndo_set_vf_rss_query_en).
_82599 = {"10f7", "1514", "1517", "151c", "10f9", "10fb", "152a", "1529", "1507", "154d", "1557"}
_82599 |= {"10fc", "10f8", "154f", "154a", "1558"}
_X540 = {"1528", "1560"}
_82599_AND_X540 = OnlyOn("the 82599 and X540", frozenset(_82599 | _X540))
_NO_MINIMUM = "refuses every minimum but 0"
_SWITCHDEV_KEYS = _keys("vlan spoofchk trust state")

_ETHERNET = (
    DriverAbilities(
        driver="igb",
        sets=_keys("mac vlan max spoofchk trust"),
        why_not={"min_tx_rate_mbps": _NO_MINIMUM},
        max_rate_mbps=(1, 1000),
        only_on={"max_tx_rate_mbps": _82576},
        max_mtu=9216,
        source="net/ethernet/intel/igb/igb_main.c: igb_netdev_ops, igb_ndo_set_vf_bw",
    ),
    DriverAbilities(
        driver="ixgbe",
        sets=_keys("mac vlan max spoofchk trust state rss"),
        why_not={"min_tx_rate_mbps": _NO_MINIMUM},
        # It acknowledges "enable", logs "not supported", and does nothing.
        link_states=(LinkState.AUTO, LinkState.DISABLE),
        max_rate_mbps=(11, 10000),
        only_on={"rss_query": _82599_AND_X540},
        max_mtu=9710,
        source="net/ethernet/intel/ixgbe/ixgbe_main.c: ixgbe_netdev_ops; ixgbe_sriov.c",
    ),
    DriverAbilities(
        driver="i40e",
        sets=_keys("mac vlan max spoofchk trust state"),
        why_not={"min_tx_rate_mbps": _NO_MINIMUM},
        max_mtu=9702,
        source="net/ethernet/intel/i40e/i40e_main.c: i40e_netdev_ops; i40e_virtchnl_pf.c",
    ),
    DriverAbilities(
        driver="ice",
        sets=_keys("mac vlan max min spoofchk trust state msix eswitch"),
        maybe_dot1ad="only with a firmware package that brought double VLAN mode",
        not_in_switchdev=_keys("trust"),
        max_mtu=9702,
        source="net/ethernet/intel/ice/ice_main.c: ice_netdev_ops, ice_driver; ice_sriov.c",
    ),
    DriverAbilities(
        driver="mlx5_core",
        sets=_keys("mac vlan max min spoofchk trust state msix eswitch"),
        not_in_switchdev=_SWITCHDEV_KEYS,
        source="net/ethernet/mellanox/mlx5/core/en_main.c: mlx5e_netdev_ops; esw/legacy.c",
    ),
    DriverAbilities(
        driver="bnxt_en",
        sets=_keys("mac vlan max min spoofchk trust state eswitch"),
        why_not={DOT1AD: "never reports the protocol, so nothing could verify it"},
        vlan_qos_alone=False,
        max_mtu=9500,
        source="net/ethernet/broadcom/bnxt/bnxt.c: bnxt_netdev_ops; bnxt_sriov.c",
    ),
    DriverAbilities(
        driver="netdevsim",
        sets=_keys("mac vlan max min spoofchk trust state rss eswitch"),
        vlan_protocols=_BOTH,
        not_in_switchdev=_keys("max min"),
        source="net/netdevsim/netdev.c: nsim_netdev_ops",
    ),
    DriverAbilities(
        driver="mlx4_core",
        sets=_keys("mac vlan max spoofchk state"),
        why_not={"min_tx_rate_mbps": _NO_MINIMUM},
        maybe_dot1ad="only on cards that tell queue pairs apart by S-VLAN",
        source="net/ethernet/mellanox/mlx4/en_netdev.c: mlx4_netdev_ops_master; cmd.c",
    ),
    DriverAbilities(
        driver="enic",
        sets=frozenset(),
        why_not={"admin_mac": "takes one and never reports it, so nothing could verify it"},
        source="net/ethernet/cisco/enic/enic_main.c: enic_netdev_ops",
    ),
    DriverAbilities(
        driver="qede",
        sets=_keys("mac vlan max min spoofchk trust state"),
        vlan_qos=False,
        zero_mac=False,
        source="net/ethernet/qlogic/qede/qede_main.c: qede_netdev_ops",
    ),
    DriverAbilities(
        driver="bnx2x",
        sets=_keys("mac vlan spoofchk state"),
        vlan_qos=False,
        source="net/ethernet/broadcom/bnx2x/bnx2x_main.c: bnx2x_netdev_ops; bnx2x_sriov.c",
    ),
    DriverAbilities(
        driver="be2net",
        sets=_keys("mac vlan max spoofchk state"),
        why_not={"min_tx_rate_mbps": _NO_MINIMUM},
        max_rate_mbps=(100, 40000),
        source="net/ethernet/emulex/benet/be_main.c: be_netdev_ops",
    ),
    DriverAbilities(
        driver="hns3",
        sets=_keys("mac vlan max spoofchk trust state"),
        why_not={"min_tx_rate_mbps": _NO_MINIMUM},
        source="net/ethernet/hisilicon/hns3/hns3_enet.c: hns3_nic_netdev_ops",
    ),
    DriverAbilities(
        driver="nfp",
        sets=_keys("mac vlan max min spoofchk trust state"),
        maybe_dot1ad="as the card's firmware can",
        max_rate_mbps=(1, 0xFFFE),
        source="net/ethernet/netronome/nfp/nfp_net_common.c; nfp_net_sriov.c",
    ),
    DriverAbilities(
        driver="hinic",
        sets=_keys("mac vlan max min spoofchk trust state"),
        source="net/ethernet/huawei/hinic/hinic_main.c: hinic_netdev_ops; hinic_sriov.c",
    ),
    DriverAbilities(
        driver="ionic",
        sets=_keys("mac vlan max spoofchk trust state"),
        why_not={"min_tx_rate_mbps": _NO_MINIMUM},
        vlan_qos=False,
        source="net/ethernet/pensando/ionic/ionic_lif.c: ionic_netdev_ops",
    ),
    DriverAbilities(
        driver="rvu_nicpf",
        sets=_keys("mac vlan trust"),
        vlan_qos=False,
        zero_mac=False,
        source="net/ethernet/marvell/octeontx2/nic/otx2_pf.c: otx2_netdev_ops",
    ),
    DriverAbilities(
        driver="fm10k",
        sets=_keys("mac vlan max"),
        why_not={"min_tx_rate_mbps": "ignores a minimum"},
        vlan_qos=False,
        max_vlan_id=4094,
        max_rate_mbps=(1, 100_000),
        source="net/ethernet/intel/fm10k/fm10k_netdev.c: fm10k_netdev_ops; fm10k_iov.c",
    ),
)

# Cards without a netdev, or whose netdev has no operations on VFs.
_WITHOUT = (
    DriverAbilities("ena", frozenset(), "net/ethernet/amazon/ena/ena_netdev.c: ena_netdev_ops"),
    DriverAbilities("gve", frozenset(), "net/ethernet/google/gve/gve_main.c: gve_netdev_ops"),
    DriverAbilities("nvme", frozenset(), "nvme/host/pci.c: nvme_driver"),
    DriverAbilities("pci-pf-stub", frozenset(), "pci/pci-pf-stub.c: pf_stub_driver"),
    DriverAbilities("vfio-pci", frozenset(), "vfio/pci/vfio_pci.c: vfio_pci_driver"),
    DriverAbilities("lpfc", frozenset(), "scsi/lpfc/lpfc_init.c: lpfc_driver"),
    DriverAbilities("thunder-cpt", frozenset(), "crypto/cavium/cpt/cptpf_main.c: cpt_pci_driver"),
    DriverAbilities("nicpf", frozenset(), "net/ethernet/cavium/thunder/nic_main.c: nicpf_driver"),
    DriverAbilities("rvu_af", frozenset(), "net/ethernet/marvell/octeontx2/af/rvu.c: rvu_driver"),
    *(
        DriverAbilities(name, frozenset(), "crypto/intel/qat/qat_common/adf_sriov.c")
        for name in ("4xxx", "420xx", "c3xxx", "c6xx", "dh895xcc")
    ),
)

_NOT_ON_INFINIBAND = "drives InfiniBand here, which has GUIDs, not MACs and VLANs"
_INFINIBAND = (
    DriverAbilities(
        driver="mlx5_core",
        sets=_keys("node_guid port_guid state msix eswitch"),
        why_not=dict.fromkeys(("admin_mac", "vlan", "spoofchk", "trust"), _NOT_ON_INFINIBAND),
        source="infiniband/ulp/ipoib/ipoib_main.c: ipoib_netdev_ops_pf; hw/mlx5/ib_virt.c",
    ),
    DriverAbilities(
        driver="mlx4_core",
        sets=frozenset(),
        why_not=dict.fromkeys(("admin_mac", "vlan", "spoofchk", "trust"), _NOT_ON_INFINIBAND),
        source="infiniband/ulp/ipoib/ipoib_main.c: ipoib_netdev_ops_pf; hw/mlx4/main.c",
    ),
)

ABILITIES = {row.driver: row for row in (*_ETHERNET, *_WITHOUT)}
ON_INFINIBAND = {row.driver: row for row in _INFINIBAND}
