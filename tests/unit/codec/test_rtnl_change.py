"""Changes of links and their VFs: round trips, the 16-bit length, and what is refused."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.codec.rtnl_samples import FIVE, GUIDS, MACS, U32, VLANS, WANTED

from sriovctl.codec.netlink import (
    encode_attribute,
    encode_message,
)
from sriovctl.codec.rtnl_change import (
    LinkChange,
    decode_set_link,
    decode_set_vfs,
    encode_set_link,
    encode_set_vf,
    encode_set_vfs,
)
from sriovctl.codec.rtnl_vf_encode import encode_alike, encode_wanted_vf, mac_octets
from sriovctl.errors import HostError, InputError, UnsupportedError
from sriovctl.model.functions import VLAN, VFAttributes
from sriovctl.model.state import ATTRIBUTES, UNSET, WantedVF


@given(st.lists(st.tuples(U32, WANTED), max_size=8))
def test_changes_round_trip(changes: list[tuple[int, WantedVF]]) -> None:
    current = {index: VFAttributes(index, max_tx_rate_mbps=77) for index, _ in changes}
    messages = encode_set_vfs(9, changes, current_of=current.get)
    decoded = [decode_set_vfs(message) for message in messages]
    assert all(ifindex == 9 for ifindex, _ in decoded)
    assert [change for _, part in decoded for change in part] == [
        (index, keep_maximum(wanted, 77)) for index, wanted in changes if wanted != WantedVF()
    ]


def keep_maximum(wanted: WantedVF, current: int) -> WantedVF:
    if wanted.min_tx_rate_mbps is not UNSET and wanted.max_tx_rate_mbps is UNSET:
        return wanted._replace(max_tx_rate_mbps=current)
    return wanted


def test_100_bytes_per_vf_make_655_fit_into_a_message() -> None:
    changes = [(index, FIVE) for index in range(655)]
    assert len(encode_set_vfs(3, changes)) == 1


@given(st.lists(WANTED, min_size=1, max_size=6), st.integers(656, 1500))
def test_no_list_outgrows_its_16_bit_length(some: list[WantedVF], number: int) -> None:
    changes = [(index, some[index % len(some)]) for index in range(number)]
    current = {index: VFAttributes(index, max_tx_rate_mbps=5) for index in range(number)}
    seen = []
    for message in encode_set_vfs(3, changes, current_of=current.get):
        length, kind = struct.unpack_from("=HH", message, 32)
        assert kind == 22
        assert length == len(message) - 32
        seen += [index for index, _ in decode_set_vfs(message)[1]]
    assert seen == [index for index, wanted in changes if wanted != WantedVF()]


USUAL = st.builds(
    WantedVF,
    admin_mac=MACS | MACS.map(str.upper),
    vlan=st.builds(VLAN, st.integers(0, 4095), st.integers(0, 7), st.just("802.1q")) | VLANS,
    spoofchk=st.booleans(),
    trust=st.booleans(),
    link_state=st.sampled_from(["auto", "enable", "disable"]) | st.just("7"),
    min_tx_rate_mbps=U32,
    max_tx_rate_mbps=U32,
    rss_query=st.booleans(),
    node_guid=GUIDS,
    port_guid=GUIDS,
)


@given(st.lists(st.tuples(U32, USUAL), min_size=8, max_size=20), st.data())
def test_many_vfs_are_encoded_as_each_of_them(
    drawn: list[tuple[int, WantedVF]], data: st.DataObject
) -> None:
    names = st.sets(st.sampled_from(ATTRIBUTES), min_size=1)
    said = data.draw(names | names.map(lambda some: some - {"node_guid", "port_guid"}))
    changes = [(index, only(wanted, said)) for index, wanted in drawn]
    for position in data.draw(st.sets(st.integers(0, len(changes) - 1), max_size=2)):
        changes[position] = changes[position][0], only(drawn[position][1], data.draw(names))
    current = VFAttributes(0, max_tx_rate_mbps=5)
    expected = b"".join(encode_wanted_vf(*change, current=current) for change in changes)
    messages = encode_set_vfs(3, changes, current_of=lambda _: current)
    assert b"".join(message[36:] for message in messages) == expected


def only(wanted: WantedVF, names: set[str]) -> WantedVF:
    return WantedVF(**{name: getattr(wanted, name) for name in names})


def test_many_vfs_of_which_the_same_is_wanted_are_encoded_together() -> None:
    changes = [(index, FIVE._replace(min_tx_rate_mbps=index)) for index in range(9)]
    together = encode_alike(changes)
    assert together is not None
    assert bytes(together) == b"".join(encode_wanted_vf(*one, current=None) for one in changes)
    assert encode_alike(changes[:7]) is None
    assert encode_alike([*changes, (9, FIVE._replace(trust=UNSET))]) is None
    assert encode_alike([*changes, (9, FIVE._replace(link_state="auto"))]) is None


def test_what_vfs_have_is_asked_where_a_minimum_is_wanted_alone() -> None:
    asked = []

    def current_of(vf_index: int) -> VFAttributes:
        asked.append(vf_index)
        return VFAttributes(vf_index, max_tx_rate_mbps=100 + vf_index)

    alone = [(index, WantedVF(min_tx_rate_mbps=1)) for index in range(10, 20)]
    changes = [(index, FIVE) for index in range(10)] + alone
    (message,) = encode_set_vfs(3, changes, current_of=current_of)
    assert asked == list(range(10, 20))
    assert [w.max_tx_rate_mbps for _, w in decode_set_vfs(message)[1][10:]] == list(range(110, 120))


def test_nothing_wanted_is_no_message() -> None:
    assert encode_set_vfs(3, [(0, WantedVF(driver="vfio-pci"))]) == ()


def test_maximum_alone_leaves_the_minimum_to_the_kernel() -> None:
    message = encode_set_vf(3, 0, WantedVF(max_tx_rate_mbps=10), current=None)
    assert decode_set_vfs(message) == (3, ((0, WantedVF(max_tx_rate_mbps=10)),))


@pytest.mark.parametrize("current", [None, VFAttributes(0)])
def test_minimum_alone_never_lifts_an_unknown_maximum(current: VFAttributes | None) -> None:
    with pytest.raises(UnsupportedError, match="maximum is not known"):
        encode_set_vf(3, 0, WantedVF(min_tx_rate_mbps=10), current=current)


def test_802_1q_is_sent_in_the_form_that_old_kernels_know() -> None:
    old = encode_set_vf(3, 0, WantedVF(vlan=VLAN(5)), current=None)
    assert struct.unpack_from("=HHIII", old, 40) == (16, 2, 0, 5, 0)
    new = encode_set_vf(3, 0, WantedVF(vlan=VLAN(5, 0, "802.1ad")), current=None)
    assert struct.unpack_from("=HHHHIII2s", new, 40) == (24, 12, 20, 1, 0, 5, 0, b"\x88\xa8")


@pytest.mark.parametrize(
    "wanted",
    [
        WantedVF(admin_mac="52:54:00:6d:90"),
        WantedVF(admin_mac="52:54:00:6d:90:0g"),
        WantedVF(admin_mac="5254006d9002"),
        WantedVF(admin_mac="52:54:00:6d:90:2"),
        WantedVF(admin_mac="52:54:00:6d:90:02:"),
        WantedVF(vlan=VLAN(4096)),
        WantedVF(vlan=VLAN(-1)),
        WantedVF(vlan=VLAN(1, -1)),
        WantedVF(vlan=VLAN(1, 8)),
        WantedVF(vlan=VLAN(1, 0, "802.1x")),
        WantedVF(vlan=VLAN(1, 0, "0x10000")),
        WantedVF(max_tx_rate_mbps=-1),
        WantedVF(max_tx_rate_mbps=2**32),
        WantedVF(link_state="up"),
    ],
)
def test_value_that_does_not_fit_is_refused(wanted: WantedVF) -> None:
    with pytest.raises(InputError) as alone:
        encode_set_vf(3, 7, wanted, current=None)
    # Among many it is no less noticed.
    filled = {k: v for k, v in wanted._asdict().items() if v is not UNSET}
    usual = only(FIVE._replace(link_state="auto"), set(filled))
    for position in (0, 7, 20):
        changes = [(7, wanted if index == position else usual) for index in range(21)]
        with pytest.raises(InputError) as among:
            encode_set_vfs(3, changes)
        assert str(among.value) == str(alone.value)


def test_infiniband_vf_has_no_mac_to_set() -> None:
    with pytest.raises(UnsupportedError, match="GUIDs"):
        encode_set_vf(3, 0, WantedVF(admin_mac=":".join(["00"] * 20)), current=None)


def test_index_out_of_range_is_refused() -> None:
    with pytest.raises(InputError):
        encode_set_vf(2**31, 0, FIVE, current=None)
    with pytest.raises(InputError):
        encode_set_vf(3, 2**32, FIVE, current=None)


@given(st.binary(max_size=200))
def test_arbitrary_changes_are_read_or_refused(junk: bytes) -> None:
    head = struct.pack("=BxHiII", 0, 0, 2, 0, 0)
    with contextlib.suppress(HostError):
        decode_set_vfs(encode_message(19, head + encode_attribute(22, junk)))


@pytest.mark.parametrize("up", [True, False])
def test_link_up_round_trips(up: bool) -> None:
    message = encode_set_link(LinkChange(4, up=up))
    assert decode_set_link(message) == LinkChange(4, up=up)
    assert decode_set_vfs(message) == (4, ())


@given(
    ifindex=st.integers(1, 0x7FFFFFFF),
    up=st.none() | st.booleans(),
    mtu=st.none() | st.integers(68, 65535),
    name=st.none() | st.from_regex(r"[a-z][a-z0-9]{0,14}", fullmatch=True),
    descriptor=st.none() | st.integers(0, 1 << 20),
)
def test_what_is_wanted_of_a_netdev_itself(
    ifindex: int, up: bool | None, mtu: int | None, name: str | None, descriptor: int | None
) -> None:
    change = LinkChange(ifindex, up, mtu, name, descriptor)
    assert decode_set_link(encode_set_link(change)) == change


def test_a_netdev_can_be_renamed_to_what_is_a_name_alone() -> None:
    for name in ("", "sixteen-letters-", "nul\0"):
        with pytest.raises(InputError, match="not the name of a netdev"):
            encode_set_link(LinkChange(4, name=name))


def test_change_of_vfs_leaves_the_link_alone() -> None:
    message = encode_set_vf(4, 0, FIVE, current=None)
    assert decode_set_link(message) == LinkChange(4)


def test_mac_is_read_in_either_case() -> None:
    assert mac_octets("AA:bb:00:00:00:01") == bytes.fromhex("aabb00000001")
