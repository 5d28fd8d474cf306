"""``sriovctl verify-boot``."""

from __future__ import annotations

from sriovctl.errors import EXIT_DONE, EXIT_FAILED

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sriovctl.cli.context import Context

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
    from sriovctl.engine.persistence.check_boot import check_boot
    from sriovctl.render.persist import checks_as_json, format_checks, is_good

    doors = context.boot()
    host = context.host()
    checks = check_boot(host, doors)
    result = checks_as_json(checks, read_boot_id(host.files))
    if args.record:
        from sriovctl.engine.persistence.persist_status import record_check

        record_check(doors, result)
    if args.json:
        context.print_json("verify-boot", result)
    else:
        context.print(format_checks(checks))
    return EXIT_DONE if is_good(checks) else EXIT_FAILED
