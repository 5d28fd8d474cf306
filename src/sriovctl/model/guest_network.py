"""What a guest's network device says beyond its MAC: VLAN trunks, port profiles, pools of VFs.

Source: https://libvirt.org/formatdomain.html ("Setting VLAN tag", "Network interfaces"),
https://libvirt.org/formatnetwork.html, and libvirt ``src/conf/netdev_vport_profile_conf.c``.
"""

from __future__ import annotations

import re
from enum import StrEnum

from sriovctl.errors import InputError
from sriovctl.model.address import PCIAddress
from sriovctl.model.record import NamedTuple

VLAN_IDS = range(1, 4095)  # 0 means "no tag", 4095 is reserved (IEEE 802.1Q, table 9-2)
_MOST_PROFILE_CHARACTERS = 39  # LIBVIRT_IFLA_VF_PORT_PROFILE_MAX without the NUL
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_RANGE = re.compile(r"(\d{1,4})(?:-(\d{1,4}))?")
_NETWORK_NAME = re.compile(r"[A-Za-z0-9_.:+@-]{1,64}")


class NativeMode(StrEnum):
    """How frames of a trunk's native VLAN leave; ``nativeMode`` of libvirt."""

    TAGGED = "tagged"
    UNTAGGED = "untagged"


class VLANTrunk(NamedTuple):
    """Several VLANs on one device."""

    ids: tuple[int, ...]  # ascending, each once
    native: int | None = None  # one of them
    native_mode: NativeMode | None = None  # given with native

    def __str__(self) -> str:
        """Write it as people do: ``10,20 (native 10)``."""
        ids = ",".join(map(str, self.ids))
        return ids if self.native is None else f"{ids} (native {self.native} {self.native_mode})"


class VirtualPortKind(StrEnum):
    """How a card and its switch agree on what a VF may do."""

    QBH = "802.1Qbh"  # the switch knows a profile by name; the PF's driver asks for it
    QBG = "802.1Qbg"  # lldpad asks the switch by VDP


class VirtualPort(NamedTuple):
    """A port profile: who asks the switch for it sets MAC and VLAN that way, and in no other."""

    kind: VirtualPortKind
    profile_id: str | None = None  # 802.1Qbh
    manager_id: int | None = None  # 802.1Qbg, 8 bits
    type_id: int | None = None  # 802.1Qbg, 24 bits
    type_id_version: int | None = None  # 802.1Qbg, 8 bits
    instance_id: str | None = None  # 802.1Qbg, UUID; None: libvirt makes one up

    def __str__(self) -> str:
        """Name it in a few words."""
        if self.kind is VirtualPortKind.QBH:
            return f"{self.kind} profile {self.profile_id}"
        return f"{self.kind} type {self.type_id} version {self.type_id_version}"

    def is_met_by(self, found: VirtualPort | None) -> bool:
        """Say whether *found* is this one, with whatever instance where none is named."""
        if found is None or self.instance_id is not None:
            return self == found
        return self == found._replace(instance_id=None)


class NetworkInterface(NamedTuple):
    """An interface of a guest's config that comes out of a network of libvirt."""

    network: str
    mac: str | None
    vlan: int | None
    alias: str | None


class VFPool(NamedTuple):
    """A virtual network of libvirt (``<forward mode='hostdev'>``) that gives VFs away."""

    name: str
    pf_netdevs: tuple[str, ...]  # whose VFs are in the pool
    sources: tuple[PCIAddress, ...]  # VFs that are in it by address
    vlan: int | None = None  # of all that come out of it
    managed: bool = True


class VFNetwork(NamedTuple):
    """A pool of VFs as libvirt has it."""

    pool: VFPool
    active: bool
    persistent: bool
    autostart: bool
    connections: int  # interfaces of running guests that came out of it


def parse_vlan_id(text: str) -> int:
    """Read a VLAN id that a card can tag with, 1 to 4094.  Pure.

    :raises InputError: not a number in that range.
    """
    if not (text.isascii() and text.isdigit() and int(text) in VLAN_IDS):
        raise InputError("is not a VLAN id", subject=text, hint="use 1 to 4094")
    return int(text)


def parse_vlan_trunk(text: str, *, native: str | None = None) -> VLANTrunk:
    """Read ``10,20-29`` and the native VLAN ``10`` or ``10:tagged``.  Pure.

    :raises InputError: no such list, or the native VLAN is not in it.
    """
    ids = frozenset(number for part in text.split(",") for number in _parse_range(part.strip()))
    if native is None:
        return VLANTrunk(tuple(sorted(ids)))
    number, _, mode = native.partition(":")
    if mode not in ("", *NativeMode):
        raise InputError(
            "is no mode of a native VLAN", subject=mode, hint=f"use {' or '.join(NativeMode)}"
        )
    native_id = parse_vlan_id(number)
    if native_id not in ids:
        raise InputError(f"is not in the trunk {text}", subject=f"native VLAN {native_id}")
    return VLANTrunk(tuple(sorted(ids)), native_id, NativeMode(mode or NativeMode.UNTAGGED))


def _parse_range(text: str) -> range:
    match = _RANGE.fullmatch(text) if text.isascii() else None
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not (first <= last and first in VLAN_IDS and last in VLAN_IDS):
        raise InputError(
            "is neither a VLAN id nor a range of them", subject=text, hint="write 10,20-29"
        )
    return range(first, last + 1)


def parse_qbh(text: str) -> VirtualPort:
    """Read the name of an 802.1Qbh port profile.  Pure.

    :raises InputError: the kernel would not take it.
    """
    if not (text and text.isprintable() and len(text.encode()) <= _MOST_PROFILE_CHARACTERS):
        raise InputError(
            "is no name of a port profile",
            subject=text,
            hint=f"1 to {_MOST_PROFILE_CHARACTERS} characters",
        )
    return VirtualPort(VirtualPortKind.QBH, profile_id=text)


def parse_qbg(text: str) -> VirtualPort:
    """Read ``managerid=11,typeid=1193047,typeidversion=2[,instanceid=UUID]``.  Pure.

    The names are libvirt's; numbers may be hexadecimal.

    :raises InputError: one is missing, unknown, or out of range.
    """
    given = dict(part.strip().partition("=")[::2] for part in text.split(","))
    unknown = set(given) - {*_QBG_BITS, "instanceid"}
    missing = [name for name in _QBG_BITS if name not in given]
    if unknown or missing:
        raise InputError(
            f"has no {', '.join(missing)}" if missing else f"knows no {', '.join(sorted(unknown))}",
            subject=f"--qbg {text}",
            hint="write managerid=11,typeid=1193047,typeidversion=2",
        )
    numbers = [_parse_qbg_number(name, given[name]) for name in _QBG_BITS]
    return VirtualPort(
        VirtualPortKind.QBG,
        manager_id=numbers[0],
        type_id=numbers[1],
        type_id_version=numbers[2],
        instance_id=_parse_uuid(given["instanceid"]) if "instanceid" in given else None,
    )


_QBG_BITS = {"managerid": 8, "typeid": 24, "typeidversion": 8}


def _parse_qbg_number(name: str, text: str) -> int:
    try:
        number = int(text, 0) if text.isascii() else -1
    except ValueError:
        number = -1
    if number not in range(1 << _QBG_BITS[name]):
        raise InputError(
            "is out of range",
            subject=f"{name} {text}",
            hint=f"use 0 to {(1 << _QBG_BITS[name]) - 1}",
        )
    return number


def _parse_uuid(text: str) -> str:
    if not _UUID.fullmatch(text.lower()):
        raise InputError("is no UUID", subject=f"instanceid {text}")
    return text.lower()


def parse_network_name(text: str) -> str:
    """Read the name of a virtual network.  Pure.

    :raises InputError: libvirt would not take it, or a shell would trip over it.
    """
    if not _NETWORK_NAME.fullmatch(text):
        raise InputError(
            "is no name of a network", subject=text, hint="use letters, digits and _.:+@-"
        )
    return text
