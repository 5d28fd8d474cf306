"""States by chance, such as a file can say."""

from __future__ import annotations

from hypothesis import strategies as st

from sriovctl.codec.state_values import is_name
from sriovctl.model.functions import VLAN, EswitchMode, LinkState, VLANProtocol
from sriovctl.model.state import (
    AUTO_MAC,
    UNSET,
    DesiredState,
    PFMatch,
    WantedPF,
    WantedPool,
    WantedVF,
)

MAX_INDEX = 12
NAMES = st.one_of(
    st.text(min_size=1, max_size=8).filter(is_name),
    st.sampled_from(
        ("null", "true", "No", "~", "1e3", "0x10", "1-3", "802.1q", "- a", "a: b", "#")
    ),
)
RATES = st.integers(0, 1000)
HEX_IDS = st.integers(0, 0xFFFF).map(lambda number: f"{number:04x}")
MACS = st.integers(1, 0xFFFFFF).map(lambda number: (0x525400 << 24 | number).to_bytes(6).hex(":"))
GUIDS = st.integers(1, 2**64 - 1).map(lambda number: number.to_bytes(8).hex(":"))
VLANS = st.builds(
    VLAN, st.integers(0, 4094), st.integers(0, 7), st.sampled_from(tuple(VLANProtocol))
)
DRIVERS = st.one_of(st.none(), st.from_regex(r"[A-Za-z0-9_.-]{1,9}", fullmatch=True))
RANGES = st.one_of(st.none(), st.sets(st.integers(0, MAX_INDEX), min_size=1).map(sorted).map(tuple))


def said(values: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """Something, or UNSET."""
    return st.one_of(st.just(UNSET), values)


@st.composite
def matches(draw: st.DrawFn, *, netdev: str) -> PFMatch:
    """A match that no other PF has, since *netdev* is in it."""
    return PFMatch(
        netdev=netdev,
        permanent_mac=draw(st.one_of(st.none(), MACS)),
        driver=draw(st.one_of(st.none(), NAMES)),
        vendor_id=draw(st.one_of(st.none(), HEX_IDS)),
        device_id=draw(st.one_of(st.none(), HEX_IDS)),
        serial=draw(st.one_of(st.none(), NAMES)),
        phys_port_name=draw(st.one_of(st.none(), NAMES)),
    )


def wanted_vfs(identities: st.SearchStrategy[str]) -> st.SearchStrategy[WantedVF]:
    """What is wanted of a VF; *identities* for what only one VF may have."""
    rates = st.tuples(RATES, RATES).map(sorted)
    return st.builds(
        lambda rates, **others: WantedVF(
            min_tx_rate_mbps=rates[0], max_tx_rate_mbps=rates[1], **others
        ),
        rates=st.one_of(st.just((UNSET, UNSET)), rates),
        admin_mac=said(identities),
        vlan=said(VLANS),
        spoofchk=said(st.booleans()),
        trust=said(st.booleans()),
        link_state=said(st.sampled_from(tuple(LinkState))),
        rss_query=said(st.booleans()),
        msix_count=said(st.integers(0, 2048)),
        driver=said(DRIVERS),
    )


MANY = st.sampled_from((AUTO_MAC, "00:00:00:00:00:00"))
# A few, so that neighbours are alike.
COMMON = st.sampled_from((WantedVF(), WantedVF(vlan=VLAN(42)), WantedVF(admin_mac=AUTO_MAC)))


@st.composite
def pfs(draw: st.DrawFn, *, number: int, label: str) -> WantedPF:
    """One PF; *number* makes its identities different from those of others."""
    indices = sorted(draw(st.sets(st.integers(0, MAX_INDEX))))
    vfs = []
    for index in indices:
        wanted = draw(st.one_of(COMMON, wanted_vfs(MANY)))
        if draw(st.booleans()):
            own = bytes((2, 0, 0, 0, number, index)).hex(":")
            wanted = wanted._replace(admin_mac=own, port_guid=f"02:00:{own}", node_guid=UNSET)
        vfs.append((index, wanted))
    return WantedPF(
        label=label,
        match=draw(matches(netdev=f"eth{number}")),
        num_vfs=draw(st.sampled_from((UNSET, MAX_INDEX + 1, 65535))),
        drivers_autoprobe=draw(st.sampled_from((UNSET, True, False))),
        link_up=draw(st.sampled_from((UNSET, True, False))),
        mtu=draw(st.sampled_from((UNSET, 68, 1500, 65535))),
        eswitch_mode=draw(st.sampled_from((UNSET, *EswitchMode))),
        vf_default=draw(wanted_vfs(MANY)),
        vfs=tuple(vfs),
    )


@st.composite
def states(draw: st.DrawFn) -> DesiredState:
    """A state of a few PFs and pools."""
    labels = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    wanted = tuple(draw(pfs(number=n, label=label)) for n, label in enumerate(labels))
    names = draw(st.lists(NAMES, max_size=len(labels), unique=True))
    pools = tuple(  # of one PF each, and of each PF one
        WantedPool(
            name,
            (labels[n],),
            draw(RANGES),
            draw(st.sampled_from(("required", "preferred", "any"))),
            draw(st.sampled_from(("spread", "pack"))),
        )
        for n, name in enumerate(names)
    )
    return DesiredState(wanted, pools)
