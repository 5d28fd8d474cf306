"""The options that try a change on what is known of a host."""

from __future__ import annotations

from sriovctl.cli.pf_argument import find_pf_address
from sriovctl.errors import InputError
from sriovctl.model.address import parse_pci_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from sriovctl.engine.what_if import WhatIf
    from sriovctl.model.address import PCIAddress
    from sriovctl.model.snapshot import HostSnapshot

_MAX_VFS = 0xFFFF


def add_what_if(parser: argparse.ArgumentParser) -> None:
    """Add ``--vfs`` and ``--slot-acs``."""
    parser.add_argument(
        "--vfs",
        metavar="PF=N",
        action="append",
        default=[],
        help="as if this PF (address or netdev) had N VFs; repeatable",
    )
    parser.add_argument(
        "--slot-acs",
        metavar="ADDRESS=on",
        action="append",
        default=[],
        help="as if this port had ACS, like another slot or switch would; repeatable",
    )


def try_wishes(
    args: argparse.Namespace, snapshot: HostSnapshot, *, iommu_on: bool
) -> WhatIf | None:
    """Try what the user wishes; None without a wish.

    :raises InputError: a wish cannot be read, or names what is not there.
    :raises UnsupportedError: a PF cannot have so many VFs.
    """
    if not args.vfs and not args.slot_acs:
        return None
    from sriovctl.engine.what_if import try_changes

    return try_changes(
        snapshot,
        vfs=_read_vfs(args.vfs, snapshot),
        acs_ports=[_read_acs(text) for text in args.slot_acs],
        iommu_on=iommu_on,
    )


def _read_vfs(texts: Sequence[str], snapshot: HostSnapshot) -> dict[PCIAddress, int]:
    wanted: dict[PCIAddress, int] = {}
    for text in texts:
        name, _, number = text.rpartition("=")
        if not name or not number.isdecimal() or int(number) > _MAX_VFS:
            raise InputError("is not PF=N", subject=f"--vfs {text}", hint="as in 01:00.0=4")
        pf = find_pf_address(snapshot, name)
        if pf in wanted:
            raise InputError("names a PF for the second time", subject=f"--vfs {text}")
        wanted[pf] = int(number)
    return wanted


def _read_acs(text: str) -> PCIAddress:
    address, _, state = text.rpartition("=")
    if state != "on":
        raise InputError("is not ADDRESS=on", subject=f"--slot-acs {text}", hint="as in 00:1c.0=on")
    return parse_pci_address(address)
