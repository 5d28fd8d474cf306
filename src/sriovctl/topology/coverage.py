"""Which functions an IOMMU serves; the others get no group.

Intel: the unit whose scope names a function, or a bridge above it; else the unit that includes all
the rest of the segment.  AMD: the routing IDs that the IVRS table lists.  Where the tables are not
known, Intel units are taken to serve everything, and AMD ones everything but what all machines
seen leave out: the root complex and the IOMMU itself.

Source: kernel ``drivers/iommu/intel/iommu.c`` (``device_lookup_iommu``, ``iommu_is_dummy``),
``drivers/iommu/intel/dmar.c`` (``dmar_insert_dev_scope``), ``drivers/iommu/amd/`` (``init.c``
``init_iommu_from_acpi``, ``iommu.c`` ``check_device``), ``drivers/acpi/viot.c``.
"""

from __future__ import annotations

from sriovctl.codec.acpi import parse_dmar, parse_ivrs
from sriovctl.model.acpi import SCOPE_BRIDGE, SCOPE_ENDPOINT
from sriovctl.model.address import PCIAddress
from sriovctl.model.record import NamedTuple
from sriovctl.topology.surroundings import IOMMU_CLASS, is_amd_iommu
from sriovctl.topology.tree import class_and_subclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sriovctl.model.acpi import IVHD, DeviceScope, DMARTable, IVRSTable, RemappingUnit
    from sriovctl.model.snapshot import HostSnapshot
    from sriovctl.topology.tree import PCITree, TreeFunction

NO_UNIT = "no remapping unit of the DMAR table serves it"
GRAPHICS_OFF = "intel_iommu=igfx_off takes the IOMMU away from the graphics"
NOT_IN_IVRS = "the IVRS table does not list it"
IS_IOMMU = "it is the IOMMU itself"
IS_ROOT_COMPLEX = "it is the root complex beside an AMD IOMMU, which no such machine lists"

COVERAGE_NOT_SHOWN = (
    "the firmware's table of IOMMUs is not shown here; every function is taken to be served but "
    "AMD's IOMMUs and the root complexes beside them"
)

_DISPLAY_CLASS = 0x03
_VIRTIO_IOMMU = (0x1AF4, 0x1057)


class Coverage(NamedTuple):
    """Who gets no group, and which aliases the firmware adds."""

    ungrouped: dict[PCIAddress, str]  # with the reason
    aliases: dict[PCIAddress, int]  # devfn on the same bus whose requester ID it also uses
    assumptions: tuple[str, ...] = ()


def find_coverage(snapshot: HostSnapshot, tree: PCITree) -> Coverage:
    """Find the functions that no IOMMU serves.  Pure."""
    tables = snapshot.acpi_tables or {}
    ivrs = parse_ivrs(tables["IVRS"]) if tables.get("IVRS") else None
    dmar = parse_dmar(tables["DMAR"]) if tables.get("DMAR") else None
    functions = tree.functions.values()
    found = {f.address: IS_IOMMU for f in functions if _is_iommu(f)}
    aliases: dict[PCIAddress, int] = {}
    assumptions: tuple[str, ...] = ()
    if ivrs is not None and ivrs.effective:
        found |= {f.address: NOT_IN_IVRS for f in functions if not _in_ivrs(ivrs, f)}
        aliases = dict(_ivrs_aliases(ivrs, functions))
    elif dmar is not None and dmar.units:
        found |= _outside_dmar(dmar, tree, igfx_off=_igfx_off(snapshot.cmdline))
    else:
        found |= _beside_amd_iommus(tree)
        assumptions = (COVERAGE_NOT_SHOWN,) if snapshot.acpi_tables is None else ()
    return Coverage(found, aliases, assumptions)


def _is_iommu(function: TreeFunction) -> bool:
    ids = (function.vendor_id, function.device_id)
    return ids == _VIRTIO_IOMMU or class_and_subclass(function.snapshot) == IOMMU_CLASS


def _requester(function: TreeFunction) -> PCIAddress:
    return function.stand_in or function.address


# --- AMD ---------------------------------------------------------------------------------------


def _in_ivrs(ivrs: IVRSTable, function: TreeFunction) -> bool:
    requester = _requester(function)
    return any(
        ivhd.covers(requester.routing_id) for ivhd in _of_segment(ivrs, requester.pci_domain)
    )


def _of_segment(ivrs: IVRSTable, segment: int) -> Iterator[IVHD]:
    return (ivhd for ivhd in ivrs.effective if ivhd.segment == segment)


def _ivrs_aliases(
    ivrs: IVRSTable, functions: Iterable[TreeFunction]
) -> Iterator[tuple[PCIAddress, int]]:
    renamed = [
        (ivhd.segment, entry)
        for ivhd in ivrs.effective
        for entry in ivhd.entries
        if entry.alias is not None
    ]
    for function in functions if renamed else ():
        rid, domain = function.address.routing_id, function.address.pci_domain
        for segment, entry in renamed:
            named = entry.first_routing_id <= rid <= entry.last_routing_id
            # Only an alias on the same bus becomes one of the device's own (setup_aliases).
            same_bus = entry.alias is not None and entry.alias >> 8 == function.address.bus
            if segment == domain and named and same_bus and entry.alias not in (None, rid):
                yield function.address, entry.alias & 0xFF


def _beside_amd_iommus(tree: PCITree) -> dict[PCIAddress, str]:
    roots = (
        f.address._replace(device=0, function=0)
        for f in tree.functions.values()
        if is_amd_iommu(f.snapshot) and f.address[2:] == (0, 2)
    )
    return {root: IS_ROOT_COMPLEX for root in roots if root in tree.functions}


# --- Intel -------------------------------------------------------------------------------------


def _outside_dmar(dmar: DMARTable, tree: PCITree, *, igfx_off: bool) -> dict[PCIAddress, str]:
    units = _Units(dmar, tree)
    found = {}
    for function in tree.functions.values():
        unit = units.unit_of(function)
        if unit is None:
            found[function.address] = NO_UNIT
        elif igfx_off and units.serves_graphics_alone(unit):
            found[function.address] = GRAPHICS_OFF
    return found


class _Units:
    # The table's scopes, resolved to functions once.

    def __init__(self, dmar: DMARTable, tree: PCITree) -> None:
        self._tree = tree
        self._named: dict[PCIAddress, RemappingUnit] = {}
        self._members: dict[int, list[PCIAddress]] = {}  # by the unit's registers
        self._rest: dict[int, RemappingUnit] = {}  # by segment
        for unit in dmar.units:
            if unit.include_all:
                self._rest.setdefault(unit.segment, unit)
            for scope in unit.scopes:
                address = self._resolve(unit.segment, scope)
                if address is not None:
                    self._named.setdefault(address, unit)
                    self._members.setdefault(unit.register, []).append(address)

    def _resolve(self, segment: int, scope: DeviceScope) -> PCIAddress | None:
        if scope.type not in (SCOPE_ENDPOINT, SCOPE_BRIDGE) or not scope.path:
            return None
        below = {bridge: bus for bus, bridge in self._tree.bridges.items()}
        bus = scope.start_bus
        for device, function in scope.path[:-1]:
            behind = below.get(PCIAddress(segment, bus, device, function))
            if behind is None:
                return None
            bus = behind[1]
        return PCIAddress(segment, bus, *scope.path[-1])

    def unit_of(self, function: TreeFunction) -> RemappingUnit | None:
        requester = function.stand_in or function.pf_address or function.address
        place = self._tree.functions.get(requester, function)
        if place.address in self._named:
            return self._named[place.address]
        for bridge in self._tree.bridges_above(place.address):
            if bridge.address in self._named:
                return self._named[bridge.address]
        return self._rest.get(requester.pci_domain)

    def serves_graphics_alone(self, unit: RemappingUnit) -> bool:
        members = [
            self._tree.functions[address].snapshot
            for address in self._members.get(unit.register, ())
            if address in self._tree.functions
        ]
        return bool(members) and all(
            (class_and_subclass(member) or 0) >> 8 == _DISPLAY_CLASS for member in members
        )


def _igfx_off(cmdline: str | None) -> bool:
    options = [w[12:] for w in (cmdline or "").split() if w.startswith("intel_iommu=")]
    return any("igfx_off" in option.split(",") for option in options)
