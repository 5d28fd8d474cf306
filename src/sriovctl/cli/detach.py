"""``sriovctl detach``."""

from __future__ import annotations

from contextlib import ExitStack, suppress

from sriovctl.cli.guest_arguments import (
    add_guest_argument,
    add_scope_arguments,
    require_this_host,
)
from sriovctl.engine.guests.detach import DETACH_TIMEOUT_S, detach, held_vfs
from sriovctl.engine.guests.recording import recording, vfs_of_network
from sriovctl.errors import EXIT_DONE, SriovctlError
from sriovctl.model.address import parse_pci_address
from sriovctl.render.guests import detach_as_json, format_detach

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from sriovctl.cli.context import Context
    from sriovctl.model.address import PCIAddress
    from sriovctl.model.guest import DetachResult

SUMMARY = "take a VF back from a libvirt guest"
EXAMPLES = """\
  sriovctl detach MyGuest --vf 0000:01:10.0
  sriovctl detach MyGuest --all --timeout 120
  sriovctl detach MyGuest --vf 01:10.0 --config
  sriovctl detach MyGuest --network finance
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add guest and VFs."""
    add_guest_argument(parser)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "--vf",
        metavar="ADDRESS",
        action="append",
        dest="vfs",
        help="PCI address of the VF on the host (repeatable)",
    )
    which.add_argument("--all", action="store_true", help="all VFs that the guest holds")
    which.add_argument("--network", metavar="NAME", help="what came out of this network of libvirt")
    add_scope_arguments(parser)
    parser.add_argument(
        "--timeout",
        type=float,
        default=DETACH_TIMEOUT_S,
        metavar="SECONDS",
        help="how long to wait for a running guest to let go (default: %(default).0f)",
    )


def run(args: argparse.Namespace, context: Context) -> int:
    """Detach one VF after the other and say what became of them."""
    require_this_host(args)
    results = []
    for result in _detach(args, context):
        results.append(result)
        if not args.json:
            context.print(format_detach(result))
    if args.json:
        context.print_json("detach", detach_as_json(results))
    elif not results:
        context.print(f"{args.guest} holds no VF")
    return EXIT_DONE


def _detach(args: argparse.Namespace, context: Context) -> Iterator[DetachResult]:
    host, libvirt = context.host(), context.libvirt()
    for network in _networks(args, context):
        from sriovctl.engine.guests.network_attach import detach_from_network

        vfs = vfs_of_network(host, libvirt, network)
        with recording(context.site(), "detach", args.guest, vfs, warn=context.warn) as recorded:
            results = list(
                detach_from_network(
                    host,
                    libvirt,
                    guest=args.guest,
                    network=network,
                    live=args.live,
                    config=args.config,
                    timeout_s=args.timeout,
                )
            )
            recorded += results
        yield from results
    named = tuple(parse_pci_address(text) for text in args.vfs or ())
    for vf in held_vfs(host, libvirt, guest=args.guest) if args.all else named:
        yield _detach_one(args, context, vf)


def _detach_one(args: argparse.Namespace, context: Context, vf: PCIAddress) -> DetachResult:
    with ExitStack() as entered:
        _reserve(entered, args, context, vf)
        recorded = entered.enter_context(
            recording(context.site(), "detach", args.guest, [vf], warn=context.warn)
        )
        result = detach(
            context.host(),
            context.libvirt(),
            guest=args.guest,
            vf=vf,
            live=args.live,
            config=args.config,
            timeout_s=args.timeout,
        )
        recorded.append(result)
    return result


# What libvirt puts back is written down afterwards; nobody is to plan by what he sees before.
def _reserve(
    entered: ExitStack, args: argparse.Namespace, context: Context, vf: PCIAddress
) -> None:
    from sriovctl.engine.guests.reservation import reserving_till_back
    from sriovctl.engine.guests.vf_place import is_vf, read_vf_place

    host = context.host()
    if not is_vf(host.files, vf):
        return
    place = read_vf_place(host.files, vf)
    # libvirt lets others than root detach, too; and a full disk is to keep nobody from it.
    with suppress(SriovctlError):
        entered.enter_context(reserving_till_back(host, context.leases(), place, owner=args.guest))


def _networks(args: argparse.Namespace, context: Context) -> tuple[str, ...]:
    if not args.all:
        return () if args.network is None else (args.network,)
    from sriovctl.engine.guests.holders import read_guest
    from sriovctl.engine.guests.vf_networks import held_networks

    guest = read_guest(context.libvirt(), args.guest)
    return held_networks(context.host().files, context.libvirt(), guest)
