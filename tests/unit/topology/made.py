"""A machine made for the occasion: one PF below a root port, or on a root bus."""

from __future__ import annotations

from typing import Any

from sriovctl.codec.pciconfig import decode_config
from sriovctl.codec.pciconfig_build import build_config
from sriovctl.model.address import PCIAddress, parse_pci_address
from sriovctl.model.capabilities import BAR, SRIOVCapability
from sriovctl.model.snapshot import (
    FunctionSnapshot,
    HostSnapshot,
    ResourceLine,
    RootBus,
    SourceKind,
)

PORT = parse_pci_address("00:1c.0")
PF = parse_pci_address("03:00.0")
NONE = ResourceLine(0, 0, 0)
PREFETCHABLE_64 = 0x14220C
MEMORY_64 = 0x140204

# A host bridge with 16 MiB below 4 GiB, of which the port has 2, and 64 GiB above.
IOMEM = """\
00001000-7fffffff : System RAM
e0000000-e0ffffff : PCI Bus 0000:00
  e0000000-e01fffff : PCI Bus 0000:03
  e0200000-e02fffff : 0000:00:02.0
1000000000-1fffffffff : PCI Bus 0000:00"""


def sriov(
    total_vfs: int = 64,
    *,
    offset: int = 128,
    stride: int = 2,
    prefetchable: bool = True,
    num_vfs: int = 0,
    **changes: int | bool | tuple[BAR, ...],
) -> SRIOVCapability:
    capability = SRIOVCapability(
        total_vfs=total_vfs,
        initial_vfs=total_vfs,
        num_vfs=num_vfs,
        first_vf_offset=offset,
        vf_stride=stride,
        vf_device_id=0x10CA,
        vf_enable=num_vfs > 0,
        vf_bars=(BAR(0, 0xE000_0000, width=64, prefetchable=prefetchable),),
    )
    return capability._replace(**changes)  # type: ignore[arg-type]  # fields of the capability


def resources(*vf_bar: ResourceLine) -> tuple[ResourceLine, ...]:
    lines = [NONE] * 7 + list(vf_bar)
    return tuple(lines + [NONE] * (13 - len(lines)))


ENOUGH = ResourceLine(0xE000_0000, 0xE00F_FFFF, PREFETCHABLE_64)  # 1 MiB: 16 KiB for 64 VFs


def machine(
    capability: SRIOVCapability,
    *,
    vf_bar: ResourceLine = ENOUGH,
    last_bus: int = 3,
    source: SourceKind = SourceKind.HOST,
    pf: dict[str, Any] | None = None,
    **host: Any,  # noqa: ANN401 (fields of the snapshot)
) -> HostSnapshot:
    """Make a host whose PF is 03:00.0, below the root port 00:1c.0 to buses 03 to *last_bus*."""
    is_host = source == SourceKind.HOST
    port = FunctionSnapshot(
        PORT,
        decode_config(
            build_config(
                vendor_id=0x8086,
                device_id=0x1,
                class_code=0x060400,
                express_type=4,
                bridge=(0, 3, last_bus),
            )
        ),
        path=() if is_host else None,
        resources=(*[NONE] * 14, ResourceLine(0xE000_0000, 0xE01F_FFFF, 0x200), NONE, NONE),
    )
    function = FunctionSnapshot(
        PF,
        decode_config(
            build_config(
                vendor_id=0x8086,
                device_id=0x10C9,
                class_code=0x020000,
                msix_vectors=10,
                sriov=capability,
            )
        ),
        driver="ixgbe" if is_host else None,
        sriov_total_vfs=capability.total_vfs if is_host else None,
        sriov_num_vfs=capability.num_vfs if is_host else None,
        resources=resources(vf_bar) if is_host else None,
        path=(PORT,) if is_host else None,
    )
    return HostSnapshot(
        source=source,
        description="a made machine",
        functions=(port, function._replace(**(pf or {}))),
        iomem=IOMEM if is_host else None,
    )._replace(**host)


def integrated(
    capability: SRIOVCapability, *, last_bus: int | None, address: str = "00:02.0"
) -> tuple[HostSnapshot, PCIAddress]:
    """Make a host whose PF is on the root bus."""
    place = parse_pci_address(address)
    snapshot = machine(capability)
    function = snapshot.functions[1]._replace(address=place, path=())
    return (
        snapshot._replace(functions=(function,), root_buses=(RootBus(0, 0, last_bus),)),
        place,
    )
