"""``sriovctl attach``."""

from __future__ import annotations

from contextlib import ExitStack

from sriovctl.cli.guest_arguments import (
    add_guest_argument,
    add_scope_arguments,
    add_settings_arguments,
    require_this_host,
    wanted_from,
)
from sriovctl.engine.guests.attach import attach, pick_vf
from sriovctl.engine.guests.reservation import leased_vf, lent_vfs, reserving
from sriovctl.engine.guests.vf_place import read_vf_place
from sriovctl.errors import EXIT_DONE, PermissionDenied
from sriovctl.model.address import parse_pci_address
from sriovctl.render.guests import attach_as_json, format_attach

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sriovctl.cli.context import Context
    from sriovctl.model.address import PCIAddress

SUMMARY = "give a VF to a libvirt guest, with its MAC and VLAN"
EXAMPLES = """\
  sriovctl attach MyGuest --vf 0000:01:10.0
  sriovctl attach MyGuest --vf 01:10.0 --mac 52:54:00:6d:90:02 --vlan 42
  sriovctl attach MyGuest --pf enp1s0 --config
  sriovctl attach MyGuest --lease 3
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add guest, VF and settings."""
    add_guest_argument(parser)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--vf", metavar="ADDRESS", help="PCI address of the VF")
    which.add_argument("--pf", metavar="NAME", help="netdev or address of a PF: its first free VF")
    which.add_argument("--lease", type=int, metavar="LEASE", help="the VF of this lease")
    add_settings_arguments(parser)
    add_scope_arguments(parser)


def run(args: argparse.Namespace, context: Context) -> int:
    """Attach one VF and say what the guest has now."""
    require_this_host(args)
    wanted = wanted_from(args)
    host, libvirt = context.host(), context.libvirt()
    vf = _find_vf(args, context)
    with ExitStack() as reservation:
        try:
            place = read_vf_place(host.files, vf)
            own = reserving(host, context.leases(), place, owner=args.guest, lease_id=args.lease)
            reservation.enter_context(own)
        except PermissionDenied as error:  # libvirt lets others than root attach, too
            context.warn(f"whether the VF is lent could not be seen: {error}")
        result = attach(host, libvirt, guest=args.guest, vf=vf, wanted=wanted)
    if args.json:
        context.print_json("attach", attach_as_json(result))
    else:
        context.print(format_attach(result))
    return EXIT_DONE


def _find_vf(args: argparse.Namespace, context: Context) -> PCIAddress:
    if args.vf is not None:
        return parse_pci_address(args.vf)
    if args.lease is not None:
        return leased_vf(context.host(), context.leases(), args.lease)
    try:
        lent = lent_vfs(context.host(), context.leases().leases())
    except PermissionDenied:  # the reservation will say so
        lent = {}
    return pick_vf(context.host(), context.libvirt(), pf=args.pf, lent=lent)
