"""What was left out, and what comes besides, as text and as JSON."""

from __future__ import annotations

from sriovctl.render.table import format_indices

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sriovctl.model.translation import Imposed, LeftOut, OutputFile


def format_left_out(left_out: Sequence[LeftOut]) -> str:
    """List what one side said and the other cannot."""
    return _listed("left out", left_out)


def format_imposed(imposed: Sequence[Imposed]) -> str:
    """List what the other side does although nobody said so."""
    return _listed("besides", imposed)


def _listed(heading: str, entries: Sequence[LeftOut | Imposed]) -> str:
    lines = [f"{heading}: {_place(one)}: {one.key}: {one.why}" for one in entries]
    return "\n".join(lines)


def _place(one: LeftOut | Imposed) -> str:
    if not one.vfs:
        return one.where
    return f"{one.where} VF{'s' if len(one.vfs) > 1 else ''} {format_indices(sorted(one.vfs))}"


def translation_as_json(entries: Sequence[LeftOut | Imposed]) -> list[dict[str, object]]:
    """Shape such a list for JSON; ``vfs`` is null where it is no matter of single VFs."""
    return [
        {
            "key": one.key,
            "where": one.where,
            "vfs": format_indices(sorted(one.vfs)) if one.vfs else None,
            "why": one.why,
        }
        for one in entries
    ]


def format_files(files: Sequence[OutputFile]) -> str:
    """Show files one after the other, each below a line that names it; one alone as it is."""
    if len(files) == 1:
        return files[0].text.rstrip("\n")
    return "\n\n".join(f"### {one.directory}/{one.name}\n{one.text.rstrip()}" for one in files)


def files_as_json(files: Sequence[OutputFile]) -> list[dict[str, object]]:
    """Shape files for JSON."""
    return [
        {"name": one.name, "directory": one.directory, "mode": f"{one.mode:04o}", "text": one.text}
        for one in files
    ]
