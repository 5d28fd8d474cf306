"""Try a change on what is known of a host, and change nothing."""

from __future__ import annotations

from sriovctl.model.record import NamedTuple
from sriovctl.topology.capacity import capacity_of
from sriovctl.topology.groups import predict_groups
from sriovctl.topology.what_if import with_acs, with_vfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sriovctl.model.address import PCIAddress
    from sriovctl.model.capacity import Capacity
    from sriovctl.model.snapshot import HostSnapshot
    from sriovctl.topology.groups import Prediction


class WhatIf(NamedTuple):
    """What would come of it."""

    snapshot: HostSnapshot  # as the host would be
    capacities: tuple[Capacity, ...]  # of the PFs that were given VFs, with the VFs' places
    acs_ports: tuple[PCIAddress, ...]
    prediction: Prediction


def try_changes(
    snapshot: HostSnapshot,
    *,
    vfs: Mapping[PCIAddress, int],
    acs_ports: Sequence[PCIAddress],
    iommu_on: bool,
) -> WhatIf:
    """Say what addresses, groups and limits there would be.

    :param vfs: how many VFs each of these PFs should have.
    :param acs_ports: ports that should have ACS.
    :raises InputError: a function that is named is not there, or not of the right kind.
    :raises UnsupportedError: a PF cannot have so many VFs; the limit is named.
    """
    capacities = []
    for pf, number in vfs.items():
        capacities.append(capacity_of(snapshot, pf, vfs=number))
        snapshot = with_vfs(snapshot, pf, number)
    for port in acs_ports:
        snapshot = with_acs(snapshot, port)
    return WhatIf(
        snapshot=snapshot,
        capacities=tuple(capacities),
        acs_ports=tuple(acs_ports),
        prediction=predict_groups(snapshot, iommu_on=iommu_on),
    )
