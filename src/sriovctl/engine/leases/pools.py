"""Find the pool that somebody means: of a state file, of the book, or made up on the spot."""

from __future__ import annotations

import json

from sriovctl.codec.state_file import parse_state
from sriovctl.codec.state_text import format_state
from sriovctl.codec.yaml_nodes import nearest
from sriovctl.errors import InputError
from sriovctl.model.lease import Pool, StoredPool
from sriovctl.model.state import DesiredState, WantedPool
from sriovctl.render.pools import ShownVF

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sriovctl.host.lease_api import LeaseBook
    from sriovctl.model.lease import Lease
    from sriovctl.model.state import WantedPF
    from sriovctl.planner.lending import Member

_SELECTED = "selected"
_SELECTOR_HINT = "for example: netdev=eth0, or driver=igb,vfs=0-3"


def pool_in_state(state: DesiredState, name: str) -> Pool:
    """Find a pool that a state names.  Pure.

    :raises InputError: it names none such.
    """
    for wanted in state.pools:
        if wanted.name == name:
            return Pool(wanted, _lenders(state, wanted))
    raise _unknown(name, [wanted.name for wanted in state.pools])


def _lenders(state: DesiredState, pool: WantedPool) -> tuple[WantedPF, ...]:
    return tuple(pf for pf in state.pfs if pf.label in pool.pfs)


def _unknown(name: str, there: Collection[str]) -> InputError:
    hint = nearest(name, sorted(there)) if there else "sriovctl pool define FILE"
    return InputError("there is no such pool", subject=name, hint=hint)


def is_selector(name: str) -> bool:
    """Say whether what stands for a pool selects PFs, rather than names a pool.  Pure."""
    return "=" in name


def select_pool(selector: str) -> Pool:
    """Make a pool of all PFs that fit what is said: ``driver=igb,vfs=0-3``.  Pure.

    The keys are those of ``match`` in a state file; ``vfs`` says which VFs of each.

    :raises InputError: it is no selector.
    """
    said = dict(_split(selector, part) for part in selector.split(","))
    pool: dict[str, object] = {"from": [_SELECTED]}
    if "vfs" in said:
        pool["vfs"] = said.pop("vfs")
    tree = {
        "version": 1,
        "pfs": {_SELECTED: {"match": {**said, "all": True}}},
        "pools": {_SELECTED: pool},
    }
    try:
        state = parse_state(json.dumps(tree), source=selector)
    except InputError as error:
        what = error.cause.removeprefix(f"pools.{_SELECTED}.")
        what = what.removeprefix(f"pfs.{_SELECTED}.match").lstrip(".: ")
        hint = error.hint or _SELECTOR_HINT
        raise InputError(what, subject=selector, hint=hint) from None
    (wanted,) = state.pools
    return Pool(wanted._replace(name=selector), state.pfs, from_state=False)


def _split(selector: str, part: str) -> tuple[str, str]:
    key, sign, value = part.partition("=")
    if not (key and sign and value):
        raise InputError(f"'{part}' is no KEY=VALUE", subject=selector, hint=_SELECTOR_HINT)
    return key, value


# --- in the book -------------------------------------------------------------------------------


def describe_pools(state: DesiredState, *, source: str, stamp: str) -> tuple[StoredPool, ...]:
    """Make of each pool of a state what the book keeps.  Pure.

    :param source: where the state came from.
    :param stamp: what tells it from a changed one.
    :raises InputError: it names no pool.
    """
    if not state.pools:
        raise InputError(
            "names no pool", subject=source, hint="for example: pools: {spare: {from: [uplink]}}"
        )
    return tuple(
        StoredPool(
            wanted.name,
            format_state(DesiredState(_lenders(state, wanted), (wanted,))),
            source,
            stamp,
        )
        for wanted in state.pools
    )


def find_stored(book: LeaseBook, name: str) -> StoredPool:
    """Read one pool of the book.

    :raises InputError: there is none such.
    """
    pools = {pool.name: pool for pool in book.pools()}
    if name not in pools:
        raise _unknown(name, pools)
    return pools[name]


def read_stored(stored: StoredPool) -> Pool:
    """Read what the book keeps of a pool.  Pure."""
    state = parse_state(stored.state, source=f"pool {stored.name}")
    return pool_in_state(state, stored.name)


# --- its VFs -----------------------------------------------------------------------------------


def join_leases(members: Sequence[Member], leases: Sequence[Lease]) -> list[ShownVF]:
    """Join the VFs of a pool with the leases that keep them.  Pure."""
    of_vf = {(one.pf_device, one.vf_index): one for one in leases}
    return [_shown(one, of_vf.get((one.pf.device, one.vf.vf_index))) for one in members]


def _shown(member: Member, lease: Lease | None) -> ShownVF:
    vf = member.vf
    address = None if vf.address is None else str(vf.address)
    place = (member.pf.device, vf.vf_index, address, vf.numa_node, vf.iommu_group)
    return ShownVF(*place, lease, member.users)
