"""Pools, and how many VFs they have, as text and as JSON."""

from __future__ import annotations

from sriovctl.model.lease import LeaseStatus
from sriovctl.model.record import NamedTuple
from sriovctl.render.table import format_indices, format_table, format_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sriovctl.model.lease import Lease, Pool, PoolShare, StoredPool

_LIST_HEADER = ("POOL", "LENDS FROM", "VFS", "NUMA", "POLICY", "FREE", "OF", "DEFINED IN")
_SHARE_HEADER = ("PF", "NETDEV", "NUMA", "VFS", "FREE", "LEASED", "SCRUBBING", "IN USE")
_VF_HEADER = ("VF", "OF", "NUMA", "GROUP", "STATE")


class ShownVF(NamedTuple):
    """One VF of a pool."""

    device: str  # of its PF
    vf_index: int
    address: str | None
    numa_node: int | None
    iommu_group: int | None
    lease: Lease | None
    users: tuple[str, ...]

    @property
    def state(self) -> str:
        """What it does: ``free``, ``leased``, ``scrubbing``, ``in use``."""
        if self.lease is not None:
            return "leased" if self.lease.status is LeaseStatus.HELD else "scrubbing"
        return "in use" if self.users else "free"


def pool_as_json(pool: Pool, stored: StoredPool | None) -> dict[str, object]:
    """Shape what a pool is; keys as in a state file."""
    wanted = pool.wanted
    return {
        "name": wanted.name,
        "from": list(wanted.pfs),
        "vfs": None if wanted.vf_indices is None else list(wanted.vf_indices),
        "numa": wanted.numa,
        "policy": wanted.policy,
        "source": stored.source if stored else None,
        "defined": stored.defined if stored else None,
        "state": stored.state if stored else None,
    }


def capacity_as_json(shares: Sequence[PoolShare]) -> dict[str, object]:
    """Shape how many VFs a pool has: in all, on each NUMA node, and of each PF."""
    return {
        **_sums(shares),
        "numa": [
            {"numa_node": node, **_sums([one for one in shares if one.numa_node == node])}
            for node in dict.fromkeys(share.numa_node for share in shares)
        ],
        "pfs": [
            {
                "label": share.label,
                "pf": share.device,
                "netdev": share.netdev,
                "numa_node": share.numa_node,
                **_sums([share]),
            }
            for share in shares
        ],
    }


def _sums(shares: Sequence[PoolShare]) -> dict[str, int]:
    names = ("total", "free", "leased", "scrubbing", "in_use")
    return {name: sum(getattr(share, name) for share in shares) for name in names}


def format_capacity(name: str, shares: Sequence[PoolShare]) -> str:
    """Show how many VFs a pool has."""
    if not shares:
        return f"{name}: no VFs now"
    sums = _sums(shares)
    rows = [[one.device, one.netdev, one.numa_node, *_counts(one)] for one in shares]
    table = format_table(_SHARE_HEADER, rows, indent="   ")
    return f"{name}: {sums['free']} of {sums['total']} VFs free\n{table}"


def _counts(share: PoolShare) -> tuple[int, ...]:
    return share.total, share.free, share.leased, share.scrubbing, share.in_use


def vf_as_json(vf: ShownVF) -> dict[str, object]:
    """Shape one VF of a pool."""
    return {
        "pf": vf.device,
        "vf_index": vf.vf_index,
        "address": vf.address,
        "numa_node": vf.numa_node,
        "iommu_group": vf.iommu_group,
        "state": vf.state,
        "lease": None if vf.lease is None else vf.lease.lease_id,
        "users": list(vf.users),
    }


def format_pool(pool: Pool, stored: StoredPool | None, vfs: Sequence[ShownVF]) -> str:
    """Show one pool and each of its VFs."""
    wanted = pool.wanted
    lines = [
        f"pool {wanted.name}",
        f"   lends {_format_vfs(pool)} of {', '.join(wanted.pfs)}   NUMA {wanted.numa}   "
        f"policy {wanted.policy}",
    ]
    if stored is not None:
        lines.append(f"   defined {stored.defined} from {stored.source}")
    rows = [
        (
            vf.address or f"vf {vf.vf_index}",
            f"VF {vf.vf_index} of {vf.device}",
            vf.numa_node,
            vf.iommu_group,
            _format_state(vf),
        )
        for vf in vfs
    ]
    lines.append(format_table(_VF_HEADER, rows, indent="   ") if rows else "   no VFs now")
    return "\n".join(lines)


def _format_state(vf: ShownVF) -> str:
    if vf.lease is not None:
        what = vf.state if vf.lease.status is LeaseStatus.HELD else str(vf.lease.status)
        return f"{what}: lease {vf.lease.lease_id} of {vf.lease.owner}"
    return f"in use: {', '.join(vf.users)}" if vf.users else "free"


def _format_vfs(pool: Pool) -> str:
    indices = pool.wanted.vf_indices
    return "all VFs" if indices is None else f"VFs {format_indices(indices)}"


def format_pools(
    pools: Sequence[tuple[Pool, StoredPool]], sums: Mapping[str, tuple[int, int]]
) -> str:
    """Show pools, one line each.

    :param sums: how many VFs of each are free, and of how many.
    """
    if not pools:
        return "no pool is defined: 'sriovctl pool define FILE' keeps those of a state file"
    rows = [
        (
            pool.wanted.name,
            ", ".join(pool.wanted.pfs),
            format_value(_format_vfs(pool)),
            pool.wanted.numa,
            pool.wanted.policy,
            *sums[pool.wanted.name],
            stored.source,
        )
        for pool, stored in pools
    ]
    return format_table(_LIST_HEADER, rows)
