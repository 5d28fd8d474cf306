"""The command line of ``sriovctld``."""

from __future__ import annotations

import argparse
import os

from sriovctl import __version__
from sriovctl.api.options import add_serving_options, check_serving_options
from sriovctl.codec.durations import duration_s
from sriovctl.errors import InputError
from sriovctl.model.persistence import STATE_DIRECTORY, STATE_FILE

DEFAULT_WAIT_S = 10.0
WRITE_TIMEOUT_S = 120.0

_EPILOG = """\
signals:
  SIGHUP   read the files again, and take them for the newest word; tokens and certificate are
           read again, too
  SIGTERM  end, after the repair and the job that are under way

exit codes:
  0  as declared (--once), or ended by a signal
  1  failed, or not as declared
  2  wrong usage, or an invalid file
  4  not as declared, and somebody is in the way who is not to be disturbed (--once)

examples:
  sriovctld --check            # are the files right?
  sriovctld --once             # look once, repair, and end
  systemctl reload sriovctld   # after 'sriovctl persist'
"""


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    """Read the command line; prints and exits for --help and wrong usage."""
    parser = argparse.ArgumentParser(
        prog="sriovctld",
        description="Keep this host as it was declared: repair at once what differs.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "state",
        nargs="?",
        metavar="FILE",
        help="the state file, or a directory of such "
        f"(default: {STATE_FILE} or {STATE_DIRECTORY}, as 'sriovctl persist' leaves them)",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--once", action="store_true", help="look once, repair, and end")
    what.add_argument("--check", action="store_true", help="check the files, and end")
    parser.add_argument(
        "--wait",
        type=duration_s,
        default=DEFAULT_WAIT_S,
        metavar="TIME",
        help="how long what waits for the daemon is held up while the host is not as declared yet "
        f"(default: {DEFAULT_WAIT_S:g}s)",
    )
    parser.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="USER",
        help="a user that repairs may disturb, as guest:MyGuest (repeatable)",
    )
    parser.add_argument(
        "--write-timeout",
        type=duration_s,
        default=WRITE_TIMEOUT_S,
        metavar="TIME",
        help="give up a write in which the kernel hangs for so long (default: 2m)",
    )
    served = parser.add_argument_group("the REST interface")
    served.add_argument("--no-api", action="store_true", help="do not serve it")
    add_serving_options(served, prefix="api-")
    parser.add_argument(
        "--debug",
        action="store_true",
        help="log each step of a repair as well, and show the traceback of an error",
    )
    parser.add_argument("--version", action="version", version=f"sriovctld {__version__}")
    return parser.parse_args(arguments)


def check_arguments(args: argparse.Namespace) -> None:
    """Refuse an interface that could be served at no time.

    :raises InputError: what is wrong.
    """
    if not args.no_api:
        check_serving_options(args)


def find_state(given: str | None) -> str:
    """Say where the state is.

    :raises InputError: nothing is persisted, or two states are.
    """
    if given is not None:
        return given
    found = [path for path in (STATE_FILE, STATE_DIRECTORY) if os.path.exists(path)]
    if len(found) == 1:
        return found[0]
    raise InputError(
        f"there are both {STATE_FILE} and {STATE_DIRECTORY}" if found else "no state is persisted",
        subject="sriovctld",
        hint="'sriovctl persist FILE' leaves one of them; or name the file",
    )
