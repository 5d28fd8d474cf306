"""What the verbs share that take a state: the files, and the plan that they lead to."""

from __future__ import annotations

import os
import sys

from sriovctl.codec.state_file import parse_states
from sriovctl.codec.yaml_text import MAX_CHARACTERS
from sriovctl.engine.identity import with_identities
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
    from sriovctl.planner.readiness import Lack

_SUFFIXES = (".yaml", ".yml")


def add_file_argument(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    """Add the argument that names the state file."""
    parser.add_argument(
        "file",
        metavar="FILE",
        nargs="?" if optional else None,
        help="the state file, a directory of such (*.yaml, *.yml), or - for standard input",
    )


def read_plan(file: str, context: Context) -> Plan:
    """Read a state and the host, and plan.

    :raises InputError: the state cannot be read, or is wrong.
    """
    state, pfs = read_wanted(file, context)
    return plan_state(state, pfs, owners=context.owners(pfs))


def read_plan_when_ready(
    file: str, context: Context, *, wait_s: float, skip_missing: bool
) -> tuple[Plan, tuple[Lack, ...]]:
    """Read a state file, wait until its PFs have come up, and plan.

    :param skip_missing: plan without those that have not; else that is an error.
    :return: the plan, and what was not there at the end of the wait.
    :raises InputError: the file cannot be read, or is wrong.
    """
    from sriovctl.engine.runs.wait import wait_for_pfs
    from sriovctl.planner.readiness import without_lacking

    state = read_state(file)
    host = context.host()
    waited = wait_for_pfs(host, state, timeout_s=wait_s, progress=context.progress)
    if skip_missing:
        state = without_lacking(state, waited.lacks)
    pfs = with_wanted_details(host, waited.pfs, state)
    plan = plan_state(state, pfs, owners=context.owners(pfs))
    return plan, tuple(lack for lack in waited.lacks if lack.is_fatal)


def read_wanted(file: str, context: Context) -> tuple[DesiredState, tuple[PF, ...]]:
    """Read a state, and the PFs of the host with all that it asks about them.

    :raises InputError: the state cannot be read, or is wrong.
    """
    state = read_state(file)
    return state, read_pfs(context, state)


def read_pfs(context: Context, state: DesiredState) -> tuple[PF, ...]:
    """Read the PFs of the host with all that *state* asks about them."""
    host = context.host()
    pfs = read_inventory(host, name_of=lambda *_: None)
    return with_wanted_details(host, with_identities(host, pfs, state), state)


def read_state(file: str) -> DesiredState:
    """Read a state file, all those of a directory, or standard input (``-``).

    :raises InputError: something cannot be read, or is wrong.
    """
    return parse_states(read_state_texts(file))


def read_state_texts(file: str) -> tuple[tuple[str, str], ...]:
    """Read the files that a state consists of: name and content of each.

    :raises InputError: one cannot be read.
    """
    if file == "-":
        return (("<stdin>", _read("-")),)
    names = _files_in(file) if os.path.isdir(file) else [file]
    return tuple((one, _read(one)) for one in names)


def _files_in(directory: str) -> list[str]:
    try:
        names = sorted(os.listdir(directory))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", subject=directory) from None
    # A dot in front marks what editors keep beside a file.
    named = [name for name in names if name.endswith(_SUFFIXES) and not name.startswith(".")]
    paths = [os.path.join(directory, name) for name in named]
    files = [path for path in paths if not os.path.isdir(path)]
    if not files:
        raise InputError("holds no *.yaml or *.yml file", subject=directory)
    return files


def _read(file: str) -> str:
    most = MAX_CHARACTERS + 1  # one more than is taken, so that more is refused
    try:
        if file == "-":
            return sys.stdin.read(most)
        with open(file, encoding="utf-8") as stream:
            return stream.read(most)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", subject=file) from None
    except UnicodeDecodeError:
        raise InputError("is not UTF-8 text", subject=file) from None
