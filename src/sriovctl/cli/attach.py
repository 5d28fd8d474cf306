"""``sriovctl attach``."""

from __future__ import annotations

from sriovctl.cli.guest_arguments import (
    add_guest_argument,
    add_scope_arguments,
    add_settings_arguments,
    require_this_host,
    wanted_from,
)
from sriovctl.engine.attach import attach, pick_vf
from sriovctl.errors import EXIT_DONE
from sriovctl.model.address import parse_pci_address
from sriovctl.render.guests import attach_as_json, format_attach

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sriovctl.cli.context import Context

SUMMARY = "give a VF to a libvirt guest, with its MAC and VLAN"
EXAMPLES = """\
  sriovctl attach MyGuest --vf 0000:01:10.0
  sriovctl attach MyGuest --vf 01:10.0 --mac 52:54:00:6d:90:02 --vlan 42
  sriovctl attach MyGuest --pf enp1s0 --config
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add guest, VF and settings."""
    add_guest_argument(parser)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--vf", metavar="ADDRESS", help="PCI address of the VF")
    which.add_argument("--pf", metavar="NAME", help="netdev or address of a PF: its first free VF")
    add_settings_arguments(parser)
    add_scope_arguments(parser)


def run(args: argparse.Namespace, context: Context) -> int:
    """Attach one VF and say what the guest has now."""
    require_this_host(args)
    wanted = wanted_from(args)
    vf = parse_pci_address(args.vf) if args.vf else None
    host, libvirt = context.host(), context.libvirt()
    vf = vf or pick_vf(host, libvirt, pf=args.pf)
    result = attach(host, libvirt, guest=args.guest, vf=vf, wanted=wanted)
    if args.json:
        context.print_json("attach", attach_as_json(result))
    else:
        context.print(format_attach(result))
    return EXIT_DONE
