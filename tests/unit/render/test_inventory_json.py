"""What ``ls --json`` writes for programs is what it shapes."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from sriovctl.model.address import PCIAddress
from sriovctl.model.functions import PF, VF, VLAN, LinkState, VFAttributes, VLANProtocol
from sriovctl.render.inventory_json import format_inventory_json, inventory_as_json

NAMES = st.none() | st.text(max_size=15)
NUMBERS = st.none() | st.integers(0, 4096)
SWITCHES = st.none() | st.booleans()
ADDRESSES = st.none() | st.builds(
    PCIAddress, st.integers(0, 0x10002), st.integers(0, 255), st.integers(0, 31), st.integers(0, 7)
)
VLANS = st.builds(
    VLAN,
    st.integers(0, 4095),
    st.integers(0, 7),
    st.sampled_from([*VLANProtocol, "0x9100"]),
)
ATTRIBUTES = st.builds(
    VFAttributes,
    vf_index=st.integers(0, 9),
    admin_mac=NAMES,
    vlan=st.none() | VLANS,
    spoofchk=SWITCHES,
    trust=SWITCHES,
    link_state=st.none() | st.sampled_from([*LinkState, "7"]),
    min_tx_rate_mbps=NUMBERS,
    max_tx_rate_mbps=NUMBERS,
)
VFS = st.builds(
    VF,
    vf_index=st.integers(0, 9),
    address=ADDRESSES,
    driver=NAMES,
    netdev=NAMES,
    iommu_group=NUMBERS,
    numa_node=NUMBERS,
    attributes=st.none() | ATTRIBUTES,
    owner=NAMES,
)
PFS = st.builds(
    PF,
    device=st.text(min_size=1),
    address=ADDRESSES,
    vendor_id=NAMES,
    device_id=NAMES,
    name=NAMES,
    pci_class=NAMES,
    driver=NAMES,
    netdev=NAMES,
    numa_node=NUMBERS,
    iommu_group=NUMBERS,
    num_vfs=NUMBERS,
    total_vfs=NUMBERS,
    drivers_autoprobe=SWITCHES,
    vfs=st.lists(VFS, max_size=5).map(tuple),
    owner=NAMES,
)

SOME_PF = PF(
    *("netdevsim1", None, None, None, None, None, "netdevsim", "eni1np1"),
    *(None, None, 4, 8, None),
)


@given(st.lists(PFS, max_size=3), st.lists(st.text(), max_size=2))
def test_one_line_is_what_json_makes_of_the_shape(pfs: list[PF], notes: list[str]) -> None:
    written = format_inventory_json(pfs, notes=notes)
    assert written == json.dumps(inventory_as_json(pfs, notes=notes))


def test_an_attribute_stands_by_its_name() -> None:
    known = VFAttributes(3, "52:54:00:00:00:07", VLAN(42, 3), True, False, "auto", 100, 900)
    vf = VF(3, None, "iavf", "eth5", 40, 1, known)
    pf = SOME_PF._replace(vfs=(vf._replace(owner="guest:web"),))
    assert json.loads(format_inventory_json([pf]))["pfs"][0]["vfs"] == [
        {
            "vf_index": 3,
            "address": None,
            "driver": "iavf",
            "netdev": "eth5",
            "iommu_group": 40,
            "numa_node": 1,
            "admin_mac": "52:54:00:00:00:07",
            "vlan": {"id": 42, "qos": 3, "protocol": "802.1q"},
            "spoofchk": True,
            "trust": False,
            "link_state": "auto",
            "min_tx_rate_mbps": 100,
            "max_tx_rate_mbps": 900,
            "owner": "guest:web",
        }
    ]
