"""How many VFs will work here, and which limit binds.

Theory of operation.  A limit is looked at on its own and says the largest count that passes it.
The kernel tests them in the order of ``_ORDER``; the answer is the smallest, and what a larger
number meets first is the first of them that it exceeds.  A limit that the source cannot show has
no number; then the answer has none either, unless a known limit already says 0.

Source: kernel ``drivers/pci/iov.c``, ``sriov_numvfs_store()`` and ``sriov_enable()``.
"""

from __future__ import annotations

from sriovctl.errors import InputError, UnsupportedError
from sriovctl.model.address import PCIAddress
from sriovctl.model.capacity import Capacity, Evidence, Limit, LimitKind, Placement
from sriovctl.model.snapshot import FunctionSnapshot, HostSnapshot, SourceKind
from sriovctl.topology.bus_numbers import NUMBERS_NOT_LISTED, bus_numbers_limit, vf_addresses
from sriovctl.topology.mmio import vf_bars_of
from sriovctl.topology.mmio_limit import mmio_limit
from sriovctl.topology.tree import PCITree, build_tree

# A write of sriov_numvfs is compared with sriov_totalvfs first, which is TotalVFs unless the
# driver lowered it: the lower of the two is what refuses.
_ORDER = {
    LimitKind.KERNEL: 0,
    LimitKind.SRIOV_TOTALVFS: 1,
    LimitKind.TOTAL_VFS: 1,
    LimitKind.DRIVER: 2,
    LimitKind.INITIAL_VFS: 3,
    LimitKind.MMIO: 4,
    LimitKind.BUS_NUMBERS: 5,
    LimitKind.DEPENDENCY_LINK: 6,
}
_ERANGE = "ERANGE (Numerical result out of range)"
_ENOENT = "ENOENT (No such file or directory)"

# Drivers that take PFs, but have no sriov_configure().
_NO_SRIOV_CONFIGURE = frozenset(("pci-stub", "uio_pci_generic", "nouveau", "amdgpu"))
_X86_VECTORS_NOTE = 200  # interrupt vectors that a CPU has for devices, about


def pfs_of(snapshot: HostSnapshot) -> tuple[FunctionSnapshot, ...]:
    """Find the PFs: functions with an SR-IOV capability, or that the kernel calls so.  Pure."""
    return tuple(function for function in snapshot.functions if is_pf(function))


def is_pf(function: FunctionSnapshot) -> bool:
    """Say whether a function is a PF, also one whose numbers are not shown.  Pure."""
    sriov = function.config.sriov if function.config else None
    offers = function.sriov_total_vfs or (sriov is not None and sriov.total_vfs)
    return bool(offers) or names_sriov_only(function)


def names_sriov_only(function: FunctionSnapshot) -> bool:
    """Say whether a function is listed with SR-IOV, but without its numbers.  Pure."""
    return function.config is not None and function.config.names_sriov_only


def find_pf(snapshot: HostSnapshot, address: PCIAddress) -> FunctionSnapshot:
    """Look a PF up.  Pure.

    :raises InputError: there is no such function.
    :raises UnsupportedError: it is no PF, or that cannot be seen.
    """
    for function in snapshot.functions:
        if function.address == address:
            return _checked_pf(function)
    raise InputError(
        "no such PCI device", subject=address, hint=f"it is not in {snapshot.description}"
    )


def _checked_pf(function: FunctionSnapshot) -> FunctionSnapshot:
    if is_pf(function):
        return function
    if function.is_vf:
        hint = f"its PF is {function.pf_address}" if function.pf_address else None
        raise UnsupportedError("is a VF, not a PF", subject=function.address, hint=hint)
    config = function.config
    if config is None or not config.knows_extended:
        raise UnsupportedError(
            "whether it is a PF cannot be seen: its extended configuration space was not read",
            subject=function.address,
            hint="read it as root (sudo, or sudo lspci -vvvxxxx)",
        )
    raise UnsupportedError(
        "is not a PF: it has no SR-IOV capability with VFs",
        subject=function.address,
        hint="some cards offer it only after it was switched on in their firmware",
    )


def capacity_of(
    snapshot: HostSnapshot,
    address: PCIAddress,
    *,
    vfs: int | None = None,
    tree: PCITree | None = None,
) -> Capacity:
    """Work out the largest number of VFs that will work for one PF, with evidence.  Pure.

    :param vfs: also say where so many VFs would be, and which limit they would hit.
    :param tree: of *snapshot*, where the caller has it already.
    :raises InputError: there is no such function, or *vfs* is not 0 to 65535.
    :raises UnsupportedError: it is no PF, or that cannot be seen.
    """
    pf = find_pf(snapshot, address)
    if vfs is not None and not 0 <= vfs <= 0xFFFF:
        raise InputError("must be 0 to 65535", subject=f"--vfs {vfs}")
    limits = _limits_of(snapshot, pf, tree or build_tree(snapshot))
    at_most = min((one.max_vfs for one in limits if one.max_vfs is not None), default=None)
    is_known = at_most == 0 or all(one.max_vfs is not None for one in limits)
    sriov = pf.config.sriov if pf.config else None
    return Capacity(
        address=address,
        name=pf.netdev or pf.driver,
        total_vfs=sriov.total_vfs if sriov else None,
        num_vfs=num_vfs_of(pf),
        max_usable_vfs=at_most if is_known else None,
        at_most_vfs=at_most,
        limits=limits,
        is_forecast=not num_vfs_of(pf),
        notes=_notes(snapshot, pf, vfs),
        placement=None if vfs is None else _placement(snapshot, pf, vfs, limits),
    )


def num_vfs_of(pf: FunctionSnapshot) -> int | None:
    """Tell how many VFs are on; None if that was not read.  Pure."""
    if pf.sriov_num_vfs is not None:
        return pf.sriov_num_vfs
    sriov = pf.config.sriov if pf.config else None
    return None if sriov is None else sriov.num_vfs if sriov.vf_enable else 0


def _limits_of(snapshot: HostSnapshot, pf: FunctionSnapshot, tree: PCITree) -> tuple[Limit, ...]:
    bridges = [bridge.snapshot for bridge in tree.bridges_above(pf.address)]
    limits = (
        _kernel_limit(snapshot, pf),
        _total_vfs_limit(pf),
        _sriov_totalvfs_limit(pf),
        _driver_limit(snapshot, pf),
        _initial_vfs_limit(pf),
        mmio_limit(snapshot, pf, bridges=bridges),
        bus_numbers_limit(snapshot, pf, bridges=bridges),
        _dependency_limit(snapshot, pf),
    )
    return tuple(limit for limit in limits if limit is not None)


# --- the simple limits -----------------------------------------------------------------------


def _kernel_limit(snapshot: HostSnapshot, pf: FunctionSnapshot) -> Limit | None:
    if snapshot.source != SourceKind.HOST or pf.sriov_total_vfs is not None:
        return None
    return Limit(
        LimitKind.KERNEL,
        0,
        (Evidence("sysfs", "the function has no sriov_totalvfs"),),
        remedy="the kernel's SR-IOV setup refused it silently: CONFIG_PCI_IOV off, no page size "
        "in common, or an offset or stride of 0; look at 'sriovctl show'",
    )


def _total_vfs_limit(pf: FunctionSnapshot) -> Limit | None:
    sriov = pf.config.sriov if pf.config else None
    if sriov is None:
        unread = NUMBERS_NOT_LISTED if names_sriov_only(pf) else "not readable without root"
        evidence = Evidence("SR-IOV capability", unread)
        # sriov_totalvfs is never above TotalVFs, so nothing is lost.
        return None if pf.sriov_total_vfs else Limit(LimitKind.TOTAL_VFS, None, (evidence,))
    return Limit(
        LimitKind.TOTAL_VFS,
        sriov.total_vfs,
        (Evidence("SR-IOV capability, TotalVFs", str(sriov.total_vfs)),),
        remedy="only the card's firmware could offer more, where it has a setting for it",
        refusal=_ERANGE,
    )


def _sriov_totalvfs_limit(pf: FunctionSnapshot) -> Limit:
    if pf.sriov_total_vfs is None:
        evidence = Evidence("sysfs sriov_totalvfs", "not known from this source")
        return Limit(LimitKind.SRIOV_TOTALVFS, None, (evidence,))
    driver = f"{pf.driver}, which may lower it" if pf.driver else "none, so nothing lowers it"
    return Limit(
        LimitKind.SRIOV_TOTALVFS,
        pf.sriov_total_vfs,
        (Evidence("sysfs sriov_totalvfs", str(pf.sriov_total_vfs)), Evidence("driver", driver)),
        remedy="only another driver, or a setting in the card's firmware, could allow more",
        refusal=_ERANGE,
    )


def _driver_limit(snapshot: HostSnapshot, pf: FunctionSnapshot) -> Limit:
    if pf.driver is None:
        if snapshot.source != SourceKind.HOST:
            evidence = Evidence("driver", "not known from this source")
            return Limit(LimitKind.DRIVER, None, (evidence,))
        return _driver_refuses(
            "none is bound",
            "bind the card's driver, or pci-pf-stub",
            pf,
            message="no driver bound to device; cannot configure SR-IOV",
        )
    if pf.driver in _NO_SRIOV_CONFIGURE:
        text = f"{pf.driver} has no sriov_configure"
        return _driver_refuses(
            text,
            "bind the card's own driver, or pci-pf-stub",
            pf,
            message="driver does not support SR-IOV configuration via sysfs",
        )
    enabled = (snapshot.parameters or {}).get("vfio_pci.enable_sriov")
    if pf.driver == "vfio-pci" and enabled in ("N", "0"):
        text = "vfio-pci, and its parameter enable_sriov is N"
        remedy = "echo Y > /sys/module/vfio_pci/parameters/enable_sriov"
        return _driver_refuses(text, remedy, pf)
    return Limit(LimitKind.DRIVER, _offered(pf), (Evidence("driver", f"{pf.driver} is bound"),))


def _driver_refuses(
    text: str, remedy: str, pf: FunctionSnapshot, *, message: str | None = None
) -> Limit:
    evidence = (Evidence("driver", text),)
    refusal = f'{_ENOENT}, "{message}"' if message else _ENOENT
    return Limit(LimitKind.DRIVER, 0, evidence, remedy, _offered(pf), refusal)


def _offered(pf: FunctionSnapshot) -> int | None:
    # What a limit says that does not limit: all that there could be.
    sriov = pf.config.sriov if pf.config else None
    return sriov.total_vfs if sriov else pf.sriov_total_vfs


def _initial_vfs_limit(pf: FunctionSnapshot) -> Limit | None:
    sriov = pf.config.sriov if pf.config else None
    if sriov is None or sriov.initial_vfs == sriov.total_vfs:
        return None
    if sriov.vf_migration_capable and sriov.initial_vfs < sriov.total_vfs:
        return None
    registers = f"{sriov.initial_vfs} and {sriov.total_vfs}"
    return Limit(
        LimitKind.INITIAL_VFS,
        0,
        (Evidence("SR-IOV capability, InitialVFs and TotalVFs", registers),),
        remedy="the card contradicts itself: its firmware needs an update",
        refusal="EIO (Input/output error)",
    )


def _dependency_limit(snapshot: HostSnapshot, pf: FunctionSnapshot) -> Limit | None:
    sriov = pf.config.sriov if pf.config else None
    own = pf.address.routing_id & 0xFF
    if sriov is None or sriov.dependency_link in (own, pf.address.function):
        return None
    link = sriov.dependency_link
    needed = PCIAddress(pf.address.pci_domain, pf.address.bus, link >> 3, link & 7)
    if any(function.address == needed for function in pfs_of(snapshot)):
        return None
    return Limit(
        LimitKind.DEPENDENCY_LINK,
        0,
        (
            Evidence(
                "SR-IOV capability, Function Dependency Link", f"{needed}, which is no PF here"
            ),
        ),
        remedy="make the linked PF appear: it may be disabled in the firmware",
        refusal="ENODEV (No such device)",
    )


# --- a given number --------------------------------------------------------------------------


def _placement(
    snapshot: HostSnapshot, pf: FunctionSnapshot, vfs: int, limits: tuple[Limit, ...]
) -> Placement:
    addresses = vf_addresses(pf, vfs)
    bars = vf_bars_of(snapshot, pf)
    sizes = None if bars is None else [bar.bytes_per_vf for bar in bars]
    is_known = sizes is not None and None not in sizes
    return Placement(
        vfs=vfs,
        addresses=addresses,
        buses=tuple(sorted({address.bus for address in addresses})),
        memory_bytes=vfs * sum(size or 0 for size in sizes) if sizes and is_known else None,
        first_limit=_first_exceeded(limits, vfs),
    )


def _first_exceeded(limits: tuple[Limit, ...], vfs: int) -> LimitKind | None:
    exceeded = [
        (_ORDER[limit.kind], limit.max_vfs, position)
        for position, limit in enumerate(limits)
        if limit.max_vfs is not None and limit.max_vfs < vfs
    ]
    return limits[min(exceeded)[2]].kind if exceeded else None


def _notes(snapshot: HostSnapshot, pf: FunctionSnapshot, vfs: int | None) -> tuple[str, ...]:
    notes = []
    num_vfs = num_vfs_of(pf)
    if names_sriov_only(pf):
        notes.append("the listing names SR-IOV without its numbers: lspci -vv shows them")
    elif not num_vfs:
        notes.append(
            "offset and stride were read while no VFs are on: the addresses are a forecast, "
            "because a card may change both when VFs are enabled"
        )
    elif vfs not in (None, 0, num_vfs):
        notes.append(
            f"{num_vfs} VFs are on: the kernel answers EBUSY to any other number until they are "
            "switched off with 0"
        )
    notes += _interrupt_notes(snapshot, pf, vfs or num_vfs)
    return tuple(notes)


def _interrupt_notes(snapshot: HostSnapshot, pf: FunctionSnapshot, vfs: int | None) -> list[str]:
    # Vectors run out when drivers ask for them, not when VFs are created: no limit, but worth
    # knowing before a card with many VFs stays on the host.
    per_vf = next(
        (
            one.config.msix.vectors
            for one in snapshot.functions
            if one.pf_address == pf.address and one.config and one.config.msix
        ),
        None,
    )
    if per_vf is None or not vfs:
        return []
    cpus = (snapshot.cpuinfo or "").count("processor\t:")
    room = f"; {cpus} CPUs have about {cpus * _X86_VECTORS_NOTE}" if cpus else ""
    needed = f"each VF offers {per_vf} MSI-X vectors, {vfs} VFs {vfs * per_vf}"
    return [f"{needed}{room}: it matters only for VFs whose driver runs on the host"]
