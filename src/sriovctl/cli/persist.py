"""``sriovctl persist``."""

from __future__ import annotations

from sriovctl.cli.state_arguments import add_file_argument
from sriovctl.codec.durations import duration_s
from sriovctl.errors import EXIT_DONE, EXIT_FAILED, InputError, SriovctlError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sriovctl.cli.context import Context
    from sriovctl.engine.persistence.persist import Outcome

SUMMARY = "have systemd bring this host to the state of a file at each boot"
EXAMPLES = """\
  sriovctl persist host.yaml --dry-run   # see each file with its content
  sriovctl persist host.yaml
  sriovctl persist --status
  sriovctl persist --remove              # the VFs stay until the next boot
  sriovctl persist host.yaml --daemon    # and keep it so while the host runs
  sriovctl persist host.yaml --daemon --socket
  sriovctl persist host.yaml --by-parameter igb
  sriovctl persist host.yaml --root /mnt/image
"""
DEFAULT_WAIT_S = 60.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the file, and what else can be done with what is installed."""
    add_file_argument(parser, optional=True)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--remove", action="store_true", help="take away what was installed")
    what.add_argument(
        "--status",
        action="store_true",
        help="say what is installed, and whether it still is as it was; ends with 1 if not",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="show the files with their content, write nothing"
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="also overwrite or remove files that somebody edited, or that sriovctl did not write",
    )
    parser.add_argument(
        "--root",
        metavar="DIR",
        help="write below DIR, for the image of a host; what only a host tells is not checked",
    )
    parser.add_argument(
        "--wait",
        type=duration_s,
        default=DEFAULT_WAIT_S,
        metavar="TIME",
        help="how long a boot waits for PFs that are not there yet (default: 60s)",
    )
    parser.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="USER",
        help="what 'apply' at boot may disturb all the same (repeatable)",
    )
    parser.add_argument(
        "--daemon",
        action="store_true",
        help="also have sriovctld keep the state while the host runs",
    )
    parser.add_argument(
        "--socket",
        action="store_true",
        help="with --daemon: systemd opens the socket of its REST interface, so that clients wait "
        "while it is started anew",
    )
    parser.add_argument(
        "--by-parameter",
        action="append",
        default=[],
        metavar="DRIVER",
        help="make the VFs of this driver's PFs by its module parameter, as an old igb or ixgbe "
        "needs it (max_vfs); drivers that have no other way need no word (repeatable)",
    )


def run(args: argparse.Namespace, context: Context) -> int:
    """Install, remove, or say what there is.

    :raises InputError: neither a file nor ``--remove`` or ``--status`` was given, or two of them,
        or ``--socket`` without the daemon.
    """
    if (args.file is None) != (args.remove or args.status):
        raise InputError(
            "needs a state file, --remove or --status, and only one of them",
            subject="persist",
            hint="sriovctl persist --help",
        )
    if args.socket and not args.daemon:
        raise InputError("is for the daemon, so it needs --daemon", subject="--socket")
    if args.status:
        return _status(args, context)
    return _remove(args, context) if args.remove else _install(args, context)


def _status(args: argparse.Namespace, context: Context) -> int:
    from sriovctl.engine.persistence.persist_status import read_status
    from sriovctl.render.persist import format_status

    status = read_status(context.boot(args.root), _boot_id(args, context))
    if args.json:
        context.print_json("persist-status", status)
    else:
        context.print(format_status(status))
    return EXIT_DONE if status["intact"] else EXIT_FAILED


def _boot_id(args: argparse.Namespace, context: Context) -> str | None:
    from sriovctl.engine.boot import read_boot_id

    return None if args.root is not None else read_boot_id(context.host().files)


def _remove(args: argparse.Namespace, context: Context) -> int:
    from sriovctl.engine.persistence.persist import remove

    doors = context.boot(args.root)
    with doors.files.exclusive():
        outcome = remove(doors, force=args.force, dry_run=args.dry_run)
    _record(args, context, outcome, "persist --remove")
    notes = ["the VFs stay as they are until the next boot"] if outcome.has_changed else []
    return _tell(args, context, outcome, notes)


def _install(args: argparse.Namespace, context: Context) -> int:
    from sriovctl.cli.persist_request import make_request
    from sriovctl.engine.persistence.persist import Outcome, install, plan_persist

    doors = context.boot(args.root)
    request, warnings, notes = make_request(args, context, doors)
    with doors.files.exclusive():
        outcome = Outcome(plan_persist(doors, request, force=args.force))
        if not args.dry_run:
            boot_id = _boot_id(args, context)
            outcome = install(doors, outcome.changes, source=request.source, boot_id=boot_id)
    _record(args, context, outcome, f"persist {request.source}")
    return _tell(args, context, outcome._replace(warnings=(*warnings, *outcome.warnings)), notes)


# The manifest has what was and what is; the journal tells when, and who.
def _record(args: argparse.Namespace, context: Context, outcome: Outcome, source: str) -> None:
    from sriovctl.model.persistence import ChangeKind

    if args.dry_run or args.root is not None or not outcome.has_changed:
        return
    files = [f"{one.kind} {one.path}" for one in outcome.changes if one.kind is not ChangeKind.KEEP]
    try:
        context.journal().record(
            (), source=source, boot_id=_boot_id(args, context), note=", ".join(files)
        )
    except SriovctlError as error:
        context.warn(f"it could not be written down: {error}")


def _tell(args: argparse.Namespace, context: Context, outcome: Outcome, notes: list[str]) -> int:
    from sriovctl.render.persist import changes_as_json, format_changes

    if args.json:
        payload = {
            "changed": outcome.has_changed and not args.dry_run,
            "files": changes_as_json(outcome.changes, content=args.dry_run),
            "warnings": list(outcome.warnings),
            "notes": notes,
        }
        context.print_json("persist", payload)
        return EXIT_DONE
    lines = [format_changes(outcome.changes, dry_run=args.dry_run)] if outcome.changes else []
    if not outcome.has_changed:
        lines = ["nothing to do: " + ("all is installed" if args.file else "nothing is installed")]
        notes = []
    lines += [f"warning: {warning}" for warning in outcome.warnings]
    context.print("\n".join((*lines, *notes)))
    return EXIT_DONE
