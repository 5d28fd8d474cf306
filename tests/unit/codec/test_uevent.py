from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriovctl.codec.link_event import decode_link_event, encode_link_event
from sriovctl.codec.rtnl import encode_getlink
from sriovctl.codec.uevent import UEvent, encode_uevent, event_of, parse_uevent
from sriovctl.errors import HostError
from sriovctl.model.event import HostEvent

PORT = "/devices/pci0000:00/0000:00:06.0"
PF = f"{PORT}/0000:01:00.0"

_words = st.text(st.characters(exclude_characters="\0=@", codec="utf-8"), min_size=1, max_size=9)


@given(
    st.builds(UEvent, _words, _words, _words, st.none() | st.integers(1, 2**31 - 1), st.booleans())
)
def test_what_is_written_is_read_back(event: UEvent) -> None:
    assert parse_uevent(encode_uevent(event)) == event


@given(st.binary(max_size=200))
def test_no_bytes_but_a_uevent_are_taken_for_one(data: bytes) -> None:
    for junk in (data, b"libudev\0" + data):
        with suppress(HostError):
            assert parse_uevent(junk).devpath in junk.decode("utf-8", "surrogateescape")


def test_a_datagram_as_udev_sends_it() -> None:
    # Seen with udev 252: magic, 40 bytes of head, then the properties.
    properties = b"ACTION=bind\0DEVPATH=" + PF.encode() + b"\0SUBSYSTEM=pci\0"
    head = b"libudev\0\xfe\xed\xca\xfe" + (40).to_bytes(4, "little") * 2
    data = head + len(properties).to_bytes(4, "little") + bytes(16) + properties
    assert parse_uevent(data) == UEvent("bind", PF, "pci", from_udev=True)
    with pytest.raises(HostError, match="contradicts itself"):
        parse_uevent(data[:-1])


@pytest.mark.parametrize(
    ("devpath", "subsystem", "device"),
    [
        (PF, "pci", "0000:01:00.0"),
        (f"{PORT}/0000:01:10.0", "pci", "0000:01:10.0"),
        (f"{PF}/net/ens1", "net", "0000:01:00.0"),
        (f"{PF}/virtio3/net/eth0", "net", "0000:01:00.0"),
        ("/devices/netdevsim10/net/eth1", "net", "netdevsim10"),
        ("/devices/netdevsim10", "netdevsim", "netdevsim10"),
        ("/devices/pci10000:00/10000:00:02.0/10000:01:00.0/net/x", "net", "10000:01:00.0"),
    ],
)
def test_an_event_is_about_the_device_that_vfs_hang_on(
    devpath: str, subsystem: str, device: str
) -> None:
    event = event_of(UEvent("add", devpath, subsystem, 7))
    assert event is not None
    assert (event.what, event.device) == (f"{subsystem} add", device)


@pytest.mark.parametrize(
    ("devpath", "subsystem"),
    [
        (f"{PF}/net/ens1/queues/rx-0", "queues"),
        ("/devices/virtual/net/br0", "net"),
        ("/module/igb", "module"),
        ("/devices/LNXSYSTM:00/wakeup/wakeup22", "wakeup"),
    ],
)
def test_other_events_are_about_none(devpath: str, subsystem: str) -> None:
    assert event_of(UEvent("remove", devpath, subsystem)) is None


@given(st.integers(1, 2**31 - 1), st.sampled_from([None, "0000:01:00.0", "netdevsim3"]))
def test_link_events_name_their_device(ifindex: int, device: str | None) -> None:
    for removed, word in ((False, "link change"), (True, "link remove")):
        message = encode_link_event(ifindex, "ens1", device, removed=removed)
        assert decode_link_event(message) == HostEvent(word, device, ifindex)


def test_a_message_of_another_type_is_no_link_event() -> None:
    assert decode_link_event(encode_getlink(ifname="ens1", with_counters=False)) is None
