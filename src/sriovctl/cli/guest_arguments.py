"""What the verbs on guests have in common on the command line."""

from __future__ import annotations

from sriovctl.codec.mac import parse_mac
from sriovctl.engine.guests.attach import NO_VLAN, Wanted
from sriovctl.errors import InputError
from sriovctl.model.guest import parse_alias, parse_vlan_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

_ALL_ZERO = "00:00:00:00:00:00"


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


def add_settings_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what is set on the VF or on the device in the guest."""
    parser.add_argument(
        "--mac", metavar="MAC", help="default: what the VF has, or else one that libvirt makes up"
    )
    parser.add_argument(
        "--vlan", metavar="ID", help="1 to 4094, or 0 for none; default: what the VF has"
    )
    parser.add_argument(
        "--boot-order", type=int, metavar="N", help="let the firmware boot from it, as the Nth"
    )
    parser.add_argument(
        "--teaming-with",
        metavar="ALIAS",
        help="alias (ua-…) of the guest's virtio interface with the same MAC; "
        "the pair can be migrated live",
    )


def wanted_from(args: argparse.Namespace) -> Wanted:
    """Read what is wanted from the arguments.

    :raises InputError: one of them is malformed.
    """
    return Wanted(
        mac=parse_mac_option(args.mac),
        vlan=parse_vlan_option(args.vlan),
        live=getattr(args, "live", False),
        config=getattr(args, "config", False),
        boot_order=args.boot_order,
        teaming_with=None if args.teaming_with is None else parse_alias(args.teaming_with),
    )


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
    if mac == _ALL_ZERO:
        raise InputError("is no station's address", subject=f"--mac {text}", hint="leave it out")
    return mac


def parse_vlan_option(text: str | None) -> int | None:
    """Read ``--vlan``; None when it was left out.

    :raises InputError: it is no VLAN id.
    """
    if text is None:
        return None
    return NO_VLAN if text == "0" else parse_vlan_id(text)
