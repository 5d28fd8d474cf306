"""``sriovctl netns``: VFs for network namespaces and containers."""

from __future__ import annotations

from sriovctl.cli.change_arguments import add_change_arguments, refuse_recording
from sriovctl.cli.sub_verbs import SubVerbs, run_sub_verb
from sriovctl.errors import EXIT_DONE

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sriovctl.cli.context import Context
    from sriovctl.engine.runs.handover import Desk
    from sriovctl.model.address import PCIAddress
    from sriovctl.model.qemu import HandoverSettings

SUMMARY = "give a VF's netdev to a network namespace or a container, and bring it back"
EXAMPLES = """\
  sriovctl netns attach 0000:01:10.0 blue --mac auto --vlan 42 --up
  sriovctl netns attach enp1s0v0 812 --name data0
  sriovctl netns attach 0000:01:10.0 0123456789ab --spoofchk on --trust off
  sriovctl netns attach 0000:01:10.0 blue --rebind
  sriovctl netns detach 0000:01:10.0
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verbs of namespaces."""
    verbs = SubVerbs(parser)
    attach = verbs.add("attach", "move the netdev of a VF into a network namespace", _attach)
    _add_vf(attach)
    attach.add_argument(
        "netns",
        metavar="NETNS",
        help="a name of 'ip netns', the id of a process, a container as 'sriovctl owners' names "
        "it, or a path: /proc/PID/ns/net",
    )
    _add_settings(attach)
    attach.add_argument("--name", metavar="NAME", help="of the netdev there; default: as it is")
    attach.add_argument("--up", action="store_true", help="bring it up there; without an address")
    attach.add_argument(
        "--rebind",
        action="store_true",
        help="give the VF to its network driver first, if it has none, or VFIO has it",
    )
    add_change_arguments(attach)
    detach = verbs.add("detach", "bring the netdev back, and make the VF what it was", _detach)
    _add_vf(detach)
    add_change_arguments(detach)


def _add_vf(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("vf_name", metavar="VF", help="the VF, by PCI address or netdev")


def _add_settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--mac", metavar="MAC", help="or auto: one of the VF's own; default: what the VF has"
    )
    parser.add_argument(
        "--vlan", metavar="ID", help="1 to 4094, or 0 for none; default: what the VF has"
    )
    for name, what in (
        ("spoofchk", "drop what it sends with a MAC that is not its own"),
        ("trust", "let it choose its MAC and see what is for others"),
    ):
        parser.add_argument(
            f"--{name}", choices=("on", "off"), help=f"{what}; default: as the VF has it"
        )


def run(args: argparse.Namespace, context: Context) -> int:
    """Do what the verb says."""
    return run_sub_verb(args, context)


def _attach(args: argparse.Namespace, context: Context) -> int:
    from sriovctl.engine.netns.attach import attach
    from sriovctl.host.signals import stopping_in_order
    from sriovctl.model.netns import NetnsWish, parse_netdev_name
    from sriovctl.render.netns import format_netns_attach, netns_attach_as_json

    refuse_recording(args)
    name = None if args.name is None else parse_netdev_name(args.name)
    wish = NetnsWish(name, up=args.up, rebind=args.rebind)
    settings, vf = _settings(args), _vf(args, context)
    with stopping_in_order():
        result = attach(_desk(args, context), vf=vf, netns=args.netns, settings=settings, wish=wish)
    if args.json:
        context.print_json("netns-attach", netns_attach_as_json(result))
    else:
        context.print(format_netns_attach(result))
    return EXIT_DONE


def _detach(args: argparse.Namespace, context: Context) -> int:
    from sriovctl.engine.netns.attach import detach
    from sriovctl.host.signals import stopping_in_order
    from sriovctl.render.netns import format_netns_detach, netns_detach_as_json

    refuse_recording(args)
    vf = _vf(args, context)
    with stopping_in_order():
        result = detach(_desk(args, context), vf=vf)
    if args.json:
        context.print_json("netns-detach", netns_detach_as_json(result))
    else:
        context.print(format_netns_detach(result))
    return EXIT_DONE


# --- arguments -------------------------------------------------------------------------------


def _settings(args: argparse.Namespace) -> HandoverSettings:
    from sriovctl.cli.guest_arguments import parse_mac_option, parse_vlan_option
    from sriovctl.model.qemu import HandoverSettings
    from sriovctl.model.state import AUTO_MAC

    mac = AUTO_MAC if args.mac == AUTO_MAC else parse_mac_option(args.mac)
    return HandoverSettings(
        mac, parse_vlan_option(args.vlan), _switch(args.spoofchk), _switch(args.trust)
    )


def _switch(word: str | None) -> bool | None:
    return None if word is None else word == "on"


def _vf(args: argparse.Namespace, context: Context) -> PCIAddress:
    from sriovctl.cli.vf_arguments import find_vf
    from sriovctl.engine.inventory import read_inventory

    _, vf = find_vf(args.vf_name, read_inventory(context.host(), name_of=lambda *_: None))
    assert vf.address is not None  # by which it was found
    return vf.address


def _desk(args: argparse.Namespace, context: Context) -> Desk:
    from sriovctl.engine.runs.handover import Desk

    return Desk(context.site(), context.users(), frozenset(args.allow))
