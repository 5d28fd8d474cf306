"""Guests (libvirt domains), the host's PCI functions they hold, and what to give them.

A guest has two definitions: the *live* one of a running guest, and the *config* one that counts
from its next boot.  They may differ, and both matter: a VF that only the config names is free
today and taken tomorrow.
"""

from __future__ import annotations

import re
from enum import StrEnum

from sriovctl.errors import InputError
from sriovctl.model.address import PCIAddress
from sriovctl.model.record import NamedTuple

_ALIAS = re.compile(r"ua-[A-Za-z0-9_-]+")
VLAN_IDS = range(1, 4095)  # 0 means "no tag", 4095 is reserved (IEEE 802.1Q, table 9-2)


class DeviceKind(StrEnum):
    """The two elements that give a PCI function of the host to a guest."""

    INTERFACE = "interface"  # <interface type='hostdev'>: libvirt sets MAC and VLAN through the PF
    HOSTDEV = "hostdev"  # <hostdev type='pci'>: libvirt sets nothing


class GuestDevice(NamedTuple):
    """One PCI function of the host in a guest."""

    kind: DeviceKind
    source: PCIAddress  # on the host
    mac: str | None
    vlan: int | None  # None: no tag
    alias: str | None
    guest_address: PCIAddress | None  # where the guest sees it; live if there is a live one
    live: bool  # in the running guest
    config: bool  # in the guest after its next boot


class VFPool(NamedTuple):
    """A virtual network of libvirt (``<forward mode='hostdev'>``) that gives VFs away."""

    name: str
    pf_netdevs: tuple[str, ...]  # whose VFs are in the pool
    sources: tuple[PCIAddress, ...]  # VFs that are in it by address


class HotplugRoom(NamedTuple):
    """How many more functions can be hot-plugged into a running guest."""

    kind: str  # "root ports" (PCI Express: one function each) or "slots" (conventional PCI)
    total: int
    free: int


class Guest(NamedTuple):
    """One libvirt domain."""

    name: str
    uuid: str
    state: str  # libvirt's word: running, paused, shut off, …
    active: bool  # QEMU runs: there is a live definition
    persistent: bool  # there is a config definition
    machine: str | None
    acpi: bool
    devices: tuple[GuestDevice, ...]
    own_macs: tuple[str, ...]  # of interfaces that are not passed through (virtio and the like)
    room: HotplugRoom | None  # None: not running, or a machine without PCI
    networks: tuple[str, ...] = ()  # libvirt's, from which it takes interfaces at its next boot

    def holds(self, source: PCIAddress) -> tuple[GuestDevice, ...]:
        """Devices of this guest that are the host's function *source*."""
        return tuple(device for device in self.devices if device.source == source)


class VFAttachment(NamedTuple):
    """What to give to a guest."""

    kind: DeviceKind
    source: PCIAddress
    mac: str | None = None  # None: libvirt makes one up
    vlan: int | None = None  # None: libvirt clears the VF's tag
    alias: str | None = None
    managed: bool = True  # libvirt binds vfio-pci at attach and the host's driver at detach
    boot_order: int | None = None
    # Alias (ua-…) of the guest's virtio interface with the same MAC: the pair survives a live
    # migration, for which the VF leaves and returns.
    teaming_with: str | None = None


class AttachResult(NamedTuple):
    """What ``attach`` did, re-read from libvirt."""

    guest: str
    vf: PCIAddress
    vf_index: int
    pf: PCIAddress
    pf_netdev: str | None
    kind: DeviceKind
    mac: str | None
    vlan: int | None
    guest_address: PCIAddress | None
    live: bool
    config: bool
    changed: bool  # False: it was there already
    warnings: tuple[str, ...] = ()


class DetachResult(NamedTuple):
    """What ``detach`` did, re-read from libvirt."""

    guest: str
    vf: PCIAddress
    live: bool  # taken out of the running guest
    config: bool  # taken out of the definition for the next boot
    changed: bool  # False: it was not there
    waited_s: float  # until the guest let go
    host_driver: str | None  # of the VF, back on the host


def parse_vlan_id(text: str) -> int:
    """Read a VLAN id that a card can tag with, 1 to 4094.  Pure.

    :raises InputError: not a number in that range.
    """
    if not (text.isascii() and text.isdigit() and int(text) in VLAN_IDS):
        raise InputError("is not a VLAN id", subject=text, hint="use 1 to 4094")
    return int(text)


def parse_alias(text: str) -> str:
    """Read an alias that a user gave to a device.  Pure.

    :raises InputError: libvirt would not keep it.
    """
    if not _ALIAS.fullmatch(text):
        raise InputError(
            "is no user's alias",
            subject=text,
            hint="it starts with ua-, with letters, digits, - and _ after that",
        )
    return text


def alias_of(source: PCIAddress) -> str:
    """Name under which a VF is known inside libvirt and QEMU.  Pure.

    libvirt keeps a user's alias only with the prefix ``ua-`` and letters, digits, ``-``, ``_``.
    """
    return "ua-sriovctl-" + str(source).replace(":", "-").replace(".", "-")
