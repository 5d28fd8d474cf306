"""Where a PCI function sits."""

from __future__ import annotations

from itertools import repeat

from sriovctl.errors import InputError, UnsupportedError
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_HEX = frozenset("0123456789abcdefABCDEF")
_WIDTH = 12  # of 0000:01:00.0
_texts: dict[PCIAddress, str] = {}  # of the functions that the kernel listed


class PCIAddress(NamedTuple):
    """Where one PCI function sits.

    Text form is the kernel's ``DDDD:BB:DD.F``, lower-case hex.  The domain may need more than
    four digits (VMD numbers its domains from 0x10000).
    """

    pci_domain: int  # 0 .. 2**32-1
    bus: int  # 0 .. 255
    device: int  # 0 .. 31
    function: int  # 0 .. 7

    def __str__(self) -> str:
        known = _texts.get(self)
        if known is not None:
            return known
        return f"{self.pci_domain:04x}:{self.bus:02x}:{self.device:02x}.{self.function:x}"

    @property
    def routing_id(self) -> int:
        """16-bit bus/device/function number; says nothing about the domain."""
        return self.bus << 8 | self.device << 3 | self.function


def is_pci_address(text: str) -> bool:
    """Say whether *text* has the form of a PCI address (the domain may be left out).  Pure."""
    return _parse(text) is not None


def parse_pci_address(text: str) -> PCIAddress:
    """Read ``DDDD:BB:DD.F``, or ``BB:DD.F`` for domain 0.  Pure.

    :raises InputError: *text* is not a PCI address.
    """
    address = _parse(text)
    if address is None:
        raise InputError("is not a PCI address", subject=text, hint="write it as 0000:01:00.0")
    return address


def parse_pci_addresses(names: Sequence[str]) -> list[PCIAddress]:
    """Read the names of functions that the kernel lists, a thousand VFs for instance.

    All in one step of C, which takes a twentieth of reading them one by one; and they are
    remembered for when they are written, so this is not for what a user says.

    :raises InputError: one is not a PCI address.
    """
    alike = "".join(names)
    found = _parse_alike(alike, len(names)) if set(map(len, names)) == {_WIDTH} else None
    if found is None or alike != alike.lower():
        return [parse_pci_address(name) for name in names]
    _texts.update(zip(found, names, strict=True))
    return found


def format_pci_addresses(addresses: Iterable[PCIAddress | None]) -> list[str | None]:
    """Write many addresses, in a third of the time of ``str`` where the kernel listed them."""
    known = _texts.get
    return [None if one is None else known(one) or str(one) for one in addresses]


def _parse_alike(text: str, count: int) -> list[PCIAddress] | None:
    if any(text[place::_WIDTH] != mark * count for place, mark in ((4, ":"), (7, ":"), (10, "."))):
        return None
    try:
        octets = bytes.fromhex(text.replace(":", "").replace(".", "0"))
    except ValueError:
        return None
    high, low, buses, devices, functions = (octets[place::5] for place in range(5))
    if len(octets) != 5 * count or max(devices) > 0x1F or max(functions) > 7:
        return None
    domains = [256 * upper + lower for upper, lower in zip(high, low, strict=True)]
    numbers = zip(domains, buses, devices, functions, strict=True)
    return list(map(tuple.__new__, repeat(PCIAddress), numbers))


def _parse(text: str) -> PCIAddress | None:
    # By hand: a listing parses thousands of these, and compiling a pattern would cost each start.
    if len(text) == 12 and text[4::3] == "::.":
        return _parse_usual(text)
    rest, dot, function = text.partition(".")
    parts = rest.split(":") if len(text) > 7 else ["0000", *rest.split(":")]
    if not (dot and [len(part) for part in parts[1:]] == [2, 2] and 4 <= len(parts[0]) <= 8):
        return None
    if not (len(function) == 1 and _HEX.issuperset(rest.replace(":", "") + function)):
        return None
    pci_domain, bus, device = (int(part, 16) for part in parts)
    fits = device <= 0x1F and function in "01234567"
    return PCIAddress(pci_domain, bus, device, int(function)) if fits else None


# As nearly all are written, in a third of the time that any takes.
def _parse_usual(text: str) -> PCIAddress | None:
    try:
        octets = bytes.fromhex(f"{text[:4]}{text[5:7]}{text[8:10]}0{text[11]}")
    except ValueError:
        return None
    if len(octets) != 5:  # between octets, blanks count for nothing
        return None
    high, low, bus, device, function = octets
    fits = device <= 0x1F and function <= 7
    return PCIAddress(high << 8 | low, bus, device, function) if fits else None


def vf_address(
    pf: PCIAddress, vf_index: int, *, first_vf_offset: int, vf_stride: int
) -> PCIAddress:
    """Work out the address the kernel will give one VF.  Pure.

    :param vf_index: 0-based, as in ``virtfnN`` and rtnetlink (the PCIe text counts from 1).
    :param first_vf_offset: First VF Offset register, in routing IDs.  Read it *after* NumVFs is
        set: hardware may change it, and the stride, with NumVFs or ARI.
    :param vf_stride: VF Stride register, in routing IDs; 0 is legal for a single VF.
    :raises UnsupportedError: the VF would fall beyond bus ff.

    Source: PCIe Base Specification, SR-IOV Extended Capability; kernel ``drivers/pci/iov.c``.
    """
    routing_id = pf.routing_id + first_vf_offset + vf_stride * vf_index
    if routing_id > 0xFFFF:
        raise UnsupportedError(
            f"VF {vf_index} would fall beyond bus ff", subject=pf, hint="ask for fewer VFs"
        )
    return PCIAddress(pf.pci_domain, routing_id >> 8, routing_id >> 3 & 0x1F, routing_id & 7)
