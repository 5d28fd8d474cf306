"""From the command line, the state and the host to what ``persist`` is to install."""

from __future__ import annotations

import os
import sys

from sriovctl.codec.state_file import parse_states
from sriovctl.engine.persistence.persist import Request, ServedSocket
from sriovctl.errors import InputError
from sriovctl.model.record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sriovctl.cli.context import Context
    from sriovctl.host.boot_api import BootDoors
    from sriovctl.model.state import DesiredState

# A boot empties these, or hides them from the units.
_NOT_KEPT = ("/tmp/", "/var/tmp/", "/run/", "/dev/")
_NOT_IN_A_UNIT = frozenset("\"'\\\n\t")
_IN_AN_IMAGE = ("/usr/bin/sriovctl", "/usr/local/bin/sriovctl")


class Made(NamedTuple):
    """A request, and what the user is to know of it."""

    request: Request
    warnings: list[str]
    notes: list[str]


def make_request(args: argparse.Namespace, context: Context, doors: BootDoors) -> Made:
    """Check the state, against the host too unless it is for an image, and say what it needs.

    :raises InputError: the state is wrong, or sriovctl is not where a boot finds it.
    :raises UnsupportedError: the host cannot do it.
    """
    from sriovctl.host.state_files import read_state_texts

    texts = read_state_texts(args.file)
    state = parse_states(texts)
    program = _program(args, doors)
    request = Request(
        texts=tuple((os.path.basename(name), text) for name, text in texts),
        is_directory=os.path.isdir(args.file),
        source="standard input" if args.file == "-" else os.path.abspath(args.file),
        program=program,
        daemon=_daemon(program, doors) if args.daemon else None,
        socket=_socket(doors) if args.socket else None,
        wait_s=int(args.wait),
        allowed=tuple(args.allow),
    )
    if args.root is not None:
        return _for_an_image(request, state)
    return _for_this_host(args, context, doors, request, state)


def program_words(argv0: str, executable: str) -> tuple[str, ...]:
    """Say how this sriovctl is started, by absolute paths.

    :param argv0: the name by which it was started; ``__main__.py`` under ``python -m``.
    :param executable: the Python that runs it.
    """
    import shutil

    found = argv0 if "/" in argv0 else shutil.which(argv0)
    if found and os.path.basename(found).startswith("sriovctl") and os.access(found, os.X_OK):
        return (os.path.abspath(found),)
    return (executable, "-m", "sriovctl")


def _program(args: argparse.Namespace, doors: BootDoors) -> tuple[str, ...]:
    words = program_words(sys.argv[0], sys.executable)
    if args.root is not None:
        return _program_in_image(words, doors)
    if words[0].startswith(_NOT_KEPT):
        raise InputError(
            "is not there any more at the next boot",
            subject=words[0],
            hint="install sriovctl elsewhere, for example below /usr/local or /opt",
        )
    # systemd src/basic/string-util.c, string_is_safe.
    if set(words[0]) & _NOT_IN_A_UNIT:
        raise InputError(
            "systemd starts no program with quotes or backslashes in its name",
            subject=words[0],
            hint="install sriovctl elsewhere",
        )
    return words


def _daemon(program: tuple[str, ...], doors: BootDoors) -> tuple[str, ...]:
    words = _daemon_words(program)
    if len(words) == 1 and not doors.files.is_executable(words[0]):
        raise InputError(
            "there is no such program", subject=words[0], hint="install all of sriovctl"
        )
    return words


def _socket(doors: BootDoors) -> ServedSocket:
    from sriovctl.api.contract.messages import OPERATORS
    from sriovctl.api.place import SOCKET

    # systemd opens no socket for a group that is not there, and knows no directory so early.
    groups = (doors.files.read_through("/etc/group") or "").splitlines()
    is_there = any(line.startswith(f"{OPERATORS}:") for line in groups)
    return ServedSocket(SOCKET, OPERATORS if is_there else None)


def _daemon_words(program: tuple[str, ...]) -> tuple[str, ...]:
    """Say how the daemon is started that belongs to a sriovctl: from beside it."""
    if len(program) == 1:
        return (f"{program[0]}d",)
    return (*program[:-1], "sriovctl.daemon")


def _program_in_image(words: tuple[str, ...], doors: BootDoors) -> tuple[str, ...]:
    found = [path for path in _IN_AN_IMAGE if doors.files.is_executable(path)]
    if found:
        return (found[0],)
    if doors.files.is_executable(words[0]):
        return words
    raise InputError(
        "has no sriovctl",
        subject=doors.files.root,
        hint=f"install it there; looked for: {', '.join((*_IN_AN_IMAGE, words[0]))}",
    )


def _for_an_image(request: Request, state: DesiredState) -> Made:
    from sriovctl.planner.boot_modules import drivers_named

    modules = drivers_named(state)
    notes = [
        "the state was not held against a host: what its PFs can do shows at the first boot",
        "drivers that make VFs by a module parameter need 'sriovctl persist' on the host itself",
    ]
    return Made(request._replace(modules=modules), [], notes)


def _for_this_host(
    args: argparse.Namespace,
    context: Context,
    doors: BootDoors,
    request: Request,
    state: DesiredState,
) -> Made:
    from sriovctl.cli.state_arguments import read_pfs
    from sriovctl.engine.persistence.persist_checks import check_on_host

    found = check_on_host(
        context.host(), doors, state, read_pfs(context, state), on_request=args.by_parameter
    )
    request = request._replace(options=found.options, modules=found.modules)
    notes = [*found.notes, "takes effect at the next boot; 'sriovctl verify-boot' checks it then"]
    if request.daemon is not None:
        notes.append(
            "the daemon starts with the next boot; 'systemctl restart sriovctld' starts it now, or "
            "has it take over what changed"
        )
    if found.pending:
        count = f"{found.pending} step" + ("s" if found.pending > 1 else "")
        notes.append(f"until then {count} are pending: 'sriovctl apply' takes them now")
    return Made(request, list(found.warnings), notes)
