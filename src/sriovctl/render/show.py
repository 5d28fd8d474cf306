"""One PCI function for a person: each value, and what it means here."""

from __future__ import annotations

from sriovctl.errors import UnsupportedError
from sriovctl.model.address import vf_address
from sriovctl.model.capabilities import ACS_NAMES, acs_mask, acs_names
from sriovctl.render.table import format_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sriovctl.model.capabilities import (
        BAR,
        ACSCapability,
        ARICapability,
        ConfigSpace,
        ExpressCapability,
        Header,
        SRIOVCapability,
    )
    from sriovctl.model.description import FunctionDescription

    Row = tuple[str, str, str]  # what, its value, what that means here

_UNITS = ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))
_REQUIRED_ACS = acs_mask(("SV", "RR", "CR", "UF"))  # what the kernel asks for isolation
_INTEGRATED_ENDPOINT = 9
_PORTS_WITH_BUS_BELOW = (4, 6)  # Express types that may forward ARI
_ACS_MEANINGS = {
    "SV": ("Source Validation", "a request from below must carry an address from below"),
    "TB": ("Translation Blocking", "requests that claim to be translated already are blocked"),
    "RR": ("P2P Request Redirect", "requests between neighbours go up, through the IOMMU"),
    "CR": ("P2P Completion Redirect", "answers between neighbours go up as well"),
    "UF": ("Upstream Forwarding", "requests that came up are not turned round below"),
    "EC": ("P2P Egress Control", "a table says who may talk to whom"),
    "DT": ("Direct Translated P2P", "translated requests may go straight to a neighbour"),
}
_SHOWN = {  # capabilities with a section of their own: (id, extended)
    (0x05, False), (0x10, False), (0x11, False), (0x0D, True), (0x0E, True), (0x0F, True),
    (0x10, True), (0x13, True), (0x1B, True), (0x24, True),
}  # fmt: skip


def format_function(function: FunctionDescription) -> str:
    """Show one function: what it is, its capabilities, and what could not be seen.  Pure."""
    config = function.config
    blocks = ["\n".join(_head(function))]
    if config.express is not None:
        blocks.append(_section("PCI Express", config.express.offset, _express(config.express)))
    if config.sriov is not None:
        blocks.append(_section("SR-IOV", config.sriov.offset, _sriov(function, config.sriov)))
    if config.acs is not None:
        blocks.append(_section("ACS", config.acs.offset, _acs(config.acs)))
    if config.ari is not None:
        blocks.append(_section("ARI", config.ari.offset, _ari(function, config.ari)))
    if rows := [*_interrupts(config), *_translation(config)]:
        blocks.append(_section("Interrupts and address translation", None, rows))
    if config.header is not None and config.header.bars:
        blocks.append(_section("BARs", None, map(_bar, config.header.bars)))
    blocks.append("\n".join(_tail(function)))
    return "\n\n".join(block for block in blocks if block)


def _section(title: str, offset: int | None, rows: Iterable[Row]) -> str:
    head = title if offset is None else f"{title} (capability at {offset:03x})"
    return "\n".join([head, *(_line(row) for row in rows)])


def _line(row: Row) -> str:
    what, value, meaning = row
    return f"   {what:<26}  {value:<24}  {meaning}".rstrip()


def _head(function: FunctionDescription) -> Iterator[str]:
    ids = f" [{function.vendor_id}:{function.device_id}]" if function.vendor_id else ""
    yield f"{function.address}  {function.name or 'unnamed'}{ids}"
    facts = [
        f"class {format_value(function.pci_class)}",
        f"driver {format_value(function.driver)}",
        f"netdev {format_value(function.netdev)}",
        f"IOMMU group {format_value(function.iommu_group)}",
        f"NUMA node {format_value(function.numa_node)}",
    ]
    yield "   " + "   ".join(facts)
    if function.pf_address is not None:
        yield f"   VF {format_value(function.vf_index)} of PF {function.pf_address}"
    header = function.config.header
    if function.config.serial_number is not None:
        yield f"   serial number {function.config.serial_number}"
    if header is not None:
        yield from _place(function, header)


def _place(function: FunctionDescription, header: Header) -> Iterator[str]:
    if header.bridge is not None:
        _, first, last = header.bridge
        yield f"   bridge to buses {first:02x}-{last:02x}"
    above = f"below bridge {function.bridge_above}" if function.bridge_above else "on a root bus"
    yield f"   {above}" + (", multifunction device" if header.multifunction else "")


def _express(express: ExpressCapability) -> Iterator[Row]:
    slot = "with a slot" if express.slot_implemented else ""
    yield "type", express.type_name, slot
    if express.max_link_width is not None:
        now = _link(express.link_speed_gts, express.link_width)
        best = _link(express.max_link_speed_gts, express.max_link_width)
        yield "link", now, f"can do {best}"
    yield "payload", _size(express.max_payload_bytes), (
        f"can do {_size(express.max_payload_supported_bytes)}"
    )  # fmt: skip
    if express.port_type in _PORTS_WITH_BUS_BELOW:
        yield _ari_forwarding(express)
    else:
        yield "function reset (FLR)", "yes" if express.flr else "no", (
            "can be reset alone before somebody else gets it"
            if express.flr
            else "cannot be reset alone that way; the kernel must find another one"
        )  # fmt: skip


def _link(speed_gts: float | None, width: int | None) -> str:
    speed = "unknown speed" if speed_gts is None else f"{speed_gts:g} GT/s"
    return f"x{width} at {speed}" if width else f"down, {speed}"


def _ari_forwarding(express: ExpressCapability) -> Row:
    if express.ari_forwarding_enable:
        return "ARI forwarding", "on", "the device below may use function numbers up to 255"
    if express.ari_forwarding_supported:
        return "ARI forwarding", "off", "supported; the kernel turns it on for a device with ARI"
    if express.ari_forwarding_supported is None:
        return "ARI forwarding", "unknown", ""
    return "ARI forwarding", "not supported", "VFs below must use more bus numbers"


def _sriov(function: FunctionDescription, sriov: SRIOVCapability) -> Iterator[Row]:
    yield _count(function, sriov)
    if sriov.initial_vfs != sriov.total_vfs and not sriov.vf_migration_capable:
        yield "InitialVFs", str(sriov.initial_vfs), (
            f"must equal TotalVFs {sriov.total_vfs}: the kernel will refuse (EIO)"
        )  # fmt: skip
    yield "VF Enable", _on(sriov.vf_enable), "VFs exist" if sriov.vf_enable else "no VF exists"
    yield "VF Memory Space (MSE)", _on(sriov.vf_mse), (
        "VFs answer at their BARs" if sriov.vf_mse else "VFs do not answer at their BARs"
    )  # fmt: skip
    yield _hierarchy(sriov)
    yield from _addresses(function, sriov)
    yield "VF ids", f"{function.vendor_id or 'vendor'}:{sriov.vf_device_id:04x}", (
        "by which a VF's driver knows it (the VF itself reads ffff)"
    )  # fmt: skip
    yield "system page size", _size(sriov.system_page_size), (
        f"VF BARs are multiples of it; supported: {_sizes(sriov.supported_page_sizes)}"
    )  # fmt: skip
    yield from (_vf_bar(bar, sriov.total_vfs) for bar in sriov.vf_bars)
    yield from _resizable(function.config)
    yield from _dependencies(function, sriov)


def _count(function: FunctionDescription, sriov: SRIOVCapability) -> Row:
    value = f"{sriov.num_vfs if sriov.vf_enable else 0} of {sriov.total_vfs}"
    allowed = function.sriov_total_vfs
    if allowed is None:
        return "VFs enabled", value, "but the kernel does not use this function as a PF"
    if allowed == sriov.total_vfs:
        return "VFs enabled", value, f"at most {allowed} (sriov_totalvfs)"
    return "VFs enabled", value, f"but the driver allows at most {allowed} (sriov_totalvfs)"


def _hierarchy(sriov: SRIOVCapability) -> Row:
    if sriov.ari_capable_hierarchy:
        return "ARI hierarchy", "on", "VFs may use function numbers up to 255: fewer buses needed"
    # The kernel sets the bit only for the first PF of a bus, and not on root buses.
    return "ARI hierarchy", "off", "no ARI above, or another PF of this bus has the bit"


def _addresses(function: FunctionDescription, sriov: SRIOVCapability) -> Iterator[Row]:
    value = f"offset {sriov.first_vf_offset}, stride {sriov.vf_stride}"
    count = sriov.num_vfs if sriov.vf_enable else function.sriov_total_vfs or sriov.total_vfs
    if count == 0 or sriov.first_vf_offset == 0:
        yield "VF addresses", value, "no VF can have an address"
        return
    meaning = f"VF 0 is {_vf_address(function, sriov, 0)}"
    if count > 1:
        meaning += f", VF {count - 1} is {_vf_address(function, sriov, count - 1)}"
    if not sriov.vf_enable:
        meaning += "; a forecast, as the card may change it when VFs are enabled"
    yield "VF addresses", value, meaning


def _vf_address(function: FunctionDescription, sriov: SRIOVCapability, vf_index: int) -> str:
    offset, stride = sriov.first_vf_offset, sriov.vf_stride
    try:
        return str(vf_address(function.address, vf_index, first_vf_offset=offset, vf_stride=stride))
    except UnsupportedError:
        return "beyond bus ff, which cannot be"


def _vf_bar(bar: BAR, total_vfs: int) -> Row:
    what = f"VF BAR {bar.bar_index}"
    if bar.address is None:
        return what, "no address", "VFs cannot be enabled without"
    value = f"{_size(bar.size)} per VF"
    reserved = "" if bar.size is None else f"{_size(bar.size * total_vfs)} for {total_vfs} VFs "
    return what, value, f"{reserved}at {bar.address:#x}, {_kind(bar)}"


def _kind(bar: BAR) -> str:
    if bar.is_io:
        return "I/O ports"
    prefetchable = "prefetchable" if bar.prefetchable else "not prefetchable"
    below = "" if bar.prefetchable or bar.width == 32 else " (behind a bridge: below 4 GiB)"
    return f"{bar.width} bits, {prefetchable}{below}"


def _resizable(config: ConfigSpace) -> Iterator[Row]:
    for bar in config.vf_resizable_bars or ():
        meaning = f"can be chosen: {_sizes(bar.supported_sizes)}"
        yield f"VF BAR {bar.bar_index} size", _size(bar.size), meaning


def _dependencies(function: FunctionDescription, sriov: SRIOVCapability) -> Iterator[Row]:
    own, link = function.address.routing_id & 0xFF, sriov.dependency_link
    express = function.config.express
    if express is not None and express.port_type == _INTEGRATED_ENDPOINT:
        link = own & 0xF8 | link & 7  # there it is a function of the same device (sriov_init)
    if link != own:
        yield "depends on function", f"{link >> 3:02x}.{link & 7}", "the kernel must find that PF"
    if sriov.vf_migration_capable:
        yield (
            "VF migration",
            _on(sriov.vf_migration_enable),
            "of the SR-IOV standard; Linux has none",
        )


def _acs(acs: ACSCapability) -> Iterator[Row]:
    # The kernel's register test (pci_acs_flags_enabled): what is not offered counts as wired on.
    missing = _REQUIRED_ACS & acs.capabilities & ~acs.control
    if missing:
        off = f"{' '.join(acs_names(missing))} off"
        yield "isolation", off, "the kernel turns SV RR CR UF on at boot when the IOMMU is on"
    else:
        yield "isolation", "on", "all that it offers of SV RR CR UF is on"
    for name in ACS_NAMES:
        bit = acs_mask((name,))
        words, meaning = _ACS_MEANINGS[name]
        offered = _on(bool(acs.control & bit)) if acs.capabilities & bit else "not offered"
        yield f"{name} {words}", offered, meaning


def _ari(function: FunctionDescription, ari: ARICapability) -> Iterator[Row]:
    following = str(ari.next_function) if ari.next_function else "none"
    yield "next function", following, "the chain by which the kernel finds functions under ARI"
    if function.bridge_above is None:
        yield "in use", "no", "there is no ARI on a root bus"
    elif function.bridge_forwards_ari is None:
        yield "in use", "unknown", f"bridge {function.bridge_above} does not show it"
    else:
        value = "yes" if function.bridge_forwards_ari else "no"
        state = "forwards" if function.bridge_forwards_ari else "does not forward"
        yield "in use", value, f"bridge {function.bridge_above} {state} ARI"


def _interrupts(config: ConfigSpace) -> Iterator[Row]:
    if (msix := config.msix) is not None:
        state = "masked" if msix.enabled and msix.masked else _on(msix.enabled)
        yield "MSI-X", f"{_vectors(msix.vectors)}, {state}", f"table in BAR {msix.table_bar}"
    if (msi := config.msi) is not None:
        value = f"{_vectors(msi.vectors)}, {_on(msi.enabled)}"
        yield "MSI", value, "" if msi.maskable else "cannot be masked one by one"


def _vectors(count: int) -> str:
    return "1 vector" if count == 1 else f"{count} vectors"


def _translation(config: ConfigSpace) -> Iterator[Row]:
    if (ats := config.ats) is not None:
        yield "ATS", _on(ats.enabled), "keeps IOMMU translations of its own"
    if (pri := config.pri) is not None:
        yield "PRI", _on(pri.enabled), f"may ask for up to {pri.capacity} absent pages"
    if (pasid := config.pasid) is not None:
        yield "PASID", _on(pasid.enabled), f"works in up to 2^{pasid.width} address spaces"


def _bar(bar: BAR) -> Row:
    place = "no address" if bar.address is None else f"at {bar.address:#x}"
    return f"BAR {bar.bar_index}", _size(bar.size), f"{place}, {_kind(bar)}"


def _tail(function: FunctionDescription) -> Iterator[str]:
    config = function.config
    others = [e for e in config.capabilities if (e.id, e.extended) not in _SHOWN]
    if others:
        yield "also: " + ", ".join(f"{e.name} ({e.offset:02x})" for e in others)
    yield from _absent(config)
    yield from (f"note: {note}" for note in function.notes)


def _absent(config: ConfigSpace) -> Iterator[str]:
    # Absence means something only where it is known.
    if not config.knows_extended or config.express is None:
        return
    if config.acs is None and config.express.port_type in (4, 5, 6):
        yield (
            "no ACS: unless the kernel knows this device to isolate anyway, all below it share an "
            "IOMMU group ('sriovctl groups')"
        )


def _on(state: bool) -> str:
    return "on" if state else "off"


def _sizes(sizes: Iterable[int]) -> str:
    return ", ".join(_size(size) for size in sizes) or "none"


def _size(size: int | None) -> str:
    if size is None:
        return "unknown"
    for unit, name in _UNITS:
        if size >= unit and size % unit == 0:
            return f"{size // unit} {name}"
    return f"{size} bytes"
