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
from sriovctl.model.guest_network import NetworkInterface, VirtualPort, VLANTrunk
from sriovctl.model.record import NamedTuple

_ALIAS = re.compile(r"ua-[A-Za-z0-9_-]+")
NO_VLAN = 0  # "no tag", said on purpose; None means "as it is"


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
    trunk: VLANTrunk | None = None
    virtual_port: VirtualPort | None = None
    # libvirt's network that it came out of; another VF may come out of it at the next boot.
    network: str | None = None
    boot_order: int | None = None
    teaming_with: str | None = None  # alias of the other half of the pair


class OwnInterface(NamedTuple):
    """A network interface of a guest that is not passed through: virtio and the like."""

    mac: str | None
    alias: str | None
    model: str | None
    persistent: bool  # half of a teaming pair: the one that stays during a migration


class GuestPlacement(NamedTuple):
    """How much memory a guest has, and where on the host it may be."""

    memory_kib: int | None
    hard_limit_kib: int | None  # None: libvirt sets limits as it sees fit
    nodes: tuple[int, ...]  # NUMA nodes of the host that its memory is pinned to; empty: anywhere
    cpus: tuple[int, ...]  # CPUs of the host that its vCPUs are pinned to; empty: anywhere
    has_iommu: bool  # of its own: VFIO then maps its memory once for each function


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
    own_interfaces: tuple[OwnInterface, ...]
    room: HotplugRoom | None  # None: not running, or a machine without PCI
    # What it takes out of libvirt's networks at its next boot.
    network_interfaces: tuple[NetworkInterface, ...] = ()
    aliases: tuple[str, ...] = ()  # of all its devices, in both definitions
    placement: GuestPlacement | None = None
    config_room: HotplugRoom | None = None  # as room, at the next boot
    boot_orders: tuple[int, ...] = ()  # of its devices, in both definitions
    boots_by_class: bool = False  # <os> names classes of devices to boot from: hd, network, …

    @property
    def own_macs(self) -> tuple[str, ...]:
        """MACs of interfaces that are not passed through, each once."""
        return tuple(dict.fromkeys(each.mac for each in self.own_interfaces if each.mac))

    @property
    def networks(self) -> tuple[str, ...]:
        """Networks of libvirt, from which it takes interfaces at its next boot."""
        return tuple(each.network for each in self.network_interfaces)

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
    trunk: VLANTrunk | None = None
    virtual_port: VirtualPort | None = None


class NetworkAttachment(NamedTuple):
    """What to give to a guest out of a pool of VFs; libvirt chooses the VF."""

    network: str
    mac: str | None = None
    vlan: int | None = None  # None: that of the network
    alias: str | None = None
    boot_order: int | None = None
    teaming_with: str | None = None


class Wanted(NamedTuple):
    """What the user asks of ``attach``."""

    mac: str | None = None  # None: the one that the VF has, or else one of libvirt's
    vlan: int | None = None  # None: the one that the VF has; NO_VLAN: none
    live: bool = False
    config: bool = False  # neither: live if the guest runs, config if it is persistent
    boot_order: int | None = None
    teaming_with: str | None = None
    trunk: VLANTrunk | None = None
    virtual_port: VirtualPort | None = None
    alias: str | None = None


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
    trunk: VLANTrunk | None = None
    virtual_port: VirtualPort | None = None


class NetworkAttachResult(NamedTuple):
    """What ``attach --network`` did, re-read from libvirt."""

    guest: str
    network: str
    vf: PCIAddress | None  # that libvirt chose; None: none before the next boot
    mac: str | None
    vlan: int | None
    guest_address: PCIAddress | None
    live: bool
    config: bool
    changed: bool
    warnings: tuple[str, ...] = ()


class DetachResult(NamedTuple):
    """What ``detach`` did, re-read from libvirt."""

    guest: str
    vf: PCIAddress | None  # None: no VF had come out of the network yet
    live: bool  # taken out of the running guest
    config: bool  # taken out of the definition for the next boot
    changed: bool  # False: it was not there
    waited_s: float  # until the guest let go
    host_driver: str | None  # of the VF, back on the host
    network: str | None = None  # of libvirt, that it came out of


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


def alias_of_network(network: str) -> str:
    """Name under which what came out of a network is known, unless the user names it.  Pure."""
    return "ua-sriovctl-network-" + re.sub(r"[^A-Za-z0-9_-]", "-", network)


def alias_of(source: PCIAddress) -> str:
    """Name under which a VF is known inside libvirt and QEMU.  Pure.

    libvirt keeps a user's alias only with the prefix ``ua-`` and letters, digits, ``-``, ``_``.
    """
    return "ua-sriovctl-" + str(source).replace(":", "-").replace(".", "-")
