"""PFs and wanted states that several tests share."""

from __future__ import annotations

from sriovctl.model.address import parse_pci_address, vf_address
from sriovctl.model.functions import PF, VF, VLAN, VFAttributes
from sriovctl.model.state import DesiredState, PFMatch, WantedPF

ADDRESS = parse_pci_address("0000:01:00.0")


def igb_vf(vf_index: int, *, driver: str | None = None) -> VF:
    """Make a VF as igb leaves it."""
    return VF(
        vf_index=vf_index,
        address=vf_address(ADDRESS, vf_index, first_vf_offset=128, vf_stride=2),
        driver=driver,
        netdev=None,
        iommu_group=None,
        numa_node=None,
        attributes=VFAttributes(
            vf_index,
            admin_mac=f"52:54:00:00:00:{vf_index:02x}",
            vlan=VLAN(0),
            spoofchk=True,
            trust=False,
            link_state="auto",
            min_tx_rate_mbps=0,
            max_tx_rate_mbps=0,
        ),
    )


def igb_pf(num_vfs: int = 0, *, vf_driver: str | None = None) -> PF:
    """Make an 82576 PF."""
    return PF(
        device=str(ADDRESS),
        address=ADDRESS,
        vendor_id="8086",
        device_id="10c9",
        name=None,
        pci_class="020000",
        driver="igb",
        netdev="eth0",
        numa_node=None,
        iommu_group=None,
        num_vfs=num_vfs,
        total_vfs=7,
        drivers_autoprobe=True,
        vfs=tuple(igb_vf(n, driver=vf_driver) for n in range(num_vfs)),
        up=True,
        permanent_mac="52:54:00:00:01:00",
    )


def wanted(**said: object) -> DesiredState:
    """Make a state that says *said* of the PF."""
    match = PFMatch(address=str(ADDRESS))
    return DesiredState((WantedPF("uplink", match, **said),))  # type: ignore[arg-type]
