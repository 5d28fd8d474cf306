"""What must hold between the entries of a state: nothing is given to two."""

from __future__ import annotations

from sriovctl.codec.yaml_nodes import mapping, nearest, sequence
from sriovctl.model.functions import NO_MAC
from sriovctl.model.state import AUTO_MAC, UNSET

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sriovctl.codec.yaml_nodes import Node
    from sriovctl.errors import InputError
    from sriovctl.model.state import WantedPF, WantedPool, WantedVF

    PFs = Mapping[str, WantedPF]
    Nodes = Mapping[str, Node]

# What tells a VF from every other on its network, and so may be given to one alone.
_IDENTITIES = ("admin_mac", "node_guid", "port_guid")

# Values that any number of VFs may have: none, in octets, for a MAC and a GUID.
_NOBODYS = frozenset((UNSET, AUTO_MAC, NO_MAC, ":".join(("00",) * 8)))

# A criterion that only one PF of a host can fit.
_ONE_PF = ("address", "netdev")


def check_uniqueness(pfs: PFs, nodes: Nodes) -> None:
    """Refuse a PF that is meant twice, and an identity that several VFs would get.

    :param nodes: where each PF of *pfs* stands.
    :raises InputError: naming both places.
    """
    _check_matches(pfs, nodes)
    if _are_plainly_unique(pfs):
        return
    holders: dict[tuple[str, str], Node] = {}
    for label, wanted in pfs.items():
        for key, value, node in _identities(wanted, nodes[label]):
            first = holders.setdefault((key, value), node)
            if first is not node:
                raise node.complain(
                    f"{value} is given twice, first by {first.path} at {first.where}"
                )


# Without a look at where each stands, which takes several times as long.
def _are_plainly_unique(pfs: PFs) -> bool:
    if any(_said_values(wanted.vf_default) for wanted in pfs.values()):
        return False
    found: list[tuple[str, object]] = []
    for wanted in pfs.values():
        columns = zip(*(vf for _, vf in wanted.vfs), strict=True)
        said = dict(zip(wanted.vf_default._fields, columns, strict=False))
        own = [
            (name, value)
            for name in _IDENTITIES
            for value in said.get(name, ())
            if value not in _NOBODYS
        ]
        if own and wanted.match.all:
            return False
        found += own
    return len(set(found)) == len(found)


def _said_values(wanted: WantedVF) -> list[tuple[str, str]]:
    said = ((name, getattr(wanted, name)) for name in _IDENTITIES)
    return [(name, value) for name, value in said if value not in _NOBODYS]


def _check_matches(pfs: PFs, nodes: Nodes) -> None:
    meant: dict[tuple[str, object], str] = {}
    for label, wanted in pfs.items():
        match = wanted.match
        alone = (("match", match), *((key, getattr(match, key)) for key in _ONE_PF))
        for what in alone:
            if what[1] is None:
                continue
            first = meant.setdefault(what, label)
            if first != label:
                raise mapping(nodes[label])["match"].complain(
                    f"means the PF that '{first}' means, at {nodes[first].where}",
                    hint="say everything about one PF in one place",
                )


def _identities(wanted: WantedPF, node: Node) -> Iterator[tuple[str, str, Node]]:
    # Each identity that is written out, and where.
    entries = mapping(node)
    if "vf_default" in entries:
        yield from _default_identities(wanted, entries["vf_default"])
    if "vfs" not in entries:
        return
    said = dict(wanted.vfs)
    for key, vf_node in mapping(entries["vfs"]).items():
        first, _, last = key.partition("-")
        count = int(last or first) - int(first) + 1
        for name, value, at_value in _said_identities(said[int(first)], vf_node):
            if count > 1:
                raise _shared(at_value, value, f"{count} VFs", name)
            if wanted.match.all:
                raise _shared(at_value, value, f"VF {first} of each PF that fits", name)
            yield name, value, at_value


def _default_identities(wanted: WantedPF, node: Node) -> Iterator[tuple[str, str, Node]]:
    for name, value, at_value in _said_identities(wanted.vf_default, node):
        takers = _takers_of_default(wanted, name)
        if takers is None or wanted.match.all:
            raise _shared(at_value, value, "every VF", name)
        if takers > 1:
            raise _shared(at_value, value, f"{takers} VFs", name)
        if takers:
            yield name, value, at_value


def _takers_of_default(wanted: WantedPF, name: str) -> int | None:
    # How many VFs have no value of their own; None: not known.
    if wanted.num_vfs is UNSET:
        return None
    return wanted.num_vfs - sum(getattr(vf, name) is not UNSET for _, vf in wanted.vfs)


def _said_identities(wanted: WantedVF, node: Node) -> Iterator[tuple[str, str, Node]]:
    for name, value in _said_values(wanted):
        yield name, value, mapping(node)[name]


def _shared(node: Node, value: str, whom: str, name: str) -> InputError:
    hint = "write auto, and each gets its own" if name == "admin_mac" else "name each VF by itself"
    return node.complain(f"{value} would be given to {whom}", hint=hint)


# --- pools -----------------------------------------------------------------------------------


def check_pools(pools: Mapping[str, WantedPool], nodes: Nodes, pfs: PFs) -> None:
    """Refuse a pool of PFs or VFs that will not be there, and a VF in two pools.

    :param nodes: where each pool of *pools* stands.
    :raises InputError: naming the place, or both.
    """
    lent: dict[str, list[WantedPool]] = {}
    for pool in pools.values():
        for label in pool.pfs:
            _check_pool_of(label, pool, nodes[pool.name], pfs)
            for other in lent.setdefault(label, []):
                _check_apart(label, pool, other, nodes)
            lent[label].append(pool)


def _check_pool_of(label: str, pool: WantedPool, node: Node, pfs: PFs) -> None:
    if label not in pfs:
        items = sequence(mapping(node)["from"])
        item = next(item for item in items if item.tree.scalar == label)
        raise item.complain(f"there is no PF '{label}' under pfs", hint=nearest(label, list(pfs)))
    num_vfs = pfs[label].num_vfs
    if num_vfs is UNSET or pool.vf_indices is None or pool.vf_indices[-1] < num_vfs:
        return
    raise mapping(node)["vfs"].complain(
        f"VF {pool.vf_indices[-1]} is out of range: '{label}' has num_vfs {num_vfs}"
    )


def _check_apart(label: str, pool: WantedPool, other: WantedPool, nodes: Nodes) -> None:
    if pool.vf_indices is None or other.vf_indices is None:
        shared = pool.vf_indices or other.vf_indices
        which = "all VFs" if shared is None else f"VF {shared[0]}"
    elif both := set(pool.vf_indices).intersection(other.vf_indices):
        which = f"VF {min(both)}"
    else:
        return
    raise nodes[pool.name].complain(
        f"{which} of '{label}' would also be in the pool '{other.name}', "
        f"at {nodes[other.name].where}",
        hint="a VF can be in one pool",
    )
