"""``sriovctl export``."""

from __future__ import annotations

from sriovctl.cli.foreign_arguments import add_output_arguments, hand_over, pfs_at_hand
from sriovctl.engine.exchange.foreign import ALIASES, FORMATS, export_state
from sriovctl.errors import InputError, UnsupportedError
from sriovctl.model.translation import Export, OutputFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sriovctl.cli.context import Context
    from sriovctl.model.functions import PF
    from sriovctl.model.state import DesiredState
    from sriovctl.model.translation import DriverModule, LeftOut

SUMMARY = "write this host, or a state file, as a state or in the format of another tool"
EXAMPLES = """\
  sriovctl export > host.yaml
  sriovctl export --format systemd-networkd host.yaml
  sriovctl export --format netplan host.yaml --output /etc/netplan
  sriovctl export --format ip host.yaml --output set-up.sh
  sriovctl export --format networkmanager --strict host.yaml >/dev/null && echo 'all is said'
"""
OWN_FORMAT = "sriovctl"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add format, file and output."""
    listed = ", ".join([OWN_FORMAT, *FORMATS])
    parser.add_argument(
        "--format",
        metavar="FORMAT",
        default=OWN_FORMAT,
        choices=(OWN_FORMAT, *FORMATS, *ALIASES),
        help=f"one of {listed} (default: {OWN_FORMAT}, a state file)",
    )
    parser.add_argument(
        "file",
        metavar="FILE",
        nargs="?",
        help="the state file, or - for standard input; without it: this host as it is now",
    )
    add_output_arguments(parser)


def run(args: argparse.Namespace, context: Context) -> int:
    """Write the state.

    :raises InputError: the state file is wrong, or a file is in the way.
    """
    args.format = ALIASES.get(args.format, args.format)
    state, left_out = _state(args, context)
    if args.format == OWN_FORMAT:
        export = _own(state, args)
    else:
        pfs = _pfs(context, state)
        export = export_state(args.format, state, pfs, modules=_modules(args, context, pfs))
    return hand_over(
        args,
        context,
        export.files,
        left_out=(*left_out, *export.left_out),
        imposed=export.imposed,
    )


def _state(args: argparse.Namespace, context: Context) -> tuple[DesiredState, tuple[LeftOut, ...]]:
    if args.file is not None:
        from sriovctl.cli.state_arguments import read_state

        return read_state(args.file), ()
    from sriovctl.engine.exchange.export_host import export_host

    state, left_out = export_host(context.host())
    if not state.pfs:
        raise InputError(
            "has no PF, so there is nothing to export",
            subject=context.host().description,
            hint="'sriovctl doctor' says why",
        )
    return state, left_out


def _own(state: DesiredState, args: argparse.Namespace) -> Export:
    from sriovctl.codec.state_text import format_state

    name = "host.yaml" if args.file in (None, "-") else args.file.rpartition("/")[2]
    return Export((OutputFile(name or "host.yaml", "/etc/sriovctl", format_state(state)),))


def _pfs(context: Context, state: DesiredState) -> tuple[PF, ...]:
    from sriovctl.engine.identity import with_identities

    pfs = pfs_at_hand(context)
    return with_identities(context.host(), pfs, state) if pfs else ()


def _modules(
    args: argparse.Namespace, context: Context, pfs: tuple[PF, ...]
) -> tuple[DriverModule, ...]:
    if args.format != "modprobe" or not pfs:
        return ()
    from sriovctl.engine.exchange.export_state import read_modules

    try:
        installed = context.boot().modules
    except (InputError, UnsupportedError):  # a recording, or a simulated host
        installed = None
    return read_modules(context.host().files, installed, pfs)
