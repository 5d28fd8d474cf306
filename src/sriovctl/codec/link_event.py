"""What the kernel's group of link messages tells: which netdev came, went or changed.  Pure.

Such a message has no VFs in it, and need not be read further than to the device that it is about.
The kernel sends none for what is set of VFs while the PF's netdev is down.

Source: kernel ``net/core/rtnetlink.c`` (``rtmsg_ifinfo()``, ``do_setlink()``),
``net/core/dev.c`` (``netdev_state_change()``).
"""

from __future__ import annotations

from sriovctl.codec.netlink import attributes, decode_header, decode_text, encode_attribute
from sriovctl.codec.rtnl import (
    IFF_UP,
    IFLA_IFNAME,
    IFLA_MTU,
    IFLA_PARENT_DEV_NAME,
    IFLA_VFINFO_LIST,
    LINK_BODY,
    RTM_NEWLINK,
    decode_link_body,
    encode_link_message,
    link_attributes,
)
from sriovctl.model.event import HostEvent

RTM_DELLINK = 17
RTNLGRP_LINK = 1

_WORDS = {RTM_NEWLINK: "link change", RTM_DELLINK: "link remove"}


def decode_link_event(message: bytes) -> HostEvent | None:
    """Read one message of the group; None for one of another type.  Pure.

    The device is None where the kernel does not tell it: a netdev without one, as a bridge.

    :raises HostError: the message is malformed.
    """
    kind = decode_header(message).type
    if kind not in _WORDS:
        return None
    ifindex, _, _, end = decode_link_body(message, kind)
    device = None
    for attribute, first, last in attributes(message, LINK_BODY, end):
        if attribute == IFLA_PARENT_DEV_NAME:
            device = decode_text(message, first, last)
    return HostEvent(_WORDS[kind], device, ifindex)


def encode_link_event(ifindex: int, ifname: str, device: str | None, *, removed: bool) -> bytes:
    """Encode such a message as a kernel sends it, as far as it is read.  Pure."""
    parts = [encode_attribute(IFLA_IFNAME, ifname.encode("utf-8", "surrogateescape") + b"\0")]
    if device is not None:
        parts.append(encode_attribute(IFLA_PARENT_DEV_NAME, device.encode() + b"\0"))
    kind = RTM_DELLINK if removed else RTM_NEWLINK
    return encode_link_message(kind, ifindex, parts, message_flags=0)


def fingerprint_link(message: bytes) -> bytes:
    """Take from an ``RTM_NEWLINK`` what a state can set, undecoded, to be compared.  Pure.

    A thousand VFs take a hundred times as long to decode.

    :raises HostError: the message is malformed, or of another type.
    """
    _, _, flags, end = decode_link_body(message, RTM_NEWLINK)
    parts = [b"up" if flags & IFF_UP else b"down"]
    kinds = (IFLA_MTU, IFLA_VFINFO_LIST)
    for _, first, last in link_attributes(message, LINK_BODY, end, kinds):
        parts.append(message[first:last])
    return b"\0".join(parts)
