"""``sriovctl xml``."""

from __future__ import annotations

from sriovctl.cli.guest_arguments import add_settings_arguments, wanted_from
from sriovctl.engine.guests.attach import Wanted, plan_attachment
from sriovctl.engine.guests.vf_place import is_present, read_vf_place
from sriovctl.errors import EXIT_DONE, InputError
from sriovctl.model.address import parse_pci_address
from sriovctl.model.guest import DeviceKind, VFAttachment, alias_of
from sriovctl.render.libvirt_xml import format_attachment

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sriovctl.cli.context import Context
    from sriovctl.model.address import PCIAddress

SUMMARY = "print the libvirt XML of a VF, and change nothing"
EXAMPLES = """\
  sriovctl xml --vf 0000:01:10.0 --mac 52:54:00:6d:90:02 --vlan 42
  sriovctl xml --vf 05:00.1 --hostdev
  sriovctl xml --vf 01:10.0 > vf.xml && virsh attach-device MyGuest vf.xml --config
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add VF and settings."""
    parser.add_argument(
        "--vf",
        metavar="ADDRESS",
        required=True,
        help="PCI address of the VF; it need not exist yet",
    )
    add_settings_arguments(parser)
    parser.add_argument(
        "--hostdev",
        action="store_true",
        help="write <hostdev>, for which libvirt sets neither MAC nor VLAN",
    )


def run(args: argparse.Namespace, context: Context) -> int:
    """Print the device element that ``attach`` would hand to libvirt."""
    wanted = wanted_from(args)
    vf = parse_pci_address(args.vf)
    if args.hostdev and (wanted.mac or wanted.vlan is not None or wanted.teaming_with):
        raise InputError("goes without MAC, VLAN and teaming", subject="--hostdev")
    xml = format_attachment(_attachment(context, vf, wanted, hostdev=args.hostdev))
    if args.json:
        context.print_json("xml", {"vf": str(vf), "xml": xml})
    else:
        context.print(xml)
    return EXIT_DONE


def _attachment(context: Context, vf: PCIAddress, wanted: Wanted, *, hostdev: bool) -> VFAttachment:
    host = context.host()
    if not hostdev and is_present(host.files, vf):
        return plan_attachment(host, read_vf_place(host.files, vf), (), wanted)
    return VFAttachment(
        kind=DeviceKind.HOSTDEV if hostdev else DeviceKind.INTERFACE,
        source=vf,
        mac=wanted.mac,
        vlan=wanted.vlan or None,
        alias=alias_of(vf),
        boot_order=wanted.boot_order,
        teaming_with=wanted.teaming_with,
    )
