"""Lists of VFs that are read again: what comes is what a first reading gives, at less work."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from tests.unit.codec.rtnl_samples import (
    INFINIBAND_MACS,
    MACS,
    full_vf,
    link_reports,
    report_of,
    vf_attributes,
)

from sriovctl.codec.rtnl import decode_link
from sriovctl.codec.rtnl_link_encode import encode_link, encode_vf_attributes
from sriovctl.codec.rtnl_vf_list import KnownVFs
from sriovctl.errors import HostError
from sriovctl.model.functions import VFAttributes
from sriovctl.model.link import LinkReport

ALIKE = tuple(full_vf(index) for index in range(100))


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """An answer about many VFs, of which a few are not as in other answers, or have no sense."""
    infiniband = draw(st.booleans())
    counters = draw(st.booleans())
    vfs = [full_vf(index, counters=counters) for index in range(draw(st.integers(0, 100)))]
    if infiniband:
        vfs = [vf._replace(admin_mac=":".join(["01"] * 20)) for vf in vfs]
    macs = INFINIBAND_MACS if infiniband else MACS
    for index in draw(st.sets(st.integers(0, 99), max_size=4)):
        if index < len(vfs):
            other = draw(st.sampled_from([{"trust": True}, {"link_state": "9"}, {"vlan": None}]))
            any_vf = vf_attributes(index, macs)
            vfs[index] = draw(st.just(vfs[index]._replace(**other)) | any_vf)  # type: ignore[arg-type]
    told = [vf for vf in vfs if vf.vf_index not in draw(st.sets(st.integers(0, 99), max_size=1))]
    mac = ":".join(["02"] * (20 if infiniband else 6))
    report = report_of(tuple(told), draw(st.integers(len(told), 100)))
    message = bytearray(encode_link(report._replace(mac=mac, permanent_mac=None)))
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 3]))):
        message[draw(st.integers(0, len(message) - 1))] = draw(st.integers(0, 255))
    return bytes(message[: draw(st.sampled_from([len(message)] * 5 + [len(message) - 150]))])


def read(message: bytes, known: KnownVFs | None = None) -> LinkReport | str:
    try:
        return decode_link(message, known=known)
    except HostError as error:
        return f"{error} {error.evidence}"


def message_of(vfs: tuple[VFAttributes, ...], num_vfs: int | None = None) -> bytes:
    return encode_link(report_of(vfs, len(vfs) if num_vfs is None else num_vfs))


@given(st.lists(answers() | link_reports().map(encode_link), min_size=2, max_size=5))
@example([message_of(ALIKE), message_of(ALIKE[:50]), message_of(ALIKE)])
@example([message_of(ALIKE[:3], 9), message_of(ALIKE[:4], 9), message_of(ALIKE[:4], 4)])
@example([message_of(()), message_of(ALIKE), message_of(())])
def test_what_is_read_again_is_what_is_read_first(messages: list[bytes]) -> None:
    known = KnownVFs()
    for message in (*messages, *messages):
        assert read(message, known) == read(message)


@given(answers(), st.sets(st.integers(0, 99), max_size=5))
def test_those_that_matter_are_read_alike_and_leave_what_is_known(
    message: bytes, only: set[int]
) -> None:
    known = KnownVFs()
    read(message_of(ALIKE), known)
    before = known.vfs
    all_of_them = read(message)
    if isinstance(all_of_them, LinkReport):
        told = tuple(vf for vf in all_of_them.vfs if vf.vf_index in only)
        assert decode_link(message, only=only, known=known).vfs == told
    assert known.vfs is before


def test_where_nothing_has_changed_the_same_tuple_comes_again() -> None:
    known = KnownVFs()
    first = decode_link(message_of(ALIKE), known=known).vfs
    assert decode_link(message_of(ALIKE), known=known).vfs is first
    # All else of the netdev may have changed.
    other = encode_link(report_of(ALIKE, 100)._replace(up=False, mtu=9000, permanent_mac=None))
    assert decode_link(other, known=known).vfs is first


def test_what_has_not_changed_comes_again_as_the_same_records() -> None:
    known = KnownVFs()
    first = decode_link(message_of(ALIKE), known=known).vfs
    for changed in ({0}, {99}, {31, 32}, set(range(40, 70))):
        vfs = tuple(vf._replace(trust=vf.vf_index in changed) for vf in ALIKE)
        again = decode_link(message_of(vfs), known=known).vfs
        assert again == vfs
        assert all(again[index] is first[index] for index in set(range(100)) - changed)
        assert decode_link(message_of(ALIKE), known=known).vfs == ALIKE
        first = known.vfs


def test_vfs_of_other_sizes_are_not_taken_for_others_when_all_are_as_long_as_before() -> None:
    guid = "00:11:22:33:44:55:66:77"
    longer = {"node_guid": guid, "port_guid": guid}  # by 40 bytes
    shorter = {"vlan": None}
    known = KnownVFs()
    for one, other in ((longer, shorter), (shorter, longer)):
        vfs = list(ALIKE)
        vfs[7] = full_vf(7)._replace(**one)
        vfs[8] = full_vf(8)._replace(**other)
        assert len(message_of(tuple(vfs))) == len(message_of(ALIKE))
        assert decode_link(message_of(ALIKE), known=known).vfs == ALIKE
        assert decode_link(message_of(tuple(vfs)), known=known).vfs == tuple(vfs)


def test_a_malformed_answer_leaves_what_is_known() -> None:
    known = KnownVFs()
    first = decode_link(message_of(ALIKE), known=known).vfs
    message = bytearray(message_of(ALIKE))
    message[message.index(encode_vf_attributes(ALIKE[50])) + 4] = 3  # length of its first attribute
    told = read(bytes(message), known)
    assert "malformed" in str(told)
    assert told == read(bytes(message))
    assert decode_link(message_of(ALIKE), known=known).vfs is first
