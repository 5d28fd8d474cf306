"""Random states, and hosts on which their PFs are, or are not."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import strategies as st

from sriovctl.model.address import PCIAddress, vf_address
from sriovctl.model.functions import PF, VF, VLAN
from sriovctl.model.state import (
    AUTO_MAC,
    UNSET,
    DesiredState,
    PFMatch,
    Unset,
    WantedPF,
    WantedPool,
    WantedVF,
)

unset = st.just(UNSET)
flags = st.booleans() | unset
macs = st.integers(0, 0xFFFF).map(lambda n: f"52:54:00:00:{n >> 8:02x}:{n & 255:02x}")
admin_macs = macs | st.sampled_from([AUTO_MAC, "00:00:00:00:00:00"]) | unset
guids = st.integers(0, 0xFFFF).map(lambda n: f"00:11:22:33:44:55:{n >> 8:02x}:{n & 255:02x}")
vlans = st.builds(
    VLAN,
    st.sampled_from([0, 1, 42, 4094]),
    st.sampled_from([0, 0, 3, 7]),
    st.sampled_from(["802.1q", "802.1ad"]),
)
rates = st.sampled_from([UNSET, 0, 100, 500, 0xFFFFFFFF])
vfs = st.builds(
    WantedVF,
    admin_mac=admin_macs,
    vlan=vlans | unset,
    spoofchk=flags,
    trust=flags,
    link_state=st.sampled_from([UNSET, "auto", "enable", "disable"]),
    min_tx_rate_mbps=rates,
    max_tx_rate_mbps=rates,
    rss_query=flags,
    node_guid=guids | unset,
    port_guid=guids | unset,
    msix_count=st.sampled_from([UNSET, 0, 8]),
    driver=st.sampled_from([UNSET, None, "vfio-pci", "igbvf"]),
).filter(
    # As the state file has it: no guarantee above the limit.
    lambda vf: (
        vf.min_tx_rate_mbps is UNSET
        or vf.max_tx_rate_mbps is UNSET
        or not 0 < vf.max_tx_rate_mbps < vf.min_tx_rate_mbps
    )
)


class Case(NamedTuple):
    """A state and the PFs of the host at hand."""

    state: DesiredState
    pfs: tuple[PF, ...]


@st.composite
def host_pfs(draw: st.DrawFn, number: int) -> PF:
    """A PF of a host; *number* makes it another one."""
    address = PCIAddress(0, number, 0, 0)
    num_vfs = draw(st.integers(0, 4))
    driver = draw(st.sampled_from(["igb", "mlx5_core", "ixgbe"]))
    netdev = draw(st.sampled_from([f"eth{number}", f"enp{number}s0"]))
    return PF(
        device=str(address),
        address=address,
        vendor_id="8086",
        device_id="10c9",
        name=None,
        pci_class="020000",
        driver=driver,
        netdev=netdev,
        numa_node=None,
        iommu_group=None,
        num_vfs=num_vfs,
        total_vfs=7,
        drivers_autoprobe=True,
        vfs=tuple(_vf(address, n) for n in range(num_vfs)),
        up=True,
        permanent_mac=f"52:54:00:00:{number:02x}:99",
        mtu=1500,
        serial=f"00-00-00-ff-ff-00-00-{number:02x}",
        phys_port_name=f"p{number}",
    )


def _vf(pf: PCIAddress, vf_index: int) -> VF:
    address = vf_address(pf, vf_index, first_vf_offset=128, vf_stride=2)
    netdev = f"eth{pf.bus}{vf_index}" if vf_index % 2 else None
    return VF(vf_index, address, "igbvf" if netdev else None, netdev, None, None)


CRITERIA = (
    "address",
    "netdev",
    "permanent_mac",
    "driver",
    "vendor_id",
    "device_id",
    "serial",
    "phys_port_name",
)


@st.composite
def wanted_pfs(draw: st.DrawFn, number: int, pf: PF) -> WantedPF:
    """What is wanted of one PF."""
    own = ("address", "netdev", "permanent_mac", "serial", "phys_port_name")
    keys = draw(st.sets(st.sampled_from(CRITERIA), min_size=1, max_size=3))
    keys |= {draw(st.sampled_from(own))}  # so that it fits no other one
    has = {**pf._asdict(), "address": pf.device}
    counts: list[int | Unset] = [UNSET, 0, 1, 3, 5, 300]
    num_vfs = draw(st.sampled_from(counts))
    top = 6 if num_vfs is UNSET else min(num_vfs, 6)
    said = draw(st.dictionaries(st.integers(0, top - 1), vfs, max_size=3)) if top else {}
    return WantedPF(
        label=draw(st.sampled_from([f"uplink{number}", f"a {number}\n[x]", f"ü{number}"])),
        match=PFMatch(**{key: has[key] for key in keys}, all=draw(st.booleans())),
        num_vfs=num_vfs,
        drivers_autoprobe=draw(flags),
        link_up=draw(flags),
        mtu=draw(st.sampled_from([UNSET, 1500, 9000])),
        eswitch_mode=draw(st.sampled_from([UNSET, "legacy", "switchdev"])),
        vf_default=draw(st.just(WantedVF()) | vfs),
        vfs=tuple(sorted(said.items())),
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Make a state of one or two PFs, with or without the host that has them."""
    there = [draw(host_pfs(number)) for number in range(1, draw(st.integers(1, 2)) + 1)]
    wanted = tuple(draw(wanted_pfs(number, pf)) for number, pf in enumerate(there, 1))
    pools = (WantedPool("finance", (wanted[0].label,)),) if draw(st.booleans()) else ()
    return Case(DesiredState(wanted, pools), tuple(there) if draw(st.booleans()) else ())
