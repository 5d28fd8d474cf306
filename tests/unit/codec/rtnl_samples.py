"""Netdevs, VFs and wishes for the tests of route netlink messages."""

from __future__ import annotations

from hypothesis import strategies as st

from sriovctl.model.functions import VLAN, VFAttributes, VFCounters
from sriovctl.model.link import LinkReport, NetdevCounters
from sriovctl.model.state import UNSET, WantedVF

U32 = st.integers(0, 2**32 - 1)
U64 = st.integers(0, 2**64 - 1)
MACS = st.binary(min_size=6, max_size=6).map(lambda octets: octets.hex(":"))
INFINIBAND_MACS = st.binary(min_size=20, max_size=20).map(lambda octets: octets.hex(":"))
GUIDS = st.binary(min_size=8, max_size=8).map(lambda octets: octets.hex(":"))
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=31)
VLANS = st.builds(
    VLAN,
    id=st.integers(0, 4095),
    qos=st.integers(0, 7),
    protocol=st.sampled_from(["802.1q", "802.1ad", "0x9100"]),
)
LINK_STATES = st.sampled_from(["auto", "enable", "disable", "3", "4294967295"])
SWITCHES = st.sampled_from([None, False, True])
COUNTERS = st.builds(
    VFCounters,
    *[U64] * 4,
    broadcast=st.none() | U64,
    multicast=st.none() | U64,
    rx_dropped=st.none() | U64,
    tx_dropped=st.none() | U64,
)
NETDEV_COUNTERS = st.builds(NetdevCounters, *[U64] * len(NetdevCounters._fields))


def vf_attributes(vf_index: int, macs: st.SearchStrategy[str]) -> st.SearchStrategy[VFAttributes]:
    rates = st.one_of(st.just((None, None)), st.tuples(st.none(), U32), st.tuples(U32, U32))
    return st.builds(
        lambda rates, **rest: VFAttributes(
            vf_index, min_tx_rate_mbps=rates[0], max_tx_rate_mbps=rates[1], **rest
        ),
        rates,
        admin_mac=st.none() | macs,
        vlan=st.none() | VLANS,
        spoofchk=SWITCHES,
        trust=SWITCHES,
        link_state=st.none() | LINK_STATES,
        rss_query=SWITCHES,
        node_guid=st.none() | GUIDS,
        port_guid=st.none() | GUIDS,
        counters=st.none() | COUNTERS,
    )


@st.composite
def link_reports(draw: st.DrawFn) -> LinkReport:
    macs = draw(st.sampled_from([MACS, INFINIBAND_MACS]))
    num_vfs = draw(st.none() | st.integers(0, 5))
    # A VF that its driver cannot describe is missing from the list.
    indexes = [index for index in range(num_vfs or 0) if draw(st.integers(0, 9))]
    return LinkReport(
        ifindex=draw(st.integers(1, 2**31 - 1)),
        ifname=draw(NAMES.filter(lambda name: len(name.encode()) <= 15)),
        mac=draw(macs),
        permanent_mac=draw(st.none() | macs),
        up=draw(st.booleans()),
        num_vfs=num_vfs,
        mtu=draw(st.none() | U32),
        phys_port_name=draw(st.none() | NAMES),
        kind=draw(st.none() | st.sampled_from(["bridge", "bond", "vlan"])),
        master=draw(st.none() | U32),
        lower=draw(st.none() | U32),
        lower_nsid=draw(st.none() | st.integers(-1, 2**31 - 1)),
        parent_device=draw(st.none() | NAMES),
        parent_bus=draw(st.none() | NAMES),
        vfs=tuple(draw(vf_attributes(index, macs)) for index in indexes),
        carrier=draw(st.booleans()),
        counters=draw(st.none() | NETDEV_COUNTERS),
    )


def or_unset(values: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.just(UNSET) | values


WANTED = st.builds(
    WantedVF,
    admin_mac=or_unset(MACS),
    vlan=or_unset(VLANS),
    spoofchk=or_unset(st.booleans()),
    trust=or_unset(st.booleans()),
    link_state=or_unset(st.sampled_from(["auto", "enable", "disable"])),
    min_tx_rate_mbps=or_unset(U32),
    max_tx_rate_mbps=or_unset(U32),
    rss_query=or_unset(st.booleans()),
    node_guid=or_unset(GUIDS),
    port_guid=or_unset(GUIDS),
    msix_count=st.just(UNSET),
    driver=st.just(UNSET),
)

FIVE = WantedVF(
    admin_mac="52:54:00:6d:90:02",
    vlan=VLAN(42, 3),
    spoofchk=True,
    trust=False,
    min_tx_rate_mbps=0,
    max_tx_rate_mbps=100,
)


def full_vf(vf_index: int, *, counters: bool = False) -> VFAttributes:
    return VFAttributes(
        vf_index,
        admin_mac=f"52:54:00:6d:{vf_index >> 8:02x}:{vf_index & 255:02x}",
        vlan=VLAN(vf_index % 4095, vf_index % 8, "802.1ad"),
        spoofchk=True,
        trust=False,
        link_state="auto",
        min_tx_rate_mbps=vf_index,
        max_tx_rate_mbps=2 * vf_index,
        rss_query=None,
        counters=VFCounters(*[vf_index] * 8) if counters else None,
    )


def report_of(vfs: tuple[VFAttributes, ...], num_vfs: int) -> LinkReport:
    return LinkReport(
        ifindex=7,
        ifname="enp1s0",
        mac="52:54:00:00:00:01",
        permanent_mac="52:54:00:00:00:02",
        up=True,
        num_vfs=num_vfs,
        parent_device="0000:01:00.0",
        parent_bus="pci",
        vfs=vfs,
    )
