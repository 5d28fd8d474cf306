"""VFs named on the command line: by address or netdev, or as some of a PF."""

from __future__ import annotations

from sriovctl.errors import InputError, UnsupportedError
from sriovctl.model.address import is_pci_address, parse_pci_address
from sriovctl.planner.match import pf_named

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from sriovctl.model.address import PCIAddress
    from sriovctl.model.functions import PF, VF

_HINT = "'sriovctl ls' lists VFs with their addresses and netdevs"


def add_vf_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the VFs, one by one or as some of a PF."""
    parser.add_argument(
        "vf_names", metavar="VF", nargs="*", help="a VF, by PCI address or netdev (repeatable)"
    )
    parser.add_argument("--pf", metavar="NAME", help="netdev or address of a PF: VFs of this one")
    parser.add_argument(
        "--vfs", metavar="INDICES", help="with --pf: which, as 0-3 or 0,2,5-6; default: all"
    )


def find_vfs(args: argparse.Namespace, pfs: Sequence[PF]) -> tuple[tuple[PF, VF], ...]:
    """Find the VFs that the user means, each with its PF and once.

    :raises InputError: none are named, or one of them is none of this host.
    :raises UnsupportedError: they are no PCI functions.
    """
    if bool(args.vf_names) == bool(args.pf):
        raise InputError("name VFs, or a PF with --pf, and not both", subject=args.verb, hint=_HINT)
    if args.vfs is not None and args.pf is None:
        raise InputError("says which VFs of a PF: name it with --pf", subject="--vfs")
    found = _of_pf(args, pfs) if args.pf else (find_vf(name, pfs) for name in args.vf_names)
    return tuple({str(vf.address): (pf, vf) for pf, vf in found}.values())


def find_vf(name: str, pfs: Sequence[PF]) -> tuple[PF, VF]:
    """Find one VF, and its PF, by address or netdev.

    :raises InputError: it is none of this host.
    """
    wanted = str(parse_pci_address(name)) if is_pci_address(name) else name
    for pf in pfs:
        for vf in pf.vfs:
            if vf.address is not None and wanted in (str(vf.address), vf.netdev):
                return pf, vf
        if wanted in (pf.device, pf.netdev):
            raise InputError("is a PF, not a VF", subject=name, hint=f"its VFs: --pf {name}")
    raise InputError("is no VF of this host", subject=name, hint=_HINT)


def address_of(name: str, pfs: Sequence[PF]) -> PCIAddress:
    """Find the address of one VF, by address or netdev.

    :raises InputError: it is none of this host.
    """
    _, vf = find_vf(name, pfs)
    assert vf.address is not None  # by which it was found
    return vf.address


def _of_pf(args: argparse.Namespace, pfs: Sequence[PF]) -> Iterator[tuple[PF, VF]]:
    pf = pf_named(pfs, args.pf)
    if pf is None:
        raise InputError("is no PF of this host", subject=args.pf, hint="'sriovctl ls' lists them")
    if not pf.vfs:
        raise InputError("has no VFs", subject=args.pf, hint="make some first: num_vfs")
    if pf.address is None:
        raise UnsupportedError("has VFs that are no PCI functions", subject=args.pf)
    by_index = {vf.vf_index: vf for vf in pf.vfs}
    for vf_index in _indices(args.vfs, by_index):
        if vf_index not in by_index:
            raise InputError(f"has no VF {vf_index}: it has {len(by_index)}", subject=args.pf)
        yield pf, by_index[vf_index]


def _indices(text: str | None, there: dict[int, VF]) -> tuple[int, ...]:
    if text is None:
        return tuple(there)
    from sriovctl.codec.vf_indices import parse_vf_indices

    return parse_vf_indices(text)
