"""One PCI function as JSON, as ``show --json`` promises it."""

from __future__ import annotations

from sriovctl.model.capabilities import acs_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sriovctl.model.capabilities import (
        BAR,
        ACSCapability,
        ConfigSpace,
        ExpressCapability,
        Header,
        SRIOVCapability,
    )
    from sriovctl.model.description import FunctionDescription
    from sriovctl.model.record import NamedTuple


def function_as_json(function: FunctionDescription) -> dict[str, object]:
    """Shape one function.  Pure.

    Both an absent capability and one that could not be read are null; ``truncated_at`` tells
    whether something could not be read.
    """
    config = function.config
    return {
        "address": str(function.address),
        "vendor_id": function.vendor_id,
        "device_id": function.device_id,
        "name": function.name,
        "class": function.pci_class,
        "driver": function.driver,
        "netdev": function.netdev,
        "numa_node": function.numa_node,
        "iommu_group": function.iommu_group,
        "pf_address": _text(function.pf_address),
        "vf_index": function.vf_index,
        "sriov_total_vfs": function.sriov_total_vfs,
        "bridge_above": _text(function.bridge_above),
        "bridge_forwards_ari": function.bridge_forwards_ari,
        "header": None if config.header is None else _header_as_json(config.header),
        "capabilities": _capabilities_as_json(config),
        "capability_list": [
            {**entry._asdict(), "id": f"{entry.id:04x}"} for entry in config.capabilities
        ],
        "truncated_at": config.truncated_at,
        "problems": list(config.problems),
        "notes": list(function.notes),
    }


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _header_as_json(header: Header) -> dict[str, object]:
    return {
        "type": header.header_type,
        "multifunction": header.multifunction,
        "revision": f"{header.revision:02x}",
        "bridge": None if header.bridge is None else header.bridge._asdict(),
        "bars": [{**_bar_as_json(bar), "io": bar.is_io} for bar in header.bars],
    }


def _bar_as_json(bar: BAR) -> dict[str, object]:
    return {
        "index": bar.bar_index,
        "address": bar.address,
        "size": bar.size,
        "prefetchable": bar.prefetchable,
        "width": bar.width,
    }


def _capabilities_as_json(config: ConfigSpace) -> dict[str, object]:
    resizable = config.vf_resizable_bars
    return {
        "sriov": None if config.sriov is None else sriov_as_json(config.sriov),
        "acs": None if config.acs is None else acs_as_json(config.acs),
        "ari": _plain(config.ari),
        "express": None if config.express is None else _express_as_json(config.express),
        "msix": _plain(config.msix),
        "msi": _plain(config.msi),
        "ats": _plain(config.ats),
        "pri": _plain(config.pri),
        "pasid": _plain(config.pasid),
        "serial_number": config.serial_number,
        "vf_resizable_bars": None
        if resizable is None
        else [
            {"index": bar.bar_index, "size": bar.size, "supported_sizes": list(bar.supported_sizes)}
            for bar in resizable
        ],
    }


def _plain(capability: NamedTuple | None) -> dict[str, Any] | None:
    return None if capability is None else capability._asdict()


def sriov_as_json(sriov: SRIOVCapability) -> dict[str, object]:
    """Shape an SR-IOV capability; page sizes and BAR sizes are in bytes.  Pure."""
    return {
        "offset": sriov.offset,
        "total_vfs": sriov.total_vfs,
        "initial_vfs": sriov.initial_vfs,
        "num_vfs": sriov.num_vfs,
        "first_vf_offset": sriov.first_vf_offset,
        "vf_stride": sriov.vf_stride,
        "vf_device_id": f"{sriov.vf_device_id:04x}",
        "supported_page_sizes": list(sriov.supported_page_sizes),
        "system_page_size": sriov.system_page_size,
        "vf_enable": sriov.vf_enable,
        "vf_mse": sriov.vf_mse,
        "ari_capable_hierarchy": sriov.ari_capable_hierarchy,
        "vf_bars": [_bar_as_json(bar) for bar in sriov.vf_bars],
        "dependency_link": sriov.dependency_link,
        "status": sriov.status,
        "vf_migration": {
            "capable": sriov.vf_migration_capable,
            "enable": sriov.vf_migration_enable,
            "interrupt_enable": sriov.migration_interrupt_enable,
            "interrupt_message": sriov.migration_interrupt_message,
            "array_bar": sriov.migration_array_bar,
            "array_offset": sriov.migration_array_offset,
        },
    }


def acs_as_json(acs: ACSCapability) -> dict[str, object]:
    """Shape an ACS capability: what is offered, and what is on.  Pure."""
    return {
        "offset": acs.offset,
        "capabilities": list(acs_names(acs.capabilities)),
        "control": list(acs_names(acs.control)),
    }


def _express_as_json(express: ExpressCapability) -> dict[str, object]:
    return {**express._asdict(), "type_name": express.type_name}
