"""Read capabilities as ``lspci -v`` and ``-vv`` spell them.

With one ``v`` there is little more than the name of a capability; then the entry is in the list,
and the decoded capability stays ``None``.  The lines of one capability are joined before they are
read, because mail programs wrap them.

Source: pciutils ``ls-caps.c``, ``ls-ecaps.c``, from 2.2 to 3.15.
"""

from __future__ import annotations

import re

from sriovctl.codec.capability_names import EXTENDED_CAPABILITIES, NORMAL_CAPABILITIES
from sriovctl.model.capabilities import (
    BAR,
    ACSCapability,
    ARICapability,
    ATSCapability,
    CapabilityEntry,
    ExpressCapability,
    MSICapability,
    MSIXCapability,
    PASIDCapability,
    PRICapability,
    ResizableBAR,
    SRIOVCapability,
    acs_mask,
    serial_number,
)
from sriovctl.model.record import NamedTuple


class CapabilityText(NamedTuple):
    """One capability: its line, and the lines that belong to it, joined by single blanks."""

    offset: int
    version: int | None
    title: str  # what follows the offset on the first line
    body: str  # title and all that follows


# lspci's words -> id, where they differ from how ours begin.  The first that fits counts.
_NORMAL_TITLES = (
    ("Power Management", 0x01), ("AGP3", 0x0E), ("AGP", 0x02), ("Vital Product Data", 0x03),
    ("Slot ID", 0x04), ("MSI-X", 0x11), ("MSI", 0x05), ("Message Signalled Interrupts", 0x05),
    ("CompactPCI hot-swap", 0x06), ("PCI-X", 0x07), ("HyperTransport", 0x08),
    ("Vendor Specific Information", 0x09), ("Debug port", 0x0A), ("CompactPCI central", 0x0B),
    ("Hot-plug capable", 0x0C), ("Subsystem", 0x0D), ("Secure device", 0x0F),
    ("Express", 0x10), ("SATA HBA", 0x12), ("PCI Advanced Features", 0x13),
    ("Enhanced Allocation", 0x14), ("Flattening Portal Bridge", 0x15),
)  # fmt: skip
_EXTENDED_TITLES = (
    ("Advanced Error Reporting", 0x01), ("Virtual Channel", 0x02), ("Device Serial Number", 0x03),
    ("Power Budgeting", 0x04), ("Root Complex Link", 0x05), ("Root Complex Internal Link", 0x06),
    ("Root Complex Event Collector", 0x07), ("Multi-Function Virtual Channel", 0x08),
    ("Root Bridge Control Block", 0x0A), ("Vendor Specific Information", 0x0B),
    ("Access Control Services", 0x0D), ("Alternative Routing-ID", 0x0E),
    ("Address Translation Service", 0x0F), ("Single Root I/O Virtualization", 0x10),
    ("Multi-Root I/O Virtualization", 0x11), ("Multicast", 0x12), ("Page Request Interface", 0x13),
    ("Physical Resizable BAR", 0x15), ("Resizable BAR", 0x15), ("Dynamic Power Allocation", 0x16),
    ("Transaction Processing Hints", 0x17), ("Latency Tolerance Reporting", 0x18),
    ("Secondary PCI Express", 0x19), ("Protocol Multiplexing", 0x1A),
    ("Process Address Space ID", 0x1B), ("LN Requester", 0x1C),
    ("Downstream Port Containment", 0x1D), ("L1 PM Substates", 0x1E),
    ("Precision Time Measurement", 0x1F), ("PCI Express over M_PHY", 0x20),
    ("FRS Queueing", 0x21), ("Readiness Time Reporting", 0x22),
    ("Designated Vendor-Specific", 0x23), ("Virtual Resizable BAR", 0x24),
    ("VF Resizable BAR", 0x24), ("Data Link Feature", 0x25), ("Physical Layer 16.0", 0x26),
    ("Lane Margining", 0x27), ("Hierarchy ID", 0x28), ("Native PCIe Enclosure", 0x29),
    ("Physical Layer 32.0", 0x2A), ("Alternate Protocol", 0x2B),
    ("System Firmware Intermediary", 0x2C), ("Data Object Exchange", 0x2E), ("Device 3", 0x2F),
    ("Integrity & Data Encryption", 0x30), ("Physical Layer 64.0", 0x31), ("Null", 0x00),
)  # fmt: skip
_UNNAMED = re.compile(r"(?:#|(?:Extended )?Capability ID 0x)([0-9a-f]{2,4})\b")

_ACS_WORDS = {
    "SrcValid": "SV", "TransBlk": "TB", "ReqRedir": "RR", "CmpltRedir": "CR",
    "UpstreamFwd": "UF", "EgressCtrl": "EC", "DirectTrans": "DT",
}  # fmt: skip
# Longer names first: each is looked for at the start.
_EXPRESS_TYPES = (
    ("Root Complex Integrated Endpoint", 9), ("Root Complex Event Collector", 10),
    ("Legacy Endpoint", 1), ("Endpoint", 0), ("Root Port", 4), ("Upstream Port", 5),
    ("Downstream Port", 6), ("PCI/PCI-X to PCI-Express Bridge", 8),
    ("PCI-Express to PCI/PCI-X Bridge", 7), ("PCI/PCI-X Bridge", 7),
)  # fmt: skip
_UNKNOWN_TYPE = re.compile(r"Unknown type (\d{1,2})")
_EXPRESS = re.compile(r"Express (?:\(v(\d{1,2})\) )?(.*)")
_UNITS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40, "P": 50}
_SIZE = re.compile(r"(\d{1,6})([KMGTP]?)B?")
_REGION = re.compile(
    r"Region (\d): (?:\[virtual\] )?Memory at ([0-9a-f]{1,16}|<\w{1,16}>)"
    r" \((\d\d|low-1M)(?:-bit)?, (non-)?prefetchable"
)
_RESIZABLE = re.compile(r"BAR (\d): current size: (\S{1,16}), supported:((?: \d{1,6}[KMGTP]?B)*)")


def entry_of(text: CapabilityText) -> CapabilityEntry | None:
    """Say which capability it is; None if lspci's name is not known here.  Pure."""
    extended = text.offset >= 0x100
    identity = _identity(text.title, _EXTENDED_TITLES if extended else _NORMAL_TITLES)
    if identity is None:
        return None
    names = EXTENDED_CAPABILITIES if extended else NORMAL_CAPABILITIES
    version = (text.version or 1) if extended else None
    return CapabilityEntry(identity, text.offset, extended, version, names.get(identity, "unknown"))


def _identity(title: str, titles: tuple[tuple[str, int], ...]) -> int | None:
    unnamed = _UNNAMED.match(title)
    if unnamed is not None:
        return int(unnamed[1], 16)
    return next((identity for words, identity in titles if title.startswith(words)), None)


def parse_size(text: str) -> int | None:
    """Read ``16K`` or ``512MB`` as bytes.  Pure."""
    match = _SIZE.fullmatch(text)
    return None if match is None else int(match[1]) << _UNITS[match[2]]


def parse_express(text: CapabilityText) -> ExpressCapability | None:
    """Read the PCI Express capability.  Pure.

    :return: ``version`` 0 and ``flr`` False where the text does not tell them.
    """
    match = _EXPRESS.match(text.title)
    if match is None:
        return None
    port_type = _port_type(match[2])
    if port_type is None:
        return None
    body = text.body
    supported, enable = _ari_forwarding(body, port_type)
    # After LnkCap2 there are speeds that mean something else.
    return ExpressCapability(
        offset=text.offset,
        version=int(match[1] or 0),
        port_type=port_type,
        slot_implemented="(Slot+)" in match[2],
        flr="FLReset+" in body,
        max_payload_supported_bytes=_number(r"DevCap: ?MaxPayload (\d{1,4}) bytes", body),
        max_payload_bytes=_number(r"MaxPayload (\d{1,4}) bytes, MaxReadReq", body),
        ari_forwarding_supported=supported,
        ari_forwarding_enable=enable,
        max_link_speed_gts=_speed(r"LnkCap: .{0,24}?Speed (\d{1,3}(?:\.\d)?)GT/s", body),
        max_link_width=_number(r"LnkCap: .{0,40}?Width x(\d{1,2})", body) or None,
        link_speed_gts=_speed(r"LnkSta: ?Speed (\d{1,3}(?:\.\d)?)GT/s", body),
        link_width=_number(r"LnkSta: .{0,32}?Width x(\d{1,2})", body) or None,
    )


def _port_type(text: str) -> int | None:
    unknown = _UNKNOWN_TYPE.match(text)
    if unknown is not None:
        return int(unknown[1])
    return next((number for words, number in _EXPRESS_TYPES if text.startswith(words)), None)


def _ari_forwarding(body: str, port_type: int) -> tuple[bool | None, bool | None]:
    # lspci prints it for ports only; for what is no port it means nothing.
    supported = _flag(r"DevCap2:.{0,800}? ARIFwd([+-])", body)
    enable = _flag(r"DevCtl2:.{0,400}? ARIFwd([+-])", body)
    if supported is None and "DevCap: " in body and (port_type not in (4, 6) or "(v1)" in body):
        return False, False
    return supported, enable


def parse_msi(text: CapabilityText) -> MSICapability | None:
    """Read the MSI capability.  Pure."""
    counts = re.search(r"(?:Count|Queue)=(\d{1,3})/(\d{1,3})", text.title)
    enabled = _flag(r"Enable([+-])", text.title)
    if counts is None or enabled is None:
        return None
    now, most = int(counts[1]), int(counts[2])
    if "Queue=" in text.title:  # before pciutils 3.1: the exponents
        now, most = 1 << min(now, 5), 1 << min(most, 5)
    return MSICapability(
        offset=text.offset,
        enabled=enabled,
        vectors=most,
        vectors_enabled=now,
        is_64bit="64bit+" in text.title,
        maskable="Maskable+" in text.title or "Mask+" in text.title,
    )


def parse_msix(text: CapabilityText) -> MSIXCapability | None:
    """Read the MSI-X capability; None if the text does not say where its tables are.  Pure."""
    head = re.match(r"MSI-X: Enable([+-]) (?:Mask[+-] )?(?:Count|TabSize)=(\d{1,4})", text.title)
    table = re.search(r"Vector table: BAR=(\d) offset=([0-9a-f]{1,8})", text.body)
    pba = re.search(r"PBA: BAR=(\d) offset=([0-9a-f]{1,8})", text.body)
    if head is None or table is None or pba is None:
        return None
    return MSIXCapability(
        offset=text.offset,
        vectors=int(head[2]),
        enabled=head[1] == "+",
        masked="Masked+" in text.title or " Mask+" in text.title,
        table_bar=int(table[1]),
        table_offset=int(table[2], 16),
        pba_bar=int(pba[1]),
        pba_offset=int(pba[2], 16),
    )


def parse_acs(text: CapabilityText) -> ACSCapability | None:
    """Read the ACS capability; None if its bits are not listed (``lspci -v``).  Pure."""
    capabilities, control = _acs_word("ACSCap", text.body), _acs_word("ACSCtl", text.body)
    if capabilities is None or control is None:
        return None
    return ACSCapability(text.offset, capabilities, control)


def _acs_word(register: str, body: str) -> int | None:
    match = re.search(rf"{register}: ?((?:\w{{1,16}}[+-] ?){{1,7}})", body)
    if match is None:
        return None
    bits = (word for word in match[1].split() if word.endswith("+"))
    return acs_mask([_ACS_WORDS[bit[:-1]] for bit in bits if bit[:-1] in _ACS_WORDS])


def parse_ari(text: CapabilityText) -> ARICapability | None:
    """Read the ARI capability.  Pure."""
    capability = re.search(r"ARICap: ?MFVC([+-]) ACS([+-]), Next Function: (\d{1,3})", text.body)
    control = re.search(r"ARICtl: ?MFVC([+-]) ACS([+-]), Function Group: (\d)", text.body)
    if capability is None or control is None:
        return None
    return ARICapability(
        offset=text.offset,
        next_function=int(capability[3]),
        mfvc_function_groups=capability[1] == "+",
        acs_function_groups=capability[2] == "+",
        mfvc_function_groups_enable=control[1] == "+",
        acs_function_groups_enable=control[2] == "+",
        function_group=int(control[3]),
    )


def parse_serial_number(text: CapabilityText) -> str | None:
    """Read the Device Serial Number.  Pure."""
    match = re.match(r"Device Serial Number ([0-9a-f]{2}(?:-[0-9a-f]{2}){7})\b", text.title)
    return None if match is None else serial_number(match[1])


def parse_ats(text: CapabilityText) -> ATSCapability | None:
    """Read the ATS capability; lspci does not tell whether requests are page aligned.  Pure."""
    depth = _number(r"Invalidate Queue Depth: ([0-9a-f]{1,2})", text.body, base=16)
    control = re.search(
        r"ATSCtl: ?Enable([+-]), Smallest Translation Unit: ([0-9a-f]{1,2})", text.body
    )
    if depth is None or control is None:
        return None
    return ATSCapability(text.offset, depth or 32, False, control[1] == "+", int(control[2], 16))


def parse_pri(text: CapabilityText) -> PRICapability | None:
    """Read the PRI capability.  Pure."""
    flags = re.search(
        r"PRICtl: ?Enable([+-]) Reset([+-]) PRISta: ?RF([+-]) UPRGI([+-]) Stopped([+-])", text.body
    )
    capacity = _number(r"Page Request Capacity: ([0-9a-f]{1,8})", text.body, base=16)
    allocation = _number(r"Page Request Allocation: ([0-9a-f]{1,8})", text.body, base=16)
    if flags is None or capacity is None or allocation is None:
        return None
    enabled, reset, failure, unexpected, stopped = (sign == "+" for sign in flags.groups())
    return PRICapability(
        text.offset, enabled, reset, stopped, failure, unexpected, capacity, allocation
    )


def parse_pasid(text: CapabilityText) -> PASIDCapability | None:
    """Read the PASID capability.  Pure."""
    found = re.search(
        r"PASIDCap: ?Exec([+-]) Priv([+-]), Max PASID Width: ([0-9a-f]{1,2}) "
        r"PASIDCtl: ?Enable([+-]) Exec([+-]) Priv([+-])",
        text.body,
    )
    if found is None:
        return None
    return PASIDCapability(
        offset=text.offset,
        width=int(found[3], 16),
        execute_supported=found[1] == "+",
        privileged_supported=found[2] == "+",
        enabled=found[4] == "+",
        execute_enable=found[5] == "+",
        privileged_enable=found[6] == "+",
    )


def parse_sriov(text: CapabilityText) -> SRIOVCapability | None:
    """Read the SR-IOV capability; None if its numbers are not all there.  Pure."""
    body = text.body
    counts = re.search(
        r"Initial VFs: (\d{1,5}), Total VFs: (\d{1,5}), Number of VFs: (\d{1,5})", body
    )
    place = re.search(r"VF offset: (\d{1,5}), stride: (\d{1,5}), Device ID: ([0-9a-f]{1,4})", body)
    if counts is None or place is None:
        return None
    link = _number(r"Function Dependency Link: ([0-9a-f]{1,2})", body, base=16)
    pages = _number(r"Supported Page Size: ([0-9a-f]{1,8})", body, base=16)
    page = _number(r"System Page Size: ([0-9a-f]{1,8})", body, base=16)
    capability = SRIOVCapability(
        total_vfs=int(counts[2]),
        initial_vfs=int(counts[1]),
        num_vfs=int(counts[3]),
        first_vf_offset=int(place[1]),
        vf_stride=int(place[2]),
        vf_device_id=int(place[3], 16),
        dependency_link=link or 0,
        vf_bars=parse_regions(body[place.end() :]),
        offset=text.offset,
    )
    if pages is not None and page is not None:
        capability = capability._replace(supported_page_size_mask=pages, system_page_size_mask=page)
    return _with_sriov_flags(capability, body)


def _with_sriov_flags(capability: SRIOVCapability, body: str) -> SRIOVCapability:
    message = re.search(r"(?:Interrupt Message Number:|IntMsgNum) ([0-9a-f]{1,3})", body)
    array = re.search(r"VF Migration: offset: ([0-9a-f]{1,8}), BIR: ([0-9a-f])", body)
    control = re.search(r"IOVCtl: ?((?:\w{1,16}[+-] ?){1,8})", body)
    words = control[1].split() if control else []
    return capability._replace(
        vf_enable="Enable+" in words,
        vf_migration_enable="Migration+" in words,
        migration_interrupt_enable="Interrupt+" in words,
        vf_mse="MSE+" in words,
        ari_capable_hierarchy="ARIHierarchy+" in words,
        vf_migration_capable=bool(_flag(r"IOVCap: ?Migration([+-])", body)),
        status=int(bool(_flag(r"IOVSta: ?Migration([+-])", body))),
        migration_interrupt_message=int(message[1], 16) if message else 0,
        migration_array_offset=int(array[1], 16) if array else 0,
        migration_array_bar=int(array[2], 16) if array else 0,
    )


def parse_regions(body: str) -> tuple[BAR, ...]:
    """Read the VF BARs of an SR-IOV capability.  Pure."""
    bars = []
    for index, address, width, non in _REGION.findall(body):
        at = 0 if address.startswith("<") else int(address, 16)
        bars.append(BAR(int(index), at or None, 64 if width == "64" else 32, not non))
    return tuple(bars)


def parse_vf_resizable_bars(text: CapabilityText) -> tuple[ResizableBAR, ...] | None:
    """Read the VF Resizable BAR capability; None if its lines are not there.  Pure."""
    found = [
        ResizableBAR(int(bar), parse_size(size), tuple(filter(None, map(parse_size, all_.split()))))
        for bar, size, all_ in _RESIZABLE.findall(text.body)
    ]
    return tuple(found) or None


def _number(pattern: str, body: str, *, base: int = 10) -> int | None:
    match = re.search(pattern, body)
    return None if match is None else int(match[1], base)


def _speed(pattern: str, body: str) -> float | None:
    match = re.search(pattern, body)
    return None if match is None else float(match[1])


def _flag(pattern: str, body: str) -> bool | None:
    match = re.search(pattern, body)
    return None if match is None else match[1] == "+"
