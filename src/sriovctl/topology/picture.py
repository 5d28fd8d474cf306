"""From a snapshot to a picture: nodes in their places, with what a person wants to see of them."""

from __future__ import annotations

from sriovctl.model.address import PCIAddress
from sriovctl.model.capacity import Capacity
from sriovctl.model.picture import (
    ACSState,
    CellState,
    GroupSource,
    NodeKind,
    Picture,
    PictureNode,
    VFCell,
)
from sriovctl.topology.bus_numbers import vf_addresses
from sriovctl.topology.capacity import capacity_of, is_pf
from sriovctl.topology.device_classes import class_name_of
from sriovctl.topology.isolation import IsolationCode, IsolationRules
from sriovctl.topology.surroundings import read_surroundings
from sriovctl.topology.tree import (
    DOWNSTREAM_PORT,
    ROOT_PORT,
    UPSTREAM_PORT,
    TreeFunction,
    build_tree,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sriovctl.model.snapshot import FunctionSnapshot, HostSnapshot

    NameLookup = Callable[[str, str], str | None]

_BY_CODE = {IsolationCode.QUIRK: ACSState.QUIRK, IsolationCode.OVERRIDE: ACSState.OVERRIDE}
_KINDS = {
    ROOT_PORT: NodeKind.ROOT_PORT,
    UPSTREAM_PORT: NodeKind.UPSTREAM_PORT,
    DOWNSTREAM_PORT: NodeKind.DOWNSTREAM_PORT,
}


def picture_of(
    snapshot: HostSnapshot,
    *,
    predicted_groups: Mapping[PCIAddress, int] | None = None,
    name_of: NameLookup | None = None,
) -> Picture:
    """Lay a host out for a picture.  Pure.

    :param predicted_groups: group of each function, in place of what the kernel says.
    :param name_of: from vendor and device id (four hex digits) to a name.
    """
    return _Builder(snapshot, predicted_groups, name_of).build()


class _Builder:
    # Carries the tree and the groups from node to node.

    def __init__(
        self,
        snapshot: HostSnapshot,
        predicted: Mapping[PCIAddress, int] | None,
        name_of: NameLookup | None,
    ) -> None:
        self._snapshot = snapshot
        self._name_of = name_of
        self._tree = build_tree(snapshot)
        self._rules = IsolationRules(self._tree, read_surroundings(snapshot), iommu_on=False)
        known = {
            one.address: one.iommu_group
            for one in snapshot.functions
            if one.iommu_group is not None
        }
        self._source = _source_of(predicted, known)
        self._groups = known if predicted is None else dict(predicted)
        self._below: dict[PCIAddress | None, list[TreeFunction]] = {}
        self._vfs: dict[PCIAddress, list[TreeFunction]] = {}
        for function in self._tree.functions.values():
            if function.is_vf and function.pf_address in self._tree.functions:
                assert function.pf_address is not None  # it is a key
                self._vfs.setdefault(function.pf_address, []).append(function)
            else:
                self._below.setdefault(function.bridge, []).append(function)

    def build(self) -> Picture:
        sizes: dict[int, int] = {}
        for group in self._groups.values():
            sizes[group] = sizes.get(group, 0) + 1
        roots = [self._host_bridge(bus) for bus in self._tree.root_buses]
        roots.sort(key=lambda node: (node.numa_node is None, node.numa_node or 0, node.label))
        return Picture(
            description=self._snapshot.description,
            roots=tuple(roots),
            group_source=self._source,
            group_sizes=sizes,
            has_domains=any(one.address.pci_domain for one in self._snapshot.functions),
        )

    def _host_bridge(self, bus: tuple[int, int]) -> PictureNode:
        here = sorted(one for one in self._below.get(None, []) if one.bus == bus)
        children = tuple(self._node(one) for one in here)
        last = next(
            (
                root.last_bus
                for root in self._snapshot.root_buses
                if (root.pci_domain, root.bus) == bus
            ),
            None,
        )
        return PictureNode(
            kind=NodeKind.BUS if here and here[0].may_be_below else NodeKind.HOST_BRIDGE,
            address=None,
            label=f"{bus[0]:04x}:{bus[1]:02x}",
            numa_node=_numa_of(children),
            buses=None if last is None else (bus[1], last),
            children=children,
        )

    def _node(self, function: TreeFunction) -> PictureNode:
        here = function.snapshot
        header = here.config.header if here.config else None
        bridge = header.bridge if header else None
        node = PictureNode(
            kind=self._kind_of(function),
            address=function.address,
            label=str(function.address),
            name=self._name(function),
            class_name=class_name_of(here.class_code or (header.class_code if header else None)),
            driver=here.driver,
            netdev=here.netdev,
            numa_node=here.numa_node,
            group=self._groups.get(function.address),
            acs=_acs_of(function, self._rules),
            buses=bridge[1:] if bridge else None,
            children=tuple(
                self._node(one) for one in sorted(self._below.get(function.address, []))
            ),
        )
        return self._with_vfs(node, function) if is_pf(here) else node

    def _name(self, function: TreeFunction) -> str | None:
        if self._name_of is None or function.vendor_id is None or function.device_id is None:
            return None
        return self._name_of(f"{function.vendor_id:04x}", f"{function.device_id:04x}")

    def _kind_of(self, function: TreeFunction) -> NodeKind:
        here = function.snapshot
        if function.port_type in _KINDS:
            return _KINDS[function.port_type]
        header = here.config.header if here.config else None
        if (header and header.bridge) or function.address in self._below:
            return NodeKind.BRIDGE
        return NodeKind.PF if is_pf(here) else NodeKind.DEVICE

    def _with_vfs(self, node: PictureNode, function: TreeFunction) -> PictureNode:
        capacity = capacity_of(self._snapshot, function.address, tree=self._tree)
        binding = capacity.binding
        return node._replace(
            total_vfs=_offered(function.snapshot, capacity),
            num_vfs=capacity.num_vfs,
            max_usable_vfs=capacity.max_usable_vfs,
            at_most_vfs=capacity.at_most_vfs,
            limit=None if binding is None else str(binding.kind),
            vfs=self._cells(function, capacity),
        )

    def _cells(self, pf: TreeFunction, capacity: Capacity) -> tuple[VFCell, ...]:
        on = sorted(self._vfs.get(pf.address, []))
        total = max(_offered(pf.snapshot, capacity) or 0, len(on))
        places = vf_addresses(pf.snapshot, total)
        cells = [
            VFCell(
                vf_index=index,
                address=vf.address,
                state=CellState.ON,
                group=self._groups.get(vf.address),
                driver=vf.snapshot.driver,
                netdev=vf.snapshot.netdev,
            )
            for index, vf in enumerate(on)
        ]
        usable = total if capacity.at_most_vfs is None else capacity.at_most_vfs
        for index in range(len(on), total):
            state = CellState.OFF if index < usable else CellState.BEYOND
            address = places[index] if index < len(places) else None
            cells.append(VFCell(index, address, state))
        return tuple(cells)


def _offered(pf: FunctionSnapshot, capacity: Capacity) -> int | None:
    # As ls counts them: a driver may offer fewer than the card.
    return capacity.total_vfs if pf.sriov_total_vfs is None else pf.sriov_total_vfs


def _source_of(
    predicted: Mapping[PCIAddress, int] | None, known: Mapping[PCIAddress, int]
) -> GroupSource:
    if predicted is not None:
        return GroupSource.PREDICTED
    return GroupSource.KERNEL if known else GroupSource.NONE


def _numa_of(children: tuple[PictureNode, ...]) -> int | None:
    nodes = [node for child in children for node in _numa_nodes(child)]
    return max(set(nodes), key=nodes.count) if nodes else None


def _numa_nodes(node: PictureNode) -> list[int]:
    own = [] if node.numa_node is None else [node.numa_node]
    return own + [one for child in node.children for one in _numa_nodes(child)]


def _acs_of(function: TreeFunction, rules: IsolationRules) -> ACSState:
    if function.port_type not in _KINDS:
        return ACSState.NOT_NEEDED
    if function.port_type == UPSTREAM_PORT and not function.multifunction:
        return ACSState.NOT_NEEDED
    verdict = rules.judge(function)
    if verdict.isolated is None:
        return ACSState.UNKNOWN
    if verdict.isolated and verdict.assumption and verdict.code != IsolationCode.OVERRIDE:
        return ACSState.ASSUMED
    if verdict.isolated:
        return _BY_CODE.get(verdict.code, ACSState.ON)
    config = function.snapshot.config
    is_off = verdict.code is IsolationCode.ACS_OFF or (config is not None and config.acs)
    return ACSState.OFF if is_off else ACSState.ABSENT
