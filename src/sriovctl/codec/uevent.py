"""Uevents: what the kernel, and udev after it, tell of devices that come, go and change.  Pure.

The kernel's message is ``ACTION@DEVPATH`` and then ``KEY=VALUE``, each ended by a NUL.  udev sends
it on, once it is done with the device, with a binary head in the place of the first word.

Source: kernel ``lib/kobject_uevent.c`` (``alloc_uevent_skb()``); systemd
``src/libsystemd/sd-device/device-monitor.c`` (``monitor_netlink_header``).
"""

from __future__ import annotations

from struct import Struct

from sriovctl.errors import HostError
from sriovctl.model.address import is_pci_address
from sriovctl.model.event import HostEvent
from sriovctl.model.record import NamedTuple

_UDEV_PREFIX = b"libudev\0"
_UDEV_MAGIC = b"\xfe\xed\xca\xfe"  # big endian, unlike the numbers behind it
# prefix, magic, size of the head, offset and length of the properties
_UDEV_HEAD = Struct("=8s4sIII")
_NO_DEVICE = "virtual"  # /sys/devices/virtual: netdevs and others that stand on no device


class UEvent(NamedTuple):
    """One uevent."""

    action: str  # add, remove, change, move, bind, unbind, online, offline, or a newer word
    devpath: str  # below /sys
    subsystem: str
    ifindex: int | None = None
    from_udev: bool = False  # sent on by udev, which is done with it


def parse_uevent(datagram: bytes) -> UEvent:
    """Read one datagram of either kind.  Pure.

    :raises HostError: it is neither.
    """
    from_udev = datagram.startswith(_UDEV_PREFIX)
    properties = _properties(_udev_body(datagram) if from_udev else _kernel_body(datagram))
    try:
        action, devpath = properties["ACTION"], properties["DEVPATH"]
    except KeyError as missing:
        raise _malformed(f"it has no {missing.args[0]}") from None
    number = properties.get("IFINDEX", "")
    return UEvent(
        action=action,
        devpath=devpath,
        subsystem=properties.get("SUBSYSTEM", ""),
        ifindex=int(number) if number.isascii() and number.isdigit() else None,
        from_udev=from_udev,
    )


def _kernel_body(datagram: bytes) -> bytes:
    head, _, body = datagram.partition(b"\0")
    if b"@" not in head:
        raise _malformed("its head is not ACTION@DEVPATH")
    return body


def _udev_body(datagram: bytes) -> bytes:
    if len(datagram) < _UDEV_HEAD.size:
        raise _malformed("the head of udev is cut short")
    _, magic, _, offset, length = _UDEV_HEAD.unpack_from(datagram)
    if magic != _UDEV_MAGIC or not _UDEV_HEAD.size <= offset <= offset + length <= len(datagram):
        raise _malformed("the head of udev contradicts itself")
    return datagram[offset : offset + length]


def _properties(body: bytes) -> dict[str, str]:
    words = body.decode("utf-8", "surrogateescape").split("\0")
    return dict([word.split("=", 1) for word in words if "=" in word])


def _malformed(what: str) -> HostError:
    return HostError(f"a uevent is malformed: {what}", subject="uevents")


def encode_uevent(event: UEvent) -> bytes:
    """Write a uevent as the kernel or udev sends it.  Pure."""
    values = {"ACTION": event.action, "DEVPATH": event.devpath, "SUBSYSTEM": event.subsystem}
    if event.ifindex is not None:
        values["IFINDEX"] = str(event.ifindex)
    words = (f"{key}={value}\0" for key, value in values.items())
    body = "".join(words).encode("utf-8", "surrogateescape")
    if not event.from_udev:
        head = f"{event.action}@{event.devpath}\0".encode("utf-8", "surrogateescape")
        return head + body
    size = _UDEV_HEAD.size + 16  # hashes follow, by which receivers choose what they want
    return _UDEV_HEAD.pack(_UDEV_PREFIX, _UDEV_MAGIC, size, size, len(body)) + bytes(16) + body


def event_of(uevent: UEvent) -> HostEvent | None:
    """Say what a uevent is about; None where it is about no device that VFs hang on.  Pure.

    A netdev's is about the device below it; queues, wake-up sources and the like are about none.
    """
    what = f"{uevent.subsystem} {uevent.action}"
    names = uevent.devpath.strip("/").split("/")
    if uevent.subsystem == "net":
        device = _below(names)
        return None if device is None else HostEvent(what, device, uevent.ifindex)
    if uevent.subsystem in ("pci", "netdevsim"):
        return HostEvent(what, names[-1])
    return None


# /devices/…/DEVICE/net/NETDEV; a virtio device stands between the two on some cards.
def _below(names: list[str]) -> str | None:
    if len(names) < 3 or names[-2] != "net":
        return None
    above = names[:-2]
    for name in reversed(above[-2:]):
        if is_pci_address(name):
            return name
    return None if _NO_DEVICE in above else above[-1]
