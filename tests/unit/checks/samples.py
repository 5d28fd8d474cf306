"""Hand-built snapshots: one card below one root port, on a host where all is well."""

from __future__ import annotations

import struct

from sriovctl.model.address import parse_pci_address
from sriovctl.model.capabilities import (
    BAR,
    ACSCapability,
    ARICapability,
    Bridge,
    ConfigSpace,
    ExpressCapability,
    Header,
    SRIOVCapability,
)
from sriovctl.model.snapshot import (
    FunctionSnapshot,
    HostSnapshot,
    ResourceLine,
    RootBus,
    SourceKind,
)

PORT = "0000:00:06.0"
PF = "0000:01:00.0"
ALL_ACS = 0x1F
UNASSIGNED = ResourceLine(0, 0, 0)
BOOT = (
    "Linux version 6.12.1-amd64 (builder)",
    "Command line: quiet",
    "DMAR-IR: Enabled IRQ remapping in xapic mode",
    "pci_bus 0000:00: root bus resource [bus 00-ff]",
)


def dmar(*, flags: int = 1, units: int = 1) -> bytes:
    """Build a table with units that serve everything."""
    unit = struct.pack("<HHBBHQ", 0, 16, 1, 0, 0, 0xFED90000)
    body = bytes([38, flags]) + bytes(10) + unit * units
    data = bytearray(b"DMAR" + struct.pack("<IBB", 36 + len(body), 1, 0) + bytes(26) + body)
    data[9] = -sum(data) & 0xFF
    return bytes(data)


def ivrs() -> bytes:
    """Build a table with one IOMMU that serves everything."""
    block = struct.pack("<BBHHHQHHI", 0x10, 0, 28, 2, 64, 0xFEB80000, 0, 0, 0) + b"\1\0\0\0"
    body = bytes(12) + block
    data = bytearray(b"IVRS" + struct.pack("<IBB", 36 + len(body), 2, 0) + bytes(26) + body)
    data[9] = -sum(data) & 0xFF
    return bytes(data)


def cpuinfo(vendor: str = "GenuineIntel", flags: str = "vmx") -> str:
    return f"processor\t: 0\nvendor_id\t: {vendor}\nflags\t\t: fpu {flags}\n"


def header(*, bridge: Bridge | None = None, class_code: int = 0x020000) -> Header:
    return Header(
        vendor_id=0x8086,
        device_id=0x10C9,
        class_code=class_code,
        revision=1,
        header_type=1 if bridge else 0,
        multifunction=False,
        command=6,
        status=0x10,
        bars=(),
        bridge=bridge,
    )


def express(
    port_type: int, *, ari: bool | None = None, ari_on: bool | None = None
) -> ExpressCapability:
    return ExpressCapability(
        offset=0x40,
        version=2,
        port_type=port_type,
        slot_implemented=False,
        flr=True,
        max_payload_supported_bytes=256,
        max_payload_bytes=256,
        ari_forwarding_supported=ari,
        ari_forwarding_enable=ari_on,
        max_link_speed_gts=5.0,
        max_link_width=4,
        link_speed_gts=5.0,
        link_width=4,
    )


def port(
    *,
    acs: int | None = ALL_ACS,
    control: int = ALL_ACS,
    ari: bool = True,
    ari_on: bool = True,
    subordinate: int = 1,
) -> FunctionSnapshot:
    """Build a root port; *acs* None: it has no such capability."""
    config = ConfigSpace(
        header=header(bridge=Bridge(0, 1, subordinate), class_code=0x060400),
        express=express(4, ari=ari, ari_on=ari_on),
        acs=None if acs is None else ACSCapability(0x100, acs, control),
    )
    return FunctionSnapshot(
        address=parse_pci_address(PORT),
        config=config,
        vendor_id=0x1B36,
        device_id=0x000C,
        class_code=0x060400,
        driver="pcieport",
        iommu_group=1,
        path=(),
        is_vf=False,
        resources=(UNASSIGNED,) * 13,
    )


def sriov() -> SRIOVCapability:
    return SRIOVCapability(
        total_vfs=8,
        initial_vfs=8,
        num_vfs=0,
        first_vf_offset=128,
        vf_stride=2,
        vf_device_id=0x10CA,
        vf_bars=(BAR(0, 0xFE000000, width=64, prefetchable=True),),
        offset=0x160,
    )


def pf(capability: SRIOVCapability | None = None) -> FunctionSnapshot:
    """Build a PF that lacks nothing."""
    ari = ARICapability(0x150, 0, False, False, False, False, 0)
    vf_bar = ResourceLine(0xFE000000, 0xFE01FFFF, 0x14220C)
    return FunctionSnapshot(
        address=parse_pci_address(PF),
        config=ConfigSpace(
            header=header(), express=express(0), ari=ari, sriov=capability or sriov()
        ),
        vendor_id=0x8086,
        device_id=0x10C9,
        class_code=0x020000,
        driver="igb",
        netdev="eth0",
        iommu_group=2,
        sriov_total_vfs=8,
        sriov_num_vfs=0,
        resources=(*(UNASSIGNED,) * 7, vf_bar, *(UNASSIGNED,) * 5),
        path=(parse_pci_address(PORT),),
        is_vf=False,
    )


def host(*functions: FunctionSnapshot) -> HostSnapshot:
    """Build a host on which nothing is to be found."""
    return HostSnapshot(
        source=SourceKind.HOST,
        description="this host",
        functions=functions or (port(), pf()),
        root_buses=(RootBus(0, 0, last_bus=0xFF),),
        cmdline="quiet iommu=pt",
        kernel_release="6.12.1-amd64",
        machine="x86_64",
        cpuinfo=cpuinfo(),
        acpi_tables={"DMAR": dmar()},
        groups_known=True,
        iommus=("dmar0",),
        modules=("igb", "vfio_pci"),
        parameters={},
        lockdown="none",
        kernel_log=BOOT,
        privileged=True,
    )


def without_groups(snapshot: HostSnapshot) -> HostSnapshot:
    """Take the IOMMU groups away."""
    functions = tuple(one._replace(iommu_group=None) for one in snapshot.functions)
    return snapshot._replace(functions=functions, iommus=())
