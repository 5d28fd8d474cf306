"""Decode a function's configuration space.

The input may be cut (the kernel shows 64 bytes without root, and 256 where extended space cannot
be reached), recorded badly, or come from a device that dies meanwhile; whatever it is, the answer
is a :class:`ConfigSpace` that says what is known and, in ``problems``, what cannot be true.

Sources: PCI Local Bus Specification 3.0, PCI-to-PCI Bridge Specification 1.2, PCIe Base
Specification; register numbers as in the kernel's ``include/uapi/linux/pci_regs.h``.
"""

from __future__ import annotations

from sriovctl.codec.capability_names import EXTENDED_CAPABILITIES, NORMAL_CAPABILITIES
from sriovctl.model.capabilities import (
    BAR,
    ACSCapability,
    ARICapability,
    ATSCapability,
    Bridge,
    CapabilityEntry,
    ConfigSpace,
    ExpressCapability,
    Header,
    MSICapability,
    MSIXCapability,
    PASIDCapability,
    PRICapability,
    ResizableBAR,
    SRIOVCapability,
    serial_number,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    T = TypeVar("T")

_HEADER_SIZE = 64
_NORMAL_SIZE = 256  # end of the space that conventional PCI knows
_FULL_SIZE = 4096
_NO_LINK = (9, 10)  # Express types inside the root complex
_VF_BAR_LINES = slice(7, 13)  # in sysfs' resource file: after six BARs and the ROM
_LINK_SPEEDS_GTS = {1: 2.5, 2: 5.0, 3: 8.0, 4: 16.0, 5: 32.0, 6: 64.0}


def decode_config(data: bytes) -> ConfigSpace:
    """Decode configuration space of any length.  Pure; never raises.

    :param data: what sysfs' ``config`` or a dump holds, from offset 0.
    """
    if len(data) < _HEADER_SIZE:
        return ConfigSpace(
            header=None,
            truncated_at=len(data),
            problems=(f"only {len(data)} bytes of config space, less than a header",),
        )
    if data[:_HEADER_SIZE].count(0xFF) == _HEADER_SIZE:
        return ConfigSpace(
            header=None, problems=("every byte reads ff: no device answers at this address",)
        )
    return _Decoder(data).decode()


class _Decoder:
    # Carries the bytes, the capabilities found and the problems through one decoding.

    def __init__(self, data: bytes) -> None:
        self._data = data[:_FULL_SIZE]
        self._problems: list[str] = []
        self._found: list[CapabilityEntry] = []

    def decode(self) -> ConfigSpace:
        header = _decode_header(self._data)
        self._walk_normal(header)
        self._walk_extended()
        express = self._first(0x10, 0x0C, _decode_express, extended=False, room=0x3C)
        return ConfigSpace(
            header=header,
            capabilities=tuple(self._found),
            express=express,
            msi=self._first(0x05, 0x04, _decode_msi, extended=False),
            msix=self._first(0x11, 0x0C, _decode_msix, extended=False),
            acs=self._first(0x0D, 0x08, _decode_acs, room=0x0C),
            ari=self._first(0x0E, 0x08, _decode_ari),
            ats=self._first(0x0F, 0x08, _decode_ats),
            pri=self._first(0x13, 0x10, _decode_pri),
            pasid=self._first(0x1B, 0x08, _decode_pasid),
            serial_number=self._first(0x03, 0x0C, _decode_serial_number),
            sriov=self._first(0x10, 0x40, _decode_sriov),
            vf_resizable_bars=self._first(0x24, 0x0C, _decode_vf_resizable_bars, room=0x34),
            truncated_at=self._truncated_at(is_express=self._has_express()),
            problems=tuple(self._problems),
        )

    def _has_express(self) -> bool:
        return any(e.id == 0x10 and not e.extended for e in self._found)

    def _truncated_at(self, *, is_express: bool) -> int | None:
        size = len(self._data)
        if size < _NORMAL_SIZE:
            return size
        unreachable = self._data[0x100:0x104] == b"\xff\xff\xff\xff"
        if not is_express or (size == _FULL_SIZE and not unreachable):
            return None
        return _NORMAL_SIZE if unreachable else size

    def _walk_normal(self, header: Header) -> None:
        if not header.has_capability_list:
            return
        # CardBus bridges keep the first pointer elsewhere (header type 2).
        pointer = self._data[0x14 if header.header_type == 2 else 0x34]
        seen: set[int] = set()
        limit = min(len(self._data), _NORMAL_SIZE)
        # The two lowest bits are reserved; the kernel masks them too.
        while (offset := pointer & 0xFC) and offset + 2 <= limit:
            if not self._is_fresh(offset, seen, lowest=_HEADER_SIZE, kind="capability"):
                return
            identity, pointer = self._data[offset], self._data[offset + 1]
            if identity == 0xFF:
                self._problems.append(f"capability at {offset:02x} reads ff: the chain is broken")
                return
            name = NORMAL_CAPABILITIES.get(identity, "unknown")
            self._found.append(CapabilityEntry(identity, offset, False, None, name))

    def _walk_extended(self) -> None:
        offset = _NORMAL_SIZE
        seen: set[int] = set()
        while offset and offset + 4 <= len(self._data):
            if not self._is_fresh(offset, seen, lowest=_NORMAL_SIZE, kind="extended capability"):
                return
            head = _number(self._data, offset, 4)
            if head == 0xFFFFFFFF:
                self._problems.append(f"extended capability at {offset:03x} reads ff: unreachable")
                return
            if head == 0:  # the end of an empty list
                return
            identity, version = head & 0xFFFF, head >> 16 & 0xF
            name = EXTENDED_CAPABILITIES.get(identity, "unknown")
            self._found.append(CapabilityEntry(identity, offset, True, version, name))
            offset = head >> 20 & 0xFFC

    def _is_fresh(self, offset: int, seen: set[int], *, lowest: int, kind: str) -> bool:
        if offset < lowest:
            self._problems.append(f"{kind} pointer {offset:02x} leads out of the list's space")
            return False
        if offset in seen:
            self._problems.append(f"{kind} list loops back to {offset:02x}")
            return False
        seen.add(offset)
        return True

    def _first(
        self,
        identity: int,
        least: int,
        decode: Callable[[bytes, int], T],
        *,
        extended: bool = True,
        room: int | None = None,
    ) -> T | None:
        # The first one counts, as in the kernel's pci_find_capability().  *decode* gets at least
        # *least* bytes from the capability's start, and up to *room*.
        for entry in self._found:
            if entry.id == identity and entry.extended == extended:
                break
        else:
            return None
        end = len(self._data) if extended else min(len(self._data), _NORMAL_SIZE)
        body = self._data[entry.offset : min(end, entry.offset + (room or least))]
        if len(body) < least:
            self._problems.append(f"{entry.name} at {entry.offset:02x} runs out of config space")
            return None
        return decode(body, entry.offset)


def _number(data: bytes, offset: int, size: int) -> int:
    return int.from_bytes(data[offset : offset + size], "little")


def _decode_header(data: bytes) -> Header:
    header_type = data[0x0E] & 0x7F
    return Header(
        vendor_id=_number(data, 0x00, 2),
        device_id=_number(data, 0x02, 2),
        class_code=_number(data, 0x09, 3),
        revision=data[0x08],
        header_type=header_type,
        multifunction=bool(data[0x0E] & 0x80),
        command=_number(data, 0x04, 2),
        status=_number(data, 0x06, 2),
        bars=_decode_bars(data, 0x10, count={0: 6, 1: 2}.get(header_type, 0)),
        bridge=Bridge(*data[0x18:0x1B]) if header_type == 1 else None,
    )


def _decode_bars(data: bytes, start: int, *, count: int) -> tuple[BAR, ...]:
    bars = []
    index = 0
    while index < count:
        bar = _decode_bar(data, start, index, is_last=index == count - 1)
        if bar is not None:
            bars.append(bar)
        index += 2 if bar is not None and bar.width == 64 else 1
    return tuple(bars)


def _decode_bar(data: bytes, start: int, index: int, *, is_last: bool) -> BAR | None:
    low = _number(data, start + 4 * index, 4)
    if low in (0, 0xFFFFFFFF):
        return None
    if low & 1:
        return BAR(index, low & ~3 or None, is_io=True)
    # A 64-bit BAR in the last register has no room for its upper half: believe the low one only.
    width = 64 if low & 6 == 4 and not is_last else 32
    address = _number(data, start + 4 * index, width // 8) & ~0xF
    return BAR(index, address or None, width=width, prefetchable=bool(low & 8))


def _decode_express(body: bytes, offset: int) -> ExpressCapability:
    flags, device = _number(body, 0x02, 2), _number(body, 0x04, 4)
    version, port_type = flags & 0xF, flags >> 4 & 0xF
    speed_cap, width_cap = _link(body, 0x0C, 4, port_type)
    speed, width = _link(body, 0x12, 2, port_type)
    return ExpressCapability(
        offset=offset,
        version=version,
        port_type=port_type,
        slot_implemented=bool(flags & 0x100),
        flr=bool(device & 1 << 28),
        max_payload_supported_bytes=_payload(device & 7),
        max_payload_bytes=_payload(body[0x08] >> 5),
        ari_forwarding_supported=_bit5(body, 0x24, version),
        ari_forwarding_enable=_bit5(body, 0x28, version),
        max_link_speed_gts=speed_cap,
        max_link_width=width_cap,
        link_speed_gts=speed,
        link_width=width,
    )


def _payload(code: int) -> int | None:
    return 128 << code if code <= 5 else None  # 6 and 7 are reserved


def _link(body: bytes, place: int, size: int, port_type: int) -> tuple[float | None, int | None]:
    # Speed in GT/s and width in lanes; the fields stand alike in LnkCap and LnkSta.
    if port_type in _NO_LINK or len(body) < place + size:
        return None, None
    value = _number(body, place, size)
    return _LINK_SPEEDS_GTS.get(value & 0xF), value >> 4 & 0x3F or None


def _bit5(body: bytes, place: int, version: int) -> bool | None:
    # ARI forwarding, in Device Capabilities 2 and Device Control 2; version 1 ends before them.
    if version < 2:
        return False
    return bool(body[place] & 0x20) if place < len(body) else None


def _decode_msi(body: bytes, offset: int) -> MSICapability:
    flags = _number(body, 0x02, 2)
    return MSICapability(
        offset=offset,
        enabled=bool(flags & 1),
        vectors=1 << (flags >> 1 & 7),
        vectors_enabled=1 << (flags >> 4 & 7),
        is_64bit=bool(flags & 0x80),
        maskable=bool(flags & 0x100),
    )


def _decode_msix(body: bytes, offset: int) -> MSIXCapability:
    flags, table, pba = _number(body, 0x02, 2), _number(body, 0x04, 4), _number(body, 0x08, 4)
    return MSIXCapability(
        offset=offset,
        vectors=(flags & 0x7FF) + 1,
        enabled=bool(flags & 0x8000),
        masked=bool(flags & 0x4000),
        table_bar=table & 7,
        table_offset=table & ~7,
        pba_bar=pba & 7,
        pba_offset=pba & ~7,
    )


def _decode_acs(body: bytes, offset: int) -> ACSCapability:
    return ACSCapability(
        offset=offset,
        capabilities=_number(body, 0x04, 2),
        control=_number(body, 0x06, 2),
        word_at_8=_number(body, 0x08, 4) if len(body) >= 0x0C else None,
    )


def _decode_ari(body: bytes, offset: int) -> ARICapability:
    capability, control = _number(body, 0x04, 2), _number(body, 0x06, 2)
    return ARICapability(
        offset=offset,
        next_function=capability >> 8,
        mfvc_function_groups=bool(capability & 1),
        acs_function_groups=bool(capability & 2),
        mfvc_function_groups_enable=bool(control & 1),
        acs_function_groups_enable=bool(control & 2),
        function_group=control >> 4 & 7,
    )


def _decode_ats(body: bytes, offset: int) -> ATSCapability:
    capability, control = _number(body, 0x04, 2), _number(body, 0x06, 2)
    return ATSCapability(
        offset=offset,
        queue_depth=capability & 0x1F or 32,  # 0 stands for 32
        page_aligned=bool(capability & 0x20),
        enabled=bool(control & 0x8000),
        smallest_translation_unit=control & 0x1F,
    )


def _decode_pri(body: bytes, offset: int) -> PRICapability:
    control, status = _number(body, 0x04, 2), _number(body, 0x06, 2)
    return PRICapability(
        offset=offset,
        enabled=bool(control & 1),
        reset=bool(control & 2),
        stopped=bool(status & 0x100),
        response_failure=bool(status & 1),
        unexpected_response=bool(status & 2),
        capacity=_number(body, 0x08, 4),
        allocation=_number(body, 0x0C, 4),
    )


def _decode_pasid(body: bytes, offset: int) -> PASIDCapability:
    capability, control = _number(body, 0x04, 2), _number(body, 0x06, 2)
    return PASIDCapability(
        offset=offset,
        width=capability >> 8 & 0x1F,
        execute_supported=bool(capability & 2),
        privileged_supported=bool(capability & 4),
        enabled=bool(control & 1),
        execute_enable=bool(control & 2),
        privileged_enable=bool(control & 4),
    )


def _decode_sriov(body: bytes, offset: int) -> SRIOVCapability:
    capability, control = _number(body, 0x04, 4), _number(body, 0x08, 2)
    migration_array = _number(body, 0x3C, 4)
    return SRIOVCapability(
        offset=offset,
        total_vfs=_number(body, 0x0E, 2),
        initial_vfs=_number(body, 0x0C, 2),
        num_vfs=_number(body, 0x10, 2),
        first_vf_offset=_number(body, 0x14, 2),
        vf_stride=_number(body, 0x16, 2),
        vf_device_id=_number(body, 0x1A, 2),
        supported_page_size_mask=_number(body, 0x1C, 4),
        system_page_size_mask=_number(body, 0x20, 4),
        vf_enable=bool(control & 1),
        vf_mse=bool(control & 8),
        ari_capable_hierarchy=bool(control & 0x10),
        vf_bars=_decode_bars(body, 0x24, count=6),
        dependency_link=body[0x12],
        status=_number(body, 0x0A, 2),
        vf_migration_capable=bool(capability & 1),
        vf_migration_enable=bool(control & 2),
        migration_interrupt_enable=bool(control & 4),
        migration_interrupt_message=capability >> 21,
        migration_array_bar=migration_array & 7,
        migration_array_offset=migration_array & ~7,
    )


def _decode_serial_number(body: bytes, _offset: int) -> str | None:
    return serial_number(body[:3:-1].hex("-"))


def _decode_vf_resizable_bars(body: bytes, _offset: int) -> tuple[ResizableBAR, ...]:
    # One pair of registers per BAR; the first pair says how many there are.
    count = min(_number(body, 0x08, 4) >> 5 & 7, (len(body) - 4) // 8)
    return tuple(_resizable_bar(body[4 + 8 * n : 12 + 8 * n]) for n in range(count))


def _resizable_bar(pair: bytes) -> ResizableBAR:
    capability, control = _number(pair, 0, 4), _number(pair, 4, 4)
    # Bits 4..31 of the capability: 1 MiB .. 128 TiB; bits 16..31 of the control go on from there.
    mask = capability >> 4 | (control >> 16) << 28
    code = control >> 8 & 0x3F
    return ResizableBAR(
        bar_index=control & 7,
        size=1 << (20 + code) if code <= 43 else None,
        supported_sizes=tuple(1 << (20 + n) for n in range(44) if mask >> n & 1),
    )


def vf_bar_sizes_from_resource(text: str, *, total_vfs: int) -> tuple[int | None, ...]:
    """Read the size in bytes of each VF BAR of *one* VF, by BAR number 0..5.  Pure.

    None where no space is assigned, so that the size cannot be known (or there is no such BAR).

    :param text: sysfs' ``resource`` file of the PF.
    :param total_vfs: TotalVFs of the *capability*, for which the kernel reserves; the driver may
        have lowered ``sriov_totalvfs``, which would give a wrong size.

    Source: kernel ``drivers/pci/iov.c``, ``sriov_init()``; ``drivers/pci/pci-sysfs.c``,
    ``resource_show()``.
    """
    lengths = _resource_lengths(text.splitlines()[_VF_BAR_LINES])
    lengths += [None] * (6 - len(lengths))
    return tuple(
        n // total_vfs if n is not None and total_vfs and n % total_vfs == 0 else None
        for n in lengths
    )


def bar_sizes_from_resource(text: str) -> tuple[int | None, ...]:
    """Read the size in bytes of each BAR of the function itself, by BAR number 0..5.  Pure.

    :param text: sysfs' ``resource`` file.
    """
    lengths = _resource_lengths(text.splitlines()[:6])
    return tuple(lengths + [None] * (6 - len(lengths)))


def _resource_lengths(lines: Sequence[str]) -> list[int | None]:
    return [_resource_length(line) for line in lines]


def _resource_length(line: str) -> int | None:
    # "START END FLAGS" in hex, both ends included; all zero when there is nothing.
    try:
        start, end, flags = (int(word, 16) for word in line.split())
    except ValueError:
        return None
    return end - start + 1 if end >= start >= 0 and flags and end else None


def with_bar_sizes(bars: tuple[BAR, ...], sizes: Sequence[int | None]) -> tuple[BAR, ...]:
    """Return *bars* with their sizes filled in.  Pure.

    :param sizes: in bytes, by BAR number 0..5.
    """
    return tuple(bar._replace(size=sizes[bar.bar_index]) for bar in bars)
