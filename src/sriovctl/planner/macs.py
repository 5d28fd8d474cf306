"""MACs that a state comes to: ``auto`` worked out, and no two VFs of the host with the same."""

from __future__ import annotations

from sriovctl.errors import InputError
from sriovctl.model.functions import NO_MAC
from sriovctl.model.state import AUTO_MAC, UNSET

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sriovctl.model.functions import PF, VF
    from sriovctl.planner.case import Case


def auto_macs(case: Case) -> dict[int, str]:
    """Work out the MAC of each VF whose state says ``auto``: vf_index -> MAC.  Pure."""
    indices = [n for n, aim in enumerate(case.aims) if aim.admin_mac == AUTO_MAC]
    if not indices:
        return {}
    from sriovctl.planner.auto_mac import auto_mac, pf_identity

    identity = pf_identity(case.pf)
    return {vf_index: auto_mac(identity, vf_index) for vf_index in indices}


def refuse_duplicates(cases: Sequence[tuple[Case, dict[int, str]]], pfs: Sequence[PF]) -> None:
    """Refuse a state that gives a VF the MAC of another VF of this host.  Pure.

    :param cases: each PF that the state names, with its MACs of ``auto``.
    :raises InputError: two VFs would have the same; what they have before is not judged.
    """
    macs = [mac for case, autos in cases for _, mac in _given(case, autos)]
    kept: dict[str, str] = {}
    for mac, pf, vf in _kept(cases, pfs):
        kept.setdefault(mac, f"{pf.device} vf {vf.vf_index}")
    if len(set(macs)) == len(macs) and kept.keys().isdisjoint(macs):
        return
    given: dict[str, str] = {}
    for case, autos in cases:
        for vf_index, mac in _given(case, autos):
            owner = f"{case.pf.device} vf {vf_index}"
            other = given.setdefault(mac, owner)
            if other == owner and mac in kept and not _has_it(case, vf_index, mac):
                other = kept[mac]
            if other != owner:
                raise InputError(
                    f"gets the MAC {mac}, and so does, or has, {other}",
                    subject=owner,
                    hint="give each VF a MAC of its own; 'admin_mac: auto' does",
                )


# Then nothing is given: that somebody else took its MAC must not keep a whole PF from its repair.
def _has_it(case: Case, vf_index: int, mac: str) -> bool:
    if case.recreated:
        return False
    known = next((vf.attributes for vf in case.pf.vfs if vf.vf_index == vf_index), None)
    return known is not None and known.admin_mac == mac


def _given(case: Case, autos: dict[int, str]) -> Iterator[tuple[int, str]]:
    for vf_index, aim in enumerate(case.aims):
        mac = autos.get(vf_index, aim.admin_mac)
        if mac is not UNSET and mac != NO_MAC:
            yield vf_index, mac


def _kept(
    cases: Sequence[tuple[Case, dict[int, str]]], pfs: Sequence[PF]
) -> Iterator[tuple[str, PF, VF]]:
    # MACs that VFs have now and keep, also through a change of the count.
    by_device = {case.pf.device: case for case, _ in cases}
    for pf in pfs:
        case = by_device.get(pf.device)
        for vf in pf.vfs:
            mac = vf.attributes.admin_mac if vf.attributes else None
            if mac is None or mac == NO_MAC:
                continue
            if case is None or _keeps(case, vf.vf_index):
                yield mac, pf, vf


def _keeps(case: Case, vf_index: int) -> bool:
    return vf_index < case.num_vfs and case.aims[vf_index].admin_mac is UNSET
