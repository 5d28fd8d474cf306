"""PFs and VFs as JSON: shaped for whoever goes on with it, or written at once."""

from __future__ import annotations

from sriovctl.model.address import format_pci_addresses
from sriovctl.model.functions import VLAN
from sriovctl.render.json_text import format_json, format_json_rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sriovctl.model.functions import PF, VF, VFAttributes


def inventory_as_json(pfs: Sequence[PF], *, notes: Sequence[str] = ()) -> dict[str, object]:
    """Shape PFs as ``ls --json`` promises them.

    :param notes: what a dump cannot tell.
    """
    return {"pfs": [pf_as_json(pf) for pf in pfs], **({"notes": notes} if notes else {})}


def format_inventory_json(pfs: Sequence[PF], *, notes: Sequence[str] = ()) -> str:
    """Write what :func:`inventory_as_json` shapes, on one line."""
    told = f', "notes": {format_json(notes)}' if notes else ""
    return f'{{"pfs": [{", ".join(map(_format_pf_json, pfs))}]{told}}}'


def _format_pf_json(pf: PF) -> str:
    if not pf.vfs:
        return format_json(pf_as_json(pf))
    head = format_json(pf_as_json(pf._replace(vfs=()))).removesuffix("[]}")
    vfs = format_json_rows(_vf_columns(pf.vfs), shapes={"vlan": _vlan_as_json})
    return f"{head}{vfs}}}"


def pf_as_json(pf: PF) -> dict[str, object]:
    """Shape one PF."""
    return {
        "address": _text(pf.address),
        "device": pf.device,
        "vendor_id": pf.vendor_id,
        "device_id": pf.device_id,
        "name": pf.name,
        "class": pf.pci_class,
        "driver": pf.driver,
        "netdev": pf.netdev,
        "permanent_mac": pf.permanent_mac,
        "up": pf.up,
        "numa_node": pf.numa_node,
        "iommu_group": pf.iommu_group,
        "num_vfs": pf.num_vfs,
        "total_vfs": pf.total_vfs,
        "drivers_autoprobe": pf.drivers_autoprobe,
        "owner": pf.owner,
        "vfs": vfs_as_json(pf.vfs),
    }


def vfs_as_json(vfs: Sequence[VF]) -> list[dict[str, object]]:
    """Shape VFs; the attributes are null of those of which none could be read."""
    if not vfs:
        return []
    columns = _vf_columns(vfs)
    columns["vlan"] = [_vlan_as_json(vlan) for vlan in columns["vlan"]]
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


# The VLAN is still to be shaped: few are, of many VFs.
def _vf_columns(vfs: Sequence[VF]) -> dict[str, Sequence[object]]:
    index, addresses, driver, netdev, group, node, known, owner, _ = zip(*vfs, strict=True)
    mac, vlan, spoofchk, trust, link_state, low, high = _told(known)
    return {
        "vf_index": index,
        "address": format_pci_addresses(addresses),
        "driver": driver,
        "netdev": netdev,
        "iommu_group": group,
        "numa_node": node,
        "admin_mac": mac,
        "vlan": vlan,
        "spoofchk": spoofchk,
        "trust": trust,
        "link_state": link_state,
        "min_tx_rate_mbps": low,
        "max_tx_rate_mbps": high,
        "owner": owner,
    }


# By attribute, from the MAC to the maximum rate, which follow the index.
def _told(known: Sequence[VFAttributes | None]) -> Iterable[Sequence[object]]:
    if not any(known):
        return (known,) * _SHOWN
    rows = [_NOTHING_KNOWN if one is None else one[1 : _SHOWN + 1] for one in known]
    return zip(*rows, strict=True)


_SHOWN = 7  # of the attributes
_NOTHING_KNOWN: tuple[object, ...] = (None,) * _SHOWN


def _vlan_as_json(vlan: object) -> dict[str, object] | None:
    if not isinstance(vlan, VLAN):
        return None
    return {"id": vlan.id, "qos": vlan.qos, "protocol": str(vlan.protocol)}


def _text(value: object) -> str | None:
    return None if value is None else str(value)
