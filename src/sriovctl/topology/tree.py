"""The PCI tree of a host as the kernel sees it: what is above what, and what each function is.

Sources of the order: a snapshot from sysfs knows each function's path; one from a dump knows only
bus numbers, so that the bridge to a bus is the one whose secondary bus it is.  A VF may sit on a
bus that no bridge leads to (its PF ran out of function numbers); the kernel hangs such a bus below
the PF's bus, so that the VF sees the bridges that its PF sees.

Source: kernel ``drivers/pci/probe.c`` (``set_pcie_port_type``, ``pci_scan_slot``) and
``drivers/pci/iov.c`` (``pci_iov_add_virtfn``, ``virtfn_add_bus``).
"""

from __future__ import annotations

from sriovctl.model.address import PCIAddress, vf_address
from sriovctl.model.record import NamedTuple
from sriovctl.model.snapshot import SourceKind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sriovctl.model.snapshot import FunctionSnapshot, HostSnapshot

    Bus = tuple[int, int]  # PCI domain and bus number
    Slot = tuple[int, int, int]  # and device number

ENDPOINT, LEGACY_ENDPOINT, ROOT_PORT, UPSTREAM_PORT, DOWNSTREAM_PORT = 0, 1, 4, 5, 6
PCIE_TO_PCI, PCI_TO_PCIE, INTEGRATED_ENDPOINT, EVENT_COLLECTOR = 7, 8, 9, 10

# Intel VMD controllers.  Source: kernel drivers/pci/controller/vmd.c, vmd_ids.
_VMD_IDS = frozenset(
    (0x201D, 0x28C0, 0x467F, 0x4C3D, 0x7D0B, 0x9A0B, 0xA77F, 0xAD0B, 0xB06F, 0xB60B)
)
_BRIDGE_CLASSES = (0x0604, 0x0609)
_FIRST_VMD_DOMAIN = 0x10000  # the kernel numbers VMD domains from here
_VF_VENDOR = 0xFFFF  # what a VF's own vendor register reads


class TreeFunction(NamedTuple):
    """One function in its place."""

    address: PCIAddress
    snapshot: FunctionSnapshot
    vendor_id: int | None  # of a VF: its PF's
    device_id: int | None
    is_vf: bool
    pf_address: PCIAddress | None
    bridge: PCIAddress | None  # leads to its bus; None on a root bus
    port_type: int | None  # Device/Port Type as the kernel corrects it; None: no PCIe capability
    knows_type: bool  # False: capabilities could not be read, so port_type None says nothing
    multifunction: bool  # as the kernel means it, not the header's bit
    stand_in: PCIAddress | None  # the VMD endpoint whose requester ID its DMA carries
    # Of these bridges, whose numbers cannot be seen, one may lead to its bus.
    may_be_below: tuple[PCIAddress, ...] = ()

    @property
    def devfn(self) -> int:
        """Device and function number in one, as in ``PCI_DEVFN``."""
        return self.address.device << 3 | self.address.function

    @property
    def bus(self) -> Bus:
        """PCI domain and bus number."""
        return self.address[:2]

    @property
    def slot(self) -> Slot:
        """PCI domain, bus and device number."""
        return self.address[:3]


class PCITree(NamedTuple):
    """All functions of a host, findable by address, bus and slot."""

    functions: Mapping[PCIAddress, TreeFunction]  # parents before children, VFs last
    buses: Mapping[Bus, Sequence[TreeFunction]]
    slots: Mapping[Slot, Sequence[TreeFunction]]
    bridges: Mapping[Bus, PCIAddress]  # the bridge that leads to a bus; absent for a root bus
    assumptions: tuple[str, ...] = ()

    def bridges_above(self, address: PCIAddress) -> Iterator[TreeFunction]:
        """Walk from a function to the root: the bridge to its bus first.  Excludes itself."""
        bridge = self.functions[address].bridge
        while bridge is not None:
            function = self.functions[bridge]
            yield function
            bridge = function.bridge

    @property
    def root_buses(self) -> tuple[Bus, ...]:
        """The buses that hang on a host bridge, ascending."""
        return tuple(
            sorted({f.bus for f in self.functions.values() if f.bridge is None and not f.is_vf})
        )


def build_tree(snapshot: HostSnapshot) -> PCITree:
    """Put the functions of a snapshot in their places.  Pure."""
    return _Builder(snapshot).build()


def derive_vfs(snapshot: HostSnapshot) -> dict[PCIAddress, PCIAddress]:
    """Find the PF of every VF: as the source says, or else by the PFs' registers.

    A source without links between PF and VF (a dump) still tells the routing IDs: a PF with VF
    Enable set gives the number, offset and stride of its VFs.
    """
    pfs = {f.address: f.pf_address for f in snapshot.functions if f.pf_address is not None}
    silent = {f.address for f in snapshot.functions if f.is_vf is None and f.pf_address is None}
    if silent:
        for function in snapshot.functions:
            pfs.update((vf, function.address) for vf in _enabled_vfs(function) if vf in silent)
    return pfs


def _enabled_vfs(pf: FunctionSnapshot) -> Iterator[PCIAddress]:
    sriov = pf.config.sriov if pf.config else None
    if sriov is None or not sriov.vf_enable:
        return
    last = pf.address.routing_id + sriov.first_vf_offset
    for index in range(sriov.num_vfs):
        if last + index * sriov.vf_stride > 0xFFFF:
            return
        yield vf_address(
            pf.address,
            index,
            first_vf_offset=sriov.first_vf_offset,
            vf_stride=sriov.vf_stride,
        )


class _Builder:
    # Carries what the steps learn from one to the next.

    def __init__(self, snapshot: HostSnapshot) -> None:
        self._snapshot = snapshot
        self._by_address = {f.address: f for f in snapshot.functions}
        self._pfs = derive_vfs(snapshot)
        self._bridges = self._find_bridges()
        leading = set(self._bridges.values())
        self._unnumbered = [
            f.address for f in snapshot.functions if f.address not in leading and _hides_numbers(f)
        ]
        self._root_buses = {(root.pci_domain, root.bus) for root in snapshot.root_buses}
        self._vmd = _VMDDomains(snapshot)
        self._done: dict[PCIAddress, TreeFunction] = {}
        self._slot_sizes: dict[Slot, int] = {}
        for function in snapshot.functions:
            if not self._is_vf(function):
                slot = function.address[:3]
                self._slot_sizes[slot] = self._slot_sizes.get(slot, 0) + 1

    def build(self) -> PCITree:
        # A bridge's bus number is lower than that of the bus it leads to, so ascending order puts
        # parents before children; VFs come into being after everything else.
        ordered = sorted(self._by_address.values(), key=lambda f: (self._is_vf(f), f.address))
        buses: dict[Bus, list[TreeFunction]] = {}
        slots: dict[Slot, list[TreeFunction]] = {}
        for function in ordered:
            placed = self._place(function)
            self._done[placed.address] = placed
            buses.setdefault(placed.bus, []).append(placed)
            slots.setdefault(placed.slot, []).append(placed)
        assumptions = (*self._vmd.assumptions, *self._headless_buses())
        return PCITree(self._done, buses, slots, self._bridges, assumptions)

    def _is_vf(self, function: FunctionSnapshot) -> bool:
        return bool(function.is_vf) or function.address in self._pfs

    # --- buses ---------------------------------------------------------------------------

    def _find_bridges(self) -> dict[Bus, PCIAddress]:
        physical = [f for f in self._snapshot.functions if not self._is_vf(f)]
        found = dict(_bridges_by_number(physical))
        for bus, path in {f.address[:2]: f.path for f in physical if f.path is not None}.items():
            above = [a for a in path if a[:1] == bus[:1] and self._leads_to(a, bus)]
            if above:
                found[bus] = above[-1]
            else:
                found.pop(bus, None)
        return found

    def _leads_to(self, bridge: PCIAddress, bus: Bus) -> bool:
        # Configuration requests are routed by number: a bus below has a higher one.  Holding to
        # that also keeps a damaged dump from becoming a loop.
        known = self._by_address.get(bridge)
        return known is not None and bridge.bus < bus[1] and not self._is_vf(known)

    def _bridge_above(self, function: FunctionSnapshot) -> PCIAddress | None:
        bus = function.address[:2]
        if bus in self._bridges or not self._is_vf(function):
            return self._bridges.get(bus)
        pf = self._pfs.get(function.address)
        return None if pf is None else self._bridges.get(pf[:2])

    def _headless_buses(self) -> Iterator[str]:
        # A dump of a part of a machine lacks bridges.  An endpoint with a link has a port above,
        # except inside virtual machines, where root buses carry such endpoints.
        if self._snapshot.root_buses:
            return
        seen = set()
        for function in self._done.values():
            needs_port = function.port_type in (ENDPOINT, LEGACY_ENDPOINT, UPSTREAM_PORT)
            lonely = function.bridge is None and not function.is_vf and function.address.bus
            if function.may_be_below:  # its group is not known, and why is said there
                continue
            if needs_port and lonely and function.bus not in seen:
                seen.add(function.bus)
                yield (
                    f"no bridge leads to bus {_bus_text(function.bus)} here, so it is taken for a "
                    "root bus; if bridges were left out, give all functions"
                )

    # --- functions -----------------------------------------------------------------------

    def _place(self, function: FunctionSnapshot) -> TreeFunction:
        is_vf = self._is_vf(function)
        bridge = self._bridge_above(function)
        vendor_id, device_id = self._ids(function)
        port_type, knows_type = self._port_type(function, bridge, is_vf=is_vf)
        return TreeFunction(
            address=function.address,
            snapshot=function,
            vendor_id=vendor_id,
            device_id=device_id,
            is_vf=is_vf,
            pf_address=self._pfs.get(function.address),
            bridge=bridge,
            port_type=port_type,
            knows_type=knows_type,
            multifunction=not is_vf and self._is_multifunction(function, bridge),
            stand_in=self._vmd.stand_in(function),
            may_be_below=() if bridge or is_vf else self._unnumbered_above(function),
        )

    def _unnumbered_above(self, function: FunctionSnapshot) -> tuple[PCIAddress, ...]:
        # lspci -nn names bridges, but not the buses that they lead to.
        pci_domain, bus = function.address[:2]
        if not bus or function.path is not None or (pci_domain, bus) in self._root_buses:
            return ()
        return tuple(a for a in self._unnumbered if a.pci_domain == pci_domain and a.bus < bus)

    def _ids(self, function: FunctionSnapshot) -> tuple[int | None, int | None]:
        if function.vendor_id is not None and function.vendor_id != _VF_VENDOR:
            return function.vendor_id, function.device_id
        pf = self._by_address.get(self._pfs.get(function.address, function.address))
        if pf is not None and pf is not function:
            sriov = pf.config.sriov if pf.config else None
            return vendor_of(pf), sriov.vf_device_id if sriov else None
        header = function.config.header if function.config else None
        if header is None or header.vendor_id == 0:  # 0: a listing that shows names only
            return None, None
        return header.vendor_id, header.device_id

    def _port_type(
        self, function: FunctionSnapshot, bridge: PCIAddress | None, *, is_vf: bool
    ) -> tuple[int | None, bool]:
        config = function.config
        if config is None or config.express is None:
            if is_vf:  # SR-IOV is part of PCIe: a VF is an endpoint even if it cannot be read
                return ENDPOINT, True
            return None, config is not None and config.knows_capabilities
        parent = None if bridge is None else self._done[bridge].port_type
        return _corrected(config.express.port_type, parent), True

    def _is_multifunction(self, function: FunctionSnapshot, bridge: PCIAddress | None) -> bool:
        address = function.address
        # With ARI forwarding the whole devfn is a function number.
        if address.function or (address.device and self._forwards_ari(bridge)):
            return True
        header = function.config.header if function.config else None
        if header is None or self._snapshot.source is SourceKind.LISTING:
            # Text does not show the header's bit; having siblings is the best stand-in.
            return self._slot_sizes[address[:3]] > 1 or bool(header and header.multifunction)
        return header.multifunction

    def _forwards_ari(self, bridge: PCIAddress | None) -> bool:
        config = None if bridge is None else self._by_address[bridge].config
        express = config.express if config else None
        return bool(express and express.ari_forwarding_enable)


def _bridges_by_number(
    functions: Sequence[FunctionSnapshot],
) -> Iterator[tuple[Bus, PCIAddress]]:
    # The kernel, too, ignores numbers that cannot route (pci_scan_bridge_extend); a bridge that
    # firmware left alone reads 0.
    for function in functions:
        header = function.config.header if function.config else None
        numbers = header.bridge if header else None
        if numbers is None:
            continue
        if function.address.bus < numbers.secondary_bus <= numbers.subordinate_bus:
            yield (function.address.pci_domain, numbers.secondary_bus), function.address


def _hides_numbers(function: FunctionSnapshot) -> bool:
    config = function.config
    if config is not None and (config.header is None or config.header.bridge is not None):
        return False  # asleep, or shown
    return class_and_subclass(function) in _BRIDGE_CLASSES


def _corrected(port_type: int, parent: int | None) -> int:
    # Some switches have their ends named the wrong way round (set_pcie_port_type).
    if port_type == DOWNSTREAM_PORT and parent in (ROOT_PORT, DOWNSTREAM_PORT, PCI_TO_PCIE):
        return UPSTREAM_PORT
    if port_type == UPSTREAM_PORT and parent == UPSTREAM_PORT:
        return DOWNSTREAM_PORT
    return port_type


class _VMDDomains:
    # Which VMD endpoint stands for which domain.

    def __init__(self, snapshot: HostSnapshot) -> None:
        self.assumptions: tuple[str, ...] = ()
        self._by_domain: dict[int, PCIAddress] = {}
        domains = sorted(
            {
                f.address.pci_domain
                for f in snapshot.functions
                if f.path is None and f.address.pci_domain >= _FIRST_VMD_DOMAIN
            }
        )
        if domains:
            self._assign(domains, [f.address for f in snapshot.functions if _is_vmd(f)])

    def _assign(self, domains: list[int], controllers: list[PCIAddress]) -> None:
        # Domains are numbered as the controllers are probed, which is their order of address.
        self._by_domain = dict(zip(domains, sorted(controllers), strict=False))
        if len(domains) > 1 and self._by_domain:
            pairs = ", ".join(f"{d:x} below {c}" for d, c in self._by_domain.items())
            self.assumptions += (f"VMD domains are taken to be {pairs}: no path says so",)
        lost = [f"{domain:x}" for domain in domains if domain not in self._by_domain]
        if lost:
            names = ", ".join(lost)
            self.assumptions += (f"no VMD controller is known for domain {names}",)

    def stand_in(self, function: FunctionSnapshot) -> PCIAddress | None:
        domain = function.address.pci_domain
        if function.path is None:
            return self._by_domain.get(domain)
        foreign = [a for a in function.path if a.pci_domain != domain]
        return foreign[-1] if foreign else None


def _is_vmd(function: FunctionSnapshot) -> bool:
    if function.driver is not None:
        return function.driver == "vmd"
    return function.vendor_id == 0x8086 and function.device_id in _VMD_IDS


def class_and_subclass(function: FunctionSnapshot) -> int | None:
    """Return the upper 16 bits of the class code.  Pure."""
    code = function.class_code
    if code is None and function.config and function.config.header:
        code = function.config.header.class_code
    return None if code is None else code >> 8


def vendor_of(function: FunctionSnapshot) -> int | None:
    """Return the vendor id; a VF's own register reads ffff.  Pure."""
    if function.vendor_id is None and function.config and function.config.header:
        return function.config.header.vendor_id
    return function.vendor_id


def _bus_text(bus: Bus) -> str:
    return f"{bus[0]:04x}:{bus[1]:02x}"
