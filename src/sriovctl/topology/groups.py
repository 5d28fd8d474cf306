"""The IOMMU groups that the kernel would form, worked out from the functions alone.

Theory of operation.  Groups are made one function at a time, in the kernel's order: a function
joins the first group that four searches meet, or founds one.  The searches: the endpoint whose
requester ID it uses (VMD); bridges that take requester IDs over, going up; bridges above that do
not keep traffic apart; functions of the same bus or slot that share IDs or can reach each other.

What a source does not show makes some answers "not known".  More isolation never makes a group
larger, so the whole is done twice, once with every unknown as "not apart" and once as "apart":
a group that is the same both times is certain, and what differs is reported as unknown.

Source: kernel ``drivers/iommu/iommu.c``, ``pci_device_group()``; the same from 6.1 to 7.3.  A
change that would group by reachability instead was posted in 2025 and is not merged.
"""

from __future__ import annotations

from enum import StrEnum

from sriovctl.model.record import NamedTuple
from sriovctl.topology.aliases import Aliases
from sriovctl.topology.coverage import find_coverage
from sriovctl.topology.isolation import IsolationCode, IsolationRules
from sriovctl.topology.surroundings import Surroundings, read_surroundings
from sriovctl.topology.tree import build_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sriovctl.model.address import PCIAddress
    from sriovctl.model.snapshot import HostSnapshot
    from sriovctl.topology.isolation import Verdict
    from sriovctl.topology.tree import PCITree, TreeFunction

IOMMU_OFF = "no IOMMU is at work, so the kernel forms no groups"
OWN_GROUP_MACHINE = "s390"  # gives every function its own group
_FIRMWARE_DECIDES = "ppc"
_ON_POWER = "on Power the firmware's partitionable endpoints decide; these rules may not hold"
_BITS_OFF = (
    "ACS is off here, as it is where no IOMMU is on: with it on, the kernel sets these bits, and "
    "--iommu-on shows the groups that it forms then"
)
_ON_SMMU_V2 = "an SMMUv2 may join functions that share a stream ID; that cannot be seen here"


class JoinCode(StrEnum):
    """Why a function is where it is."""

    ALONE = "alone"
    FOUNDER = "first"  # nothing above joins it; others were joined to it
    VMD = "vmd"
    BRIDGE_ALIAS = "bridge-alias"
    PATH = "path"
    DMA_ALIAS = "dma-alias"
    FUNCTIONS = "functions"


class Join(NamedTuple):
    """What made one function a member of its group."""

    member: PCIAddress
    code: JoinCode
    hop: PCIAddress | None = None  # the function whose group it joined
    culprit: PCIAddress | None = None  # the function that does not keep traffic apart
    verdict: Verdict | None = None  # and what that rests on


class PredictedGroup(NamedTuple):
    """One group."""

    members: tuple[PCIAddress, ...]  # ascending
    joins: tuple[Join, ...]  # of each member, in the order in which they came

    @property
    def cause(self) -> Join:
        """What made it more than one function; of a single one, why it is alone."""
        return next((j for j in self.joins if j.code is not JoinCode.FOUNDER), self.joins[0])


class UnknownGroup(NamedTuple):
    """Functions that may or may not be in one group."""

    members: tuple[PCIAddress, ...]  # together at worst
    undecided: tuple[PCIAddress, ...]  # whether these keep traffic apart cannot be seen


class Prediction(NamedTuple):
    """The groups of a host, and all that was needed to find them."""

    groups: tuple[PredictedGroup, ...]  # by their first members
    ungrouped: tuple[PCIAddress, ...]  # the kernel gives these none
    unknown: tuple[UnknownGroup, ...]
    assumptions: tuple[str, ...]
    iommu_on: bool
    ungrouped_because: Mapping[PCIAddress, str]
    tree: PCITree
    surroundings: Surroundings
    rules: IsolationRules

    def group_of(self, address: PCIAddress) -> PredictedGroup | None:
        """Find the group of a function; None if it has none, or that is not known."""
        return next((group for group in self.groups if address in group.members), None)


def predict_groups(snapshot: HostSnapshot, *, iommu_on: bool) -> Prediction:
    """Work out the IOMMU groups of a host.  Pure.

    :param iommu_on: the groups with the IOMMU and its ACS settings on; otherwise the host as it
        is, with the ACS bits as they were read.
    """
    around = read_surroundings(snapshot)
    tree = build_tree(snapshot)
    rules = IsolationRules(tree, around, iommu_on=iommu_on)
    coverage = find_coverage(snapshot, tree)
    aliases = Aliases(tree, around, firmware=coverage.aliases)
    if around.iommu_is_on is False and not iommu_on:
        ungrouped = dict.fromkeys(tree.functions, IOMMU_OFF)
    else:
        ungrouped = coverage.ungrouped
    groups, unknown = _settle(tree, rules, aliases, ungrouped, machine=around.machine or "")
    assumptions = [*tree.assumptions, *around.parameters.problems, *_platform(snapshot)]
    if groups or unknown:
        assumptions += coverage.assumptions
        assumptions += _collected(tree, rules, aliases)
        if not (iommu_on or around.iommu_is_on or snapshot.groups_known):
            assumptions += _bits_off(groups)
    return Prediction(
        groups=tuple(sorted(groups, key=lambda group: group.members[0])),
        ungrouped=tuple(sorted(ungrouped)),
        unknown=tuple(sorted(unknown)),
        assumptions=tuple(assumptions),
        iommu_on=iommu_on,
        ungrouped_because=ungrouped,
        tree=tree,
        surroundings=around,
        rules=rules,
    )


def _settle(
    tree: PCITree,
    rules: IsolationRules,
    aliases: Aliases,
    ungrouped: Mapping[PCIAddress, str],
    *,
    machine: str,
) -> tuple[list[PredictedGroup], list[UnknownGroup]]:
    if machine.startswith(OWN_GROUP_MACHINE):
        return [_lone(address) for address in tree.functions if address not in ungrouped], []
    apart = _Grouping(tree, rules, aliases, ungrouped, unknown_is_apart=True).run()
    if not any(_is_undecided(rules, f) for f in _served(tree, ungrouped)):
        return apart, []
    together = _Grouping(tree, rules, aliases, ungrouped, unknown_is_apart=False).run()
    certain = {group.members for group in together}
    known = [group for group in apart if group.members in certain]
    settled = {group.members for group in known}
    unknown = [
        UnknownGroup(group.members, tuple(_undecided(tree, rules, group.members)))
        for group in together
        if group.members not in settled
    ]
    return known, unknown


def _served(tree: PCITree, ungrouped: Mapping[PCIAddress, str]) -> Iterator[TreeFunction]:
    return (f for f in tree.functions.values() if f.address not in ungrouped)


def _undecided(
    tree: PCITree, rules: IsolationRules, members: Iterable[PCIAddress]
) -> Iterator[PCIAddress]:
    for member in members:
        function = tree.functions[member]
        if _is_undecided(rules, function):
            yield member


def _is_undecided(rules: IsolationRules, function: TreeFunction) -> bool:
    if not function.knows_type or function.may_be_below:
        return True
    return rules.judge(function).isolated is None


def _lone(address: PCIAddress) -> PredictedGroup:
    return PredictedGroup((address,), (Join(address, JoinCode.ALONE),))


class _Found(NamedTuple):
    # A group that a search met.
    group: int
    code: JoinCode
    hop: PCIAddress
    culprit: PCIAddress | None = None


class _Grouping:
    # One run over all functions; unknowns are all taken alike.

    def __init__(
        self,
        tree: PCITree,
        rules: IsolationRules,
        aliases: Aliases,
        ungrouped: Mapping[PCIAddress, str],
        *,
        unknown_is_apart: bool,
    ) -> None:
        self._tree = tree
        self._rules = rules
        self._aliases = aliases
        self._ungrouped = ungrouped
        self._unknown_is_apart = unknown_is_apart
        self._group_of: dict[PCIAddress, int] = {}
        self._joins: list[list[Join]] = []
        self._breaks: dict[PCIAddress, PCIAddress | None] = {}
        # The bridges of which nobody knows what is below.
        self._leaders = tuple(
            sorted({hop for f in tree.functions.values() for hop in f.may_be_below})
        )

    def run(self) -> list[PredictedGroup]:
        served = list(_served(self._tree, self._ungrouped))
        # A VMD endpoint has its group before its domain is even scanned.
        for function in sorted(served, key=lambda f: f.stand_in is not None):
            self._add(function)
        return [
            PredictedGroup(tuple(sorted(join.member for join in joins)), tuple(_founded(joins)))
            for joins in self._joins
        ]

    def _add(self, function: TreeFunction) -> None:
        found = self._search(function)
        if found is None:
            self._group_of[function.address] = len(self._joins)
            self._joins.append([Join(function.address, JoinCode.ALONE)])
            return
        verdict = found.culprit and self._rules.judge(self._tree.functions[found.culprit])
        self._group_of[function.address] = found.group
        self._joins[found.group].append(
            Join(function.address, found.code, found.hop, found.culprit, verdict or None)
        )

    def _search(self, function: TreeFunction) -> _Found | None:
        # Steps in the order of pci_device_group().
        start = function
        if function.stand_in is not None and function.stand_in in self._tree.functions:
            start = self._tree.functions[function.stand_in]
            group = self._group_of.get(start.address)
            if group is not None:
                return _Found(group, JoinCode.VMD, start.address)
        candidate, found = self._up_requester_ids(start)
        if found is None:
            candidate, found = self._up_path(candidate)
        if found is None:
            visited: set[int] = set()
            found = self._by_alias(candidate, visited) or self._by_slot(candidate, visited)
        return found

    def _up_requester_ids(self, start: TreeFunction) -> tuple[TreeFunction, _Found | None]:
        candidate = start
        for bridge in self._tree.bridges_above(start.address):
            if self._aliases.stops_at(bridge):
                break
            takes_over = self._aliases.takes_over(bridge)
            if takes_over or (takes_over is None and not self._unknown_is_apart):
                candidate = bridge
                group = self._group_of.get(bridge.address)
                if group is not None:
                    found = _Found(group, JoinCode.BRIDGE_ALIAS, bridge.address, bridge.address)
                    return candidate, found
        return candidate, None

    def _up_path(self, candidate: TreeFunction) -> tuple[TreeFunction, _Found | None]:
        found = None if self._unknown_is_apart else self._below_any(candidate)
        if found is not None:
            return candidate, found
        for bridge in self._tree.bridges_above(candidate.address):
            culprit = self._break_above(bridge)
            if culprit is None:
                break
            candidate = bridge
            group = self._group_of.get(bridge.address)
            if group is not None:
                return candidate, _Found(group, JoinCode.PATH, bridge.address, culprit)
        return candidate, None

    def _below_any(self, candidate: TreeFunction) -> _Found | None:
        # At worst all that may be below bridges of unknown numbers is below the same one.
        hops = candidate.may_be_below
        if candidate.address in self._leaders and not self._is_apart(candidate):
            hops = tuple(a for a in self._leaders if a.pci_domain == candidate.address.pci_domain)
        for hop in hops:
            group = self._group_of.get(hop)
            if group is not None and not self._is_apart(self._tree.functions[hop]):
                return _Found(group, JoinCode.PATH, hop, hop)
        return None

    def _break_above(self, bridge: TreeFunction) -> PCIAddress | None:
        # The first function from a bridge to the root that does not keep traffic apart.
        walked = []
        culprit = None
        for above in (bridge, *self._tree.bridges_above(bridge.address)):
            if above.address in self._breaks:
                culprit = self._breaks[above.address]
                break
            walked.append(above.address)
            if not self._is_apart(above):
                culprit = above.address
                break
        self._breaks.update(dict.fromkeys(walked, culprit))
        return culprit

    def _is_apart(self, function: TreeFunction) -> bool:
        isolated = self._rules.judge(function).isolated
        return self._unknown_is_apart if isolated is None else isolated

    def _by_alias(self, function: TreeFunction, visited: set[int]) -> _Found | None:
        # visited holds devfns: the search never leaves the bus.
        if function.devfn in visited:
            return None
        visited.add(function.devfn)
        group = self._group_of.get(function.address)
        if group is not None:
            return _Found(group, JoinCode.DMA_ALIAS, function.address)
        for other in self._aliases.sharers(self._tree, function):
            found = self._by_alias(other, visited) or self._by_slot(other, visited)
            if found is not None:
                return found
        return None

    def _by_slot(self, function: TreeFunction, visited: set[int]) -> _Found | None:
        if not function.multifunction or self._is_apart(function):
            return None
        for other in self._tree.slots[function.slot]:
            if other is function or self._is_apart(other):
                continue
            found = self._by_alias(other, visited)
            if found is not None:
                return found._replace(code=JoinCode.FUNCTIONS, culprit=function.address)
        return None


def _founded(joins: list[Join]) -> Iterator[Join]:
    first, *others = joins
    yield first._replace(code=JoinCode.FOUNDER) if others else first
    yield from others


# --- what was taken for granted ------------------------------------------------------------------


def _collected(tree: PCITree, rules: IsolationRules, aliases: Aliases) -> Iterator[str]:
    by_text: dict[str, list[PCIAddress]] = {}
    for address, verdict in rules.verdicts.items():
        if verdict.assumption is not None:
            by_text.setdefault(verdict.assumption, []).append(address)
    for address, text in aliases.assumptions.items():
        by_text.setdefault(text, []).append(address)
    for text, addresses in by_text.items():
        yield f"{name_some(sorted(a for a in addresses if a in tree.functions))}: {text}"


def _bits_off(groups: Iterable[PredictedGroup]) -> Iterator[str]:
    culprits = {
        join.culprit
        for group in groups
        for join in group.joins
        if join.verdict is not None and join.verdict.code is IsolationCode.ACS_OFF
    }
    if found := sorted(culprit for culprit in culprits if culprit is not None):
        yield f"{name_some(found)}: {_BITS_OFF}"


def name_some(addresses: list[PCIAddress], *, most: int = 4) -> str:
    """Name a few of many functions.  Pure."""
    names = ", ".join(str(address) for address in addresses[:most])
    rest = len(addresses) - most
    return f"{names} and {rest} more" if rest > 0 else names


def _platform(snapshot: HostSnapshot) -> Iterator[str]:
    if (snapshot.machine or "").startswith(_FIRMWARE_DECIDES):
        yield _ON_POWER
    if any(name.startswith("smmu.") for name in snapshot.iommus or ()):
        yield _ON_SMMU_V2
