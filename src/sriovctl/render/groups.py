"""IOMMU groups and their reasons as text and as JSON."""

from __future__ import annotations

from collections import Counter

from sriovctl.model.groups import GROUP_CHANGED, GROUP_NEW, NO_CHANGES
from sriovctl.render.wrap import wrap_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from sriovctl.model.address import PCIAddress
    from sriovctl.model.groups import Explanation, GroupChanges, GroupsReport, Reason

_INDENT = "   "
_HANGING = "     "


def groups_as_json(report: GroupsReport) -> dict[str, object]:
    """Shape groups as ``groups --json`` promises them.  Pure."""
    return {
        "groups": [
            {"id": g.id, "members": list(g.members), "reason": _reason_as_json(g.reason)}
            for g in report.groups
        ],
        "ungrouped": [{"member": member, "text": text} for member, text in report.ungrouped],
        "unknown": [{"members": list(u.members), "text": u.text} for u in report.unknown],
        "assumptions": list(report.assumptions),
    }


def _reason_as_json(reason: Reason) -> dict[str, object]:
    hop = None if reason.hop is None else str(reason.hop)
    return {"code": reason.code, "hop": hop, "text": reason.text}


def format_groups(
    report: GroupsReport, labels: Mapping[str, str], changes: GroupChanges = NO_CHANGES
) -> str:
    """Show groups to a person: one line per member, then why.  Pure.

    :param labels: what to say of each member, by its sysfs device name.
    :param changes: what is to be marked as different from now.
    """
    lines: list[str] = []
    for group in report.groups:
        name = "group" if group.id is None else f"group {group.id}"
        kind = changes.kinds.get(group.members)
        lines.append(f"{name} ({kind})" if kind else name)
        lines += _member_lines(group.members, labels, changes.joined)
        gone = changes.parted.get(group.members, ())
        lines += [f" - {member}  is no longer in this group" for member in gone]
        lines += _because(group.reason.text)
    for unknown in report.unknown:
        lines.append("not known whether these share a group")
        lines += [*_member_lines(unknown.members, labels, changes.joined), *_because(unknown.text)]
    if report.ungrouped:
        lines.append("no group")
        is_all = not (report.groups or report.unknown)
        for member, text in _briefly(report.ungrouped) if is_all else report.ungrouped:
            lines += wrap_text(f"{member}  {text}", first=_INDENT, rest=_HANGING)
    for text in report.assumptions:
        lines += wrap_text(f"assumed: {text}", rest=_INDENT)
    return "\n".join(lines)


def format_changes(changes: GroupChanges) -> str:
    """Sum up in one line what became of the groups.  Pure."""
    counts = Counter(changes.kinds.values())
    parts = [f"{counts[word]} {word}" for word in (GROUP_NEW, GROUP_CHANGED) if counts[word]]
    if changes.gone:
        parts.append(f"{changes.gone} gone")
    if not parts:
        return "groups: none differs from now"
    return f"groups: {', '.join(parts)}, {changes.same} as now; + marks what joins, - what leaves"


def _because(text: str) -> list[str]:
    return wrap_text(f"because {text}", first=_INDENT, rest=_HANGING)


def _member_lines(
    members: Sequence[str], labels: Mapping[str, str], joined: Collection[str] = ()
) -> list[str]:
    return [
        f"{' + ' if member in joined else _INDENT}{member}  {labels.get(member, '')}".rstrip()
        for member in members
    ]


def _briefly(pairs: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    # Without an IOMMU every function has the same reason: once is enough.
    texts = {text for _, text in pairs}
    if len(texts) == 1 and len(pairs) > 1:
        yield f"all of {len(pairs)} functions", texts.pop()
    else:
        yield from pairs


def explanation_as_json(explanation: Explanation) -> dict[str, object]:
    """Shape one explanation as ``explain --json`` promises it.  Pure."""
    reason = explanation.reason
    return {
        "address": str(explanation.address),
        "group": {
            "id": explanation.kernel_group,
            "members": _names(explanation.kernel_members),
        },
        "predicted_members": _names(explanation.members),
        "reason": None if reason is None else _reason_as_json(reason),
        "sentences": list(explanation.sentences),
        "remedies": [
            {"kind": r.kind, "text": r.text, "value": r.value} for r in explanation.remedies
        ],
        "differences": list(explanation.differences),
        "assumptions": list(explanation.assumptions),
    }


def _names(members: Sequence[PCIAddress] | None) -> list[str] | None:
    return None if members is None else [str(member) for member in members]


def format_explanation(explanation: Explanation, labels: Mapping[str, str]) -> str:
    """Show one explanation to a person.  Pure."""
    name = str(explanation.address)
    lines = [f"{name}  {labels.get(name, '')}".rstrip(), *_group_lines(explanation, labels)]
    lines += _section("why", explanation.sentences)
    lines += _section("what would part it", [r.text for r in explanation.remedies])
    lines += _section("the kernel and the rules differ", explanation.differences)
    lines += _section("assumed", explanation.assumptions)
    return "\n".join(lines)


def _group_lines(explanation: Explanation, labels: Mapping[str, str]) -> list[str]:
    members = explanation.members
    others = [str(member) for member in members or () if member != explanation.address]
    number = "" if explanation.kernel_group is None else f" {explanation.kernel_group}"
    if others:
        return [f"shares IOMMU group{number} with", *_member_lines(others, labels)]
    if members:
        return [f"is alone in IOMMU group{number}" if number else "is alone in its IOMMU group"]
    return []


def _section(heading: str, sentences: Sequence[str]) -> list[str]:
    if not sentences:
        return []
    wrapped = (wrap_text(sentence, first=_INDENT, rest=_HANGING) for sentence in sentences)
    return [f"{heading}:", *(line for lines in wrapped for line in lines)]
