"""What a kernel log alone tells of the machine that it comes from.

Sources: kernel ``drivers/pci/probe.c`` (``pci_setup_device()``, ``pci_bus_dump_resources()``).
"""

from __future__ import annotations

import re

from sriovctl.codec.kernel_log import (
    find_command_line,
    find_kernel_release,
    find_last_buses,
    find_removed,
    with_kernel_log,
)
from sriovctl.model.address import is_pci_address, parse_pci_address
from sriovctl.model.snapshot import FunctionSnapshot, HostSnapshot, RootBus, SourceKind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from sriovctl.model.address import PCIAddress

_ADDRESS = r"([0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7])"
_FUNCTION = re.compile(
    rf"pci {_ADDRESS}: \[([0-9a-f]{{4}}):([0-9a-f]{{4}})\] type [0-9a-f]{{2}} "
    r"class 0x([0-9a-f]{6})"
)
_BRIDGE = re.compile(rf"pci {_ADDRESS}: PCI bridge to \[bus ([0-9a-f]{{2}})(?:-[0-9a-f]{{2}})?\]")
_MENTIONED = re.compile(rf"\b{_ADDRESS}: ")
_NOTE = (
    "the log is of another machine than this host, so nothing is said of this host; with that "
    "machine's lspci -vvvxxxx beside it (--lspci FILE) more can be told"
)


def find_functions(messages: Iterable[str]) -> dict[PCIAddress, FunctionSnapshot]:
    """Find the functions that the kernel met, with their ids and classes.  Pure."""
    found: dict[PCIAddress, FunctionSnapshot] = {}
    for message in messages:
        if gone := find_removed(message):
            found.pop(gone, None)
        match = _FUNCTION.search(message) if " type " in message else None
        if match is not None and is_pci_address(match[1]):
            address = parse_pci_address(match[1])
            vendor_id, device_id, class_code = (int(word, 16) for word in match.groups()[1:])
            found[address] = FunctionSnapshot(address, None, vendor_id, device_id, class_code)
    return found


def _find_bridges(messages: Iterable[str]) -> dict[tuple[int, int], PCIAddress]:
    # Which bridge leads to a bus: the last word counts, for the kernel may number anew.
    found = {}
    for message in messages:
        match = _BRIDGE.search(message) if "PCI bridge to" in message else None
        if match is not None and is_pci_address(match[1]):
            bridge = parse_pci_address(match[1])
            found[bridge.pci_domain, int(match[2], 16)] = bridge
    return found


def _path_of(
    bus: tuple[int, int],
    bridges: dict[tuple[int, int], PCIAddress],
    roots: dict[tuple[int, int], int],
) -> tuple[PCIAddress, ...] | None:
    path: list[PCIAddress] = []
    while bus not in roots:
        bridge = bridges.get(bus)
        if bridge is None or bridge.bus >= bus[1]:  # cut, or nothing that can be
            return None
        path.insert(0, bridge)
        bus = bridge[:2]
    return tuple(path)


def is_of_another_machine(messages: tuple[str, ...], host: HostSnapshot) -> bool:
    """Say whether a log cannot be of this host, not even of an earlier boot.  Pure.

    Where it is not plain, it is taken to be of this host.
    """
    if find_command_line(messages) == host.cmdline is not None:
        return False
    functions = {one.address: one for one in host.functions}
    listed = find_functions(messages)
    if listed:
        same = sum(_is_same(one, functions.get(address)) for address, one in listed.items())
        return 2 * same < len(listed)
    release = find_kernel_release(messages)
    if release is not None and host.kernel_release is not None:
        return release != host.kernel_release
    names = {name for message in messages for name in _MENTIONED.findall(message)}
    mentioned = {parse_pci_address(name) for name in names if is_pci_address(name)}
    return bool(mentioned) and not mentioned.intersection(functions)


def _is_same(one: FunctionSnapshot, other: FunctionSnapshot | None) -> bool:
    return other is not None and (one.vendor_id, one.device_id) == (
        other.vendor_id,
        other.device_id,
    )


def snapshot_of_log(messages: tuple[str, ...]) -> HostSnapshot:
    """Return what a log tells, without any other source.  Pure."""
    functions = find_functions(messages)
    last_buses = find_last_buses(messages)
    bridges = _find_bridges(messages)
    snapshot = HostSnapshot(
        source=SourceKind.LISTING,
        description="the host of this log",
        functions=tuple(
            functions[address]._replace(path=_path_of(address[:2], bridges, last_buses))
            for address in sorted(functions)
        ),
        root_buses=tuple(RootBus(*bus, last_bus=last) for bus, last in sorted(last_buses.items())),
        notes=(_NOTE,),
    )
    return with_kernel_log(snapshot, messages)
