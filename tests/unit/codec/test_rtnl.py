"""Questions about links and their answers: round trips, recordings, and input that lies."""

from __future__ import annotations

import contextlib
import struct
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.codec.rtnl_samples import (
    LINK_STATES,
    MACS,
    NAMES,
    SWITCHES,
    U32,
    U64,
    VLANS,
    full_vf,
    link_reports,
    report_of,
    vf_attributes,
)

from sriovctl.codec.netlink import (
    decode_header,
    encode_attribute,
    encode_message,
)
from sriovctl.codec.rtnl import (
    RTM_NEWLINK,
    LinkQuery,
    decode_getlink,
    decode_link,
    decode_stats,
    encode_getlink,
    encode_link_dump,
)
from sriovctl.codec.rtnl_link_encode import encode_link, encode_vf_attributes
from sriovctl.codec.rtnl_vf import decode_vf_attributes
from sriovctl.errors import HostError, InputError
from sriovctl.model.functions import VLAN, VFAttributes, VFCounters
from sriovctl.model.link import LinkReport, NetdevCounters

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


@given(link_reports(), st.sets(st.integers(0, 5)))
def test_those_vfs_that_matter_are_read_alone(report: LinkReport, only: set[int]) -> None:
    expected = tuple(vf for vf in report.vfs if vf.vf_index in only)
    assert decode_link(encode_link(report), only=only) == report._replace(vfs=expected)


def test_a_vf_that_the_driver_cannot_describe_hides_none_of_those_that_matter() -> None:
    message = encode_link(report_of((full_vf(0), full_vf(2), full_vf(3)), 5))
    assert decode_link(message, only={1, 3}).vfs == (full_vf(3),)
    assert decode_link(message, only={1, 4}).vfs == ()


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


@given(st.lists(st.tuples(MACS, VLANS, SWITCHES, SWITCHES, LINK_STATES, U32, U32), min_size=1))
def test_a_list_of_the_usual_layout_is_read_as_each_of_its_vfs(
    drawn: list[tuple[str, VLAN, bool | None, bool | None, str, int, int]],
) -> None:
    vfs = tuple(
        VFAttributes(index, mac, vlan, spoofchk, trust, state, low, high)
        for index, (mac, vlan, spoofchk, trust, state, low, high) in enumerate(drawn)
    )
    listed = decode_link(encode_link(report_of(vfs, len(vfs)))).vfs
    bodies = [encode_vf_attributes(vf)[4:] for vf in vfs]
    assert listed == tuple(decode_vf_attributes(b, 0, len(b), mac_size=6) for b in bodies)
    assert all(type(vf) is VFAttributes for vf in listed)


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
