"""What ``netns`` and ``qemu`` share: the VF that is handed over, and what is set on it before."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sriovctl.cli.context import Context
    from sriovctl.engine.runs.handover import Desk
    from sriovctl.model.address import PCIAddress
    from sriovctl.model.qemu import HandoverSettings


def add_vf_argument(parser: argparse.ArgumentParser) -> None:
    """Add the VF."""
    parser.add_argument("vf_name", metavar="VF", help="the VF, by PCI address or netdev")


def add_mac_and_vlan(parser: argparse.ArgumentParser) -> None:
    """Add what each of them sets through the PF."""
    parser.add_argument(
        "--mac", metavar="MAC", help="or auto: one of the VF's own; default: what the VF has"
    )
    parser.add_argument(
        "--vlan", metavar="ID", help="1 to 4094, or 0 for none; default: what the VF has"
    )


def settings_from(args: argparse.Namespace) -> HandoverSettings:
    """Read ``--mac`` and ``--vlan``.

    :raises InputError: one is malformed.
    """
    from sriovctl.cli.guest_arguments import parse_mac_option, parse_vlan_option
    from sriovctl.model.qemu import HandoverSettings
    from sriovctl.model.state import AUTO_MAC

    mac = AUTO_MAC if args.mac == AUTO_MAC else parse_mac_option(args.mac)
    return HandoverSettings(mac, parse_vlan_option(args.vlan))


def find_vf_address(args: argparse.Namespace, context: Context) -> PCIAddress:
    """Find the VF that is meant.

    :raises InputError: it is none of this host.
    """
    from sriovctl.cli.vf_arguments import address_of
    from sriovctl.engine.inventory import read_inventory

    return address_of(args.vf_name, read_inventory(context.host(), name_of=lambda *_: None))


def desk_from(args: argparse.Namespace, context: Context) -> Desk:
    """Bring together what a handover needs of the host, and whom it may disturb.

    VFs whose leases are over are made clean before: what they are to be like is found out then.
    """
    from sriovctl.engine.runs.handover import Desk

    context.reap_leases()
    return Desk(context.site(), context.users(), frozenset(args.allow))
