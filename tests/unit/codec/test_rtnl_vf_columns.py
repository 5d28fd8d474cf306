"""Many VFs that are read together are what each of them is alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.codec.rtnl_samples import INFINIBAND_MACS, MACS, SWITCHES, U32, U64, full_vf

from sriovctl.codec.rtnl_link_encode import encode_vf_attributes
from sriovctl.codec.rtnl_vf import decode_vf_attributes
from sriovctl.codec.rtnl_vf_columns import decode_usual_vfs
from sriovctl.model.functions import VLAN, VFAttributes, VFCounters

IDS = st.integers(0, 4095)
PRIORITIES = st.integers(0, 7)
PROTOCOLS = st.sampled_from(["802.1q", "802.1ad"])
BEFORE = b"abc"  # it begins anywhere in a message


def together(vfs: list[VFAttributes], mac_size: int = 6) -> tuple[VFAttributes, ...] | None:
    rows = b"".join(map(encode_vf_attributes, vfs))
    end = len(BEFORE + rows)
    return decode_usual_vfs(
        BEFORE + rows + b"behind", len(BEFORE), end, count=len(vfs), mac_size=mac_size
    )


def alone(vf: VFAttributes, mac_size: int = 6) -> VFAttributes:
    message = encode_vf_attributes(vf)
    return decode_vf_attributes(message, 4, len(message), mac_size=mac_size)


@given(st.data(), st.booleans(), st.booleans())
def test_what_is_read_together_is_what_each_is(
    data: st.DataObject, infiniband: bool, counters: bool
) -> None:
    # Few values, so that all of a column are often the same, or many are.
    def few(values: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
        return st.sampled_from(data.draw(st.lists(values, min_size=1, max_size=3)))

    vlans = st.builds(VLAN, IDS, few(PRIORITIES), few(PROTOCOLS)) | few(
        st.builds(VLAN, IDS, PRIORITIES, PROTOCOLS)
    )
    drawn = st.builds(
        VFAttributes,
        vf_index=U32,
        admin_mac=INFINIBAND_MACS if infiniband else MACS,
        vlan=vlans,
        spoofchk=few(SWITCHES),
        trust=few(SWITCHES),
        link_state=few(st.sampled_from(["auto", "enable", "disable"])),
        min_tx_rate_mbps=U32,
        max_tx_rate_mbps=U32,
        rss_query=few(SWITCHES),
        node_guid=st.none(),
        port_guid=st.none(),
        counters=st.builds(VFCounters, *[U64] * 8) if counters else st.none(),
    )
    vfs = data.draw(st.lists(drawn, min_size=1, max_size=9))
    mac_size = 20 if infiniband else 6
    read = together(vfs, mac_size)
    assert read == tuple(alone(vf, mac_size) for vf in vfs) == tuple(vfs)
    assert {type(vf) for vf in read} == {VFAttributes}
    assert {type(vf.vlan) for vf in read} == {VLAN}
    assert {type(vf.counters) for vf in read} == {VFCounters if counters else type(None)}


@pytest.mark.parametrize(
    "odd",
    [
        {"link_state": "3"},
        {"vlan": VLAN(5, 0, "0x9100")},
        {"vlan": None},
        {"node_guid": "00:11:22:33:44:55:66:77"},
        {"counters": VFCounters(1, 2, 3, 4)},
        {"max_tx_rate_mbps": None, "min_tx_rate_mbps": None},
    ],
)
def test_what_is_not_usual_is_left_to_others(odd: dict[str, object]) -> None:
    vfs = [full_vf(index) for index in range(5)]
    assert together(vfs) == tuple(vfs)
    for place in (0, 4):
        others = list(vfs)
        others[place] = vfs[place]._replace(**odd)  # type: ignore[arg-type]
        assert together(others) is None
    assert together([vf._replace(**odd) for vf in vfs]) is None  # type: ignore[arg-type]


def test_each_header_is_looked_at() -> None:
    vfs = [full_vf(index, counters=True) for index in range(3)]
    rows = b"".join(map(encode_vf_attributes, vfs))
    assert decode_usual_vfs(rows, 0, len(rows), count=3, mac_size=6) == tuple(vfs)
    noticed = set()
    for place in range(0, 296, 4):
        damaged = bytearray(rows)
        damaged[296 + place] ^= 0x40
        if decode_usual_vfs(bytes(damaged), 0, len(rows), count=3, mac_size=6) is None:
            noticed.add(place)
    assert noticed >= {0, 4, 44, 80, 96, 112, 124, 136, 148, 160, 172, 176, *range(200, 296, 12)}
