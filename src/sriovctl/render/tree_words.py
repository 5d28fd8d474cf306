"""The words of the picture, for the terminal and the drawing alike."""

from __future__ import annotations

from sriovctl.model.picture import CellState, GroupSource, NodeKind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sriovctl.model.picture import Picture, PictureNode, VFCell

KIND_WORDS = {
    NodeKind.ROOT_PORT: "root port",
    NodeKind.UPSTREAM_PORT: "upstream port",
    NodeKind.DOWNSTREAM_PORT: "downstream port",
}

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


def node_title(node: PictureNode) -> str:
    """Say all that is known of a function, one fact to a line.  Pure."""
    facts = [
        f"{node.label}  {node.name or ''}".rstrip(),
        " ".join(filter(None, (str(node.kind), f"({node.class_name})" if node.class_name else ""))),
        buses_text(node.buses) if node.buses else None,
        f"ACS: {node.acs}" if node.acs else None,
        f"driver {node.driver}" if node.driver else None,
        f"netdev {node.netdev}" if node.netdev else None,
        None if node.numa_node is None else f"NUMA node {node.numa_node}",
        None if node.group is None else f"IOMMU group {node.group}",
    ]
    return "\n".join(fact for fact in facts if fact)


def cell_title(vf: VFCell) -> str:
    """Say all that is known of a VF, one fact to a line.  Pure."""
    place = "" if vf.address is None else f"  {vf.address}"
    forecast = "" if vf.state == CellState.ON or vf.address is None else " (forecast)"
    facts = [
        f"VF {vf.vf_index}{place}{forecast}",
        None if vf.state == CellState.ON else str(vf.state),
        f"driver {vf.driver}" if vf.driver else None,
        f"netdev {vf.netdev}" if vf.netdev else None,
        None if vf.group is None else f"IOMMU group {vf.group}",
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


def group_range(node: PictureNode) -> str | None:
    """Name the groups that the VFs of a PF are in; None if they have none.  Pure."""
    groups = sorted({vf.group for vf in node.vfs if vf.group is not None})
    if not groups:
        return None
    ranges: list[list[int]] = []
    for group in groups:
        if ranges and group == ranges[-1][1] + 1:
            ranges[-1][1] = group
        else:
            ranges.append([group, group])
    shown = ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in ranges[:_RANGES])
    more = ", …" if len(ranges) > _RANGES else ""
    return f"VFs in group{'' if len(groups) == 1 else 's'} {shown}{more}"


_RANGES = 4
