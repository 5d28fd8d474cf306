"""Reading, writing and verifying VF attributes, over a kernel of a few lines."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriovctl.codec.netlink import decode_header
from sriovctl.codec.rtnl import RTM_GETLINK, LinkQuery, decode_getlink
from sriovctl.codec.rtnl_change import decode_set_link, decode_set_vfs
from sriovctl.codec.rtnl_link_encode import encode_link
from sriovctl.engine.link import read_link
from sriovctl.engine.vf_attributes import (
    Mismatch,
    find_mismatches,
    write_link,
    write_vf_attributes,
)
from sriovctl.errors import (
    BusyError,
    HostError,
    LostError,
    PermissionDenied,
    SriovctlError,
    UnsupportedError,
)
from sriovctl.model.functions import VLAN, VFAttributes, VFCounters
from sriovctl.model.link import LinkReport
from sriovctl.model.netlink import NetlinkAnswer
from sriovctl.model.state import UNSET, WantedVF

FRESH = VFAttributes(
    0,
    admin_mac="00:00:00:00:00:00",
    vlan=VLAN(0),
    spoofchk=True,
    trust=False,
    link_state="auto",
    min_tx_rate_mbps=0,
    max_tx_rate_mbps=0,
)

# The order of do_setvfinfo().
ORDER = (
    "admin_mac",
    "vlan",
    "min_tx_rate_mbps",
    "max_tx_rate_mbps",
    "spoofchk",
    "link_state",
    "trust",
)

# (vf_index, attribute, value) -> errno, or 0, or None to ignore the write without a word
Driver = Callable[[int, str, object], int | None]


def obedient(_index: int, _attribute: str, _value: object) -> int:
    return 0


class SmallKernel:
    """One PF and its driver; behaves as do_setlink() does."""

    def __init__(self, num_vfs: int, driver: Driver = obedient) -> None:
        vfs = tuple(FRESH._replace(vf_index=index) for index in range(num_vfs))
        self.link = LinkReport(5, "enp1s0", num_vfs=num_vfs, vfs=vfs)
        self.driver = driver
        self.words: str | None = None
        self.writes: list[bytes] = []
        self.applied: list[tuple[int, str]] = []
        self.queries: list[LinkQuery] = []

    def exchange(self, requests: Sequence[bytes]) -> tuple[NetlinkAnswer, ...]:
        return tuple(self._answer(request) for request in requests)

    def _answer(self, request: bytes) -> NetlinkAnswer:
        if decode_header(request).type == RTM_GETLINK:
            return self._describe(request)
        self.writes.append(request)
        ifindex, changes = decode_set_vfs(request)
        if ifindex != self.link.ifindex:
            return NetlinkAnswer(errno.ENODEV, None, ())
        up = decode_set_link(request).up
        if up is not None:
            self.link = self.link._replace(up=up)
        for index, wanted in changes:
            number = self._set(index, wanted)
            if number:
                return NetlinkAnswer(number, self.words, ())
        return NetlinkAnswer(0, None, ())

    def _describe(self, request: bytes) -> NetlinkAnswer:
        query = decode_getlink(request)
        self.queries.append(query)
        if query.ifindex != self.link.ifindex and query.ifname != self.link.ifname:
            return NetlinkAnswer(errno.ENODEV, None, ())
        link = self.link if query.with_vfs else self.link._replace(num_vfs=None, vfs=())
        if query.with_counters:
            vfs = tuple(vf._replace(counters=VFCounters(1, 2, 3, 4)) for vf in link.vfs)
            link = link._replace(vfs=vfs)
        return NetlinkAnswer(0, None, (encode_link(link),))

    def _set(self, index: int, wanted: WantedVF) -> int:
        if index >= len(self.link.vfs):
            return errno.EINVAL
        for attribute in ORDER:
            value = getattr(wanted, attribute)
            if value is UNSET:
                continue
            number = self.driver(index, attribute, value)
            if number:
                return number
            self.applied.append((index, attribute))
            if number is not None:
                self._store(index, attribute, value)
        return 0

    def _store(self, index: int, attribute: str, value: object) -> None:
        vfs = list(self.link.vfs)
        vfs[index] = vfs[index]._replace(**{attribute: value})  # type: ignore[arg-type]
        self.link = self.link._replace(vfs=tuple(vfs))


def refusing(index: int, attribute: str, number: int = errno.EINVAL) -> Driver:
    return lambda i, a, _: number if (i, a) == (index, attribute) else 0


def five(vf_index: int) -> WantedVF:
    return WantedVF(
        admin_mac=f"52:54:00:6d:{vf_index >> 8:02x}:{vf_index & 255:02x}",
        vlan=VLAN(vf_index % 4094 + 1),
        spoofchk=False,
        trust=True,
        min_tx_rate_mbps=1,
        max_tx_rate_mbps=vf_index + 1,
    )


def five_for_all(num_vfs: int) -> list[tuple[int, WantedVF]]:
    return [(index, five(index)) for index in range(num_vfs)]


# --- reading ---------------------------------------------------------------------------------


def test_link_is_read_by_name_and_by_index() -> None:
    kernel = SmallKernel(3)
    assert read_link(kernel, "enp1s0") == read_link(kernel, 5) == kernel.link


def test_counters_are_read_when_asked_for() -> None:
    (vf,) = read_link(SmallKernel(1), 5, with_counters=True).vfs
    assert vf.counters == VFCounters(1, 2, 3, 4)


@pytest.mark.parametrize("netdev", ["enp9s0", 9])
def test_missing_netdev_is_lost(netdev: str | int) -> None:
    with pytest.raises(LostError, match=r"9.*no such netdev.*ENODEV"):
        read_link(SmallKernel(1), netdev)


class Answering:
    def __init__(self, *answers: NetlinkAnswer) -> None:
        self.answers = list(answers)

    def exchange(self, requests: Sequence[bytes]) -> tuple[NetlinkAnswer, ...]:
        return tuple(self.answers.pop(0) for _ in requests)


def test_empty_answer_is_an_error() -> None:
    with pytest.raises(HostError, match="empty"):
        read_link(Answering(NetlinkAnswer(0, None, ())), 5)


def test_refused_question_keeps_the_kernels_words() -> None:
    with pytest.raises(PermissionDenied, match="kernel no way"):
        read_link(Answering(NetlinkAnswer(errno.EPERM, "no way", ())), 5)


# --- writing ---------------------------------------------------------------------------------


def test_many_vfs_take_one_message() -> None:
    kernel = SmallKernel(655)
    write_vf_attributes(kernel, 5, five_for_all(655))
    assert len(kernel.writes) == 1
    assert find_mismatches(kernel.link, five_for_all(655)) == ()


def test_nothing_wanted_is_nothing_sent() -> None:
    kernel = SmallKernel(2)
    write_vf_attributes(kernel, "enp1s0", [(0, WantedVF(driver="vfio-pci")), (1, WantedVF())])
    assert kernel.writes == []


def test_minimum_alone_keeps_the_maximum() -> None:
    kernel = SmallKernel(1)
    write_vf_attributes(kernel, 5, [(0, WantedVF(max_tx_rate_mbps=100))])
    write_vf_attributes(kernel, 5, [(0, WantedVF(min_tx_rate_mbps=10))])
    (vf,) = kernel.link.vfs
    assert (vf.min_tx_rate_mbps, vf.max_tx_rate_mbps) == (10, 100)


def test_what_vfs_have_is_read_once_and_only_where_it_matters() -> None:
    kernel = SmallKernel(20)
    write_vf_attributes(kernel, "enp1s0", five_for_all(20))
    assert [query.with_vfs for query in kernel.queries] == [False]
    kernel.queries.clear()
    alone = [(index, WantedVF(min_tx_rate_mbps=1)) for index in range(20)]
    write_vf_attributes(kernel, "enp1s0", alone)
    assert [query.with_vfs for query in kernel.queries] == [False, True]


def test_refused_vf_is_named_with_its_attribute() -> None:
    kernel = SmallKernel(10, refusing(5, "spoofchk"))
    kernel.words = "not on this card"
    with pytest.raises(HostError) as caught:
        write_vf_attributes(kernel, "enp1s0", five_for_all(10))
    assert str(caught.value) == (
        "enp1s0 vf 5: the kernel refused spoofchk off: Invalid argument "
        "(errno EINVAL, kernel not on this card, applied to vfs 0-4,6-9, not to 5); "
        "the driver does not take this value; the kernel log may say why"
    )


def test_nothing_is_set_twice_after_a_refusal() -> None:
    # On some cards each write resets the VF.
    kernel = SmallKernel(10, refusing(5, "trust"))
    with pytest.raises(HostError):
        write_vf_attributes(kernel, 5, five_for_all(10))
    assert len(kernel.applied) == len(set(kernel.applied))


def test_refusal_in_one_message_leaves_the_others_alone() -> None:
    kernel = SmallKernel(1000, refusing(700, "vlan"))
    with pytest.raises(HostError) as caught:
        write_vf_attributes(kernel, 5, five_for_all(1000))
    assert caught.value.subject == "enp1s0 vf 700"
    assert caught.value.evidence["applied to vfs"] == "0-699,701-999"
    assert len(kernel.applied) == len(set(kernel.applied))


def test_several_refused_vfs_are_all_listed() -> None:
    kernel = SmallKernel(5, lambda i, a, _: errno.EINVAL if i in (1, 3) and a == "trust" else 0)
    with pytest.raises(HostError) as caught:
        write_vf_attributes(kernel, 5, five_for_all(5))
    assert caught.value.subject == "enp1s0 vf 1"
    assert caught.value.evidence["not to"] == "1,3"


def test_vf_beyond_the_last_one_is_named() -> None:
    kernel = SmallKernel(2)
    with pytest.raises(HostError, match="has 2 VFs now, numbered from 0") as caught:
        write_vf_attributes(kernel, 5, five_for_all(3))
    assert caught.value.subject == "enp1s0 vf 2"
    assert caught.value.evidence["applied to vfs"] == "0-1"


def test_refusal_that_does_not_come_again_is_none() -> None:
    refusals = [errno.EAGAIN]

    def moody(index: int, _attribute: str, _value: object) -> int:
        return refusals.pop() if refusals and index == 1 else 0

    kernel = SmallKernel(3, moody)
    write_vf_attributes(kernel, 5, five_for_all(3))
    assert find_mismatches(kernel.link, five_for_all(3)) == ()


def test_refusal_that_comes_twice_but_not_thrice_is_told_without_an_attribute() -> None:
    refusals = [errno.EBUSY, errno.EBUSY]

    def moody(index: int, _attribute: str, _value: object) -> int:
        return refusals.pop() if refusals and index == 1 else 0

    with pytest.raises(BusyError, match="refused it: Device or resource busy") as caught:
        write_vf_attributes(SmallKernel(3, moody), 5, five_for_all(3))
    assert caught.value.subject == "enp1s0 vf 1"


@pytest.mark.parametrize(
    ("number", "family"),
    [
        (errno.EPERM, PermissionDenied),
        (errno.EOPNOTSUPP, UnsupportedError),
        (errno.EPROTONOSUPPORT, UnsupportedError),
        (errno.EBUSY, BusyError),
        (errno.EIO, HostError),
    ],
)
def test_refusals_have_their_families(number: int, family: type[SriovctlError]) -> None:
    kernel = SmallKernel(2, lambda _i, _a, _v: number)
    with pytest.raises(family) as caught:
        write_vf_attributes(kernel, 5, five_for_all(2))
    assert type(caught.value) is family


def test_forbidden_write_is_not_tried_vf_by_vf() -> None:
    kernel = SmallKernel(200, lambda _i, _a, _v: errno.EPERM)
    with pytest.raises(PermissionDenied):
        write_vf_attributes(kernel, 5, five_for_all(200))
    assert len(kernel.writes) == 1


@pytest.mark.parametrize("netdev", ["enp9s0", 9])
def test_write_to_a_missing_netdev_is_lost(netdev: str | int) -> None:
    with pytest.raises(LostError, match="9"):
        write_vf_attributes(SmallKernel(1), netdev, five_for_all(1))


def test_link_goes_up_and_down() -> None:
    kernel = SmallKernel(0)
    write_link(kernel, "enp1s0", up=True)
    assert kernel.link.up
    write_link(kernel, 5, up=False)
    assert not kernel.link.up


def test_link_that_does_not_come_up_is_an_error() -> None:
    with pytest.raises(HostError, match="did not bring it up"):
        write_link(Answering(NetlinkAnswer(errno.EIO, None, ())), 5, up=True)


# --- comparing -------------------------------------------------------------------------------


def test_attribute_that_the_driver_ignores_is_seen() -> None:
    kernel = SmallKernel(6, lambda i, a, _: None if a == "trust" and i != 2 else 0)
    write_vf_attributes(kernel, 5, five_for_all(6))
    found = find_mismatches(kernel.link, five_for_all(6))
    assert found == tuple(Mismatch(i, "trust", True, False) for i in (0, 1, 3, 4, 5))


def test_attribute_that_is_not_reported_is_not_proven() -> None:
    link = LinkReport(5, "enp1s0", num_vfs=1, vfs=(VFAttributes(0),))
    (mismatch,) = find_mismatches(link, [(0, WantedVF(trust=False))])
    assert mismatch == Mismatch(0, "trust", False, None)
    assert str(mismatch) == "vf 0 trust is not reported, not off"


def test_vf_that_is_not_there_is_a_mismatch() -> None:
    (mismatch,) = find_mismatches(SmallKernel(1).link, [(1, WantedVF(trust=False))])
    assert str(mismatch) == "vf 1 is not there"


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (WantedVF(admin_mac="AA:00:00:00:00:01"), FRESH._replace(admin_mac="aa:00:00:00:00:01")),
        (WantedVF(vlan=VLAN(0, 0, "802.1ad")), FRESH),
        (WantedVF(driver="vfio-pci"), FRESH),
        (WantedVF(driver=None), FRESH),
    ],
)
def test_differences_that_are_none(wanted: WantedVF, found: VFAttributes) -> None:
    link = LinkReport(5, "enp1s0", num_vfs=1, vfs=(found,))
    assert find_mismatches(link, [(0, wanted)]) == ()


@given(st.data(), st.integers(1, 40))
def test_among_many_each_difference_is_found(data: st.DataObject, num_vfs: int) -> None:
    changes = five_for_all(num_vfs)
    vfs = [FRESH._replace(vf_index=i, **_said(w)) for i, w in changes]  # type: ignore[arg-type]
    expected = []
    for place in sorted(data.draw(st.sets(st.integers(0, num_vfs - 1), max_size=3))):
        attribute = data.draw(st.sampled_from(["trust", "spoofchk", "admin_mac", "vlan"]))
        wanted = changes[place][1]
        if data.draw(st.booleans()):  # of some VFs not all is wanted
            changes[place] = place, wanted._replace(**{attribute: UNSET})
        else:
            expected.append((place, attribute))
        vfs[place] = vfs[place]._replace(**{attribute: None})  # type: ignore[arg-type]
    if data.draw(st.booleans()):
        expected.append((vfs.pop().vf_index, "vf_index"))
        expected = [one for one in expected if one[0] < num_vfs - 1 or one[1] == "vf_index"]
    link = LinkReport(5, "enp1s0", num_vfs=num_vfs, vfs=tuple(vfs))
    found = find_mismatches(link, changes)
    assert [(one.vf_index, one.attribute) for one in found] == expected


def _said(wanted: WantedVF) -> dict[str, object]:
    return {name: value for name, value in wanted._asdict().items() if value is not UNSET}


def test_different_vlans_are_written_out() -> None:
    (mismatch,) = find_mismatches(SmallKernel(1).link, [(0, WantedVF(vlan=VLAN(42, 3)))])
    assert str(mismatch) == "vf 0 vlan reads back as 0 qos 0 802.1q, not 42 qos 3 802.1q"


WANTED = st.builds(
    WantedVF,
    admin_mac=st.sampled_from([UNSET, "52:54:00:6d:90:02"]),
    vlan=st.sampled_from([UNSET, VLAN(1), VLAN(2, 1, "802.1ad")]),
    spoofchk=st.sampled_from([UNSET, True, False]),
    trust=st.sampled_from([UNSET, True, False]),
    link_state=st.sampled_from([UNSET, "auto", "enable"]),
    min_tx_rate_mbps=st.sampled_from([UNSET, 0, 5]),
    max_tx_rate_mbps=st.sampled_from([UNSET, 50, 100]),
    rss_query=st.just(UNSET),
    node_guid=st.just(UNSET),
    port_guid=st.just(UNSET),
    msix_count=st.just(UNSET),
    driver=st.just(UNSET),
)


@given(
    st.dictionaries(st.integers(0, 4), WANTED),
    st.sets(st.tuples(st.integers(0, 4), st.sampled_from(ORDER))),
)
def test_what_no_driver_refuses_is_always_set(
    wanted: dict[int, WantedVF], refused: set[tuple[int, str]]
) -> None:
    kernel = SmallKernel(5, lambda i, a, _: errno.EINVAL if (i, a) in refused else 0)
    changes = list(wanted.items())
    try:
        write_vf_attributes(kernel, 5, changes)
    except HostError:
        untouched = [index for index, _ in changes if not any(i == index for i, _ in refused)]
        good = [(index, wanted[index]) for index in untouched]
        assert find_mismatches(kernel.link, good) == ()
        assert find_mismatches(kernel.link, changes) != () or refused
    else:
        assert find_mismatches(kernel.link, changes) == ()
