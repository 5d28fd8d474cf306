"""``sriovctl guests``."""

from __future__ import annotations

from sriovctl.cli.guest_arguments import require_this_host
from sriovctl.engine.guests.holders import read_guests, vf_networks_of
from sriovctl.errors import EXIT_DONE
from sriovctl.render.guests import format_guests, guests_as_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Collection, Sequence

    from sriovctl.cli.context import Context
    from sriovctl.model.guest import Guest

    Listed = tuple[Sequence[Guest], Collection[str]]

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
    guests, networks = _told(context) or _read(context)
    if args.json:
        context.print_json("guests", guests_as_json(guests, networks))
    else:
        context.print(format_guests(guests, networks))
    return EXIT_DONE


def _told(context: Context) -> Listed | None:
    teller = context.teller()
    if teller is None:
        return None
    from sriovctl.api.client.guest_answers import parse_guests

    return teller.tell("/v1/guests", parse_guests)


def _read(context: Context) -> Listed:
    guests = read_guests(context.libvirt())
    return guests, vf_networks_of(guests, context.host, context.libvirt())
