"""Write a function's configuration space from a short description.

For the simulated host and for tests: what is written here reads back through
:func:`sriovctl.codec.pciconfig.decode_config`.  Only what sriovctl looks at is filled in.

Source: PCIe Base Specification, Configuration Space; kernel ``include/uapi/linux/pci_regs.h``.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sriovctl.model.capabilities import BAR, SRIOVCapability

_MSIX_OFFSET = 0x70
_EXPRESS_OFFSET = 0x80
_INSIDE_ROOT_COMPLEX = (9, 10)  # Express types without a link


def build_config(
    *,
    vendor_id: int,
    device_id: int,
    class_code: int,
    revision: int = 1,
    header_type: int = 0,
    multifunction: bool = False,
    express_type: int | None = 0,
    express_version: int = 2,
    slot: bool = False,
    flr: bool = False,
    ari_forwarding_supported: bool = False,
    ari_forwarding_enable: bool = False,
    acs_capabilities: int | None = None,
    acs_control: int = 0,
    ari: bool = False,
    ari_next_function: int = 0,
    sriov: SRIOVCapability | None = None,
    bridge: tuple[int, int, int] | None = None,
    bars: Sequence[BAR] = (),
    msix_vectors: int | None = None,
    msix_enabled: bool = True,
    serial_number: str | None = None,
) -> bytes:
    """Return 4096 bytes; 256 for a function that is not PCIe.  Pure.

    :param class_code: 24 bits, e.g. 0x020000 for an Ethernet controller.
    :param express_type: Device/Port Type (0 endpoint, 4 root port, 5 upstream, 6 downstream port,
        7 PCIe-to-PCI bridge, 9 integrated endpoint); None for a conventional PCI function.
    :param acs_capabilities: ACS Capability register; None for no ACS.
    :param sriov: placed at its own ``offset``, or behind the others if that is 0.
    :param bridge: primary, secondary and subordinate bus; makes the header type 1.
    :param msix_vectors: 1 .. 2048; None for no MSI-X.
    :param serial_number: eight octets in hex with hyphens, as lspci writes it; None for none.
    :raises ValueError: extended capabilities for a function that is not PCIe, or an SR-IOV offset
        that overlaps them.
    """
    config = bytearray(256 if express_type is None else 4096)
    _put_header(config, vendor_id, device_id, class_code << 8 | revision)
    config[0x0E] = (1 if bridge else header_type) | (0x80 if multifunction else 0)
    if bridge:
        config[0x18:0x1B] = bytes(bridge)
    _put_bars(config, 0x10, bars)
    chain = []
    if msix_vectors is not None:
        chain.append((_MSIX_OFFSET, 0x11, _msix(msix_vectors, enabled=msix_enabled)))
    if express_type is not None:
        forwarding = (ari_forwarding_supported << 5, ari_forwarding_enable << 5)
        body = _express(express_type, express_version, slot=slot, flr=flr, forwarding=forwarding)
        chain.append((_EXPRESS_OFFSET, 0x10, body))
    _put_chain(config, chain)
    acs = None if acs_capabilities is None else (acs_capabilities, acs_control)
    extended = _acs_and_ari(acs, ari_next_function if ari else None)
    if serial_number is not None:
        extended.append((0x03, bytes.fromhex(serial_number.replace("-", ""))[::-1]))
    _put_extended(config, extended, sriov)
    return bytes(config)


def _acs_and_ari(
    acs: tuple[int, int] | None, ari_next_function: int | None
) -> list[tuple[int, bytes]]:
    found = []
    if acs is not None:
        found.append((0x0D, b"".join(map(_word, acs)) + bytes(4)))
    if ari_next_function is not None:
        found.append((0x0E, _word(ari_next_function << 8) + _word(0)))
    return found


def _word(value: int) -> bytes:
    return value.to_bytes(2, "little")


def _dword(value: int) -> bytes:
    return value.to_bytes(4, "little")


def _put_header(config: bytearray, vendor_id: int, device_id: int, class_revision: int) -> None:
    config[0x00:0x04] = _word(vendor_id) + _word(device_id)
    config[0x04:0x06] = _word(0x0006)  # memory space and bus mastering on
    config[0x08:0x0C] = _dword(class_revision)


def _put_bars(config: bytearray, start: int, bars: Iterable[BAR]) -> None:
    for bar in bars:
        flags = 1 if bar.is_io else (4 if bar.width == 64 else 0) | (8 if bar.prefetchable else 0)
        value = (bar.address or 0) | flags
        place, width = start + 4 * bar.bar_index, bar.width // 8
        config[place : place + width] = value.to_bytes(width, "little")


def _put_chain(config: bytearray, chain: Sequence[tuple[int, int, bytes]]) -> None:
    if not chain:
        return
    config[0x06] |= 0x10  # Status: there is a capability list
    config[0x34] = chain[0][0]
    following = [offset for offset, _, _ in chain[1:]] + [0]
    for (offset, identity, body), next_offset in zip(chain, following, strict=True):
        config[offset : offset + 2 + len(body)] = bytes((identity, next_offset)) + body


def _msix(vectors: int, *, enabled: bool) -> bytes:
    # Table at the start of BAR 3 and pending bits 8 KiB behind, as the 82576 has them.
    return _word(vectors - 1 | (enabled << 15)) + _dword(0 | 3) + _dword(0x2000 | 3)


def _express(
    port_type: int, version: int, *, slot: bool, flr: bool, forwarding: tuple[int, int]
) -> bytes:
    link = 0 if port_type in _INSIDE_ROOT_COMPLEX else 0x41  # x4 at 2.5 GT/s
    body = bytearray(0x3C)
    body[0x02:0x04] = _word(version | port_type << 4 | slot << 8)
    body[0x04:0x08] = _dword(flr << 28)
    body[0x0C:0x10] = _dword(link)
    body[0x12:0x14] = _word(link)
    if version >= 2:
        body[0x24:0x28] = _dword(forwarding[0])
        body[0x28:0x2A] = _word(forwarding[1])
    return bytes(body[2:])


def _put_extended(
    config: bytearray, capabilities: Sequence[tuple[int, bytes]], sriov: SRIOVCapability | None
) -> None:
    # The first capability must stand at 100; the others follow, 16-byte aligned.
    placed: list[tuple[int, int, bytes]] = []
    free = 0x100
    for identity, body in capabilities:
        placed.append((free, identity, body))
        free += 4 + len(body) + 15 & ~15
    if sriov is not None:
        offset = sriov.offset or free
        if offset < free or (not placed and offset != 0x100):
            raise ValueError(f"SR-IOV capability cannot stand at {offset:#x}")
        placed.append((offset, 0x10, _sriov(sriov)))
    if not placed:
        return
    if len(config) < 4096:
        raise ValueError("a function that is not PCIe has no extended capabilities")
    following = [offset for offset, _, _ in placed[1:]] + [0]
    for (offset, identity, body), next_offset in zip(placed, following, strict=True):
        head = _dword(identity | 1 << 16 | next_offset << 20)
        config[offset : offset + 4 + len(body)] = head + body


def _sriov(capability: SRIOVCapability) -> bytes:
    body = bytearray(0x40)
    migration = capability.migration_interrupt_message << 21 | capability.vf_migration_capable
    control = (
        capability.vf_enable
        | capability.vf_migration_enable << 1
        | capability.migration_interrupt_enable << 2
        | capability.vf_mse << 3
        | capability.ari_capable_hierarchy << 4
    )
    words = (
        control,
        capability.status,
        capability.initial_vfs,
        capability.total_vfs,
        capability.num_vfs,
        capability.dependency_link,
        capability.first_vf_offset,
        capability.vf_stride,
        0,
        capability.vf_device_id,
    )
    body[0x04:0x08] = _dword(migration)
    body[0x08:0x1C] = b"".join(map(_word, words))
    body[0x1C:0x20] = _dword(capability.supported_page_size_mask)
    body[0x20:0x24] = _dword(capability.system_page_size_mask)
    _put_bars(body, 0x24, capability.vf_bars)
    body[0x3C:0x40] = _dword(capability.migration_array_offset | capability.migration_array_bar)
    return bytes(body[4:])
