"""What the verbs on guests have in common on the command line."""

from __future__ import annotations

from sriovctl.codec.mac import parse_mac
from sriovctl.errors import InputError
from sriovctl.model.functions import NO_MAC
from sriovctl.model.guest import NO_VLAN, Wanted, parse_alias
from sriovctl.model.guest_network import (
    parse_qbg,
    parse_qbh,
    parse_vlan_id,
    parse_vlan_trunk,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sriovctl.model.guest_network import VirtualPort


def add_guest_argument(parser: argparse.ArgumentParser) -> None:
    """Add the guest."""
    parser.add_argument("guest", metavar="GUEST", help="name of a libvirt domain")


def add_scope_arguments(parser: argparse.ArgumentParser) -> None:
    """Add which of a guest's two definitions is meant."""
    parser.add_argument("--live", action="store_true", help="in the running guest")
    parser.add_argument(
        "--config",
        action="store_true",
        help="in its definition, for the next boot (with neither: in all that the guest has)",
    )


def add_settings_arguments(parser: argparse.ArgumentParser, *, several: bool = False) -> None:
    """Add what is set on the VF or on the device in the guest.

    :param several: VFs may be named, with a MAC for each.
    """
    each = "; with several VFs, one for each in their order" if several else ""
    parser.add_argument(
        "--mac",
        metavar="MAC",
        action="append",
        dest="macs",
        help=f"default: what the VF has, or else one that libvirt makes up{each}",
    )
    _add_tagging_arguments(parser)
    parser.add_argument(
        "--boot-order", type=int, metavar="N", help="let the firmware boot from it, as the Nth"
    )
    parser.add_argument(
        "--teaming-with",
        metavar="ALIAS",
        help="alias (ua-…) of the guest's virtio interface with the same MAC; "
        "the pair can be migrated live",
    )
    parser.add_argument(
        "--alias", metavar="ALIAS", help="name of the device in libvirt and QEMU (ua-…)"
    )


def _add_tagging_arguments(parser: argparse.ArgumentParser) -> None:
    tagging = parser.add_mutually_exclusive_group()
    tagging.add_argument(
        "--vlan", metavar="ID", help="1 to 4094, or 0 for none; default: what the VF has"
    )
    tagging.add_argument(
        "--vlan-trunk",
        metavar="IDS",
        help="several VLANs, such as 10,20-29; libvirt defines that for a VF, and starts no guest "
        "with it",
    )
    tagging.add_argument(
        "--qbh",
        metavar="PROFILE",
        help="802.1Qbh: the switch's name of a port profile, which sets the VLAN",
    )
    tagging.add_argument(
        "--qbg",
        metavar="KEYS",
        help="802.1Qbg: managerid=11,typeid=1193047,typeidversion=2[,instanceid=UUID]; libvirt "
        "defines that for a VF, and starts no guest with it",
    )
    parser.add_argument(
        "--native",
        metavar="ID[:MODE]",
        help="the VLAN of --vlan-trunk for frames without a tag; MODE is untagged or tagged",
    )


def wanted_from(args: argparse.Namespace) -> Wanted:
    """Read what is wanted of one VF from the arguments.

    :raises InputError: one of them is malformed.
    """
    (wanted,) = wanted_of_each(args, 1)
    return wanted


def wanted_of_each(args: argparse.Namespace, count: int) -> tuple[Wanted, ...]:
    """Read what is wanted of each of several VFs.

    :raises InputError: an argument is malformed, or there is not one MAC for each VF.
    """
    macs = [parse_mac_option(text) for text in args.macs or [None] * count]
    if len(macs) != count:
        raise InputError(
            f"are for {count} VF{'s' if count > 1 else ''}", subject=f"{len(macs)} --mac"
        )
    if count > 1 and (args.alias or args.teaming_with):
        raise InputError("is for one VF", subject="--alias" if args.alias else "--teaming-with")
    wanted = _wanted(args)
    return tuple(
        wanted._replace(
            mac=mac,
            boot_order=None if args.boot_order is None else args.boot_order + position,
        )
        for position, mac in enumerate(macs)
    )


def _wanted(args: argparse.Namespace) -> Wanted:
    if args.native is not None and args.vlan_trunk is None:
        raise InputError("goes with --vlan-trunk", subject="--native")
    trunk = args.vlan_trunk
    return Wanted(
        vlan=parse_vlan_option(args.vlan),
        live=getattr(args, "live", False),
        config=getattr(args, "config", False),
        teaming_with=None if args.teaming_with is None else parse_alias(args.teaming_with),
        trunk=None if trunk is None else parse_vlan_trunk(trunk, native=args.native),
        virtual_port=_virtual_port(args),
        alias=None if args.alias is None else parse_alias(args.alias),
    )


def _virtual_port(args: argparse.Namespace) -> VirtualPort | None:
    if args.qbh is not None:
        return parse_qbh(args.qbh)
    return None if args.qbg is None else parse_qbg(args.qbg)


def require_this_host(args: argparse.Namespace) -> None:
    """Refuse to mix this machine's libvirt with the VFs of another host.

    :raises InputError: the user chose a recorded or simulated host.
    """
    if args.host_tree is not None or args.simulated:
        raise InputError(
            f"'{args.verb}' asks the libvirt of this machine, which knows no VFs of another host",
            hint="leave --host-tree and --simulated out",
        )


def parse_mac_option(text: str | None) -> str | None:
    """Read ``--mac``; None when it was left out.

    :raises InputError: it is no MAC that a station can have.
    """
    if text is None:
        return None
    try:
        mac = parse_mac(text)
    except InputError as error:
        raise InputError(error.cause, subject=f"--mac {text}", hint=error.hint) from error
    if mac == NO_MAC:
        raise InputError("is no station's address", subject=f"--mac {text}", hint="leave it out")
    return mac


def parse_vlan_option(text: str | None) -> int | None:
    """Read ``--vlan``; None when it was left out.

    :raises InputError: it is no VLAN id.
    """
    if text is None:
        return None
    return NO_VLAN if text == "0" else parse_vlan_id(text)
