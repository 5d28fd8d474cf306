"""Which VFs a pool has, which of them are free, and which one the next borrower gets.

Theory of operation.  A VF is free when no lease holds it, nobody uses it, and its PF is not being
changed.  Of the free ones that the borrower may have, the best is taken, as often as VFs are
asked for, by these rules in this order:

1. NUMA: one on the borrower's node, where that is preferred.
2. Policy: of the PF with the fewest leases (``spread``), or of the first PF of the pool that has
   one left (``pack``).
3. The first PF of the pool, and the lowest index: the same question has the same answer.

Nothing here is taken for free because it could not be seen: what is not known of a VF's node or
group keeps it from those who insist on one.
"""

from __future__ import annotations

from enum import StrEnum

from sriovctl.errors import InputError
from sriovctl.model.lease import LeaseStatus, PoolShare
from sriovctl.model.owner import OwnerKind
from sriovctl.model.record import NamedTuple
from sriovctl.model.state import LENDING_POLICIES, NUMA_POLICIES
from sriovctl.planner.auto_mac import pf_identities
from sriovctl.planner.match import fitting_pfs, match_pf
from sriovctl.planner.safety import IN_USER_SPACE, owners_of_pf, owners_of_vf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from sriovctl.model.functions import PF, VF
    from sriovctl.model.lease import Lease, Pool, Request
    from sriovctl.model.owner import Owner, OwnerMap
    from sriovctl.model.state import WantedPF, WantedPool

    # Sysfs name of the PF, and index; None: the PF itself.
    Key = tuple[str | None, int | None]

_REQUIRED, _PREFERRED, _ANY = NUMA_POLICIES
_SPREAD, _ = LENDING_POLICIES
# A lease is looked up in the book itself; who made the VFs is no user of them.
_NO_USERS = (OwnerKind.LEASE, OwnerKind.FOREIGN)
# Who has one function of a group keeps all of it from other guests.
_OF_WHOLE_GROUP = (*IN_USER_SPACE, OwnerKind.GUEST_CONFIG)


class WhyNot(StrEnum):
    """Why a VF of a pool is not lent now."""

    LEASED = "leased"
    SCRUBBING = "being scrubbed"
    DIRTY = "not clean"
    USED = "in use"
    PF_CHANGES = "of a PF that is being changed"
    GONE = "gone"
    OTHER_PF = "of another PF"
    OTHER_NODE = "on another NUMA node"
    NO_GROUP = "in no IOMMU group"
    SHARED_GROUP = "in an IOMMU group with another owner's"


_BY_STATUS = {
    LeaseStatus.HELD: WhyNot.LEASED,
    LeaseStatus.SCRUBBING: WhyNot.SCRUBBING,
    LeaseStatus.DIRTY: WhyNot.DIRTY,
}


class Member(NamedTuple):
    """A VF of a pool."""

    position: int  # of its PF in the pool
    wanted: WantedPF  # what the pool's state says of its PF
    pf: PF
    vf: VF
    users: tuple[str, ...] = ()  # tokens of those who use it, leases aside

    @property
    def key(self) -> Key:
        """What tells it from others in this boot."""
        return self.pf.device, self.vf.vf_index


class Hindrances(NamedTuple):
    """What stands in the way of lending, as it is at this moment."""

    leases: Sequence[Lease] = ()  # those that keep their VF from others
    used_in_groups: Mapping[int, Collection[Key]] = {}  # IOMMU group -> functions in guests
    changing: Collection[str] = ()  # PFs
    gone: Collection[Key] = ()


class Choice(NamedTuple):
    """What a borrower gets, and how many other VFs of the pool are not to be had, by reason."""

    chosen: tuple[Member, ...]
    free: int  # that could have been chosen, the chosen among them
    refused: dict[WhyNot, int]


# --- members -----------------------------------------------------------------------------------


def members_of(pool: Pool, pfs: Sequence[PF], owners: OwnerMap | None) -> tuple[Member, ...]:
    """Find the VFs of a pool that exist now, in its own order.  Pure.

    A PF that is not there lends nothing.

    :raises InputError: what is said of one PF fits several.
    """
    by_label = {wanted.label: wanted for wanted in pool.pfs}
    found: list[Member] = []
    known: set[str] = set()
    for label in pool.wanted.pfs:
        for pf in _pfs_of(by_label[label], pfs):
            if pf.device not in known:
                known.add(pf.device)
                found += _members(pool, len(known) - 1, by_label[label], pf, owners)
    return tuple(found)


def _pfs_of(wanted: WantedPF, pfs: Sequence[PF]) -> tuple[PF, ...]:
    return match_pf(wanted, pfs) if fitting_pfs(wanted.match, pfs) else ()


def _members(
    pool: Pool, position: int, wanted: WantedPF, pf: PF, owners: OwnerMap | None
) -> Iterator[Member]:
    lent = pool.wanted.vf_indices
    for vf in pf.vfs:
        if lent is None or vf.vf_index in lent:
            yield Member(position, wanted, pf, vf, _users_of(pf, vf, owners))


def _users_of(pf: PF, vf: VF, owners: OwnerMap | None) -> tuple[str, ...]:
    if owners is not None and not owners:  # of a thousand VFs none need be asked for
        return ()
    found = owners_of_vf(pf, vf, owners)
    return tuple(owner.token for owner in found if owner.kind not in _NO_USERS)


def used_in_groups(pfs: Iterable[PF], owners: OwnerMap | None) -> dict[int, set[Key]]:
    """Find the PFs and VFs of each IOMMU group that are in a guest or a program.  Pure."""
    found: dict[int, set[Key]] = {}
    for pf in pfs:
        for key, group, users in _functions_of(pf, owners):
            if group is not None and any(user.kind in _OF_WHOLE_GROUP for user in users):
                found.setdefault(group, set()).add(key)
    return found


def _functions_of(
    pf: PF, owners: OwnerMap | None
) -> Iterator[tuple[Key, int | None, tuple[Owner, ...]]]:
    yield (pf.device, None), pf.iommu_group, owners_of_pf(pf, owners)
    for vf in pf.vfs:
        yield (pf.device, vf.vf_index), vf.iommu_group, owners_of_vf(pf, vf, owners)


# --- choosing ----------------------------------------------------------------------------------


def choose(
    members: Sequence[Member], wanted: WantedPool, request: Request, hindrances: Hindrances
) -> Choice:
    """Choose VFs for a borrower: as many as are asked for, or none.  Pure.

    :raises InputError: the pool wants to know the borrower's NUMA node, or knows no such PF.
    """
    numa = _numa_of(wanted, request)
    _require_pf(members, request)
    refused: dict[WhyNot, int] = {}
    free = []
    judge = _Judge(request, numa, hindrances)
    for member in members:
        why_not = judge.why_not(member)
        if why_not is None:
            free.append(member)
        else:
            refused[why_not] = refused.get(why_not, 0) + 1
    if len(free) < request.vfs:
        return Choice((), len(free), refused)
    node = request.numa_node if numa == _PREFERRED else None
    policy = request.policy or wanted.policy
    return Choice(_best(free, request.vfs, node, policy, hindrances.leases), len(free), refused)


def _numa_of(wanted: WantedPool, request: Request) -> str:
    numa = request.numa or wanted.numa
    if request.numa_node is None:
        if numa == _REQUIRED:
            raise InputError(
                "lends VFs of the borrower's NUMA node only, and that was not said",
                subject=wanted.name,
                hint="add --numa NODE",
            )
        return _ANY
    # Whoever names a node wants it, also where the pool does not care.
    return _PREFERRED if numa == _ANY and request.numa is None else numa


def _require_pf(members: Sequence[Member], request: Request) -> None:
    if request.pf is None or any(_is_of(member, request.pf) for member in members):
        return
    there = dict.fromkeys(member.wanted.label for member in members)
    raise InputError(
        "is no PF of this pool that has VFs",
        subject=request.pf,
        hint=f"it lends from {', '.join(there) or 'none at all'}",
    )


def _is_of(member: Member, name: str) -> bool:
    return name in (member.wanted.label, member.pf.device, member.pf.netdev)


class _Judge:
    # Says of each member why it cannot be lent, looking things up once.

    def __init__(self, request: Request, numa: str, hindrances: Hindrances) -> None:
        self._request = request
        self._numa = numa
        self._hindrances = hindrances
        self._held: dict[Key, Lease] = {
            (one.pf_device, one.vf_index): one for one in hindrances.leases
        }
        self._of_others: dict[int, list[Lease]] = {}
        for lease in hindrances.leases:
            if lease.iommu_group is not None and lease.owner != request.owner:
                self._of_others.setdefault(lease.iommu_group, []).append(lease)

    def why_not(self, member: Member) -> WhyNot | None:
        lease = self._held.get(member.key)
        if lease is not None:
            return _BY_STATUS[lease.status]
        if member.users:
            return WhyNot.USED
        if member.pf.device in self._hindrances.changing:
            return WhyNot.PF_CHANGES
        if member.key in self._hindrances.gone:
            return WhyNot.GONE
        return self._unfit(member) or self._unfit_group(member)

    def _unfit(self, member: Member) -> WhyNot | None:
        if self._request.pf is not None and not _is_of(member, self._request.pf):
            return WhyNot.OTHER_PF
        if self._numa == _REQUIRED and member.vf.numa_node != self._request.numa_node:
            return WhyNot.OTHER_NODE
        return None

    def _unfit_group(self, member: Member) -> WhyNot | None:
        group, alone = member.vf.iommu_group, self._request.group_disjoint
        if group is None:
            return WhyNot.NO_GROUP if alone else None
        others = self._of_others.get(group, ())
        closed = any(lease.group_disjoint for lease in others)
        if closed or (alone and (others or self._is_used(group))):
            return WhyNot.SHARED_GROUP
        return None

    # By others than the borrower, who may have leases of VFs that are in guests of theirs.
    def _is_used(self, group: int) -> bool:
        leases = (self._held.get(key) for key in self._hindrances.used_in_groups.get(group, ()))
        return any(lease is None or lease.owner != self._request.owner for lease in leases)


def _best(
    free: list[Member], vfs: int, node: int | None, policy: str, leases: Iterable[Lease]
) -> tuple[Member, ...]:
    lent: dict[str | None, int] = {}
    for lease in leases:
        lent[lease.pf_device] = lent.get(lease.pf_device, 0) + 1
    chosen: list[Member] = []
    left = list(free)
    for _ in range(vfs):
        best = min(left, key=lambda member: _rank(member, node, policy, lent))
        left.remove(best)
        chosen.append(best)
        lent[best.pf.device] = lent.get(best.pf.device, 0) + 1
    return tuple(chosen)


def _rank(
    member: Member, node: int | None, policy: str, lent: Mapping[str | None, int]
) -> tuple[int, int, int, int]:
    return (
        int(node is not None and member.vf.numa_node != node),
        lent.get(member.pf.device, 0) if policy == _SPREAD else 0,
        member.position,
        member.vf.vf_index,
    )


# --- capacity ----------------------------------------------------------------------------------


def shares_of(members: Iterable[Member], leases: Iterable[Lease]) -> tuple[PoolShare, ...]:
    """Count the VFs of a pool for each PF and NUMA node, in the pool's order.  Pure.

    :param leases: those that keep their VF from others.
    """
    held: dict[Key, Lease] = {(one.pf_device, one.vf_index): one for one in leases}
    found: dict[tuple[str, int | None], PoolShare] = {}
    for member in members:
        pf, node = member.pf, member.vf.numa_node
        blank = PoolShare(member.wanted.label, pf.device, pf.netdev, node)
        share = found.get((pf.device, node), blank)
        field = _field_of(member, held.get(member.key))
        counted = {"total": share.total + 1, field: getattr(share, field) + 1}
        found[pf.device, node] = share._replace(**counted)
    return tuple(found.values())


def _field_of(member: Member, lease: Lease | None) -> str:
    if lease is not None:
        return "leased" if lease.status is LeaseStatus.HELD else "scrubbing"
    return "in_use" if member.users else "free"


# --- over a restart of the host ----------------------------------------------------------------


def find_identified(
    identities: Sequence[str], vf_index: int, pfs: Iterable[PF]
) -> tuple[PF, VF] | None:
    """Find a VF by what told its PF from others when it was lent.  Pure.

    The best that is known of both decides alone: cards exist whose serial numbers are all alike.

    :param pfs: with all that identifies them.
    """
    for pf in pfs:
        if _is_same_pf(identities, pf):
            for vf in pf.vfs:
                if vf.vf_index == vf_index:
                    return pf, vf
    return None


def _is_same_pf(identities: Sequence[str], pf: PF) -> bool:
    now = {each.partition(" ")[0]: each for each in pf_identities(pf)}
    for identity in identities:
        kind = identity.partition(" ")[0]
        if kind in now:
            return now[kind] == identity
    return False
