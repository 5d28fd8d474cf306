"""Ethernet MAC addresses in text."""

from __future__ import annotations

import re

from sriovctl.errors import InputError

_MAC = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}")


def parse_mac(text: str) -> str:
    """Read a unicast MAC address, and return it as ``aa:bb:cc:dd:ee:ff``.  Pure.

    All zeros is allowed: drivers take it as "none given".

    :raises InputError: it is something else, or a multicast address, which no VF may have.
    """
    mac = text.strip().lower().replace("-", ":")
    if _MAC.fullmatch(mac) is None:
        raise InputError("is no MAC address", hint="write it as 52:54:00:6d:90:02")
    if int(mac[:2], 16) & 1:
        raise InputError("is a multicast address", hint="the first byte of a VF's MAC must be even")
    return mac
