"""``sriovctl verify-boot``."""

from __future__ import annotations

from sriovctl.errors import EXIT_DONE, EXIT_FAILED, InputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from sriovctl.cli.context import Context
    from sriovctl.host.boot_api import BootDoors
    from sriovctl.model.persistence import Check, Manifest
    from sriovctl.model.state import DesiredState

SUMMARY = "check that this boot brought back what was persisted, and in time"
EXAMPLES = """\
  sriovctl verify-boot
  sriovctl verify-boot --json | jq '.checks[] | select(.ok == false)'
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add what the unit needs."""
    parser.add_argument(
        "--record", action="store_true", help="keep the result, for 'persist --status'"
    )


def run(args: argparse.Namespace, context: Context) -> int:
    """Check everything; the exit code says whether all was good.

    :raises InputError: the host is not this one.
    """
    from sriovctl.engine.boot import read_boot_id
    from sriovctl.render.persist import checks_as_json, format_checks, is_good

    doors = context.boot()
    checks = _checks(context, doors)
    result = checks_as_json(checks, read_boot_id(context.host().files))
    if args.record:
        from sriovctl.engine.persistence.persist_status import record_check

        record_check(doors, result)
    if args.json:
        context.print_json("verify-boot", result)
    else:
        context.print(format_checks(checks))
    return EXIT_DONE if is_good(checks) else EXIT_FAILED


def _checks(context: Context, doors: BootDoors) -> Sequence[Check]:
    from sriovctl.engine.boot import read_boot_id
    from sriovctl.engine.persistence.boot_settings import KERNEL_COMMAND_LINE, read_boot_settings
    from sriovctl.engine.persistence.persist import read_manifest
    from sriovctl.engine.persistence.verify_boot import PERSIST_AGAIN, Facts, verify_boot
    from sriovctl.model.persistence import Check

    manifest = read_manifest(doors)
    if manifest is None:
        evidence = "nothing is persisted on this host"
        return (Check("persisted", False, "host", evidence, "run 'sriovctl persist FILE'"),)
    try:
        state = _persisted_state(doors, manifest)
    except InputError as error:
        subject = error.subject or "state"
        return (Check("state-file", False, subject, error.cause, PERSIST_AGAIN),)
    from sriovctl.engine.identity import with_identities
    from sriovctl.engine.inventory import read_inventory

    host = context.host()
    facts = Facts(
        host=host,
        doors=doors,
        manifest=manifest,
        state=state,
        pfs=with_identities(host, read_inventory(host, name_of=lambda *_: None), state),
        settings=read_boot_settings(
            doors.files, command_line=host.files.read_text(KERNEL_COMMAND_LINE)
        ),
        boot_id=read_boot_id(host.files),
    )
    return verify_boot(facts)


def _persisted_state(doors: BootDoors, manifest: Manifest) -> DesiredState:
    from sriovctl.codec.state_file import parse_states
    from sriovctl.model.persistence import CONFIG_DIRECTORY

    paths = sorted(path for path in manifest.digests if path.startswith(f"{CONFIG_DIRECTORY}/"))
    return parse_states((path, _text_of(doors, path)) for path in paths)


def _text_of(doors: BootDoors, path: str) -> str:
    text = doors.files.read_through(path)
    if text is None:
        raise InputError("is gone", subject=path)
    return text
