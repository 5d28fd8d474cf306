"""Steps of a run as the journal holds them: rows of JSON.

A step about a PF is a row of its own.  Neighbours that do alike to VFs of one PF share a row, in
which stands once what they have in common: so a thousand VFs are one row, and less than half of the
text.
"""

from __future__ import annotations

from itertools import groupby

from sriovctl.errors import HostError
from sriovctl.model.plan import Action, Disruption, Step
from sriovctl.model.record import NamedTuple
from sriovctl.render.json_text import format_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any


class Row(NamedTuple):
    """Some steps that follow each other."""

    position: int  # of the first
    action: Action
    device: str
    text: str


def encode_steps(steps: Sequence[Step]) -> Iterator[Row]:
    """Write the steps of a run as rows, in order."""
    for _, neighbours in groupby(enumerate(steps), key=_kind):
        numbered = list(neighbours)
        position, first = numbered[0]
        text = (
            format_json(first._asdict())
            if len(numbered) == 1
            else _encode_alike(first, [step for _, step in numbered])
        )
        yield Row(position, first.action, first.device, text)


# The same of all that can share a row.
def _kind(numbered: tuple[int, Step]) -> tuple[object, ...]:
    position, step = numbered
    if step.vf_index is None:
        return (position,)
    shared = step.action, step.device, step.disruption, step.reason, step.affected
    return (*shared, *step.before, None, *step.after)


# By columns, in which a single value stands for that of all.
def _encode_alike(first: Step, steps: Sequence[Step]) -> str:
    return format_json(
        {
            "action": first.action,
            "device": first.device,
            "disruption": first.disruption,
            "reason": first.reason,
            "affected": first.affected,
            "vf_index": [step.vf_index for step in steps],
            "subject": [step.subject for step in steps],
            "before": _columns(first.before, [step.before.values() for step in steps]),
            "after": _columns(first.after, [step.after.values() for step in steps]),
            "commands": [step.commands for step in steps],
        }
    )


def _columns(keys: Iterable[str], rows: Sequence[Iterable[object]]) -> dict[str, Sequence[object]]:
    columns = zip(keys, zip(*rows, strict=True), strict=True)
    return {key: column if _differ(column) else column[:1] for key, column in columns}


def _differ(column: Sequence[object]) -> bool:
    return column.count(column[0]) < len(column)


def decode_steps(text: str) -> list[Step]:
    """Read the steps of one row back.

    :raises HostError: the journal holds something else.
    """
    from json import loads

    try:
        values = loads(text)
        one = isinstance(values["subject"], str)
        return [_decode_step(values)] if one else list(_decode_alike(values))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise HostError(f"the journal holds a step that cannot be read: {error}") from error


def _decode_step(values: dict[str, Any]) -> Step:
    values["action"] = Action(values["action"])
    values["disruption"] = Disruption(values["disruption"])
    values["commands"] = tuple(values["commands"])
    values["affected"] = tuple(values.get("affected", ()))
    return Step(**values)


def _decode_alike(values: dict[str, Any]) -> Iterator[Step]:
    action, disruption = Action(values["action"]), Disruption(values["disruption"])
    device, reason, affected = values["device"], values["reason"], tuple(values["affected"])
    count = len(values["vf_index"])
    columns = (
        values["subject"],
        values["vf_index"],
        _rows(values["before"], count),
        _rows(values["after"], count),
        values["commands"],
    )
    for subject, vf_index, before, after, commands in zip(*columns, strict=True):
        yield Step(
            action=action,
            subject=subject,
            device=device,
            vf_index=vf_index,
            before=before,
            after=after,
            disruption=disruption,
            reason=reason,
            commands=tuple(commands),
            affected=affected,
        )


def _rows(columns: dict[str, list[Any]], count: int) -> list[dict[str, Any]]:
    if not columns:
        return [{} for _ in range(count)]
    whole = [column * count if len(column) == 1 else column for column in columns.values()]
    return [dict(zip(columns, row, strict=True)) for row in zip(*whole, strict=True)]
