"""Plans as text and as JSON."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sriovctl.model.plan import Plan, Step


def plan_as_json(plan: Plan) -> dict[str, object]:
    """Shape a plan as ``plan --json`` promises it."""
    return {"steps": steps_as_json(plan.steps)}


def steps_as_json(steps: Sequence[Step]) -> list[dict[str, object]]:
    """Shape steps: what ``apply`` and ``undo`` did looks like what ``plan`` showed."""
    return [_step_as_json(step) for step in steps]


def _step_as_json(step: Step) -> dict[str, object]:
    return {
        "action": str(step.action),
        "subject": step.subject,
        "before": step.before,
        "after": step.after,
        "disruption": str(step.disruption),
        "affected": list(step.affected),
        "undo": step.before,
        "reason": step.reason,
        "command": "; ".join(step.commands),
    }


def format_plan(plan: Plan) -> str:
    """Show a plan to a person."""
    if not plan.steps:
        return "nothing to do: the host is as the file wants it"
    lines = [format_step(number, step) for number, step in enumerate(plan.steps, 1)]
    count = len(plan.steps)
    lines.append(f"{count} step{'s' if count > 1 else ''}; worst disruption: {plan.disruption}")
    return "\n".join(lines)


def format_step(number: int, step: Step) -> str:
    """Show one step: what changes, what it does to others, why, and the classic command."""
    lines = [f"{number}. {step.subject}: {format_change(step)}", f"     why: {step.reason}"]
    if step.disruption != "none":
        lines.append(f"     disruption: {step.disruption}")
    if step.affected:
        lines.append(f"     affects: {', '.join(step.affected)}")
    lines += [f"     $ {command}" for command in step.commands]
    return "\n".join(lines)


def format_change(step: Step) -> str:
    """Show before and after of each key that changes."""
    before = step.before
    changes = [
        f"{key} {format_plain(before.get(key))} -> {format_plain(value)}"
        for key, value in step.after.items()
    ]
    return ", ".join(changes)


def format_plain(value: object) -> str:
    """Show one value of a step."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, dict):
        return _format_vlan(value)
    return str(value)


def _format_vlan(vlan: Mapping[str, object]) -> str:
    if not vlan["id"] and not vlan["qos"]:
        return "none"
    qos = f" qos {vlan['qos']}" if vlan["qos"] else ""
    return f"{vlan['id']}{qos}" + ("" if vlan["protocol"] == "802.1q" else f" {vlan['protocol']}")
