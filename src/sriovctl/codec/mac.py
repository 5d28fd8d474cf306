"""Ethernet MAC addresses and InfiniBand GUIDs in text."""

from __future__ import annotations

from sriovctl.errors import InputError

_MAC_SIZE = 6
_GUID_SIZE = 8


def _is_octets(text: str, count: int) -> bool:
    # As bytes.hex() would write them.  By hand: importing re takes as long as a thousand of these.
    try:
        octets = bytes.fromhex(text.replace(":", ""))
    except ValueError:
        return False
    return len(octets) == count and octets.hex(":") == text


def parse_mac(text: str) -> str:
    """Read a unicast MAC address, and return it as ``aa:bb:cc:dd:ee:ff``.  Pure.

    All zeros is allowed: drivers take it as "none given".

    :raises InputError: it is something else, or a multicast address, which no VF may have.
    """
    mac = text.strip().lower().replace("-", ":")
    if not _is_octets(mac, _MAC_SIZE):
        raise InputError("is no MAC address", hint="write it as 52:54:00:6d:90:02")
    if int(mac[:2], 16) & 1:
        raise InputError("is a multicast address", hint="the first byte of a VF's MAC must be even")
    return mac


def parse_guid(text: str) -> str:
    """Read the GUID of an InfiniBand node or port, and return it with colons.  Pure.

    All zeros is allowed, as with MAC addresses.

    :raises InputError: it is something else.
    """
    guid = text.strip().lower().replace("-", ":")
    if not _is_octets(guid, _GUID_SIZE):
        raise InputError("is no GUID", hint="write it as 00:11:22:33:44:55:66:77")
    return guid
