"""Steps of a run as the journal holds them: rows of JSON.

A step about a PF is a row of its own.  Neighbours that do alike to VFs of one PF share a row, in
which stands once what they have in common: half of the text, and a thousand VFs are one row.
"""

from __future__ import annotations

from itertools import groupby

from sriovctl.errors import HostError
from sriovctl.model.plan import Action, Disruption, Step
from sriovctl.model.record import NamedTuple
from sriovctl.render.json_text import format_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
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


def _encode_alike(first: Step, steps: Sequence[Step]) -> str:
    return format_json(
        {
            "action": first.action,
            "device": first.device,
            "disruption": first.disruption,
            "reason": first.reason,
            "affected": first.affected,
            "before": tuple(first.before),
            "after": tuple(first.after),
            "steps": [
                (
                    step.subject,
                    step.vf_index,
                    tuple(step.before.values()),
                    tuple(step.after.values()),
                    step.commands,
                )
                for step in steps
            ],
        }
    )


def decode_steps(text: str) -> list[Step]:
    """Read the steps of one row back.

    :raises HostError: the journal holds something else.
    """
    from json import loads

    try:
        values = loads(text)
        return list(_decode_alike(values)) if "steps" in values else [_decode_step(values)]
    except (ValueError, TypeError, KeyError) as error:
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
    for subject, vf_index, had, gets, commands in values["steps"]:
        yield Step(
            action=action,
            subject=subject,
            device=device,
            vf_index=vf_index,
            before=dict(zip(values["before"], had, strict=True)),
            after=dict(zip(values["after"], gets, strict=True)),
            disruption=disruption,
            reason=reason,
            commands=tuple(commands),
            affected=affected,
        )
