"""What verbs that change the host share: whom they may disturb, how long a write may take."""

from __future__ import annotations

from sriovctl.codec.durations import duration_s
from sriovctl.errors import PermissionDenied

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

WRITE_TIMEOUT_S = 120.0


def add_change_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--allow`` and ``--write-timeout``."""
    parser.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="USER",
        help="go on although this user would feel it; named as the refusal names it, for example "
        "guest:MyGuest or default-route:eth0 (repeatable)",
    )
    parser.add_argument(
        "--write-timeout",
        type=duration_s,
        default=WRITE_TIMEOUT_S,
        metavar="TIME",
        help="give up a write in which the kernel hangs for so long (default: 2m)",
    )


def refuse_recording(args: argparse.Namespace) -> None:
    """Refuse to change a recording.

    :raises PermissionDenied: the host is one.
    """
    if args.host_tree is not None:
        raise PermissionDenied(
            "a recording is read-only",
            subject=args.host_tree,
            hint="to see the steps: sriovctl plan; to change a host, leave --host-tree out",
        )
