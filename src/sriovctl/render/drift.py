"""Differences between a host and a state file, as text and as JSON."""

from __future__ import annotations

from sriovctl.render.plan import format_plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sriovctl.model.drift import Difference


def drift_as_json(drift: Sequence[Difference]) -> dict[str, object]:
    """Shape differences as ``drift --json`` promises it."""
    return {"drift": [one._asdict() for one in drift]}


def format_drift(drift: Sequence[Difference]) -> str:
    """Show differences to a person."""
    if not drift:
        return "no drift: the host is as the file wants it"
    lines = [_format(one) for one in drift]
    count = len(drift)
    lines.append(
        f"{count} difference{'s' if count > 1 else ''}; 'sriovctl plan' shows the way back"
    )
    return "\n".join(lines)


def _format(one: Difference) -> str:
    if one.key == "match":
        return f"{one.subject}: no PF fits {one.wanted}"
    found = format_plain(one.found)
    return f"{one.subject}: {one.key} is {found}, wanted {format_plain(one.wanted)}"
