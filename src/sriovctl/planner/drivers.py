"""What PF drivers do to others when their VF count changes, each row with its source."""

from __future__ import annotations

from sriovctl.model.plan import Disruption

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sriovctl.model.functions import PF

ENABLING_VFS = {
    # igb resets the port when VFs come or go: the link drops and is back after about 3 s.
    # Seen on the emulated 82576; drivers/net/ethernet/intel/igb/igb_main.c, igb_enable_sriov.
    "igb": (Disruption.LINK_FLAP, "igb resets the PF: its link drops for about 3 s"),
    # A simulator without hardware; drivers/net/netdevsim/bus.c.
    "netdevsim": (Disruption.NONE, "netdevsim leaves its link alone"),
    # The controller goes on; drivers/nvme/host/pci.c uses pci_sriov_configure_simple.
    "nvme": (Disruption.NONE, "nvme leaves the controller alone"),
}

# These answer EINVAL to any rate while the PF's link is down, as it is for seconds after the
# number of VFs changed.  Kernel igb_main.c igb_ndo_set_vf_bw, ixgbe_sriov.c ixgbe_ndo_set_vf_bw.
RATES_NEED_LINK = frozenset({"igb", "ixgbe"})


def disruption_of_enabling(pf: PF) -> tuple[Disruption, str]:
    """Say what creating VFs does to the PF, and why.

    A driver that is not in the table is taken to flap the link of its netdev: many do, and a
    warning too many costs less than a lost session.
    """
    if pf.driver in ENABLING_VFS:
        return ENABLING_VFS[pf.driver]
    if pf.netdev is None:
        return Disruption.NONE, "the PF has no netdev that could lose its link"
    return Disruption.LINK_FLAP, f"{pf.driver} may reset the PF when its VFs change"
