"""Groups, predicted or the kernel's own, each with the reason why it is as it is."""

from __future__ import annotations

from sriovctl.model.address import is_pci_address, parse_pci_address
from sriovctl.model.functions import IOMMUGroup
from sriovctl.model.groups import GroupsReport, Reason, ReasonedGroup, UnknownMembers
from sriovctl.topology.wording import explain_verdict, reason_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sriovctl.model.address import PCIAddress
    from sriovctl.model.snapshot import HostSnapshot
    from sriovctl.topology.groups import PredictedGroup, Prediction, UnknownGroup

_NOT_PCI = Reason("not-pci", None, "a device that is not on a PCI bus has a group of its own")


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
    return GroupsReport(
        groups=tuple(reasoned),
        ungrouped=_without(_ungrouped(prediction), {m for g in groups for m in g.members}),
        assumptions=prediction.assumptions,
    )


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


def _without(pairs: tuple[tuple[str, str], ...], grouped: set[str]) -> tuple[tuple[str, str], ...]:
    return tuple(pair for pair in pairs if pair[0] not in grouped)


def _unknown(prediction: Prediction, unknown: UnknownGroup) -> UnknownMembers:
    because = (
        explain_verdict(prediction, a, prediction.rules.judge(prediction.tree.functions[a]))
        for a in unknown.undecided
    )
    text = "; ".join(because) or "it depends on functions that cannot be seen"
    return UnknownMembers(tuple(map(str, unknown.members)), text)
