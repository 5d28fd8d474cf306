"""``sriovctl record``."""

from __future__ import annotations

from sriovctl.errors import EXIT_DONE

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sriovctl.cli.context import Context

SUMMARY = "copy what a host shows into a directory, for tests and bug reports"
EXAMPLES = """\
  sriovctl record myhost
  sriovctl record --hide-macs --hide-serials myhost && tar cJf myhost.tar.xz myhost
  sriovctl --host-tree myhost ls
"""

_SHOWN = 10


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the directory and what to hide in it."""
    parser.add_argument(
        "directory", metavar="DIR", help="made by this; must not exist, or be empty"
    )
    parser.add_argument(
        "--hide-macs",
        action="store_true",
        help="replace each MAC address, wherever it occurs, by a made-up one",
    )
    parser.add_argument("--hide-serials", action="store_true", help="leave serial numbers out")


def run(args: argparse.Namespace, context: Context) -> int:
    """Record the host.

    :raises InputError: the directory is in use.
    :raises HostError: the recording cannot be written.
    """
    from datetime import UTC, datetime

    from sriovctl.engine.record import record_host
    from sriovctl.host.record_writer import RecordWriter

    host = context.host()
    with RecordWriter(args.directory) as writer:
        summary = record_host(
            host,
            writer,
            recorded_at=datetime.now(UTC).isoformat(timespec="seconds"),
            hide_macs=args.hide_macs,
            hide_serials=args.hide_serials,
            on_progress=context.progress,
        )
        writer.complete()
    if args.json:
        missing = [missing._asdict() for missing in summary.missing]
        payload = {"directory": writer.directory, "files": summary.files, "missing": missing}
        context.print_json("record", payload)
        return EXIT_DONE
    context.print(f"recorded {summary.files} files in {writer.directory}")
    for path, reason in summary.missing[:_SHOWN]:
        context.print(f"  missing: {path} ({reason})")
    if len(summary.missing) > _SHOWN:
        context.print(f"  and {len(summary.missing) - _SHOWN} more, listed in recording.json")
    return EXIT_DONE
