"""The pool of VFs that a command line describes."""

from __future__ import annotations

from sriovctl.cli.guest_arguments import parse_vlan_option
from sriovctl.errors import InputError
from sriovctl.model.address import is_pci_address, parse_pci_address
from sriovctl.model.guest_network import VFPool, parse_network_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse


def pool_from(args: argparse.Namespace) -> VFPool:
    """Read ``--define-network``, ``--pf``, ``--vf`` and ``--vlan``.

    :raises InputError: one is malformed, or neither or both of PF and VFs are named.
    """
    if bool(args.pf) == bool(args.vfs):
        raise InputError("takes a PF with --pf, or VFs with --vf", subject=args.define_network)
    if args.pf is not None and is_pci_address(args.pf):
        raise InputError(
            "is an address, and libvirt knows a PF by its netdev", subject=f"--pf {args.pf}"
        )
    sources = [parse_pci_address(text) for text in args.vfs or ()]
    return VFPool(
        name=parse_network_name(args.define_network),
        pf_netdevs=(args.pf,) if args.pf else (),
        sources=tuple(dict.fromkeys(sources)),
        vlan=parse_vlan_option(args.vlan) or None,
    )
