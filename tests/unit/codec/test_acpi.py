"""DMAR, IVRS and IORT tables: recorded ones, made ones, and broken ones."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriovctl.codec.acpi import parse_dmar, parse_iort, parse_ivrs
from sriovctl.model.acpi import (
    DMAR_INTERRUPT_REMAPPING,
    IORT_ROOT_COMPLEX,
    IORT_SMMU_V3,
    SCOPE_BRIDGE,
    SCOPE_ENDPOINT,
    SCOPE_IO_APIC,
    DeviceScope,
    IVHDEntry,
)


def table(signature: str, body: bytes) -> bytes:
    """Put a header before *body*, with the right length and checksum."""
    header = signature.encode() + struct.pack("<IBB", 36 + len(body), 1, 0) + bytes(26)
    data = bytearray(header + body)
    data[9] = -sum(data) & 0xFF
    return bytes(data)


def scope(kind: int, identity: int, bus: int, *path: int) -> bytes:
    return bytes([kind, 6 + len(path), 0, 0, identity, bus, *path])


def drhd(scopes: bytes, *, flags: int = 0, segment: int = 0) -> bytes:
    return struct.pack("<HHBBHQ", 0, 16 + len(scopes), flags, 0, segment, 0xFED90000) + scopes


def dmar(*structures: bytes, flags: int = 1) -> bytes:
    return table("DMAR", bytes([38, flags]) + bytes(10) + b"".join(structures))


def ivhd(entries: bytes, *, kind: int = 0x11, routing_id: int = 2) -> bytes:
    head = struct.pack("<BBHHHQHHI", kind, 0, 0, routing_id, 64, 0xFEB80000, 0, 0, 0)
    head += bytes(16 if kind != 0x10 else 0)
    return head[:2] + struct.pack("<H", len(head) + len(entries)) + head[4:] + entries


def ivrs(*blocks: bytes) -> bytes:
    return table("IVRS", bytes(12) + b"".join(blocks))


def test_a_dmar_with_two_units_and_a_reserved_region() -> None:
    rmrr_scope = scope(SCOPE_ENDPOINT, 0, 0, 0x14, 0)
    rmrr = struct.pack("<HHHHQQ", 1, 24 + len(rmrr_scope), 0, 0, 0x1000, 0x1FFF) + rmrr_scope
    read = parse_dmar(
        dmar(
            drhd(scope(SCOPE_BRIDGE, 0, 0, 1, 0, 0, 0)),
            drhd(scope(SCOPE_IO_APIC, 2, 0xF0, 0x1F, 0), flags=1, segment=1),
            rmrr,
        )
    )
    assert read.problems == ()
    assert read.checksum_ok
    assert read.flags == DMAR_INTERRUPT_REMAPPING
    first, second = read.units
    assert (first.segment, first.register, first.include_all) == (0, 0xFED90000, False)
    assert first.scopes == (DeviceScope(SCOPE_BRIDGE, 0, 0, ((1, 0), (0, 0))),)
    assert (second.segment, second.include_all) == (1, True)
    assert second.scopes[0].enumeration_id == 2
    (region,) = read.reserved_regions
    assert (region.start, region.end) == (0x1000, 0x1FFF)
    assert region.scopes[0].path == ((0x14, 0),)


def test_ivrs_ranges_and_aliases() -> None:
    entries = (
        bytes([2, 0x08, 0, 7])  # 00:01.0 alone
        + bytes([3, 0x00, 1, 0, 4, 0xFF, 1, 0])  # all of bus 01
        + bytes([0x42, 0x10, 3, 0, 0, 0x00, 2, 0])  # 03:02.0 speaks as 02:00.0
        + bytes([0x43, 0x00, 5, 0, 0, 0x00, 4, 0, 4, 0xFF, 5, 0])  # bus 05 speaks as 04:00.0
        + bytes([0x46, 0x18, 0, 0, 0, 0, 0, 0])
        + bytes([0x48, 0, 0, 0, 1, 0xA0, 0, 1])  # an I/O APIC covers nothing
        + bytes([0xF0, 0x20, 0, 0])
        + b"AMDI0020"
        + bytes(8)
        + bytes([2, 3])
        + b"abc"
        + bytes([2, 0x30, 0, 0])
    )
    (block,) = parse_ivrs(ivrs(ivhd(entries))).ivhds
    assert block.routing_id == 2
    assert block.entries == (
        IVHDEntry(0x08, 0x08, None, 7),
        IVHDEntry(0x100, 0x1FF),
        IVHDEntry(0x310, 0x310, 0x200),
        IVHDEntry(0x500, 0x5FF, 0x400),
        IVHDEntry(0x18, 0x18),
        IVHDEntry(0x30, 0x30),
    )
    assert block.covers(0x150)
    assert not block.covers(0x00)


def test_all_covers_everything_and_the_highest_type_counts() -> None:
    everything = bytes([1, 0, 0, 0])
    read = parse_ivrs(
        ivrs(ivhd(b"", kind=0x10), ivhd(everything, kind=0x11), ivhd(b"", kind=0x10, routing_id=9))
    )
    assert [block.type for block in read.effective] == [0x11]
    assert read.effective[0].covers(0xFFFF)
    assert parse_ivrs(ivrs()).effective == ()


def test_iort_counts_smmus() -> None:
    nodes = b"".join(
        struct.pack("<BHB", kind, 20, 0) + bytes(16) for kind in (IORT_ROOT_COMPLEX, IORT_SMMU_V3)
    )
    read = parse_iort(table("IORT", struct.pack("<III", 2, 48, 0) + nodes))
    assert read.node_types == (IORT_ROOT_COMPLEX, IORT_SMMU_V3)
    assert read.smmus == 1
    assert read.problems == ()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "does not begin with DMAR"),
        (b"DMAR", "within its header"),
        (dmar(drhd(b""))[:-3], "the header says"),
        (dmar(b"\0\0\0\0"), "does not fit the table"),
        (dmar(drhd(scope(1, 0, 0, 1, 0)[:6])), "does not fit its structure"),
    ],
)
def test_broken_tables_say_so(data: bytes, words: str) -> None:
    assert words in " ".join(parse_dmar(data).problems)


def test_a_wrong_checksum_is_noticed() -> None:
    assert not parse_dmar(dmar(drhd(b""), flags=1)[:-1] + b"\1").checksum_ok


def test_broken_iorts_say_so() -> None:
    assert (
        "before its last node"
        in parse_iort(table("IORT", struct.pack("<III", 2, 48, 0))).problems[0]
    )
    assert (
        "says that it has 0 bytes"
        in parse_iort(table("IORT", struct.pack("<III", 1, 48, 0) + bytes(16))).problems[0]
    )


@given(st.binary(max_size=200), st.integers(0, 200))
def test_no_bytes_make_it_fail(noise: bytes, cut: int) -> None:
    for parse, whole in (
        (parse_dmar, dmar(drhd(noise[:60]), noise)),
        (parse_ivrs, ivrs(ivhd(noise), noise)),
        (parse_iort, table("IORT", noise)),
    ):
        parse(whole)
        parse(whole[:cut])
        parse(noise)
