"""IPv4 and IPv6 addresses, between octets and text.  Pure.

By hand, because ``ipaddress`` costs more start-up time than all that is done with it here.
"""

from __future__ import annotations

from sriovctl.errors import InputError

IPV4_SIZE = 4
IPV6_SIZE = 16
_MAPPED = bytes(10) + b"\xff\xff"


def format_ip(octets: bytes) -> str:
    """Write an address as the kernel's tools do; IPv6 in the form of RFC 5952.  Pure.

    :raises InputError: neither 4 nor 16 octets.
    """
    if len(octets) == IPV4_SIZE:
        return ".".join(map(str, octets))
    if len(octets) != IPV6_SIZE:
        raise InputError("is no IP address", subject=octets.hex())
    if octets.startswith(_MAPPED):
        return "::ffff:" + format_ip(octets[-IPV4_SIZE:])
    groups = [f"{octets[n] << 8 | octets[n + 1]:x}" for n in range(0, IPV6_SIZE, 2)]
    start, length = _longest_zeros(groups)
    if length < 2:
        return ":".join(groups)
    return ":".join(groups[:start]) + "::" + ":".join(groups[start + length :])


def _longest_zeros(groups: list[str]) -> tuple[int, int]:
    best, here = (0, 0), 0
    for position, group in enumerate([*groups, "end"]):
        if group == "0":
            here += 1
            continue
        if here > best[1]:
            best = (position - here, here)
        here = 0
    return best


def parse_ip(text: str) -> bytes:
    """Read an address into its 4 or 16 octets; IPv4 mapped into IPv6 counts as IPv4.  Pure.

    :raises InputError: *text* is no address.
    """
    octets = _ipv4(text) if ":" not in text else _ipv6(text)
    if octets is None:
        raise InputError("is no IP address", subject=text)
    return octets[-IPV4_SIZE:] if octets.startswith(_MAPPED) else octets


def _ipv4(text: str) -> bytes | None:
    parts = text.split(".")
    good = all(p.isascii() and p.isdigit() and len(p) <= 3 and int(p) <= 255 for p in parts)
    return bytes(map(int, parts)) if good and len(parts) == IPV4_SIZE else None


def _ipv6(text: str) -> bytes | None:
    head, gap, tail = text.partition("::")
    first, last = _groups(head), _groups(tail)
    if first is None or last is None:
        return None
    missing = IPV6_SIZE - len(first) - len(last)
    if missing < 0 or (not gap and missing) or (gap and not missing):
        return None
    return first + bytes(missing) + last


def _groups(text: str) -> bytes | None:
    if not text:
        return b""
    found = b""
    *groups, last = text.split(":")
    for group in groups:
        octets = _group(group)
        if octets is None:
            return None
        found += octets
    end = _ipv4(last) if "." in last else _group(last)
    return None if end is None else found + end


def _group(text: str) -> bytes | None:
    good = 1 <= len(text) <= 4 and all(c in "0123456789abcdefABCDEF" for c in text)
    return int(text, 16).to_bytes(2, "big") if good else None
