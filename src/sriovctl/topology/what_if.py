"""What a host would be after a change: a snapshot in, a snapshot out."""

from __future__ import annotations

from sriovctl.errors import InputError, UnsupportedError
from sriovctl.model.address import PCIAddress
from sriovctl.model.capabilities import ACSCapability, ConfigSpace
from sriovctl.model.capacity import Capacity, Placement
from sriovctl.model.snapshot import FunctionSnapshot, HostSnapshot
from sriovctl.topology.capacity import capacity_of, find_pf
from sriovctl.topology.tree import DOWNSTREAM_PORT, ROOT_PORT, UPSTREAM_PORT, derive_vfs

_REQUIRED_ACS = 0x1D  # SV, RR, CR, UF: what the kernel asks for isolation
_PORTS = (ROOT_PORT, UPSTREAM_PORT, DOWNSTREAM_PORT)
_VF_ID = 0xFFFF  # what the id registers of a VF read


def with_vfs(snapshot: HostSnapshot, pf: PCIAddress, vfs: int) -> HostSnapshot:
    """Give a PF so many VFs, in place of those that it has.  Pure.

    :raises InputError: there is no such function, or *vfs* is no number of VFs.
    :raises UnsupportedError: it is no PF, or so many VFs do not work there; the limit is named.
    """
    capacity = capacity_of(snapshot, pf, vfs=vfs)
    placement = _checked(capacity, vfs)
    function = find_pf(snapshot, pf)
    old = {vf for vf, owner in derive_vfs(snapshot).items() if owner == pf}
    changed = _with_num_vfs(function, placement)
    added = [_vf(function, index, one) for index, one in enumerate(placement.addresses)]
    kept = [
        changed if one.address == pf else one
        for one in snapshot.functions
        if one.address not in old
    ]
    functions = tuple(sorted([*kept, *added], key=lambda one: one.address))
    return snapshot._replace(functions=functions)


def _checked(capacity: Capacity, vfs: int) -> Placement:
    placement = capacity.placement
    assert placement is not None  # it was asked for
    if placement.first_limit is not None:
        limit = next(one for one in capacity.limits if one.kind == placement.first_limit)
        facts = "; ".join(f"{one.source}: {one.value}" for one in limit.evidence)
        raise UnsupportedError(
            f"cannot have {vfs} VFs: the limit {limit.kind} allows {limit.max_vfs}",
            subject=capacity.address,
            hint=limit.remedy,
            evidence={"limit": facts},
        )
    if len(placement.addresses) < vfs:
        raise UnsupportedError(
            "where its VFs would be cannot be told: offset and stride are not known",
            subject=capacity.address,
            hint="read the configuration space as root; of a dump, lspci -vv shows them",
        )
    return placement


def _with_num_vfs(pf: FunctionSnapshot, placement: Placement) -> FunctionSnapshot:
    config = pf.config
    if config is not None and config.sriov is not None:
        on = placement.vfs > 0
        sriov = config.sriov._replace(num_vfs=placement.vfs, vf_enable=on, vf_mse=on)
        config = config._replace(sriov=sriov)
    known = pf.sriov_num_vfs is not None
    return pf._replace(
        config=config,
        sriov_num_vfs=placement.vfs if known else None,
        virtfn_addresses=placement.addresses,
    )


def _vf(pf: FunctionSnapshot, vf_index: int, address: PCIAddress) -> FunctionSnapshot:
    sriov = pf.config.sriov if pf.config else None
    header = pf.config.header if pf.config else None
    return FunctionSnapshot(
        address=address,
        config=_vf_config(pf.config),
        vendor_id=pf.vendor_id or (header.vendor_id if header else None),
        device_id=sriov.vf_device_id if sriov else None,
        class_code=pf.class_code or (header.class_code if header else None),
        numa_node=pf.numa_node,
        pf_address=pf.address,
        vf_index=vf_index,
        path=pf.path,
        is_vf=True,
    )


def _vf_config(config: ConfigSpace | None) -> ConfigSpace | None:
    # What matters for groups: the same kind of endpoint as the PF, alone in its slot, no ACS.
    if config is None or config.header is None:
        return None
    header = config.header._replace(
        vendor_id=_VF_ID, device_id=_VF_ID, multifunction=False, bars=(), command=0
    )
    return ConfigSpace(header=header, express=config.express)


def with_acs(snapshot: HostSnapshot, port: PCIAddress) -> HostSnapshot:
    """Give a port the ACS that isolation needs, as another slot or switch would have it.  Pure.

    :raises InputError: there is no such function, or it is no port of PCI Express.
    """
    for one in snapshot.functions:
        if one.address == port:
            changed = one._replace(config=_with_acs(one))
            functions = tuple(changed if f.address == port else f for f in snapshot.functions)
            return snapshot._replace(functions=functions)
    raise InputError(
        "no such PCI device", subject=port, hint=f"it is not in {snapshot.description}"
    )


def _with_acs(function: FunctionSnapshot) -> ConfigSpace:
    config = function.config
    if config is None or config.express is None or config.express.port_type not in _PORTS:
        raise InputError(
            "is not a root port or a port of a switch: ACS there parts nothing",
            subject=function.address,
            hint="'sriovctl tree' shows the ports above a device",
        )
    acs = config.acs or ACSCapability(offset=0, capabilities=0, control=0)
    return config._replace(
        acs=acs._replace(
            capabilities=acs.capabilities | _REQUIRED_ACS,
            control=acs.control | _REQUIRED_ACS,
            word_at_8=None if acs.word_at_8 is None else acs.word_at_8 | _REQUIRED_ACS,
        )
    )
