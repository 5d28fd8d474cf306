"""What is fuzzed: each decoder, with what it promises of any input.

Run one by hand, for as long as you like, with the corpus of finds kept in a directory::

    python -m tests.fuzz parse_lspci -max_total_time=600 corpus/
"""

from __future__ import annotations

from collections.abc import Callable

from sriovctl.codec.foreign.sources import Source
from sriovctl.codec.iomem import root_bus_windows
from sriovctl.codec.kernel_log import (
    find_acpi_tables,
    find_command_line,
    find_iommu_groups,
    find_kernel_release,
    find_last_buses,
    parse_kernel_log,
)
from sriovctl.codec.lspci import parse_lspci
from sriovctl.codec.lspci_text import read_function_text
from sriovctl.codec.pciconfig import decode_config
from sriovctl.codec.rtnl import decode_link
from sriovctl.codec.rtnl_address import decode_address, encode_address
from sriovctl.codec.rtnl_nsid import decode_nsid
from sriovctl.codec.rtnl_route import decode_get_route, decode_route, encode_route
from sriovctl.codec.state_file import parse_state, parse_states
from sriovctl.codec.state_text import format_state
from sriovctl.engine.exchange.foreign import IMPORTED, import_sources
from sriovctl.errors import InputError, SriovctlError
from sriovctl.model.inet import InterfaceAddress, Route
from sriovctl.model.snapshot import SourceKind
from sriovctl.model.state import UNSET, DesiredState


def config(data: bytes) -> None:
    """Any bytes are decoded, and the same way each time."""
    decoded = decode_config(data)
    assert decoded == decode_config(data)
    assert decoded.header is None or len(data) >= 64
    for entry in decoded.capabilities:
        assert entry.offset < len(data)


def lspci(data: bytes) -> None:
    """A dump is read, or refused in our own words; functions are in order, each once."""
    try:
        snapshot = parse_lspci(data.decode("utf-8", "replace"), source="fuzz")
    except SriovctlError:
        return
    addresses = [function.address for function in snapshot.functions]
    assert addresses == sorted(set(addresses))
    assert addresses
    assert snapshot.source != SourceKind.HOST


def lspci_words(data: bytes) -> None:
    """Verbose lines of one function, whatever they say."""
    lines = [line.strip() for line in data.decode("utf-8", "replace").splitlines()]
    found = read_function_text(line for line in lines if line)
    assert found == read_function_text(line for line in lines if line)


def kernel_log(data: bytes) -> None:
    """Any text is a log; what was found is found again in the messages alone."""
    messages = parse_kernel_log(data.decode("utf-8", "replace"))
    for find in (find_command_line, find_kernel_release, find_iommu_groups, find_acpi_tables,
                 find_last_buses):  # fmt: skip
        assert find(messages) == find(messages)
    root_bus_windows("\n".join(messages))


def link(data: bytes) -> None:
    """A netlink message is decoded, or refused in our own words."""
    try:
        decode_link(data)
    except SriovctlError:
        return


def inet(data: bytes) -> None:
    """Messages about addresses, routes and namespaces are decoded, or refused in our own words."""
    for decode in (decode_address, decode_route, decode_get_route, decode_nsid):
        try:
            decode(data)
        except SriovctlError:
            continue


def state(data: bytes) -> None:
    """One state file, or two with a NUL between: read, or refused as the user's mistake.

    What is read can be written, and reads back alike.
    """
    contents = data.decode("utf-8", "replace").split("\0", 1)
    try:
        found = parse_states((str(number), content) for number, content in enumerate(contents))
    except InputError:
        return
    assert found.pfs
    assert parse_state(format_state(found), source="fuzz") == found


def foreign(data: bytes) -> None:
    """A file of another tool is read or refused; what is read can be written as a state."""
    text = data.decode("utf-8", "replace")
    for name in IMPORTED:
        try:
            imported = import_sources(name, [Source("fuzz", text)], ())
        except InputError:
            continue
        for pf in imported.state.pfs:
            # One MAC for two VFs is for the state to refuse.
            vfs = tuple((n, vf._replace(admin_mac=UNSET)) for n, vf in pf.vfs)
            alone = DesiredState((pf._replace(vfs=vfs),))
            again = parse_state(format_state(alone), source="fuzz")
            assert {n: again.pfs[0].wanted_vf(n) for n, _ in vfs} == dict(vfs)
            assert again.pfs[0]._replace(vfs=vfs) == alone.pfs[0]


_ADDRESS = encode_address(InterfaceAddress(7, "192.0.2.1", 24))
_ROUTE = encode_route(Route(6, 0, (3, 4), gateway="fe80::1", metric=5))
_DUMP = b"""\
0000:00:01.0 PCI bridge [0604]: Intel Corporation Port [8086:1901] (rev 07)
\tControl: I/O+ Mem+ BusMaster+
\tStatus: Cap+ 66MHz-
\tBus: primary=00, secondary=01, subordinate=02, sec-latency=0
\tIOMMU group: 2
\tCapabilities: [88] Express (v2) Root Port (Slot+), MSI 00
\t\tDevCap2: ARIFwd+
\tCapabilities: [140 v1] Access Control Services
\t\tACSCap:\tSrcValid+ TransBlk-
\t\tACSCtl:\tSrcValid+ TransBlk-
00: 86 80 01 19 07 05 10 00 07 00 04 06 00 00 81 00
"""
_WORDS = b"""\
Flags: bus master, fast devsel, latency 0, IRQ 16, NUMA node 0, IOMMU group 3
Region 0: Memory at fe600000 (32-bit, non-prefetchable) [size=128K]
Capabilities: [160 v1] Single Root I/O Virtualization (SR-IOV)
IOVCtl: Enable+ Migration- Interrupt- MSE+ ARIHierarchy+
Initial VFs: 8, Total VFs: 8, Number of VFs: 7, Function Dependency Link: 00
VF offset: 128, stride: 2, Device ID: 10ca
Supported Page Size: 00000553, System Page Size: 00000001
Kernel driver in use: igb
"""
_LOG = b"""\
[    0.000000] Linux version 6.12.0 (x) #1
[    0.000000] Command line: quiet intel_iommu=on
Nov  1 00:00:00 host kernel: pci 0000:00:1c.0: Adding to iommu group 14
iommu: Adding device 0000:00:1c.0 to group 14
[    0.3] pci_bus 0000:00: root bus resource [bus 00-fe]
ACPI: DMAR 0x0000000055077080 000040 (v01 X
"""
_STATE = b"""\
version: 1
pfs:
  a:
    match: {address: '0000:01:00.0', serial: x, all: true}
    num_vfs: 4
    drivers_autoprobe: false
    link: {state: up, mtu: 1500}
    eswitch: {mode: legacy}
    vf_default: &x {admin_mac: auto, link_state: auto, rss_query: on, msix_count: 3}
    vfs: {0: *x, 1-3: {vlan: {id: 1, qos: 2, protocol: 802.1ad}, max_tx_rate_mbps: 9}}
pools:
  p: {from: [a], vfs: [0, 2-3], numa: any, policy: pack}
"""
_MORE_STATE = b"""\
version: 1
pfs: {b: {match: {netdev: b}, vfs: {0: {admin_mac: "52:54:00:00:00:01", driver: none,
  node_guid: "00:00:00:00:00:00:00:01", port_guid: "00:00:00:00:00:00:00:02"}}}}
"""

_LINK = b"""\
[Match]
Path=pci-0000:01:00.0
[Link]
MTUBytes=9K
SR-IOVVirtualFunctions=4
[SR-IOV]
VirtualFunction=0
VLANId=5
QualityOfService=2
VLANProtocol=802.1ad
MACSpoofCheck=off
LinkState=auto
MACAddress=12:34:56:78:9a:bc
"""
_PROFILE = b"""\
[connection]
id=uplink
type=ethernet
interface-name=eth0
[ethernet]
mtu=9000
[sriov]
autoprobe-drivers=0
eswitch-mode=1
total-vfs=4
vf.0=mac=52:54:00:6d:90:02 max-tx-rate=100 spoof-check=true trust=false vlans=42.3.ad
vf.1=\\svlans=7
"""
_NMSTATE = b"""\
interfaces:
- {name: eth0, type: ethernet, state: up, mtu: 9000, ethernet: {sr-iov: {total-vfs: 2, vfs: [
    {id: 1, mac-address: 00:11:22:33:00:EE, spoof-check: true, min-tx-rate: 0, max-tx-rate: 9,
     vlan-id: 5, qos: 3, vlan-proto: 802.1ad}]}}}
"""
_NETPLAN = b"""\
network:
  ethernets:
    enp1s0: {mtu: 9000, virtual-function-count: 2, embedded-switch-mode: switchdev}
    enp1s0v1: {link: enp1s0, macaddress: 52:54:00:6d:90:02}
  vlans: {hw: {id: 15, link: enp1s0v1, renderer: sriov}}
"""

# Name -> what is called, and what mutation starts from.
TARGETS: dict[str, tuple[Callable[[bytes], None], tuple[bytes, ...]]] = {
    "decode_config": (config, (bytes(256), bytes(range(256)) * 16)),
    "parse_lspci": (lspci, (_DUMP, b"IOMMU Group 3:\n\t00:1f.0 ISA bridge [0601]: x [8086:a2c5]")),
    "lspci_words": (lspci_words, (_WORDS, _DUMP)),
    "parse_kernel_log": (kernel_log, (_LOG,)),
    "decode_link": (link, (bytes(32),)),
    "decode_inet": (inet, (_ADDRESS, _ROUTE)),
    "import": (foreign, (_LINK, _PROFILE, _NMSTATE, _NETPLAN)),
    "parse_state": (state, (_STATE, _MORE_STATE, _STATE + b"\0" + _MORE_STATE)),
}
