"""A host as values: what each step of a plan does to it, and what its drivers refuse.

It knows the order that each driver insists on, so a plan in another order ends in ``Refused``.
That knowledge is written down here a second time, not taken from the planner's table.
"""

from __future__ import annotations

from collections.abc import Iterable

from sriovctl.model.address import vf_address
from sriovctl.model.functions import PF, VF, VLAN, EswitchMode, VFAttributes
from sriovctl.model.plan import Action, Step
from sriovctl.planner.abilities import row_of

DEFAULT_MSIX = 8
HOST_DRIVERS = {"igb": "igbvf", "ixgbe": "ixgbevf", "i40e": "iavf", "ice": "iavf"}
HOST_DRIVERS |= {"mlx5_core": "mlx5_core", "bnxt_en": "bnxt_en", "nvme": "nvme"}


class Refused(AssertionError):
    """The kernel would not have taken the step."""


def apply_steps(pfs: Iterable[PF], steps: Iterable[Step]) -> tuple[PF, ...]:
    """Carry out steps in their order; those whose goal holds are left out, as apply does."""
    host = {pf.device: pf for pf in pfs}
    for step in steps:
        if observed(host[step.device], step) != step.after:
            host[step.device] = _PERFORMERS[step.action](host[step.device], step)
            seen = observed(host[step.device], step)
            if seen != step.after:
                raise Refused(f"{step.subject}: wanted {step.after}, reads back {seen}")
    return tuple(host.values())


def observed(pf: PF, step: Step) -> dict[str, object]:
    if step.vf_index is None:
        whole = {
            "num_vfs": pf.num_vfs,
            "drivers_autoprobe": pf.drivers_autoprobe,
            "up": pf.up,
            "mtu": pf.mtu,
            "eswitch_mode": pf.eswitch_mode,
        }
        return {key: whole[key] for key in step.after}
    vf = vf_of(pf, step)
    if step.action is Action.SET_VF:
        return {key: _plain(getattr(vf.attributes, key)) for key in step.after}
    return {key: getattr(vf, key) for key in step.after}


def _plain(value: object) -> object:
    return value._asdict() if isinstance(value, VLAN) else value


def vf_of(pf: PF, step: Step) -> VF:
    for vf in pf.vfs:
        if vf.vf_index == step.vf_index:
            return vf
    raise Refused(f"{step.subject} is not there")


def fresh_vf(pf: PF, vf_index: int) -> VF:
    """Make a VF as its PF's driver does."""
    row = row_of(pf)
    knows = row.sets if row is not None else frozenset({"spoofchk", "trust", "rss_query"})
    address = pf.address and vf_address(pf.address, vf_index, first_vf_offset=128, vf_stride=2)
    return VF(
        vf_index=vf_index,
        address=address,
        driver=HOST_DRIVERS.get(pf.driver or "") if pf.drivers_autoprobe and address else None,
        netdev=None,
        iommu_group=None,
        numa_node=None,
        attributes=None if pf.netdev is None else fresh_attributes(vf_index, knows),
        msix_count=DEFAULT_MSIX if "msix_count" in knows else None,
    )


def fresh_attributes(vf_index: int, knows: frozenset[str]) -> VFAttributes:
    return VFAttributes(
        vf_index,
        admin_mac="00:00:00:00:00:00",
        vlan=VLAN(0),
        spoofchk=True if "spoofchk" in knows else None,
        trust=False if "trust" in knows else None,
        link_state="auto",
        min_tx_rate_mbps=0,
        max_tx_rate_mbps=0,
        rss_query=False if "rss_query" in knows else None,
    )


def _set_num_vfs(pf: PF, step: Step) -> PF:
    count = step.after["num_vfs"]
    assert isinstance(count, int)
    assert pf.total_vfs is None or count <= pf.total_vfs, "more than the card has"
    if pf.driver is None:
        raise Refused("ENOENT")
    if pf.num_vfs and count:
        raise Refused("EBUSY")
    if pf.driver == "bnxt_en" and not pf.up:
        return pf  # accepted, and nothing happens
    mode = pf.eswitch_mode
    if mode is not None and not count and pf.driver == "netdevsim":
        mode = EswitchMode.LEGACY
    vfs = tuple(fresh_vf(pf, vf_index) for vf_index in range(count))
    return pf._replace(num_vfs=count, vfs=vfs, eswitch_mode=mode)


def _set_eswitch_mode(pf: PF, step: Step) -> PF:
    if pf.driver == "ice" and pf.vfs:
        raise Refused("EOPNOTSUPP: allowed only if there are no VFs")
    if pf.driver == "mlx5_core" and any(vf.driver for vf in pf.vfs):
        raise Refused("EBUSY: a driver has a VF")
    return pf._replace(eswitch_mode=str(step.after["eswitch_mode"]))


def _set_of_pf(pf: PF, step: Step) -> PF:
    return pf._replace(**step.after)  # type: ignore[arg-type]


def _with_vf(pf: PF, vf: VF) -> PF:
    return pf._replace(vfs=tuple(vf if one.vf_index == vf.vf_index else one for one in pf.vfs))


def _set_vf(pf: PF, step: Step) -> PF:
    vf, row = vf_of(pf, step), row_of(pf)
    assert pf.netdev is not None
    assert vf.attributes is not None
    for key in step.after:
        if row is not None and key not in row.sets:
            raise Refused(f"EOPNOTSUPP: {pf.driver} has no operation for {key}")
        if row and pf.eswitch_mode == EswitchMode.SWITCHDEV and key in row.not_in_switchdev:
            raise Refused(f"EOPNOTSUPP: {key} in switchdev")
        if "rate" in key and pf.driver in ("igb", "ixgbe") and not pf.up:
            raise Refused("EINVAL: no link")
    values = {k: VLAN(**v) if isinstance(v, dict) else v for k, v in step.after.items()}
    known = vf.attributes._replace(**values)  # type: ignore[arg-type]
    return _with_vf(pf, vf._replace(attributes=known))


def _set_msix(pf: PF, step: Step) -> PF:
    vf = vf_of(pf, step)
    if vf.driver is not None:
        raise Refused("EBUSY: a driver has the VF")
    count = step.after["msix_count"]
    assert isinstance(count, int)
    return _with_vf(pf, vf._replace(msix_count=count))


def _bind(pf: PF, step: Step) -> PF:
    driver = step.after["driver"]
    assert driver is None or isinstance(driver, str)
    return _with_vf(pf, vf_of(pf, step)._replace(driver=driver))


_PERFORMERS = {
    Action.SET_NUM_VFS: _set_num_vfs,
    Action.SET_ESWITCH_MODE: _set_eswitch_mode,
    Action.SET_AUTOPROBE: _set_of_pf,
    Action.SET_LINK_UP: _set_of_pf,
    Action.SET_MTU: _set_of_pf,
    Action.SET_VF: _set_vf,
    Action.SET_MSIX: _set_msix,
    Action.BIND_DRIVER: _bind,
}
