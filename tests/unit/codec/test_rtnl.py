"""Route netlink messages: round trips, the 16-bit length, and input that lies."""

from __future__ import annotations

import contextlib
import struct
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriovctl.codec.netlink import (
    NLM_F_ACK_TLVS,
    NLM_F_CAPPED,
    NLMSG_DONE,
    NLMSG_ERROR,
    decode_ack,
    decode_header,
    encode_attribute,
    encode_message,
    split_messages,
)
from sriovctl.codec.rtnl import (
    RTM_NEWLINK,
    LinkQuery,
    decode_getlink,
    decode_link,
    encode_getlink,
    encode_link,
    encode_link_dump,
)
from sriovctl.codec.rtnl_change import (
    LinkChange,
    decode_set_link,
    decode_set_vfs,
    encode_set_link,
    encode_set_vf,
    encode_set_vfs,
)
from sriovctl.codec.rtnl_stats import decode_stats
from sriovctl.codec.rtnl_vf import decode_vf_attributes, encode_vf_attributes, mac_octets
from sriovctl.errors import HostError, InputError, UnsupportedError
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


# --- questions -------------------------------------------------------------------------------


@given(st.integers(1, 2**31 - 1), st.booleans(), st.booleans())
def test_question_by_index_round_trips(ifindex: int, counters: bool, vfs: bool) -> None:
    message = encode_getlink(ifindex=ifindex, with_counters=counters, with_vfs=vfs)
    assert decode_getlink(message) == LinkQuery(ifindex, None, vfs, counters)


@given(NAMES)
def test_question_by_name_round_trips(name: str) -> None:
    message = encode_getlink(ifname=name, with_counters=False)
    assert decode_getlink(message) == LinkQuery(None, name, True, False)


def test_dump_asks_for_all_netdevs() -> None:
    message = encode_link_dump(with_vfs=True)
    assert decode_header(message).flags & 0x300 == 0x300
    assert decode_getlink(message) == LinkQuery(None, None, True, False)


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 128, "\ud800"])
def test_impossible_name_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="is not the name of a netdev"):
        encode_getlink(ifname=name, with_counters=False)


def test_question_needs_exactly_one_netdev() -> None:
    with pytest.raises(InputError):
        encode_getlink(with_counters=False)
    with pytest.raises(InputError):
        encode_getlink(ifindex=1, ifname="lo", with_counters=False)


# --- answers ---------------------------------------------------------------------------------


@given(link_reports())
def test_report_round_trips(report: LinkReport) -> None:
    assert decode_link(encode_link(report)) == report


def test_a_netdevs_counters_are_taken_from_their_places_in_the_kernels_structure() -> None:
    # struct rtnl_link_stats64 of Linux 4.6, which ends with rx_nohandler, and of 6.12.
    for fields in (24, 25):
        message = struct.pack(f"={fields}Q", *range(100, 100 + fields))
        found = decode_stats(message, 0, len(message))
        assert found == NetdevCounters._make([*range(100, 109), 115])
    with pytest.raises(HostError, match="cut short"):
        decode_stats(bytes(127), 0, 127)


@given(st.data())
def test_usual_layout_is_read_as_any_other(data: st.DataObject) -> None:
    every = {"admin_mac": MACS, "vlan": VLANS, "link_state": LINK_STATES}
    vf = data.draw(vf_attributes(3, MACS))._replace(
        **{name: data.draw(values) for name, values in every.items()},  # type: ignore[arg-type]
        min_tx_rate_mbps=data.draw(U32),
        max_tx_rate_mbps=data.draw(U32),
        node_guid=None,
        port_guid=None,
        counters=None,
    )
    usual = encode_vf_attributes(vf)[4:]
    other = usual + encode_attribute(99, b"unknown")
    assert decode_vf_attributes(usual, 0, len(usual), mac_size=6) == vf
    assert decode_vf_attributes(other, 0, len(other), mac_size=6) == vf
    swapped = usual[-24:] + usual[:-24]
    assert decode_vf_attributes(swapped, 0, len(swapped), mac_size=6) == vf


@given(st.data(), st.lists(U64, min_size=8, max_size=8))
def test_usual_layout_with_counters_is_read_as_any_other(
    data: st.DataObject, counts: list[int]
) -> None:
    known = full_vf(3)._replace(admin_mac=data.draw(MACS), trust=data.draw(SWITCHES))
    vf = known._replace(counters=VFCounters(*counts))
    usual = encode_vf_attributes(vf)[4:]
    assert decode_vf_attributes(usual, 0, len(usual), mac_size=6) == vf
    other = usual + encode_attribute(99, b"unknown")
    assert decode_vf_attributes(other, 0, len(other), mac_size=6) == vf
    # Of the same length, with the counters in another order: none is taken for another.
    first, second = usual[-96:-84], usual[-84:-72]
    swapped = usual[:-96] + second + first + usual[-72:]
    assert decode_vf_attributes(swapped, 0, len(swapped), mac_size=6) == vf


@pytest.mark.parametrize(("counters", "size"), [(False, 196), (True, 296)])
def test_vf_is_as_large_as_the_kernel_makes_it(counters: bool, size: int) -> None:
    assert len(encode_vf_attributes(full_vf(0, counters=counters))) == size


@pytest.mark.parametrize(
    ("number", "counters"),
    [(221, True), (222, True), (334, False), (335, False), (1000, True), (4096, False)],
)
def test_all_vfs_are_read_whatever_the_length_of_their_list(number: int, counters: bool) -> None:
    vfs = tuple(full_vf(index, counters=counters) for index in range(number))
    report = report_of(vfs, number)
    assert decode_link(encode_link(report)) == report


def test_list_whose_length_wraps_to_nothing_is_read() -> None:
    # Its nla_len is 0, which no attribute can have.
    with_counters, without = next(
        (a, b) for a in range(300) for b in range(400) if a and (296 * a + 196 * b + 4) % 65536 == 0
    )
    vfs = tuple(
        full_vf(index, counters=index < with_counters) for index in range(with_counters + without)
    )
    report = report_of(vfs, len(vfs))
    assert decode_link(encode_link(report)) == report


def test_vfs_that_the_driver_cannot_describe_are_missing_not_invented() -> None:
    report = report_of((full_vf(0), full_vf(3)), 5)
    assert decode_link(encode_link(report)) == report


def test_list_longer_than_the_number_of_vfs_is_refused() -> None:
    message = encode_link(report_of((full_vf(0), full_vf(1)), 2))
    lying = message.replace(struct.pack("=HHI", 8, 21, 2), struct.pack("=HHI", 8, 21, 1))
    with pytest.raises(HostError, match="list of VFs"):
        decode_link(lying)


# Recorded from Linux 6.12 after settings with ip, which showed what is expected here.
RECORDED = [
    (
        "link-netdevsim.hex",
        LinkReport(
            ifindex=2,
            ifname="eth0",
            mac="26:6d:35:f8:32:ec",
            num_vfs=2,
            mtu=1500,
            phys_port_name="p1",
            parent_device="netdevsim31",
            parent_bus="netdevsim",
            counters=NetdevCounters(),
            vfs=(
                VFAttributes(
                    0,
                    admin_mac="52:54:00:6d:90:02",
                    vlan=VLAN(42, 3, "802.1ad"),
                    spoofchk=True,
                    trust=True,
                    link_state="disable",
                    min_tx_rate_mbps=100,
                    max_tx_rate_mbps=500,
                    rss_query=True,
                    counters=VFCounters(*[0] * 8),
                ),
                VFAttributes(
                    1,
                    admin_mac="00:00:00:00:00:00",
                    vlan=VLAN(0),  # netdevsim says ethertype 0
                    spoofchk=False,
                    trust=False,
                    link_state="auto",
                    min_tx_rate_mbps=0,
                    max_tx_rate_mbps=0,
                    rss_query=False,
                    counters=VFCounters(*[0] * 8),
                ),
            ),
        ),
    ),
    (
        "link-igb.hex",
        LinkReport(
            ifindex=2,
            ifname="eth0",
            mac="52:54:00:6d:91:01",
            permanent_mac="52:54:00:6d:91:01",
            up=True,
            carrier=True,
            counters=NetdevCounters(tx_packets=9, tx_bytes=790),
            num_vfs=2,
            mtu=1500,
            parent_device="0000:01:00.0",
            parent_bus="pci",
            vfs=(
                VFAttributes(
                    0,
                    admin_mac="52:54:00:6d:90:02",
                    vlan=VLAN(42, 3),
                    spoofchk=True,
                    trust=True,
                    link_state="auto",
                    min_tx_rate_mbps=0,
                    max_tx_rate_mbps=500,
                    rss_query=None,  # igb has no such switch
                ),
                VFAttributes(
                    1,
                    admin_mac="be:b7:0e:8d:5d:bb",
                    vlan=VLAN(0),
                    spoofchk=True,
                    trust=False,
                    link_state="auto",
                    min_tx_rate_mbps=0,
                    max_tx_rate_mbps=0,
                    rss_query=None,
                ),
            ),
        ),
    ),
]


@pytest.mark.skipif(sys.byteorder == "big", reason="recorded on a little-endian machine")
@pytest.mark.parametrize(("recording", "report"), RECORDED)
def test_recorded_answer_is_read(recording: str, report: LinkReport) -> None:
    message = bytes.fromhex((Path(__file__).parent / "data" / recording).read_text())
    assert decode_link(message) == report


def test_vlan_without_a_list_is_802_1q() -> None:
    # Kernels before 4.9 have IFLA_VF_VLAN only.
    vlan = struct.pack("=HHIII", 16, 2, 0, 42, 3)
    body = encode_attribute(21, struct.pack("=I", 1))
    body += encode_attribute(22, encode_attribute(1, vlan))
    body += encode_attribute(3, b"eth0\0")
    message = encode_message(RTM_NEWLINK, struct.pack("=BxHiII", 0, 1, 2, 0, 0) + body)
    assert decode_link(message).vfs == (VFAttributes(0, vlan=VLAN(42, 3)),)


@given(st.binary(max_size=400))
def test_arbitrary_bytes_are_read_or_refused(junk: bytes) -> None:
    with contextlib.suppress(HostError):
        decode_link(junk)


@given(st.binary(max_size=400))
def test_arbitrary_attributes_are_read_or_refused(junk: bytes) -> None:
    head = struct.pack("=BxHiII", 0, 1, 2, 0, 0) + encode_attribute(21, struct.pack("=I", 3))
    with contextlib.suppress(HostError):
        decode_link(encode_message(RTM_NEWLINK, head + junk))


@given(st.data())
def test_damaged_report_is_read_or_refused(data: st.DataObject) -> None:
    message = bytearray(encode_link(report_of((full_vf(0, counters=True), full_vf(1)), 2)))
    for _ in range(data.draw(st.integers(1, 4))):
        message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(HostError):
        decode_link(bytes(message[: data.draw(st.integers(0, len(message)))]))


HEAD = struct.pack("=BxHiII", 0, 1, 2, 0, 0)
TWO_VFS = encode_attribute(21, struct.pack("=I", 2))


@pytest.mark.parametrize(
    ("kind", "body", "complaint"),
    [
        (19, HEAD, "type 19 where 16 is expected"),
        (16, HEAD[:-1], "without its head"),
        (16, HEAD, "without a name"),
        (16, HEAD + b"\x08", "without a name"),
        (16, HEAD + encode_attribute(21, b"\0"), "number is cut short"),
        (16, HEAD + struct.pack("=HH", 3, 3), "attribute 3 of length 3"),
        (16, HEAD + struct.pack("=HH", 9, 3), "attribute 3 of length 9"),
        (16, HEAD + TWO_VFS + struct.pack("=HHHH", 8, 22, 3, 1), "VF of length 3"),
        (16, HEAD + TWO_VFS + struct.pack("=HHHH", 8, 22, 5, 1), "VF of length 5"),
        (16, HEAD + TWO_VFS + struct.pack("=HHHH", 8, 22, 4, 1), "without its index"),
        (16, HEAD + TWO_VFS + struct.pack("=HHHHHHI", 16, 22, 12, 1, 8, 4, 0), "is cut short"),
        (16, HEAD + TWO_VFS + struct.pack("=HH", 8, 22), "list of VFs of length 8"),
    ],
)
def test_lie_is_named(kind: int, body: bytes, complaint: str) -> None:
    with pytest.raises(HostError, match=complaint):
        decode_link(encode_message(kind, body))


def test_every_cut_is_refused() -> None:
    message = encode_link(report_of((full_vf(0, counters=True),), 1))
    for length in range(len(message)):
        with pytest.raises(HostError):
            decode_link(message[:length])


@pytest.mark.parametrize(
    "report",
    [
        report_of((full_vf(0),), 0),
        report_of((), 1)._replace(mac="52:54"),
        report_of((), 1)._replace(ifname="sixteen-bytes-xx"),
        report_of((full_vf(0)._replace(max_tx_rate_mbps=-1),), 1),
        report_of((full_vf(0)._replace(vlan=VLAN(1, 0, "nonsense")),), 1),
        report_of((full_vf(0)._replace(link_state="sideways"),), 1),
    ],
)
def test_what_no_kernel_could_report_is_refused(report: LinkReport) -> None:
    with pytest.raises(InputError):
        encode_link(report)


# --- changes ---------------------------------------------------------------------------------


@given(st.lists(st.tuples(U32, WANTED), max_size=8))
def test_changes_round_trip(changes: list[tuple[int, WantedVF]]) -> None:
    current = {index: VFAttributes(index, max_tx_rate_mbps=77) for index, _ in changes}
    messages = encode_set_vfs(9, changes, current=current)
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
    assert len(encode_set_vfs(3, changes, current={})) == 1


@given(st.lists(WANTED, min_size=1, max_size=6), st.integers(656, 1500))
def test_no_list_outgrows_its_16_bit_length(some: list[WantedVF], number: int) -> None:
    changes = [(index, some[index % len(some)]) for index in range(number)]
    current = {index: VFAttributes(index, max_tx_rate_mbps=5) for index in range(number)}
    seen = []
    for message in encode_set_vfs(3, changes, current=current):
        length, kind = struct.unpack_from("=HH", message, 32)
        assert kind == 22
        assert length == len(message) - 32
        seen += [index for index, _ in decode_set_vfs(message)[1]]
    assert seen == [index for index, wanted in changes if wanted != WantedVF()]


def test_nothing_wanted_is_no_message() -> None:
    assert encode_set_vfs(3, [(0, WantedVF(driver="vfio-pci"))], current={}) == ()


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
        WantedVF(vlan=VLAN(4096)),
        WantedVF(vlan=VLAN(1, 8)),
        WantedVF(vlan=VLAN(1, 0, "802.1x")),
        WantedVF(vlan=VLAN(1, 0, "0x10000")),
        WantedVF(max_tx_rate_mbps=-1),
        WantedVF(max_tx_rate_mbps=2**32),
        WantedVF(link_state="up"),
    ],
)
def test_value_that_does_not_fit_is_refused(wanted: WantedVF) -> None:
    with pytest.raises(InputError):
        encode_set_vf(3, 0, wanted, current=None)


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


# --- framing ---------------------------------------------------------------------------------

NO_DEVICE = struct.pack("=i", -19)
WORDS = encode_attribute(1, b"no such thing\0")


def test_bare_acks() -> None:
    assert decode_ack(encode_message(NLMSG_ERROR, NO_DEVICE + bytes(16))) == (19, None)
    assert decode_ack(encode_message(NLMSG_ERROR, bytes(20))) == (0, None)
    assert decode_ack(encode_message(NLMSG_DONE, bytes(4))) == (0, None)
    assert decode_ack(encode_message(NLMSG_DONE, b"")) == (0, None)


def test_words_of_the_kernel_stand_behind_the_request() -> None:
    request = encode_getlink(ifname="eth0", with_counters=False)
    flags = NLM_F_ACK_TLVS
    whole = encode_message(NLMSG_ERROR, NO_DEVICE + request + WORDS, flags=flags)
    assert decode_ack(whole) == (19, "no such thing")
    head = NO_DEVICE + request[:16] + WORDS
    capped = encode_message(NLMSG_ERROR, head, flags=flags | NLM_F_CAPPED)
    assert decode_ack(capped) == (19, "no such thing")
    done = encode_message(NLMSG_DONE, NO_DEVICE + WORDS, flags=flags)
    assert decode_ack(done) == (19, "no such thing")


@given(st.binary(max_size=80), st.sampled_from([NLMSG_ERROR, NLMSG_DONE]), st.integers(0, 0xFFFF))
def test_arbitrary_ack_is_read_or_refused(junk: bytes, kind: int, flags: int) -> None:
    with contextlib.suppress(HostError):
        decode_ack(encode_message(kind, junk, flags=flags))


@given(st.lists(st.binary(max_size=20), max_size=5))
def test_datagram_is_split_into_its_messages(bodies: list[bytes]) -> None:
    messages = [encode_message(16, body) for body in bodies]
    datagram = b"".join(message + bytes(-len(message) % 4) for message in messages)
    assert [message for _, message in split_messages(datagram)] == messages


def test_datagram_cut_short_is_refused() -> None:
    with pytest.raises(HostError, match="malformed"):
        list(split_messages(encode_message(16, bytes(20))[:-1]))
