"""``sriovctl guests``."""

from __future__ import annotations

from sriovctl.cli.guest_arguments import require_this_host
from sriovctl.engine.guests.holders import read_guests
from sriovctl.errors import EXIT_DONE
from sriovctl.render.guests import format_guests, guests_as_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from sriovctl.cli.context import Context
    from sriovctl.model.guest import Guest

SUMMARY = "list which guest has which VF, now and after its next boot"
EXAMPLES = """\
  sriovctl guests
  sriovctl guests --json | jq -r '.guests[] | .name as $g | .devices[] | [$g, .address] | @tsv'
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """``guests`` has no arguments of its own."""


def run(args: argparse.Namespace, context: Context) -> int:
    """List guests and the host's functions they hold."""
    require_this_host(args)
    guests = read_guests(context.libvirt())
    networks = _vf_networks(context, guests)
    if args.json:
        context.print_json("guests", guests_as_json(guests, networks))
    else:
        context.print(format_guests(guests, networks))
    return EXIT_DONE


# Others, such as those with a bridge, give no VFs away; they are asked for only if they matter.
def _vf_networks(context: Context, guests: Sequence[Guest]) -> frozenset[str]:
    if not any(guest.networks for guest in guests):
        return frozenset()
    from sriovctl.engine.guests.vf_networks import find_vf_networks

    found = find_vf_networks(context.host().files, context.libvirt())
    return frozenset(network.pool.name for network in found)
