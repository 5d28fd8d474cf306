"""The words of the picture, for the terminal and the drawing alike."""

from __future__ import annotations

from sriovctl.model.picture import CellState, GroupSource, NodeKind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sriovctl.model.picture import Picture, PictureNode, VFCell

KIND_WORDS = {
    NodeKind.ROOT_PORT: "root port",
    NodeKind.UPSTREAM_PORT: "upstream port",
    NodeKind.DOWNSTREAM_PORT: "downstream port",
}

OWN_GROUP = "own group"
ASSUMED_ACS = "its ACS bits are not shown here and are taken as the kernel sets them"


def nodes_of(picture: Picture) -> Iterator[PictureNode]:
    """Walk over all nodes, parents first.  Pure."""
    for root in picture.roots:
        yield from _walk(root)


def _walk(node: PictureNode) -> Iterator[PictureNode]:
    yield node
    for child in node.children:
        yield from _walk(child)


def summary_of(picture: Picture) -> str:
    """Say in one line what the picture shows.  Pure."""
    pfs = [node for node in nodes_of(picture) if node.is_pf]
    parts = [f"{len(pfs)} PF{'' if len(pfs) == 1 else 's'}", _sum_text(pfs)]
    groups = len(picture.group_sizes)
    if picture.group_source == GroupSource.NONE:
        parts.append("no IOMMU groups")
    else:
        predicted = "predicted " if picture.group_source == GroupSource.PREDICTED else ""
        shared = len(picture.shared_groups)
        noun = "group" if groups == 1 else "groups"
        parts.append(f"{groups} {predicted}IOMMU {noun}, {shared} of them shared")
    return " · ".join(parts)


def _sum_text(pfs: Sequence[PictureNode]) -> str:
    known = [node for node in pfs if node.total_vfs is not None]
    if pfs and not known:
        return "? of ? VFs on"
    on = sum(node.num_vfs or 0 for node in known)
    offered = sum(node.total_vfs or 0 for node in known)
    unknown = len(pfs) - len(known)
    rest = f", {unknown} PF{'' if unknown == 1 else 's'} not known" if unknown else ""
    return f"{on} of {offered} VFs on{rest}"


def count_text(node: PictureNode) -> str:
    """Say how many VFs of a PF are on, and how many there can be.  Pure."""
    num_vfs = "?" if node.num_vfs is None else node.num_vfs
    total_vfs = "?" if node.total_vfs is None else node.total_vfs
    return f"{num_vfs} of {total_vfs} VFs"


def buses_text(buses: tuple[int, int]) -> str:
    """Name the buses behind a bridge.  Pure."""
    first, last = buses
    return f"bus {first:02x}" if first == last else f"buses {first:02x}-{last:02x}"


def group_names(picture: Picture) -> dict[int, str]:
    """Name the groups.  Pure.

    Numbers are the kernel's alone: predicted groups have letters, so that nobody looks for them.
    """
    if picture.group_source != GroupSource.PREDICTED:
        return {group: f"group {group}" for group in picture.group_sizes}
    names = dict.fromkeys(picture.group_sizes, OWN_GROUP)
    for number, group in enumerate(picture.shared_groups):
        names[group] = f"group {_letters(number)}"
    return names


def _letters(number: int) -> str:
    # A to Z, then AA: as the columns of a spreadsheet.
    before, last = divmod(number, 26)
    return (_letters(before - 1) if before else "") + chr(ord("A") + last)


def _group_fact(group: int | None, names: Mapping[int, str]) -> str | None:
    if group is None:
        return None
    return names.get(group, f"group {group}").replace("group", "IOMMU group")


def node_title(node: PictureNode, names: Mapping[int, str]) -> str:
    """Say all that is known of a function, one fact to a line.  Pure.

    :param names: of groups.
    """
    facts = [
        f"{node.label}  {node.name or ''}".rstrip(),
        " ".join(filter(None, (str(node.kind), f"({node.class_name})" if node.class_name else ""))),
        buses_text(node.buses) if node.buses else None,
        f"ACS: {node.acs}" if node.acs else None,
        f"driver {node.driver}" if node.driver else None,
        f"netdev {node.netdev}" if node.netdev else None,
        None if node.numa_node is None else f"NUMA node {node.numa_node}",
        _group_fact(node.group, names),
    ]
    return "\n".join(fact for fact in facts if fact)


def cell_title(vf: VFCell, names: Mapping[int, str]) -> str:
    """Say all that is known of a VF, one fact to a line.  Pure.

    :param names: of groups.
    """
    place = "" if vf.address is None else f"  {vf.address}"
    forecast = "" if vf.state == CellState.ON or vf.address is None else " (forecast)"
    facts = [
        f"VF {vf.vf_index}{place}{forecast}",
        None if vf.state == CellState.ON else str(vf.state),
        f"driver {vf.driver}" if vf.driver else None,
        f"netdev {vf.netdev}" if vf.netdev else None,
        _group_fact(vf.group, names),
    ]
    return "\n".join(fact for fact in facts if fact)


def limit_text(node: PictureNode) -> str:
    """Say how many VFs a PF can have, and what limits them.  Pure."""
    because = "" if node.limit is None else f" ({node.limit})"
    if node.max_usable_vfs is None and node.at_most_vfs is None:
        return "how many will work cannot be told from here"
    if node.max_usable_vfs is None:
        return f"at most {node.at_most_vfs}{because}; other limits cannot be seen from here"
    if node.max_usable_vfs == 0:
        return f"no VF will work here{because}"
    return f"up to {node.max_usable_vfs} will work here{because}"


def group_range(node: PictureNode, names: Mapping[int, str]) -> str | None:
    """Name the groups that the VFs of a PF are in; None if they have none.  Pure.

    :param names: of groups.
    """
    groups = sorted({vf.group for vf in node.vfs if vf.group is not None})
    if not groups:
        return None
    named = [names.get(group, f"group {group}") for group in groups]
    if named != [f"group {group}" for group in groups]:
        return _predicted_range(named)
    ranges: list[list[int]] = []
    for group in groups:
        if ranges and group == ranges[-1][1] + 1:
            ranges[-1][1] = group
        else:
            ranges.append([group, group])
    shown = ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in ranges[:_RANGES])
    more = ", …" if len(ranges) > _RANGES else ""
    return f"VFs in group{'' if len(groups) == 1 else 's'} {shown}{more}"


def _predicted_range(named: list[str]) -> str:
    letters = [name.removeprefix("group ") for name in named if name != OWN_GROUP]
    if not letters:
        return "each VF in a group of its own"
    shown = ", ".join(letters[:_RANGES]) + (", …" if len(letters) > _RANGES else "")
    others = "" if len(letters) == len(named) else ", others in groups of their own"
    return f"VFs in group{'' if len(letters) == 1 else 's'} {shown}{others}"


_RANGES = 4
