"""``sriovctl network``: pools of VFs in libvirt."""

from __future__ import annotations

from sriovctl.cli.guest_arguments import require_this_host
from sriovctl.cli.network_arguments import pool_from
from sriovctl.cli.sub_verbs import SubVerbs, run_sub_verb
from sriovctl.engine.guests.holders import read_guests
from sriovctl.engine.guests.vf_networks import (
    create_vf_network,
    delete_vf_network,
    read_vf_network,
    read_vf_networks,
    vfs_of_pool,
)
from sriovctl.errors import EXIT_DONE, InputError, PermissionDenied
from sriovctl.render.vf_networks import (
    format_vf_network,
    format_vf_networks,
    vf_network_as_json,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sriovctl.cli.context import Context
    from sriovctl.model.guest_network import VFPool

SUMMARY = "make pools of VFs out of which libvirt gives one to each guest that asks"
EXAMPLES = """\
  sriovctl network create finance --pf enp1s0 --vlan 42
  sriovctl network create finance --vf 01:10.0 --vf 01:10.2
  sriovctl network list
  sriovctl network show finance
  sriovctl network delete finance
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verbs of networks."""
    verbs = SubVerbs(parser)
    create = verbs.add("create", "define a network of VFs, start it now and with libvirt", _create)
    _add_name(create)
    which = create.add_mutually_exclusive_group(required=True)
    which.add_argument("--pf", metavar="NETDEV", help="all VFs of a PF, as they are at each start")
    which.add_argument(
        "--vf", metavar="ADDRESS", action="append", dest="vfs", help="a VF (repeatable)"
    )
    create.add_argument("--vlan", metavar="ID", help="1 to 4094, for all that comes out of it")
    verbs.add("list", "list the networks that give VFs away", _list)
    _add_name(verbs.add("show", "show a network, its VFs, and which guest has which", _show))
    _add_name(verbs.add("delete", "stop a network that nobody uses, and forget it", _delete))


def run(args: argparse.Namespace, context: Context) -> int:
    """Run the verb that was named."""
    require_this_host(args)
    return run_sub_verb(args, context)


def _add_name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("define_network", metavar="NAME", help="name of a network of libvirt")


def _create(args: argparse.Namespace, context: Context) -> int:
    pool = pool_from(args)
    files, libvirt = context.host().files, context.libvirt()
    changed = create_vf_network(files, libvirt, pool, users=_users(context, pool))
    network = read_vf_network(files, libvirt, pool.name)
    assert network is not None  # it was read back
    if args.json:
        payload = vf_network_as_json(network, read_guests(libvirt))
        context.print_json("network-create", {"changed": changed, **payload})
    else:
        done = "is there" if changed else "was there already"
        context.print(f"network {pool.name} {done}, with {len(network.pool.sources)} VFs")
    return EXIT_DONE


def _users(context: Context, pool: VFPool) -> dict[str, str]:
    from sriovctl.engine.guests.pick import read_vf_users
    from sriovctl.engine.guests.reservation import lent_vfs

    host = context.host()
    try:
        lent = lent_vfs(host, context.leases().leases())
    except PermissionDenied as error:  # libvirt lets others than root define networks, too
        context.warn(f"whether the VFs are lent could not be seen: {error}")
        lent = {}
    vfs = vfs_of_pool(host.files, pool)
    return read_vf_users(host, context.libvirt(), vfs, lent=lent, but_network=pool.name)


def _list(args: argparse.Namespace, context: Context) -> int:
    libvirt = context.libvirt()
    networks, guests = read_vf_networks(context.host().files, libvirt), read_guests(libvirt)
    if args.json:
        rows = [vf_network_as_json(network, guests) for network in networks]
        context.print_json("network-list", {"networks": rows})
    else:
        context.print(format_vf_networks(networks, guests))
    return EXIT_DONE


def _show(args: argparse.Namespace, context: Context) -> int:
    libvirt = context.libvirt()
    network = read_vf_network(context.host().files, libvirt, args.define_network)
    if network is None:
        raise InputError(
            "is no network of libvirt that gives VFs away",
            subject=args.define_network,
            hint="sriovctl network list",
        )
    guests = read_guests(libvirt)
    if args.json:
        context.print_json("network-show", vf_network_as_json(network, guests))
    else:
        context.print(format_vf_network(network, guests))
    return EXIT_DONE


def _delete(args: argparse.Namespace, context: Context) -> int:
    libvirt, name = context.libvirt(), args.define_network
    changed = delete_vf_network(libvirt, name, read_guests(libvirt))
    if args.json:
        context.print_json("network-delete", {"network": name, "changed": changed})
    else:
        context.print(f"network {name} {'is gone' if changed else 'is not there'}")
    return EXIT_DONE
