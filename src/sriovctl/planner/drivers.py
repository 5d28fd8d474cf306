"""What each PF driver does to others, needs first, and takes back: one row per driver.

Theory of operation.  The kernel gives every PF the same files, but behind them each driver has
rules of its own, and none of them can be asked for.  So they stand here, read from the drivers'
source (Linux 6.12), with the functions that show them beside each row.  Three questions per row:

- What does a change do to those who use the PF?  ``creating``, ``destroying``, ``changing_mtu``
  and ``changing_eswitch`` hold the worst, and why; the plan shows both.
- In which order?  ``stages`` is the order of the steps within one PF.  It is one order for all
  drivers but for the place of the eswitch mode: ice changes it only while there are no VFs, the
  others do it with the VFs there, and mlx5 with no driver on them.
- What does the driver say that is not final?  ``retry_errnos`` are answers that another try may
  overcome until ``retry_until_s`` has passed.

A driver that is not in the table is taken to flap the link of its netdev with every change: many
do, and a warning too many costs less than a lost session.
"""

from __future__ import annotations

from sriovctl.model.plan import Disruption
from sriovctl.model.record import NamedTuple
from sriovctl.model.words import StrEnum

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.model.functions import PF

# Drivers that hold a function for somebody in user space: a guest, DPDK, SPDK.  None of them takes
# a function by itself.  Source: drivers/vfio/pci/*/Makefile, drivers/uio.
VFIO_DRIVERS = (
    "vfio-pci",
    "mlx5_vfio_pci",
    "hisi_acc_vfio_pci",
    "pds_vfio_pci",
    "qat_vfio_pci",
    "virtio_vfio_pci",
    "xe_vfio_pci",
    "nvgrace_gpu_vfio_pci",
    "uio_pci_generic",
    "igb_uio",
)


def works_for_host(driver: str | None) -> bool:
    """Say whether a function's driver uses it for this host; False without a driver.  Pure."""
    return driver is not None and driver not in VFIO_DRIVERS


class Stage(StrEnum):
    """One kind of steps of a PF; ``stages`` of its driver's rules say in which order."""

    AUTOPROBE = "drivers_autoprobe"
    RAISE_MTU = "raise the MTU"
    LINK_UP = "link up"
    DESTROY = "num_vfs to 0"
    ESWITCH = "eswitch mode"
    CREATE = "num_vfs"
    UNBIND = "unbind VF drivers"
    MSIX = "MSI-X counts"
    ATTRIBUTES = "VF attributes"
    BIND = "bind VF drivers"
    LINK_DOWN = "link down"
    LOWER_MTU = "lower the MTU"


# Why this order, for all drivers:
# - drivers_autoprobe decides what happens to the VFs that CREATE makes.
# - The MTU is raised before anybody uses a larger one, and lowered after; raised first of all,
#   since a netdev that is down has no link to lose.
# - The PF is up before VFs come: a VF driver that probes while it is down finds it "still in
#   reset" (igbvf), and some drivers refuse VFs (bnxt_en).
# - num_vfs goes through 0: the kernel answers EBUSY to N -> M (drivers/pci/iov.c,
#   sriov_numvfs_store).
# - MSI-X counts change only while no driver has the VF (iov.c, sriov_vf_msix_count_store), and a
#   VF driver reads its MAC when it probes: so both come before BIND.
STAGES = (
    Stage.AUTOPROBE,
    Stage.RAISE_MTU,
    Stage.LINK_UP,
    Stage.DESTROY,
    Stage.CREATE,
    Stage.UNBIND,
    Stage.ESWITCH,
    Stage.MSIX,
    Stage.ATTRIBUTES,
    Stage.BIND,
    Stage.LINK_DOWN,
    Stage.LOWER_MTU,
)
# ice: "Changing eswitch mode is allowed only if there is no VFs created" (ice_eswitch_mode_set).
STAGES_ESWITCH_WITHOUT_VFS = tuple(Stage)


class Effect(NamedTuple):
    """What a change does to those who use the PF."""

    disruption: Disruption
    reason: str

    @property
    def flaps_link(self) -> bool:
        """Whether the PF's link is lost for a while."""
        return self.disruption is Disruption.LINK_FLAP


def _flap(reason: str) -> Effect:
    return Effect(Disruption.LINK_FLAP, reason)


def harmless(reason: str) -> Effect:
    """Say why a step is taken that nobody feels."""
    return Effect(Disruption.NONE, reason)


class DriverRules(NamedTuple):
    """The rules of one PF driver."""

    driver: str | None  # None: any driver without a row
    creating: Effect  # VFs: 0 -> N
    destroying: Effect  # VFs: N -> 0
    source: str  # kernel files and functions, below drivers/
    changing_mtu: Effect = _flap("most drivers restart the PF for another MTU")
    changing_eswitch: Effect = _flap("the eswitch and its link are built anew in the other mode")
    stages: tuple[Stage, ...] = STAGES
    up_before_vfs: str | None = None  # why the PF's netdev must be up when the count changes
    rates_need_link: bool = False  # any rate is refused while the PF's link is down
    retry_errnos: frozenset[str] = frozenset()  # not final: another try may succeed
    retry_until_s: float = 0.0  # give up then
    fixed_count: str | None = None  # why sriov_numvfs cannot change the count
    vf_count_parameter: str | None = None  # the module parameter that can
    all_or_none: str | None = None  # why a count other than 0 and the maximum is not had
    eswitch_resets_at_zero: bool = False  # the last VF takes switchdev with it
    unbind_for_eswitch: bool = False  # VFs must have no driver while the mode changes
    vf_driver: str | None = None  # the host's own driver for its VFs
    new_mac: str = "whether its driver takes the new MAC at once is not known"

    @property
    def mtu_flaps_link(self) -> bool:
        """Whether another MTU takes the PF's link down for a while."""
        return self.changing_mtu.flaps_link

    @property
    def eswitch_without_vfs(self) -> bool:
        """Whether the eswitch mode changes only while there are no VFs."""
        return self.stages.index(Stage.ESWITCH) < self.stages.index(Stage.CREATE)


_SIMPLE = "pci_sriov_configure_simple leaves the PF alone"
READ_AT_PROBE = "its driver reads the MAC when it binds, and goes on with the old one until then"
_VF_RESET = "the PF resets the VF, whose driver comes back with the new MAC"

_TABLE = (
    DriverRules(
        driver="igb",
        creating=_flap("igb resets the PF: its link drops for about 3 s"),
        destroying=_flap("igb resets the PF: its link drops for about 3 s"),
        changing_mtu=_flap("igb restarts the PF for another MTU: its link drops for about 3 s"),
        rates_need_link=True,
        vf_driver="igbvf",
        new_mac=READ_AT_PROBE,
        source="net/ethernet/intel/igb/igb_main.c: igb_sriov_reinit, igb_change_mtu, "
        "igb_ndo_set_vf_bw",
    ),
    DriverRules(
        driver="ixgbe",
        creating=_flap("ixgbe resets the PF: its link drops for some seconds"),
        destroying=_flap("ixgbe resets the PF: its link drops for some seconds"),
        changing_mtu=_flap("ixgbe restarts the PF for another MTU"),
        rates_need_link=True,
        vf_driver="ixgbevf",
        new_mac=READ_AT_PROBE,
        source="net/ethernet/intel/ixgbe/ixgbe_sriov.c: ixgbe_pci_sriov_enable, "
        "ixgbe_pci_sriov_disable, ixgbe_ndo_set_vf_bw; ixgbe_main.c: ixgbe_change_mtu",
    ),
    DriverRules(
        driver="i40e",
        creating=_flap("i40e resets the PF to make it a switch (VEB): its link drops shortly"),
        destroying=_flap("i40e resets the PF, which is no switch (VEB) any more"),
        changing_mtu=_flap("i40e restarts the PF for another MTU"),
        # "other operation is pending" and "VF %d still in reset. Try again."
        retry_errnos=frozenset({"EAGAIN"}),
        retry_until_s=10.0,
        vf_driver="iavf",
        new_mac=_VF_RESET,
        source="net/ethernet/intel/i40e/i40e_virtchnl_pf.c: i40e_pci_sriov_configure, "
        "i40e_check_vf_init_timeout; i40e_main.c: i40e_change_mtu",
    ),
    DriverRules(
        driver="ice",
        creating=harmless("ice makes VFs without a reset of the PF"),
        destroying=harmless("ice removes VFs without a reset of the PF"),
        changing_mtu=_flap("ice restarts the PF for another MTU"),
        changing_eswitch=harmless("ice only notes the mode, for the VFs that come next"),
        stages=STAGES_ESWITCH_WITHOUT_VFS,
        # EBUSY: "VF ID: %u in reset. Try again.", "device not ready"; EAGAIN: VFs did not start.
        retry_errnos=frozenset({"EBUSY", "EAGAIN"}),
        retry_until_s=10.0,
        vf_driver="iavf",
        new_mac=_VF_RESET,
        source="net/ethernet/intel/ice/ice_sriov.c: ice_ena_vfs, ice_check_sriov_allowed; "
        "ice_vf_lib.c: ice_check_vf_ready_for_cfg; ice_eswitch.c: ice_eswitch_mode_set; "
        "ice_main.c: ice_change_mtu",
    ),
    DriverRules(
        driver="mlx5_core",
        creating=harmless("mlx5_core makes VFs without a reset of the PF"),
        destroying=harmless("mlx5_core removes VFs without a reset of the PF"),
        changing_mtu=_flap("mlx5_core opens its queues anew for another MTU"),
        changing_eswitch=_flap(
            "mlx5_core makes the PF's netdev the uplink representor, or ends that"
        ),
        unbind_for_eswitch=True,
        vf_driver="mlx5_core",
        new_mac=READ_AT_PROBE,
        source="net/ethernet/mellanox/mlx5/core/sriov.c: mlx5_device_enable_sriov; eswitch.c: "
        "mlx5_eswitch_enable; eswitch_offloads.c: mlx5_devlink_eswitch_mode_set; en_main.c: "
        "mlx5e_switch_priv_channels",
    ),
    DriverRules(
        driver="bnxt_en",
        creating=harmless("bnxt_en makes VFs of what the PF leaves over, without a reset"),
        destroying=_flap("bnxt_en closes and opens the PF to give it the VFs' resources"),
        changing_mtu=_flap("bnxt_en closes and opens the PF for another MTU"),
        # bnxt_vf_reps_destroy, on the way back to legacy alone.
        changing_eswitch=_flap("bnxt_en closes and opens the PF when it removes representors"),
        up_before_vfs="bnxt_en ignores a new count while the PF is down, without an error",
        vf_driver="bnxt_en",
        new_mac=READ_AT_PROBE,
        source="net/ethernet/broadcom/bnxt/bnxt_sriov.c: bnxt_sriov_configure, "
        "bnxt_sriov_disable; bnxt.c: bnxt_restore_pf_fw_resources, bnxt_change_mtu; bnxt_vfr.c: "
        "bnxt_dl_eswitch_mode_set",
    ),
    DriverRules(
        driver="ena",
        creating=harmless(_SIMPLE),
        destroying=harmless(_SIMPLE),
        vf_driver="ena",
        source="net/ethernet/amazon/ena/ena_netdev.c: ena_pci_driver",
    ),
    DriverRules(
        driver="nvme",
        creating=harmless("nvme leaves the controller alone"),
        destroying=harmless("nvme leaves the controller alone"),
        vf_driver="nvme",
        source="nvme/host/pci.c: nvme_driver (pci_sriov_configure_simple)",
    ),
    DriverRules(
        driver="netdevsim",
        creating=harmless("netdevsim leaves its link alone"),
        destroying=harmless("netdevsim leaves its link alone"),
        changing_mtu=harmless("netdevsim leaves its link alone"),
        changing_eswitch=harmless("netdevsim only adds or removes representors"),
        eswitch_resets_at_zero=True,
        source="net/netdevsim/dev.c: nsim_drv_configure_vfs, nsim_esw_legacy_enable; netdev.c: "
        "nsim_change_mtu",
    ),
    DriverRules(
        driver="pci-pf-stub",
        creating=harmless(_SIMPLE),
        destroying=harmless(_SIMPLE),
        source="pci/pci-pf-stub.c: pf_stub_driver",
    ),
    DriverRules(
        driver="vfio-pci",
        creating=harmless(
            "vfio-pci leaves the PF to its user; its parameter enable_sriov must be 1"
        ),
        destroying=harmless("vfio-pci leaves the PF to its user"),
        source="vfio/pci/vfio_pci.c: vfio_pci_sriov_configure; vfio_pci_core.c: "
        "vfio_pci_core_sriov_configure",
    ),
    DriverRules(
        driver="gve",
        creating=harmless("gve has no VFs"),
        destroying=harmless("gve has no VFs"),
        fixed_count="gve drives what a cloud's host hands out, and has no sriov_configure",
        source="net/ethernet/google/gve/gve_main.c: gve_driver",
    ),
    DriverRules(
        driver="mlx4_core",
        creating=_flap("mlx4_core makes its VFs when it is loaded"),
        destroying=_flap("mlx4_core removes its VFs when it is unloaded"),
        fixed_count="mlx4_core makes VFs only when it is loaded, and has no sriov_configure",
        vf_count_parameter="num_vfs",
        vf_driver="mlx4_core",
        new_mac=READ_AT_PROBE,
        source="net/ethernet/mellanox/mlx4/main.c: mlx4_enable_sriov, mlx4_driver",
    ),
    DriverRules(
        driver="lpfc",
        creating=harmless("lpfc makes its VFs when it is loaded"),
        destroying=harmless("lpfc removes its VFs when it is unloaded"),
        fixed_count="lpfc makes VFs when it is loaded, and has no sriov_configure",
        vf_count_parameter="lpfc_sriov_nr_virtfn",
        source="scsi/lpfc/lpfc_init.c: lpfc_sli_probe_sriov_nr_virtfn; lpfc_attr.c",
    ),
    DriverRules(
        driver="enic",
        creating=harmless("enic makes its VFs when it is loaded"),
        destroying=harmless("enic removes its VFs when it is unloaded"),
        fixed_count="enic makes all VFs of the adapter's profile when it is loaded; the "
        "profile in Cisco's manager says how many",
        vf_driver="enic",
        source="net/ethernet/cisco/enic/enic_main.c: enic_probe",
    ),
    DriverRules(
        driver="thunder-cpt",
        creating=harmless("thunder-cpt makes its VFs when it is loaded"),
        destroying=harmless("thunder-cpt removes its VFs when it is unloaded"),
        fixed_count="thunder-cpt makes VFs when it is loaded, as the parameter num_vfs of its "
        "module cptpf says",
        source="crypto/cavium/cpt/cptpf_main.c: cpt_sriov_init, cpt_pci_driver",
    ),
    *(
        DriverRules(
            driver=name,
            creating=harmless(f"{name} makes its VFs when it is loaded"),
            destroying=harmless(f"{name} removes its VFs when it is unloaded"),
            fixed_count=f"{name} makes {count} when it is loaded, and has no sriov_configure",
            source=source,
        )
        for name, count, source in (
            (
                "nicpf",
                "a VF for each port of the chip, and more for their queues,",
                "net/ethernet/cavium/thunder/nic_main.c: nic_set_lmac_vf_mapping, nic_sriov_init",
            ),
            (
                "rvu_af",
                "all its VFs",
                "net/ethernet/marvell/octeontx2/af/rvu.c: rvu_enable_sriov",
            ),
        )
    ),
    *(
        DriverRules(
            driver=name,
            creating=harmless("QAT restarts its PF, and requests in flight fail"),
            destroying=harmless("QAT restarts its PF, and requests in flight fail"),
            all_or_none=f"{name} has all its VFs or none, whatever number is written",
            source="crypto/intel/qat/qat_common/adf_sriov.c: adf_do_enable_sriov",
        )
        for name in ("4xxx", "420xx", "c3xxx", "c6xx", "dh895xcc")
    ),
)

RULES = {rules.driver: rules for rules in _TABLE if rules.driver is not None}

# These answer EINVAL to any rate while the PF's link is down, as it is for seconds after the
# number of VFs changed.
RATES_NEED_LINK = frozenset(name for name, rules in RULES.items() if rules.rates_need_link)


def rules_of(driver: str | None) -> DriverRules:
    """Return the rules of a PF driver; those for any driver when it has no row.  Pure."""
    if driver in RULES:
        return RULES[driver]
    name = driver or "its driver"
    return DriverRules(
        driver=None,
        creating=_flap(f"{name} may reset the PF when its VFs change"),
        destroying=_flap(f"{name} may reset the PF when its VFs change"),
        changing_mtu=_flap(f"{name} may restart the PF for another MTU"),
        changing_eswitch=_flap(f"{name} may restart the PF for another eswitch mode"),
        source="none: the driver has no row in this table",
    )


def effect_on(pf: PF, effect: Effect, *, up: bool | None) -> Effect:
    """Say what a change does to this PF, which may have no link to lose.  Pure.

    :param up: whether its netdev will be up then; None: not known, as where it has none, or one
        in another network namespace.
    """
    if not effect.flaps_link:
        return effect
    if up is False:
        return Effect(Disruption.NONE, "the PF is down, and has no link to lose")
    if pf.driver not in RULES and pf.netdev is None and not _is_network_card(pf):
        return effect._replace(disruption=Disruption.NONE)  # nor is there a link
    return effect


def _is_network_card(pf: PF) -> bool:
    return (pf.pci_class or "").startswith("02")
