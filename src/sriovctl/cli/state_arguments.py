"""What ``plan`` and ``apply`` share: the state file, and the plan that it leads to."""

from __future__ import annotations

import sys

from sriovctl.codec.state_file import parse_state
from sriovctl.engine.inventory import read_inventory
from sriovctl.engine.wanted_details import with_wanted_details
from sriovctl.errors import InputError
from sriovctl.planner.diff import plan_state

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sriovctl.cli.context import Context
    from sriovctl.model.functions import PF
    from sriovctl.model.plan import Plan
    from sriovctl.model.state import DesiredState


def add_file_argument(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    """Add the argument that names the state file."""
    parser.add_argument(
        "file",
        metavar="FILE",
        nargs="?" if optional else None,
        help="the state file, or - for standard input",
    )


def read_plan(file: str, context: Context) -> Plan:
    """Read a state file and the host, and plan.

    :raises InputError: the file cannot be read, or is wrong.
    """
    state, pfs = read_wanted(file, context)
    return plan_state(state, pfs, owners=context.owners(pfs))


def read_wanted(file: str, context: Context) -> tuple[DesiredState, tuple[PF, ...]]:
    """Read a state file, and the PFs of the host with all that the file asks about them.

    :raises InputError: the file cannot be read, or is wrong.
    """
    source = "<stdin>" if file == "-" else file
    state = parse_state(_read(file), source=source)
    pfs = read_inventory(context.host(), name_of=lambda *_: None)
    return state, with_wanted_details(context.host(), pfs, state)


def _read(file: str) -> str:
    try:
        if file == "-":
            return sys.stdin.read()
        with open(file, encoding="utf-8") as stream:
            return stream.read()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", subject=file) from None
    except UnicodeDecodeError:
        raise InputError("is not UTF-8 text", subject=file) from None
