"""Decode the ACPI tables that tell of IOMMUs: DMAR (Intel), IVRS (AMD), IORT (Arm).

A table may be cut or damaged; whatever was understood before the damage is kept, and ``problems``
says where it ends.

Sources: Intel VT-d specification, chapter "BIOS Considerations"; AMD I/O Virtualization
Technology (IOMMU) Specification, chapter "I/O Virtualization ACPI Table"; Arm DEN0049 (IORT).
"""

from __future__ import annotations

from struct import unpack_from

from sriovctl.model.acpi import (
    IVHD,
    DeviceScope,
    DMARTable,
    IORTTable,
    IVHDEntry,
    IVRSTable,
    RemappingUnit,
    ReservedRegion,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_FIRST_STRUCTURE = 48  # of DMAR and IVRS alike
_DRHD, _RMRR = 0, 1
_DRHD_HEADER, _RMRR_HEADER, _SCOPE_HEADER = 16, 24, 6
_IVHD_HEADERS = {0x10: 24, 0x11: 40, 0x40: 40}
_IORT_NODE_HEADER = 16

# Entries of an IVHD.
_ALL, _SELECT, _RANGE, _RANGE_END = 0x01, 0x02, 0x03, 0x04
_ALIAS, _ALIAS_RANGE, _EXT_SELECT, _EXT_RANGE = 0x42, 0x43, 0x46, 0x47
_ACPI_HID = 0xF0
_ACPI_HID_HEADER = 22


def parse_dmar(data: bytes) -> DMARTable:
    """Decode the DMAR table.  Pure; never raises.

    :param data: the whole table, from its signature.
    """
    units: list[RemappingUnit] = []
    regions: list[ReservedRegion] = []
    problems = _header_problems(data, "DMAR")
    for kind, body in _structures(data, size_format="<HH", problems=problems):
        if kind == _DRHD and len(body) >= _DRHD_HEADER:
            flags, _, segment, register = unpack_from("<BBHQ", body, 4)
            scopes = _scopes(body[_DRHD_HEADER:], problems)
            units.append(RemappingUnit(segment, register, bool(flags & 1), scopes))
        elif kind == _RMRR and len(body) >= _RMRR_HEADER:
            _, segment, start, end = unpack_from("<HHQQ", body, 4)
            regions.append(
                ReservedRegion(segment, start, end, _scopes(body[_RMRR_HEADER:], problems))
            )
    return DMARTable(
        flags=data[37] if len(data) > 37 else 0,
        units=tuple(units),
        reserved_regions=tuple(regions),
        checksum_ok=_checksum_ok(data),
        problems=tuple(problems),
    )


def _scopes(data: bytes, problems: list[str]) -> tuple[DeviceScope, ...]:
    scopes = []
    at = 0
    while at + _SCOPE_HEADER <= len(data):
        kind, size, _, _, enumeration_id, start_bus = unpack_from("<BBBBBB", data, at)
        if size < _SCOPE_HEADER or at + size > len(data):
            problems.append(f"a device scope of {size} bytes does not fit its structure")
            break
        path = data[at + _SCOPE_HEADER : at + size]
        hops = tuple(zip(path[::2], path[1::2], strict=False))
        scopes.append(DeviceScope(kind, enumeration_id, start_bus, hops))
        at += size
    return tuple(scopes)


def parse_ivrs(data: bytes) -> IVRSTable:
    """Decode the IVRS table.  Pure; never raises.

    :param data: the whole table, from its signature.
    """
    problems = _header_problems(data, "IVRS")
    ivhds = []
    for kind, body in _structures(data, size_format="<BxH", problems=problems):
        header = _IVHD_HEADERS.get(kind)
        if header is not None and len(body) >= header:
            routing_id, _, register, segment = unpack_from("<HHQH", body, 4)
            entries = _merge_ranges(_ivhd_records(body[header:], problems))
            ivhds.append(IVHD(kind, segment, routing_id, register, entries))
    return IVRSTable(
        info=unpack_from("<I", data, 36)[0] if len(data) >= 40 else 0,
        ivhds=tuple(ivhds),
        checksum_ok=_checksum_ok(data),
        problems=tuple(problems),
    )


def _ivhd_records(data: bytes, problems: list[str]) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        size = _ivhd_record_size(data, at)
        if at + size > len(data):
            problems.append(f"IVHD entry {data[at]:02x} does not fit its structure")
            return
        yield data[at : at + size]
        at += size


def _ivhd_record_size(data: bytes, at: int) -> int:
    # The two highest bits of the type give the size; ACPI names have a length of their own.
    if data[at] == _ACPI_HID:
        room = at + _ACPI_HID_HEADER <= len(data)
        return _ACPI_HID_HEADER + (data[at + _ACPI_HID_HEADER - 1] if room else 0)
    return 4 << (data[at] >> 6)


def _merge_ranges(records: Iterator[bytes]) -> tuple[IVHDEntry, ...]:
    # A range is two records: its start, with what applies to all of it, and its end.
    entries = []
    start: IVHDEntry | None = None
    for record in records:
        kind, routing_id, flags = unpack_from("<BHB", record)
        alias = unpack_from("<H", record, 5)[0] if kind in (_ALIAS, _ALIAS_RANGE) else None
        if kind == _ALL:
            entries.append(IVHDEntry(0, 0xFFFF, data=flags))
        elif kind in (_SELECT, _ALIAS, _EXT_SELECT):
            entries.append(IVHDEntry(routing_id, routing_id, alias, flags))
        elif kind in (_RANGE, _ALIAS_RANGE, _EXT_RANGE):
            start = IVHDEntry(routing_id, routing_id, alias, flags)
        elif kind == _RANGE_END and start is not None:
            entries.append(start._replace(last_routing_id=routing_id))
            start = None
    return tuple(entries)


def parse_iort(data: bytes) -> IORTTable:
    """Decode which nodes the IORT table has.  Pure; never raises.

    :param data: the whole table, from its signature.
    """
    problems = _header_problems(data, "IORT")
    kinds = []
    count, at = unpack_from("<II", data, 36) if len(data) >= 44 else (0, 0)
    for _ in range(count):
        if at + _IORT_NODE_HEADER > len(data):
            problems.append("the table ends before its last node")
            break
        kind, size = unpack_from("<BH", data, at)
        if size < _IORT_NODE_HEADER:
            problems.append(f"a node says that it has {size} bytes")
            break
        kinds.append(kind)
        at += size
    return IORTTable(tuple(kinds), _checksum_ok(data), tuple(problems))


def _header_problems(data: bytes, signature: str) -> list[str]:
    if data[:4] != signature.encode():
        return [f"the table does not begin with {signature}"]
    if len(data) < 8:
        return ["the table ends within its header"]
    stated: int = unpack_from("<I", data, 4)[0]
    return [] if stated == len(data) else [f"{len(data)} bytes, but the header says {stated}"]


def _structures(
    data: bytes, *, size_format: str, problems: list[str]
) -> Iterator[tuple[int, bytes]]:
    # DMAR and IVRS are chains of structures that begin with a type and a size.
    at = _FIRST_STRUCTURE
    while at + 4 <= len(data):
        kind, size = unpack_from(size_format, data, at)
        if size < 4 or at + size > len(data):
            problems.append(f"the structure at {at:#x} does not fit the table")
            return
        yield kind, data[at : at + size]
        at += size


def _checksum_ok(data: bytes) -> bool:
    return sum(data) & 0xFF == 0
