"""``sriovctl xml``."""

from __future__ import annotations

from sriovctl.cli.guest_arguments import add_settings_arguments, wanted_from
from sriovctl.engine.guests.attach import plan_attachment
from sriovctl.engine.guests.vf_place import is_present, read_attributes, read_vf_place
from sriovctl.errors import EXIT_DONE, InputError
from sriovctl.model.address import parse_pci_address
from sriovctl.model.guest import DeviceKind, VFAttachment, Wanted, alias_of
from sriovctl.model.guest_network import parse_network_name
from sriovctl.render.libvirt_xml import format_attachment

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sriovctl.cli.context import Context
    from sriovctl.model.address import PCIAddress

SUMMARY = "print the libvirt XML of a VF, or of a pool of VFs, and change nothing"
EXAMPLES = """\
  sriovctl xml --vf 0000:01:10.0 --mac 52:54:00:6d:90:02 --vlan 42
  sriovctl xml --vf 05:00.1 --hostdev
  sriovctl xml --vf 01:10.0 > vf.xml && virsh attach-device MyGuest vf.xml --config
  sriovctl xml --vf 01:10.0 --qbg managerid=11,typeid=1193047,typeidversion=2
  sriovctl xml --define-network finance --pf enp1s0 --vlan 42
  sriovctl xml --define-network finance --vf 01:10.0 --vf 01:10.2
  sriovctl xml --network finance --mac 52:54:00:6d:90:02
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add VFs and settings."""
    parser.add_argument(
        "--vf",
        metavar="ADDRESS",
        action="append",
        dest="vfs",
        help="PCI address of the VF; it need not exist yet (repeatable with --define-network)",
    )
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument(
        "--hostdev",
        action="store_true",
        help="write <hostdev>, for which libvirt sets neither MAC nor VLAN",
    )
    kind.add_argument(
        "--network", metavar="NAME", help="write the interface that takes a VF out of this network"
    )
    kind.add_argument(
        "--define-network",
        metavar="NAME",
        help="write the network that gives these VFs, or those of --pf, to guests",
    )
    parser.add_argument("--pf", metavar="NETDEV", help="with --define-network: all VFs of a PF")
    add_settings_arguments(parser)


def run(args: argparse.Namespace, context: Context) -> int:
    """Print what ``attach`` or ``network create`` would hand to libvirt."""
    document, xml = _write(args, context)
    if args.json:
        context.print_json("xml", {**document, "xml": xml})
    else:
        context.print(xml)
    return EXIT_DONE


def _write(args: argparse.Namespace, context: Context) -> tuple[dict[str, object], str]:
    if args.define_network is not None:
        from sriovctl.cli.network_arguments import pool_from
        from sriovctl.render.libvirt_xml import format_vf_pool

        return {"network": args.define_network}, format_vf_pool(pool_from(args))
    wanted = wanted_from(args)
    if args.network is not None:
        from sriovctl.engine.guests.network_attach import plan_network_attachment
        from sriovctl.render.libvirt_xml import format_network_attachment

        _refuse_others("--network", vfs=args.vfs, pf=args.pf)
        planned = plan_network_attachment(parse_network_name(args.network), wanted)
        return {"network": args.network}, format_network_attachment(planned)
    _refuse_others("--vf", pf=args.pf)
    if args.vfs is None or len(args.vfs) > 1:
        raise InputError("is wanted once", subject="--vf", hint="or --network, --define-network")
    vf = parse_pci_address(args.vfs[0])
    if args.hostdev and (wanted.mac or wanted.vlan is not None or _tagging(wanted)):
        raise InputError("goes without MAC, VLAN and port profile", subject="--hostdev")
    return {"vf": str(vf)}, format_attachment(
        _attachment(context, vf, wanted, hostdev=args.hostdev)
    )


def _refuse_others(name: str, **others: object) -> None:
    named = [other for other, value in others.items() if value is not None]
    if named:
        word = "vf" if named[0] == "vfs" else named[0]
        raise InputError(f"goes without --{word}", subject=name)


def _tagging(wanted: Wanted) -> object | None:
    return wanted.trunk or wanted.virtual_port


def _attachment(context: Context, vf: PCIAddress, wanted: Wanted, *, hostdev: bool) -> VFAttachment:
    host = context.host()
    if not hostdev and is_present(host.files, vf):
        place = read_vf_place(host.files, vf)
        return plan_attachment(place, read_attributes(host, place), (), wanted)
    return VFAttachment(
        kind=DeviceKind.HOSTDEV if hostdev else DeviceKind.INTERFACE,
        source=vf,
        mac=wanted.mac,
        vlan=wanted.vlan or None,
        alias=wanted.alias or alias_of(vf),
        boot_order=wanted.boot_order,
        teaming_with=wanted.teaming_with,
        trunk=wanted.trunk,
        virtual_port=wanted.virtual_port,
    )
