"""Netlink messages and acknowledgements, whole, cut short and arbitrary."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriovctl.codec.netlink import (
    NLM_F_ACK_TLVS,
    NLM_F_CAPPED,
    NLMSG_DONE,
    NLMSG_ERROR,
    decode_ack,
    encode_attribute,
    encode_message,
    split_messages,
)
from sriovctl.codec.rtnl import (
    encode_getlink,
)
from sriovctl.errors import HostError

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
