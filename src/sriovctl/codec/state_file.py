"""State files: YAML text to :class:`~sriovctl.model.state.DesiredState`.

Strict: an unknown key is an error that names the nearest right one, since a mistyped ``vlna``
that is silently ignored puts a guest into the wrong network.
"""

from __future__ import annotations

from sriovctl.codec.state_checks import check_pools, check_uniqueness
from sriovctl.codec.state_keys import PF_KEYS, POOL_KEYS, STATE_KEYS, read_keys
from sriovctl.codec.state_vf_lines import read_vf_lines
from sriovctl.codec.yaml_nodes import Node, mapping
from sriovctl.codec.yaml_text import parse_yaml
from sriovctl.errors import InputError
from sriovctl.model.state import UNSET, DesiredState, WantedPF, WantedPool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    Entries = dict[str, Node]

_READERS = {"vfs": read_vf_lines}
_PFS_HINT = 'for example: pfs: {uplink: {match: {address: "0000:01:00.0"}, num_vfs: 4}}'


def parse_state(content: str, *, source: str) -> DesiredState:
    """Read one state file.  Pure.

    :param source: the file's name, for complaints.
    :raises InputError: with file, line and column of the first thing that is wrong.
    """
    return parse_states([(source, content)])


def parse_states(files: Iterable[tuple[str, str]]) -> DesiredState:
    """Read several state files that together say what is wanted of one host.  Pure.

    :param files: name and content of each; at least one.
    :raises InputError: as with one, or two files name the same thing.
    """
    files = tuple(files)
    quick = _read_quickly(files)
    if quick is not None:
        return quick
    return read_states(parse_yaml(text, source=source) for source, text in files)


# Where something is wrong, or may be, a tree that has all tells what and where.
def _read_quickly(files: Iterable[tuple[str, str]]) -> DesiredState | None:
    documents = (parse_yaml(text, source=source, readers=_READERS) for source, text in files)
    try:
        return read_states(documents)
    except InputError:
        return None


def read_states(documents: Iterable[Node]) -> DesiredState:
    """Read what YAML documents say together.  Pure.

    :raises InputError: as for :func:`parse_states`.
    """
    roots = list(documents)
    pf_nodes, pool_nodes = _entries(roots)
    pfs = {label: _pf(label, node) for label, node in pf_nodes.items()}
    pools = {name: _pool(name, node) for name, node in pool_nodes.items()}
    check_uniqueness(pfs, pf_nodes)
    check_pools(pools, pool_nodes, pfs)
    return DesiredState(tuple(pfs.values()), tuple(pools.values()))


def _entries(roots: list[Node]) -> tuple[Entries, Entries]:
    pf_nodes: Entries = {}
    pool_nodes: Entries = {}
    for root in roots:
        found: dict[str, Any] = read_keys(root, STATE_KEYS)
        if not found.keys() & {"pfs", "pools"}:
            raise root.complain("has no 'pfs'", hint=_PFS_HINT)
        _merge(pf_nodes, found.get("pfs", {}))
        _merge(pool_nodes, found.get("pools", {}))
    if not pf_nodes:
        raise mapping(roots[0]).get("pfs", roots[0]).complain("names no PF", hint=_PFS_HINT)
    return pf_nodes, pool_nodes


def _merge(into: Entries, found: Entries) -> None:
    for name, node in found.items():
        if name in into:
            raise node.complain(
                f"is named twice, first at {into[name].where}",
                hint="say everything about it in one place",
            )
        into[name] = node


def _pf(label: str, node: Node) -> WantedPF:
    said: dict[str, Any] = read_keys(node, PF_KEYS)
    for level in ("link", "eswitch"):  # the model has their keys among its own
        said.update(said.pop(level, {}))
    wanted = WantedPF(label, **said)
    num_vfs, vfs = wanted.num_vfs, wanted.vfs
    if num_vfs is not UNSET and vfs and vfs[-1][0] >= num_vfs:
        raise mapping(node)["vfs"].complain(
            f"VF {vfs[-1][0]} is out of range with num_vfs {num_vfs}", hint=_indices_of(num_vfs)
        )
    return wanted


def _indices_of(num_vfs: int) -> str:
    return f"indices go from 0 to {num_vfs - 1}" if num_vfs else "num_vfs 0 leaves no VF"


def _pool(name: str, node: Node) -> WantedPool:
    return WantedPool(name, **read_keys(node, POOL_KEYS))  # type: ignore[arg-type]
