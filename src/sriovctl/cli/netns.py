"""``sriovctl netns``: VFs for network namespaces and containers."""

from __future__ import annotations

from sriovctl.cli.change_arguments import add_change_arguments, refuse_recording
from sriovctl.cli.handover_arguments import (
    add_mac_and_vlan,
    add_vf_argument,
    desk_from,
    find_vf_address,
    settings_from,
)
from sriovctl.cli.sub_verbs import SubVerbs, run_sub_verb
from sriovctl.errors import EXIT_DONE

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sriovctl.cli.context import Context
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
    add_vf_argument(attach)
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
    add_vf_argument(detach)
    add_change_arguments(detach)


def _add_settings(parser: argparse.ArgumentParser) -> None:
    add_mac_and_vlan(parser)
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
    settings, vf = _settings(args), find_vf_address(args, context)
    with stopping_in_order():
        result = attach(
            desk_from(args, context), vf=vf, netns=args.netns, settings=settings, wish=wish
        )
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
    vf = find_vf_address(args, context)
    with stopping_in_order():
        result = detach(desk_from(args, context), vf=vf)
    if args.json:
        context.print_json("netns-detach", netns_detach_as_json(result))
    else:
        context.print(format_netns_detach(result))
    return EXIT_DONE


# --- arguments -------------------------------------------------------------------------------


def _settings(args: argparse.Namespace) -> HandoverSettings:
    return settings_from(args)._replace(spoofchk=_switch(args.spoofchk), trust=_switch(args.trust))


def _switch(word: str | None) -> bool | None:
    return None if word is None else word == "on"
