"""What ``bind`` and ``unbind`` did: as text and as JSON."""

from __future__ import annotations

from sriovctl.render.plan import format_change, steps_as_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sriovctl.model.binding import GroupMember, GroupView
    from sriovctl.model.plan import Step


def binding_as_json(
    run_id: int | None, steps: Sequence[Step], groups: Sequence[GroupView]
) -> dict[str, object]:
    """Shape what ``bind`` and ``unbind`` did, and the IOMMU groups of the VFs after it."""
    return {
        "run": run_id,
        "steps": steps_as_json(steps),
        "groups": [_group_as_json(group) for group in groups],
    }


def _group_as_json(group: GroupView) -> dict[str, object]:
    return {
        "id": int(group.number) if group.number.isdigit() else group.number,
        "viable": group.viable,
        "members": [
            {"device": member.device, "driver": member.driver, "hinders": member.hinders}
            for member in group.members
        ],
    }


def format_binding(
    steps: Sequence[Step],
    groups: Sequence[GroupView],
    addresses: Mapping[str, str],
    *,
    what_next: str,
) -> str:
    """Tell a person what ``bind`` or ``unbind`` did.

    :param addresses: of the VFs, by the subjects of the steps.
    """
    lines = [
        f"{addresses[step.subject]} ({step.subject}): {format_change(step)}  verified"
        for step in steps
    ]
    lines.append(f"{len(steps)} done; {what_next}" if steps else "nothing to do: it is bound so")
    return "\n".join([*lines, *(format_group(group) for group in groups)])


def format_group(group: GroupView) -> str:
    """Show whether a group can be given to a guest, and each of its members with its driver."""
    members = ", ".join(_format_member(member) for member in group.members)
    if group.viable:
        return f"IOMMU group {group.number} is viable: {members}"
    others = ", ".join(member.device for member in group.members if member.hinders)
    return f"IOMMU group {group.number} is not viable while the host drives {others}: {members}"


def _format_member(member: GroupMember) -> str:
    return f"{member.device} ({member.driver or 'no driver'})"
