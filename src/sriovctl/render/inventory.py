"""PFs, VFs and IOMMU groups as text, and groups as JSON."""

from __future__ import annotations

from sriovctl.render.table import format_table, format_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sriovctl.model.functions import PF, VF, VLAN, IOMMUGroup, VFAttributes

NO_PF = "no PF: no device here has the SR-IOV capability and a kernel that uses it"
NO_PF_SEEN = "no PF can be seen: of some devices it is not known whether they have SR-IOV"
VF_HEADER = (
    *("VF", "address", "driver", "netdev", "group"),
    *("admin MAC", "VLAN", "spoofchk", "trust", "link", "rate"),
)


def format_inventory(pfs: Sequence[PF], *, with_owners: bool = False) -> str:
    """Show PFs and their VFs to a person.

    :param with_owners: show who uses them too, which must have been asked.
    """
    if not pfs:
        return NO_PF
    return "\n\n".join(format_pf(pf, with_owners=with_owners) for pf in pfs)


def format_pf(pf: PF, *, with_owners: bool = False) -> str:
    """Show one PF: two lines (three with its owners), and a table of its VFs."""
    ids = f" [{pf.vendor_id}:{pf.device_id}]" if pf.vendor_id else ""
    # Not known is said; a bus other than PCI may know no limit.
    at_most = "?" if pf.total_vfs is None and pf.num_vfs is None else pf.total_vfs
    total = "" if at_most is None else f" of {at_most}"
    facts = [
        f"netdev {format_value(pf.netdev)}{_format_up(pf)}",
        f"driver {format_value(pf.driver)}",
        f"VFs {'?' if pf.num_vfs is None else pf.num_vfs}{total}",
        f"autoprobe {format_value(pf.drivers_autoprobe)}",
        f"IOMMU group {format_value(pf.iommu_group)}",
        f"NUMA node {format_value(pf.numa_node)}",
    ]
    lines = [f"PF {pf.device}  {pf.name or 'unnamed'}{ids}", "   " + "   ".join(facts)]
    if with_owners:
        lines.append(f"   used by {format_value(pf.owner)}")
    if pf.vfs and with_owners:
        rows = [(*_vf_row(vf), vf.owner) for vf in pf.vfs]
        lines.append(format_table((*VF_HEADER, "used by"), rows, indent="   "))
    elif pf.vfs:
        lines.append(format_table(VF_HEADER, [_vf_row(vf) for vf in pf.vfs], indent="   "))
    return "\n".join(lines)


def _format_up(pf: PF) -> str:
    if pf.up is None:
        return ""
    return " (up)" if pf.up else " (down)"


def _vf_row(vf: VF) -> tuple[object, ...]:
    known = vf.attributes
    told = (
        known.admin_mac if known else None,
        format_vlan(known.vlan) if known else None,
        known.spoofchk if known else None,
        known.trust if known else None,
        known.link_state if known else None,
        format_rates(known) if known else None,
    )
    return (vf.vf_index, vf.address, vf.driver, vf.netdev, vf.iommu_group, *told)


def format_vlan(vlan: VLAN | None) -> str | None:
    """Show a VLAN shortly: ``42``, ``43 qos 3``, ``44 802.1ad``, or ``none``."""
    if vlan is None:
        return None
    if vlan.id == 0 and vlan.qos == 0:
        return "none"
    qos = f" qos {vlan.qos}" if vlan.qos else ""
    protocol = "" if vlan.protocol == "802.1q" else f" {vlan.protocol}"
    return f"{vlan.id}{qos}{protocol}"


def format_rates(known: VFAttributes) -> str | None:
    """Show the transmit rates in Mbit/s: ``100..500``, ``..500``, or ``any``."""
    low, high = known.min_tx_rate_mbps, known.max_tx_rate_mbps
    if low is None and high is None:
        return None
    if not low and not high:
        return "any"
    return f"{low or ''}..{high or ''} Mbit/s"


def groups_as_json(groups: Sequence[IOMMUGroup]) -> dict[str, object]:
    """Shape IOMMU groups as ``groups --json`` promises them."""
    return {"groups": [{"id": g.id, "members": list(g.members), "reason": None} for g in groups]}


def format_groups(groups: Sequence[IOMMUGroup], labels: Mapping[str, str]) -> str:
    """Show IOMMU groups to a person, one line per member.

    :param labels: what to say of each member, by its sysfs device name.
    """
    lines = []
    for group in groups:
        lines.append(f"group {group.id}")
        lines += [f"   {member}  {labels.get(member, '')}".rstrip() for member in group.members]
    return "\n".join(lines)
