"""What ``export`` and ``import`` share: what was left out, and files that are written."""

from __future__ import annotations

import os
import sys

from sriovctl.errors import EXIT_DONE, EXIT_FAILED, InputError
from sriovctl.render.translation import (
    files_as_json,
    format_files,
    format_imposed,
    format_left_out,
    translation_as_json,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence

    from sriovctl.cli.context import Context
    from sriovctl.model.functions import PF
    from sriovctl.model.translation import Imposed, LeftOut, OutputFile


def add_output_arguments(parser: argparse.ArgumentParser) -> None:
    """Add where to write, and what to do about what is left out."""
    parser.add_argument(
        "--output", metavar="PATH", help="write to this file, or into this directory"
    )
    parser.add_argument(
        "--force", action="store_true", help="write also over a file that says something else"
    )
    parser.add_argument(
        "--strict", action="store_true", help="fail, and write nothing, when something is left out"
    )


def hand_over(
    args: argparse.Namespace,
    context: Context,
    files: Sequence[OutputFile],
    *,
    left_out: Sequence[LeftOut],
    imposed: Sequence[Imposed] = (),
) -> int:
    """Print or write *files*, and say what they do not.

    :raises InputError: a file is there that says something else, or cannot be written.
    """
    refused = args.strict and bool(left_out)
    written: list[str] = []
    if args.output is not None and not refused:
        written = _write(args.output, files, force=args.force)
    if args.json:
        context.print_json(args.verb, _as_json(args, files, written, left_out, imposed))
    else:
        _tell(format_left_out(left_out), format_imposed(imposed))
        _show(args, context, files, written, refused=refused)
    return EXIT_FAILED if refused else EXIT_DONE


def _as_json(
    args: argparse.Namespace,
    files: Sequence[OutputFile],
    written: Sequence[str],
    left_out: Sequence[LeftOut],
    imposed: Sequence[Imposed],
) -> dict[str, object]:
    return {
        "format": args.format,
        "files": files_as_json(files),
        "written": list(written),
        "left_out": translation_as_json(left_out),
        "besides": translation_as_json(imposed),
    }


def _tell(*texts: str) -> None:
    for text in filter(None, texts):
        sys.stderr.write(f"{text}\n")


def _show(
    args: argparse.Namespace,
    context: Context,
    files: Sequence[OutputFile],
    written: Sequence[str],
    *,
    refused: bool,
) -> None:
    if refused:
        _tell("sriovctl: something is left out, and --strict was given: nothing is written")
    elif args.output is not None:
        for path in written:
            context.print(f"wrote {path}")
    elif files:
        context.print(format_files(files))
    else:
        _tell("sriovctl: nothing can be said in this format")


def _write(output: str, files: Sequence[OutputFile], *, force: bool) -> list[str]:
    from sriovctl.host.output_file import write_output_file

    targets = _targets(output, files)
    if not force:
        _refuse_to_spoil(targets)
    for path, file in targets:
        write_output_file(path, file.text, mode=file.mode)
    return [path for path, _ in targets]


def _targets(output: str, files: Sequence[OutputFile]) -> list[tuple[str, OutputFile]]:
    if os.path.isdir(output) or output.endswith("/"):
        return [(os.path.join(output, file.name), file) for file in files]
    if len(files) > 1:
        raise InputError(
            f"is no directory, and there are {len(files)} files to write",
            subject=output,
            hint=f"mkdir {output}, or give another one",
        )
    return [(output, file) for file in files]


def _refuse_to_spoil(targets: Iterable[tuple[str, OutputFile]]) -> None:
    for path, file in targets:
        if os.path.isfile(path) and _content(path) != file.text:
            raise InputError(
                "is there and says something else", subject=path, hint="--force writes over it"
            )


def _content(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read()
    except (OSError, UnicodeDecodeError):
        return None


def pfs_at_hand(context: Context) -> tuple[PF, ...]:
    """Read the PFs of the host at hand; none where there is only a dump."""
    from sriovctl.engine.inventory import read_inventory

    return read_inventory(context.host(), name_of=lambda *_: None) if context.has_host else ()
