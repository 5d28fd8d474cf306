"""Say of a dump what ``ls`` and ``show`` say of a host, as far as the dump tells it."""

from __future__ import annotations

from sriovctl.errors import InputError, LostError
from sriovctl.model.address import is_pci_address, parse_pci_address
from sriovctl.model.capabilities import ConfigSpace
from sriovctl.model.description import FunctionDescription
from sriovctl.model.functions import PF, VF

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sriovctl.model.address import PCIAddress
    from sriovctl.model.capabilities import CapabilityEntry
    from sriovctl.model.snapshot import FunctionSnapshot, HostSnapshot

    NameLookup = Callable[[str, str], str | None]

# Capabilities that have an attribute of their own in ConfigSpace: (extended, id) -> its name.
_DECODED = {
    (False, 0x05): "msi", (False, 0x10): "express", (False, 0x11): "msix", (True, 0x0D): "acs",
    (True, 0x0E): "ari", (True, 0x0F): "ats", (True, 0x10): "sriov", (True, 0x13): "pri",
    (True, 0x1B): "pasid", (True, 0x24): "vf_resizable_bars",
}  # fmt: skip


def list_pfs(snapshot: HostSnapshot, *, name_of: NameLookup) -> tuple[PF, ...]:
    """List the PFs of a dump and their VFs, in address order.

    A function is a PF when it has an SR-IOV capability; where its numbers are not shown, they are
    ``None``.  So is how many VFs its driver allows, and all that only a driver knows.
    """
    by_address = {function.address: function for function in snapshot.functions}
    return tuple(
        _pf(function, by_address, name_of=name_of)
        for function in snapshot.functions
        if function.config is not None
        and (function.config.sriov is not None or function.config.names_sriov_only)
    )


def _pf(
    function: FunctionSnapshot,
    by_address: dict[PCIAddress, FunctionSnapshot],
    *,
    name_of: NameLookup,
) -> PF:
    assert function.config is not None
    sriov = function.config.sriov
    vendor_id, device_id = _hex(function.vendor_id), _hex(function.device_id)
    shown = [(n, by_address.get(vf)) for n, vf in enumerate(function.virtfn_addresses)]
    return PF(
        device=str(function.address),
        address=function.address,
        vendor_id=vendor_id,
        device_id=device_id,
        name=name_of(vendor_id, device_id) if vendor_id and device_id else None,
        pci_class=_hex(function.class_code, digits=6),
        driver=function.driver,
        netdev=None,
        numa_node=function.numa_node,
        iommu_group=function.iommu_group,
        num_vfs=None if sriov is None else sriov.num_vfs if sriov.vf_enable else 0,
        total_vfs=None if sriov is None else sriov.total_vfs,
        drivers_autoprobe=None,
        vfs=tuple(_vf(index, vf) for index, vf in shown if vf is not None),
    )


def _vf(vf_index: int, function: FunctionSnapshot) -> VF:
    return VF(
        vf_index=vf_index,
        address=function.address,
        driver=function.driver,
        netdev=None,
        iommu_group=function.iommu_group,
        numa_node=function.numa_node,
    )


def describe_function(
    snapshot: HostSnapshot, target: str, *, name_of: NameLookup
) -> FunctionDescription:
    """Describe one function of a dump.

    :param target: its PCI address.
    :raises InputError: *target* is no address.
    :raises LostError: the dump has no such function.
    """
    if not is_pci_address(target):
        raise InputError(
            "is no PCI address, and a dump knows no netdevs",
            subject=target,
            hint="write it as 0000:01:00.0",
        )
    address = parse_pci_address(target)
    function = next((f for f in snapshot.functions if f.address == address), None)
    if function is None:
        raise LostError(f"is not in {snapshot.description}", subject=address)
    return _describe(snapshot, function, name_of=name_of)


def _describe(
    snapshot: HostSnapshot, function: FunctionSnapshot, *, name_of: NameLookup
) -> FunctionDescription:
    vendor_id, device_id = _hex(function.vendor_id), _hex(function.device_id)
    bridge = _bridge_above(snapshot, function)
    express = bridge.config.express if bridge is not None and bridge.config else None
    sriov = function.config.sriov if function.config is not None else None
    return FunctionDescription(
        address=function.address,
        vendor_id=vendor_id,
        device_id=device_id,
        name=name_of(vendor_id, device_id) if vendor_id and device_id else None,
        pci_class=_hex(function.class_code, digits=6),
        driver=function.driver,
        netdev=None,
        numa_node=function.numa_node,
        iommu_group=function.iommu_group,
        config=function.config or ConfigSpace(header=None, truncated_at=0),
        pf_address=function.pf_address,
        vf_index=function.vf_index,
        # What the driver allows is not known; a note says so.
        sriov_total_vfs=None if sriov is None else sriov.total_vfs,
        bridge_above=None if bridge is None else bridge.address,
        bridge_forwards_ari=None if express is None else express.ari_forwarding_enable,
        notes=tuple(_notes(snapshot, function)),
    )


def _bridge_above(snapshot: HostSnapshot, function: FunctionSnapshot) -> FunctionSnapshot | None:
    # A VF may sit on a bus that no bridge leads to: its PF's bridge is the one above.
    pci_domain, bus = (function.pf_address or function.address)[:2]
    for candidate in snapshot.functions:
        header = candidate.config.header if candidate.config is not None else None
        if header is None or header.bridge is None or candidate.address.pci_domain != pci_domain:
            continue
        if header.bridge.secondary_bus == bus and candidate.address.bus != bus:
            return candidate
    return None


def _notes(snapshot: HostSnapshot, function: FunctionSnapshot) -> Iterator[str]:
    config = function.config
    if config is None:
        yield "the dump shows nothing of its config space: it needs lspci -vvv, better -vvvxxxx"
        return
    if config.is_gone:
        yield from config.problems
        return
    if not config.knows_capabilities:
        yield "what capabilities it has, the dump does not show: lspci ran without root, or was cut"
    elif not config.knows_extended:
        yield (
            f"the dump ends at {config.truncated_at} bytes of config space: SR-IOV, ACS, ARI, ATS, "
            "PRI and PASID are not known (lspci -xxxx as root shows them)"
        )
    for entry in config.capabilities:
        if _is_name_only(config, entry):
            yield f"{entry.name} is listed, but not its values: lspci -vv shows them"
    yield from (f"config space contradicts itself: {problem}" for problem in config.problems)
    if config.sriov is not None:
        yield "how many VFs its driver allows is not in a dump; shown is what the card has"
    yield f"read from {snapshot.description}, not from this host"


def _is_name_only(config: ConfigSpace, entry: CapabilityEntry) -> bool:
    attribute = _DECODED.get((entry.extended, entry.id))
    return attribute is not None and getattr(config, attribute) is None


def _hex(number: int | None, *, digits: int = 4) -> str | None:
    return None if number is None else f"{number:0{digits}x}"
