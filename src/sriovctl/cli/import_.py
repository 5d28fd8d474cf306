"""``sriovctl import``."""

from __future__ import annotations

import sys

from sriovctl.cli.foreign_arguments import add_output_arguments, hand_over, pfs_at_hand
from sriovctl.codec.foreign.sources import Source
from sriovctl.engine.exchange.foreign import ALIASES, IMPORTED, guess_format, import_sources
from sriovctl.errors import InputError
from sriovctl.host.state_files import read_text
from sriovctl.model.translation import OutputFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sriovctl.cli.context import Context

SUMMARY = "read what files of another tool say of SR-IOV, and print it as a state file"
EXAMPLES = """\
  sriovctl import /etc/netplan/*.yaml
  sriovctl import --format systemd /etc/systemd/network/*.link --output host.yaml
  sriovctl import --strict uplink.nmconnection
  nmstatectl show | sriovctl import --format nmstate -
"""
MAX_CHARACTERS = 8 << 20


def configure(parser: argparse.ArgumentParser) -> None:
    """Add format, files and output."""
    parser.add_argument(
        "--format",
        metavar="FORMAT",
        choices=(*IMPORTED, *ALIASES),
        help=f"one of {', '.join(IMPORTED)} (default: as names and first words show)",
    )
    parser.add_argument(
        "files", metavar="FILE", nargs="+", help="what to read, or - for standard input"
    )
    add_output_arguments(parser)


def run(args: argparse.Namespace, context: Context) -> int:
    """Print or write the state.

    :raises InputError: a file is wrong, or none of them speaks of SR-IOV.
    """
    from sriovctl.codec.state_text import format_state
    from sriovctl.render.translation import format_left_out

    sources = [_read(file) for file in args.files]
    args.format = ALIASES.get(args.format, args.format) or guess_format(sources)
    imported = import_sources(args.format, sources, pfs_at_hand(context))
    if not imported.state.pfs:
        sys.stderr.write(format_left_out(imported.left_out) + "\n")
        raise InputError(
            "nothing is said of SR-IOV that could be read",
            subject=", ".join(source.name for source in sources),
        )
    file = OutputFile("host.yaml", "/etc/sriovctl", format_state(imported.state))
    return hand_over(args, context, [file], left_out=imported.left_out)


def _read(file: str) -> Source:
    return Source("<stdin>" if file == "-" else file, read_text(file, most=MAX_CHARACTERS))
