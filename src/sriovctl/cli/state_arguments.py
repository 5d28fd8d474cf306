"""What the verbs share that take a state: the files, and the plan that they lead to."""

from __future__ import annotations

from sriovctl.codec.state_file import parse_states
from sriovctl.engine.wanted_details import read_wanted_pfs
from sriovctl.host.state_files import read_state_texts
from sriovctl.model.record import NamedTuple
from sriovctl.planner.diff import plan_state

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sriovctl.cli.context import Context
    from sriovctl.model.functions import PF
    from sriovctl.model.plan import Plan
    from sriovctl.model.state import DesiredState
    from sriovctl.planner.readiness import Lack


def add_file_argument(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    """Add the argument that names the state file."""
    parser.add_argument(
        "file",
        metavar="FILE",
        nargs="?" if optional else None,
        help="the state file, a directory of such (*.yaml, *.yml), or - for standard input",
    )


class ReadyState(NamedTuple):
    """A state, and what of it the host lacks."""

    state: DesiredState
    missing: tuple[Lack, ...] = ()  # what was not there at the end of the wait


def read_plan(file: str, context: Context) -> Plan:
    """Read a state and the host, and plan.

    :raises InputError: the state cannot be read, or is wrong.
    """
    return plan_ready(ReadyState(read_state(file)), context)


def plan_ready(ready: ReadyState, context: Context) -> Plan:
    """Plan the way to a state on this host.

    :raises InputError: the state does not fit it.
    """
    pfs = read_pfs(context, ready.state)
    return plan_state(ready.state, pfs, owners=context.owners(pfs))


def read_state_when_ready(
    file: str, context: Context, *, wait_s: float, skip_missing: bool
) -> ReadyState:
    """Read a state file, and wait until its PFs have come up.

    :param skip_missing: go on without those that have not; else planning refuses them.
    :raises InputError: the file cannot be read, or is wrong.
    """
    from sriovctl.engine.runs.wait import wait_for_pfs
    from sriovctl.planner.readiness import without_lacking

    state = read_state(file)
    waited = wait_for_pfs(context.host(), state, timeout_s=wait_s, progress=context.progress)
    if skip_missing:
        state = without_lacking(state, waited.lacks)
    return ReadyState(state, tuple(lack for lack in waited.lacks if lack.is_fatal))


def read_wanted(file: str, context: Context) -> tuple[DesiredState, tuple[PF, ...]]:
    """Read a state, and the PFs of the host with all that it asks about them.

    :raises InputError: the state cannot be read, or is wrong.
    """
    state = read_state(file)
    return state, read_pfs(context, state)


def read_pfs(context: Context, state: DesiredState) -> tuple[PF, ...]:
    """Read the PFs of the host with all that *state* asks about them."""
    return read_wanted_pfs(context.host(), state)


def read_state(file: str) -> DesiredState:
    """Read a state file, all those of a directory, or standard input (``-``).

    :raises InputError: something cannot be read, or is wrong.
    """
    return parse_states(read_state_texts(file))
