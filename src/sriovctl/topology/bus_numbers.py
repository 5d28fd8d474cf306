"""Routing IDs and bus numbers of VFs.

Source: kernel ``drivers/pci/iov.c``, ``pci_iov_virtfn_bus()`` and ``sriov_enable()``.
"""

from __future__ import annotations

from sriovctl.model.address import PCIAddress, vf_address
from sriovctl.model.capabilities import SRIOVCapability
from sriovctl.model.capacity import Evidence, Limit, LimitKind
from sriovctl.model.snapshot import FunctionSnapshot, HostSnapshot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_LAST_BUS = 0xFF
NUMBERS_NOT_LISTED = "listed without its numbers"


def vf_addresses(pf: FunctionSnapshot, vfs: int) -> tuple[PCIAddress, ...]:
    """Work out where VFs would be; fewer than asked if routing IDs run out.  Pure.

    Empty if the registers are not known, or do not say it while VFs are off.
    """
    sriov = pf.config.sriov if pf.config else None
    if sriov is None or not _says_offset(sriov, vfs):
        return ()
    return tuple(
        vf_address(
            pf.address,
            vf_index,
            first_vf_offset=sriov.first_vf_offset,
            vf_stride=sriov.vf_stride,
        )
        for vf_index in range(min(vfs, _fitting(pf.address, sriov, _LAST_BUS, vfs)))
    )


def bus_numbers_limit(
    snapshot: HostSnapshot, pf: FunctionSnapshot, *, bridges: Sequence[FunctionSnapshot]
) -> Limit:
    """Say how many VFs have a bus number that the bridge above the PF forwards.  Pure.

    :param bridges: above the PF, the nearest first.
    """
    sriov = pf.config.sriov if pf.config else None
    if sriov is None:
        listed = pf.config is not None and pf.config.names_sriov_only
        unread = NUMBERS_NOT_LISTED if listed else "not readable without root"
        evidence = Evidence("SR-IOV capability", unread)
        return Limit(LimitKind.BUS_NUMBERS, None, (evidence,))
    facts = (*_register_facts(sriov), _ari_fact(sriov))
    if not _says_offset(sriov, sriov.total_vfs):
        unsaid = Evidence("forecast", "the card tells offset and stride only when VFs are on")
        return Limit(LimitKind.BUS_NUMBERS, None, (*facts, unsaid))
    last_bus, where = _last_bus(snapshot, pf, bridges)
    usable = pf.address.bus if last_bus is None else last_bus
    count = _fitting(pf.address, sriov, usable, sriov.total_vfs)
    if last_bus is None and count < sriov.total_vfs:
        return Limit(LimitKind.BUS_NUMBERS, None, (*facts, where))
    return _limit(pf, sriov, count, (*facts, where, _reach(pf, sriov)))


def _limit(
    pf: FunctionSnapshot, sriov: SRIOVCapability, count: int, facts: tuple[Evidence, ...]
) -> Limit:
    if count >= sriov.total_vfs:
        return Limit(LimitKind.BUS_NUMBERS, count, facts)
    ari = "" if sriov.ari_capable_hierarchy else "; with ARI the VFs may need fewer bus numbers"
    return Limit(
        LimitKind.BUS_NUMBERS,
        count,
        facts,
        remedy="boot with pci=assign-busses, or move the card to a slot whose port has spare bus "
        f"numbers{ari}",
        refusal="ENOMEM (Cannot allocate memory), \"can't enable N VFs (bus "
        f'{_bus_of(pf.address, sriov, count):02x} out of range of [bus …])"',
    )


def _says_offset(sriov: SRIOVCapability, vfs: int) -> bool:
    return sriov.first_vf_offset != 0 and (sriov.vf_stride != 0 or vfs <= 1)


def _fitting(pf: PCIAddress, sriov: SRIOVCapability, last_bus: int, wanted: int) -> int:
    room = (last_bus << 8 | 0xFF) - pf.routing_id - sriov.first_vf_offset
    if room < 0:
        return 0
    return min(wanted, room // sriov.vf_stride + 1 if sriov.vf_stride else 1)


def _bus_of(pf: PCIAddress, sriov: SRIOVCapability, vf_index: int) -> int:
    return pf.routing_id + sriov.first_vf_offset + vf_index * sriov.vf_stride >> 8


def _register_facts(sriov: SRIOVCapability) -> tuple[Evidence, ...]:
    return (
        Evidence("SR-IOV capability, First VF Offset", str(sriov.first_vf_offset)),
        Evidence("SR-IOV capability, VF Stride", str(sriov.vf_stride)),
    )


def _ari_fact(sriov: SRIOVCapability) -> Evidence:
    state = "on" if sriov.ari_capable_hierarchy else "off"
    return Evidence("SR-IOV capability, ARI Capable Hierarchy", state)


def _reach(pf: FunctionSnapshot, sriov: SRIOVCapability) -> Evidence:
    last = _bus_of(pf.address, sriov, sriov.total_vfs - 1)
    return Evidence("worked out", f"VF {sriov.total_vfs - 1} needs bus {last:02x}")


def _last_bus(
    snapshot: HostSnapshot, pf: FunctionSnapshot, bridges: Sequence[FunctionSnapshot]
) -> tuple[int | None, Evidence]:
    if bridges:
        return _subordinate_bus(bridges[0])
    for root in snapshot.root_buses:
        if (root.pci_domain, root.bus) == pf.address[:2] and root.last_bus is not None:
            return root.last_bus, Evidence("end of the host bridge's range", f"{root.last_bus:02x}")
    return None, Evidence("end of the host bridge's range", "not known")


def _subordinate_bus(bridge: FunctionSnapshot) -> tuple[int | None, Evidence]:
    header = bridge.config.header if bridge.config else None
    if header is None or header.bridge is None:
        return None, Evidence(f"bus numbers of {bridge.address}", "not read")
    last_bus = header.bridge.subordinate_bus
    return last_bus, Evidence(f"subordinate bus of {bridge.address}", f"{last_bus:02x}")
