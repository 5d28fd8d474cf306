"""Groups, predicted or the kernel's own, each with the reason why it is as it is."""

from __future__ import annotations

from collections import Counter

from sriovctl.model.address import is_pci_address, parse_pci_address
from sriovctl.model.functions import IOMMUGroup
from sriovctl.model.groups import (
    GROUP_CHANGED,
    GROUP_NEW,
    GroupChanges,
    GroupsReport,
    Reason,
    ReasonedGroup,
    UnknownMembers,
)
from sriovctl.topology.wording import explain_undecided, reason_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sriovctl.model.address import PCIAddress
    from sriovctl.model.snapshot import HostSnapshot
    from sriovctl.topology.groups import PredictedGroup, Prediction, UnknownGroup

_NOT_PCI = Reason("not-pci", None, "a device that is not on a PCI bus has a group of its own")

_NOT_SHOWN = (
    "no group of the kernel's is shown for it, though the rules give it one (sriovctl explain says "
    "why that may be)"
)


def report_prediction(prediction: Prediction) -> GroupsReport:
    """Give the predicted groups with their reasons; they have no numbers.  Pure."""
    return GroupsReport(
        groups=tuple(
            ReasonedGroup(None, tuple(map(str, group.members)), reason_of(prediction, group))
            for group in prediction.groups
        ),
        ungrouped=_ungrouped(prediction),
        unknown=tuple(_unknown(prediction, unknown) for unknown in prediction.unknown),
        assumptions=prediction.assumptions,
    )


def kernel_groups_of(snapshot: HostSnapshot) -> tuple[IOMMUGroup, ...]:
    """Gather the kernel's groups of PCI functions from a snapshot, by number.  Pure."""
    members: dict[int, list[str]] = {}
    for function in snapshot.functions:
        if function.iommu_group is not None:
            members.setdefault(function.iommu_group, []).append(str(function.address))
    return tuple(IOMMUGroup(number, tuple(members[number])) for number in sorted(members))


def report_kernel_groups(groups: Sequence[IOMMUGroup], prediction: Prediction) -> GroupsReport:
    """Give the kernel's groups, each with the reason that the rules know for it.  Pure.

    :param prediction: of the same host as it is.
    """
    by_members = {frozenset(group.members): group for group in prediction.groups}
    reasoned = (
        ReasonedGroup(g.id, g.members, _reason(g.members, prediction, by_members)) for g in groups
    )
    grouped = {name for group in groups for name in group.members}
    return GroupsReport(
        groups=tuple(reasoned),
        ungrouped=_without(_ungrouped(prediction), grouped) + _left_out(grouped, prediction),
        assumptions=prediction.assumptions,
    )


def only_shared(report: GroupsReport) -> GroupsReport:
    """Leave out what has no company.  Pure.

    Why there are no groups at all is still said.
    """
    groups = tuple(group for group in report.groups if len(group.members) > 1)
    unknown = tuple(one for one in report.unknown if len(one.members) > 1)
    ungrouped = () if report.groups or report.unknown else report.ungrouped
    return report._replace(groups=groups, unknown=unknown, ungrouped=ungrouped)


def changes_between(before: GroupsReport, after: GroupsReport) -> GroupChanges:
    """Say which groups a change makes, and who joins or leaves them.  Pure."""
    old_of = {name: group.members for group in before.groups for name in group.members}
    there = {*old_of, *(name for name, _ in before.ungrouped)}
    there.update(name for unknown in before.unknown for name in unknown.members)
    kinds: dict[tuple[str, ...], str] = {}
    joined: set[str] = {n for one in after.unknown for n in one.members if n not in there}
    parted: dict[tuple[str, ...], tuple[str, ...]] = {}
    for group in after.groups:
        members = group.members
        old = _most_of(members, old_of)
        if old == members:
            continue
        kinds[members] = GROUP_CHANGED if old else GROUP_NEW
        joined.update(set(members) - set(old))
        left = tuple(name for name in old if name not in members)
        if left:
            parted[members] = left
    now = {name for group in after.groups for name in group.members}
    gone = sum(not now.intersection(group.members) for group in before.groups)
    same = len(after.groups) - len(kinds)
    return GroupChanges(kinds, frozenset(joined), parted, same=same, gone=gone)


def _most_of(members: tuple[str, ...], old_of: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    # The former group that most of them come from; the first of several.
    counts = Counter(old_of[name] for name in members if name in old_of)
    return counts.most_common(1)[0][0] if counts else ()


def _reason(
    names: Iterable[str],
    prediction: Prediction,
    by_members: Mapping[frozenset[PCIAddress], PredictedGroup],
) -> Reason:
    members = frozenset(parse_pci_address(name) for name in names if is_pci_address(name))
    if not members:
        return _NOT_PCI
    group = by_members.get(members)
    if group is not None:
        return reason_of(prediction, group)
    for unknown in prediction.unknown:
        if members & set(unknown.members):
            return Reason("unknown", None, _unknown(prediction, unknown).text)
    text = (
        "the rules give another group than the kernel: see sriovctl explain "
        f"{min(members)}, which says why that may be"
    )
    return Reason("differs", None, text)


def _ungrouped(prediction: Prediction) -> tuple[tuple[str, str], ...]:
    because = prediction.ungrouped_because
    return tuple((str(address), because[address]) for address in prediction.ungrouped)


def _left_out(grouped: set[str], prediction: Prediction) -> tuple[tuple[str, str], ...]:
    # Those of whom the rules say another thing than the kernel: nobody may just be missing.
    if not grouped:
        return ()
    told = grouped | {str(address) for address in prediction.ungrouped}
    names = (str(address) for address in sorted(prediction.tree.functions))
    return tuple((name, _NOT_SHOWN) for name in names if name not in told)


def _without(pairs: tuple[tuple[str, str], ...], grouped: set[str]) -> tuple[tuple[str, str], ...]:
    return tuple(pair for pair in pairs if pair[0] not in grouped)


def _unknown(prediction: Prediction, unknown: UnknownGroup) -> UnknownMembers:
    because = dict.fromkeys(explain_undecided(prediction, a) for a in unknown.undecided)
    text = "; ".join(because) or "it depends on functions that cannot be seen"
    return UnknownMembers(tuple(map(str, unknown.members)), text)
