"""``sriovctl attach``."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager

from sriovctl.cli.guest_arguments import (
    add_guest_argument,
    add_scope_arguments,
    add_settings_arguments,
    require_this_host,
    wanted_from,
    wanted_of_each,
)
from sriovctl.errors import EXIT_DONE, InputError, PermissionDenied
from sriovctl.host.signals import stopping_in_order
from sriovctl.model.address import parse_pci_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from sriovctl.cli.context import Context
    from sriovctl.engine.guests.vf_place import VFPlace
    from sriovctl.model.address import PCIAddress
    from sriovctl.model.guest import AttachResult

SUMMARY = "give VFs to a libvirt guest, with their MACs and VLANs"
EXAMPLES = """\
  sriovctl attach MyGuest --vf 0000:01:10.0
  sriovctl attach MyGuest --vf 01:10.0 --mac 52:54:00:6d:90:02 --vlan 42
  sriovctl attach MyGuest --vf 01:10.0 --vf 01:10.2 --vlan 42
  sriovctl attach MyGuest --pf enp1s0 --count 2 --config
  sriovctl attach MyGuest --lease 3
  sriovctl attach MyGuest --network finance
  sriovctl attach MyGuest --vf 01:10.0 --teaming-with ua-backup0
  sriovctl attach MyGuest --vf 01:10.0 --qbh finance --config
  sriovctl attach MyGuest --vf 05:00.1 --add-root-ports 2
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add guest, VFs and settings."""
    add_guest_argument(parser)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "--vf",
        metavar="ADDRESS",
        action="append",
        dest="vfs",
        help="PCI address of the VF (repeatable: all or none)",
    )
    which.add_argument("--pf", metavar="NAME", help="netdev or address of a PF: its first free VFs")
    which.add_argument(
        "--lease",
        type=int,
        metavar="LEASE",
        action="append",
        dest="leases",
        help="the VF of this lease (repeatable)",
    )
    which.add_argument(
        "--network", metavar="NAME", help="a VF that libvirt chooses out of this network"
    )
    parser.add_argument(
        "--count", type=int, default=1, metavar="N", help="with --pf: how many (default: 1)"
    )
    add_settings_arguments(parser, several=True)
    add_scope_arguments(parser)
    parser.add_argument(
        "--add-root-ports",
        type=int,
        default=0,
        metavar="N",
        help="add root ports to the definition until N are free for hot plugs, from its next start",
    )


def run(args: argparse.Namespace, context: Context) -> int:
    """Attach what was named and say what the guest has now."""
    require_this_host(args)
    _check_counts(args)
    if args.add_root_ports:
        _choose_scope(args, context)
    with stopping_in_order():
        if args.network is not None:
            _attach_from_network(args, context)
        else:
            _attach(args, context)
        if args.add_root_ports:
            _add_root_ports(args, context)
    return EXIT_DONE


def _check_counts(args: argparse.Namespace) -> None:
    from sriovctl.engine.guests.root_ports import MOST_ROOT_PORTS

    if args.count < 1 or (args.count > 1 and args.pf is None):
        raise InputError("says how many VFs of a PF: name it with --pf", subject="--count")
    if not 0 <= args.add_root_ports <= MOST_ROOT_PORTS:
        raise InputError(f"is not 0 to {MOST_ROOT_PORTS}", subject="--add-root-ports")


# A guest without a free port takes nothing now; with new ones, it does from its next start.
def _choose_scope(args: argparse.Namespace, context: Context) -> None:
    from sriovctl.engine.guests.holders import read_guest

    guest = read_guest(context.libvirt(), args.guest)
    wanted = len(args.vfs or args.leases or ()) or args.count
    if not (args.live or args.config) and guest.room is not None and guest.room.free < wanted:
        context.warn(
            f"{args.guest} has too few free root ports now: it gets its VFs at its next start"
        )
        args.config = True


def _attach(args: argparse.Namespace, context: Context) -> None:
    from sriovctl.engine.guests.attach import attach_all
    from sriovctl.engine.guests.recording import recording
    from sriovctl.render.guests import attach_as_json, format_attach

    host, libvirt = context.host(), context.libvirt()
    wanted = wanted_of_each(args, len(args.vfs or args.leases or ()) or args.count)
    vfs = _find_vfs(args, context)
    with ExitStack() as reservations:
        _reserve(args, context, vfs, reservations)
        pairs = list(zip(vfs, wanted, strict=True))
        with recording(context.site(), "attach", args.guest, vfs, warn=context.warn) as recorded:
            results = attach_all(host, libvirt, guest=args.guest, wanted=pairs)
            recorded += results
    _warn_of_networks(context, results)
    if args.json:
        context.print_json("attach", attach_as_json(results))
    else:
        context.print("\n".join(format_attach(result) for result in results))


def _reserve(
    args: argparse.Namespace,
    context: Context,
    vfs: tuple[PCIAddress, ...],
    reservations: ExitStack,
) -> None:
    from sriovctl.engine.guests.vf_place import read_vf_place

    for vf, lease_id in zip(vfs, args.leases or (None,) * len(vfs), strict=True):
        place = read_vf_place(context.host().files, vf)
        reservations.enter_context(_reserving(args, context, place, lease_id))


@contextmanager
def _reserving(
    args: argparse.Namespace, context: Context, place: VFPlace, lease_id: int | None = None
) -> Iterator[None]:
    from sriovctl.engine.guests.reservation import reserving

    with ExitStack() as reservation:
        try:
            reservation.enter_context(
                reserving(
                    context.host(), context.leases(), place, owner=args.guest, lease_id=lease_id
                )
            )
        except PermissionDenied as error:  # libvirt lets others than root attach, too
            context.warn(f"whether the VF is lent could not be seen: {error}")
        yield


def _find_vfs(args: argparse.Namespace, context: Context) -> tuple[PCIAddress, ...]:
    from sriovctl.engine.guests.reservation import leased_vf

    if args.vfs is not None:
        return tuple(parse_pci_address(text) for text in args.vfs)
    if args.leases is not None:
        return tuple(leased_vf(context.host(), context.leases(), each) for each in args.leases)
    from sriovctl.engine.guests.pick import pick_vfs

    lent = _lent(context)
    return pick_vfs(context.host(), context.libvirt(), pf=args.pf, count=args.count, lent=lent)


def _lent(context: Context) -> dict[str, str]:
    from sriovctl.engine.guests.reservation import lent_vfs

    try:
        return lent_vfs(context.host(), context.leases().leases())
    except PermissionDenied:  # the reservation of a VF will say so
        return {}


def _warn_of_networks(context: Context, results: tuple[AttachResult, ...]) -> None:
    from sriovctl.engine.guests.vf_networks import find_vf_networks

    attached = {result.vf for result in results}
    for network in find_vf_networks(context.host().files, context.libvirt()):
        for vf in sorted(attached.intersection(network.pool.sources)):
            context.warn(
                f"{vf} is in libvirt's network {network.pool.name}, which may choose it for "
                "another guest; that one then does not start"
            )


def _attach_from_network(args: argparse.Namespace, context: Context) -> None:
    from sriovctl.engine.guests.network_attach import attach_from_network
    from sriovctl.engine.guests.recording import recording, vfs_of_network
    from sriovctl.render.guests import format_network_attach, network_attach_as_json

    host, libvirt = context.host(), context.libvirt()
    vfs = vfs_of_network(host, libvirt, args.network)
    with recording(context.site(), "attach", args.guest, vfs, warn=context.warn) as recorded:
        result = attach_from_network(
            host,
            libvirt,
            guest=args.guest,
            network=args.network,
            wanted=wanted_from(args),
            lent=_lent(context),
            reserve=lambda place: _reserving(args, context, place),
        )
        recorded.append(result)
    if args.json:
        context.print_json("attach", network_attach_as_json(result))
    else:
        context.print(format_network_attach(result))


def _add_root_ports(args: argparse.Namespace, context: Context) -> None:
    from sriovctl.engine.guests.root_ports import ensure_free_root_ports

    added = ensure_free_root_ports(context.libvirt(), args.guest, args.add_root_ports)
    if added:
        ports = "root ports" if added > 1 else "root port"
        context.warn(f"{args.guest} has {added} more {ports} from its next start on")
